"""Neck, outfits and the collar behind."""

from __future__ import annotations

from cloth import *
from garments import *
from paint import *
from shapes import *


def neck_pts(st):
    nw = 57 if st["gender"] == "f" else 78
    return [
        (nw + 8, 90),
        (nw + 3, 150),
        (nw, 196),
        (nw + 5, 232),
        (nw + 22, 262),
        (nw + 46, 292),
        (nw + 46, 470),
        (0, 470),
    ]


def bake_neck(st, K):
    R = Region(-190, 80, 190, 480, K)
    U, V = R.grid()
    np.abs(U)
    f = st["gender"] == "f"
    b = np.zeros_like(U)
    for s in (-1, 1):
        b += line_field(R, [(s * 58, 180), (s * 38, 235), (s * 12, 290)], 9, 4 if f else 5)
    for s in (-1, 1):
        b += line_field(R, [(s * 150, 290), (s * 80, 300), (s * 20, 298)], 8, 4.0)  # clavicle
    b -= np.exp(-((U / 12) ** 2) - ((V - 296) / 10) ** 2) * 5
    m, col, t = lit_shape(
        R,
        poly(catmull(sym([(0, 80)] + neck_pts(st)), 10, True)),
        st["skin"],
        60,
        b,
        0.42,
        rim=0.2,
        blur=1.5,
        tshift=-0.02,
    )
    # chin shadow
    sh = R.mask(poly(catmull(sym([(0, 80), (100, 90), (100, 175), (66, 232), (0, 262)]), 10, True)), 9)
    sh2 = R.mask(poly(catmull(sym([(0, 80), (100, 90), (98, 155), (58, 205), (0, 226)]), 10, True)), 6)
    sc = hexc(st["skin"][1][1])
    dk = hexc(st["skin"][0][1])
    sh = np.roll(sh, int(10 * K), 1)
    sh2 = np.roll(sh2, int(6 * K), 1)
    col = col * (1 - 0.7 * sh[..., None]) + (col * 0.25 + sc * 0.75) * (0.7 * sh[..., None])
    col = col * (1 - 0.45 * sh2[..., None]) + (dk * 0.6 + sc * 0.4) * (0.45 * sh2[..., None])
    out = to_rgba(col, m)
    if st.get("necklace"):
        ch = resample(
            catmull([(-52, 236), (-40, 276), (-18, 312), (0, 324), (18, 312), (40, 276), (52, 236)], 12), 90
        )
        a, c, _ = R.surf()
        B = lambda k: skia.MaskFilter.MakeBlur(skia.kNormal_BlurStyle, k)
        c.save()
        c.translate(1.5, 3)
        c.drawPath(
            poly(ch, False),
            skia.Paint(
                AntiAlias=True,
                Style=skia.Paint.kStroke_Style,
                StrokeWidth=2.2,
                Color=C(st["skin"][0][1], 0.45),
                MaskFilter=B(1.6),
            ),
        )
        c.drawCircle(0, 330, 7, skia.Paint(Color=C(st["skin"][0][1], 0.45), MaskFilter=B(2.2)))
        c.restore()
        c.drawPath(
            poly(ch, False),
            skia.Paint(AntiAlias=True, Style=skia.Paint.kStroke_Style, StrokeWidth=1.5, Color=C("#b98a3a")),
        )
        c.drawPath(
            poly(ch - 0.4, False),
            skia.Paint(
                AntiAlias=True,
                Style=skia.Paint.kStroke_Style,
                StrokeWidth=0.7,
                Color=C("#ffeaa8", 0.9),
                PathEffect=skia.DashPathEffect.Make([1.4, 1.6], 0),
            ),
        )
        c.drawCircle(
            0,
            330,
            5.6,
            skia.Paint(
                AntiAlias=True,
                Shader=skia.GradientShader.MakeRadial(
                    skia.Point(-2, 327.5), 8.5, [C("#fff6d2"), C("#dcae55"), C("#8a5f1e")], [0, 0.45, 1]
                ),
            ),
        )
        out = over(out, a)
    return R, out


OUTFITS = {
    "blazer": lambda k: (blouse(k), jacket(k)),
    "blazer_tee": lambda k: (tee(k), jacket(k, handkerchief=True)),
    "coat": lambda k: (dress_shirt(k), jacket(k, button=False), stethoscope(k)),
    "knit": sweater,
}


def bake_body(st, K):
    k = Cloth(st, K)
    OUTFITS[st["outfit"]](k)
    k.weave(st.get("weave", 0.022))
    return k.R, k.out


def bake_back_collar(st, K):
    f = st["gender"] == "f"
    nw = 57 if f else 78
    top = 258 if f else 240
    R = Region(-200, 190, 200, 330, K)
    P = catmull(
        [
            (-nw - 16, top - 28),
            (-40, top - 44),
            (0, top - 48),
            (40, top - 44),
            (nw + 16, top - 28),
            (nw + 20, top + 20),
            (0, top + 30),
            (-nw - 20, top + 20),
        ],
        12,
        True,
    )
    m, col, t = lit_shape(R, poly(P), st["jacket"], 10, None, 0.4, tshift=-0.45, rim=0.0, blur=1)
    return R, to_rgba(col, m)
