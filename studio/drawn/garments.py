"""Shirts, jackets and knitwear; each lays itself over what is worn below."""

from __future__ import annotations

from cloth import *
from paint import *
from shapes import *


def blouse(k):
    """V neck with a soft band and buttons."""
    nw, R = k.nw, k.R
    P = catmull(
        sym(
            [
                (0, 392),
                (20, 366),
                (48, 326),
                (70, 290),
                (nw + 24, 262),
                (nw + 50, 276),
                (120, 340),
                (140, 560),
                (120, 820),
                (0, 820),
            ]
        ),
        10,
        True,
    )
    b = np.zeros_like(k.U)
    for s in (-1, 1):
        b += (
            line_field(R, [(s * 66, 330), (s * 30, 440), (s * 20, 560)], 12, 5)
            + line_field(R, [(s * 84, 370), (s * 50, 480), (s * 44, 640)], 11, -5)
            + line_field(R, [(s * 92, 420), (s * 66, 540), (s * 56, 680)], 11, 4)
        )
    k.piece(poly(P), k.st["shirt"], 46, b, 0.5, rim=0.05, tshift=-0.03)
    for s in (1, -1):
        q = np.vstack(
            [
                catmull(
                    [(s * (nw + 26), 258), (s * (nw + 8), 280), (s * 46, 318), (s * 18, 358), (s * -3, 388)],
                    10,
                ),
                catmull(
                    [(s * 3, 404), (s * 28, 370), (s * 56, 330), (s * (nw + 20), 290), (s * (nw + 34), 266)],
                    10,
                ),
            ]
        )
        k.shadow(poly(q), 0.28, 4, 1, 4, "#6b4a3c")
        k.piece(poly(q), k.st["shirt"], 5, None, 0.5, rim=0.04, tshift=0.02, blur=0.8)
    k.seam([(0, 396), (2, 500), (2, 640)], 1.2, 0.28, 0.0, [(0, "#8f7a68")] * 5)
    k.buttons(7.5, (430, 492, 554))


def tee(k):
    nw, R = k.nw, k.R
    P = catmull(
        sym(
            [
                (0, 284),
                (34, 279),
                (62, 266),
                (80, 246),
                (nw + 16, 243),
                (nw + 40, 262),
                (140, 330),
                (150, 560),
                (130, 820),
                (0, 820),
            ]
        ),
        10,
        True,
    )
    b = (
        line_field(R, [(-70, 330), (-10, 352), (60, 338)], 12, 3)
        + line_field(R, [(-80, 380), (0, 412), (84, 376)], 14, -3)
        + line_field(R, [(-60, 470), (10, 500), (70, 460)], 16, 3)
    )
    k.piece(poly(P), k.st["shirt"], 46, b, 0.5, rim=0.05, tshift=-0.03)
    q = np.vstack(
        [
            catmull(
                [(-nw - 14, 240), (-68, 272), (-36, 293), (0, 300), (36, 293), (68, 272), (nw + 14, 240)], 12
            ),
            catmull(
                [(nw + 4, 236), (60, 261), (33, 277), (0, 283), (-33, 277), (-60, 261), (-nw - 4, 236)], 12
            ),
        ]
    )
    k.shadow(poly(q), 0.22, 3, 1, 4, "#3a3f4a")
    k.piece(poly(q), k.st["shirt"], 5, None, 0.5, rim=0.04, tshift=0.0, blur=0.8)
    k.seam(
        [(-nw - 6, 250), (-66, 277), (-35, 297), (0, 304), (35, 297), (66, 277), (nw + 6, 250)],
        0.9,
        0.25,
        0,
        [(0, "#6d7280")] * 5,
    )


def dress_shirt(k):
    """Open at the top, with collar points, a placket and buttons."""
    nw, R = k.nw, k.R
    P = catmull(
        sym(
            [
                (0, 330),
                (16, 318),
                (34, 296),
                (nw - 14, 262),
                (nw + 16, 243),
                (nw + 40, 262),
                (140, 330),
                (150, 560),
                (130, 820),
                (0, 820),
            ]
        ),
        10,
        True,
    )
    b = (
        line_field(R, [(-64, 380), (-30, 430), (-24, 520)], 12, 3)
        + line_field(R, [(70, 370), (34, 440), (26, 540)], 13, -3)
        + line_field(R, [(-60, 560), (0, 590), (66, 556)], 16, 2.5)
    )
    k.piece(poly(P), k.st["shirt"], 46, b, 0.5, rim=0.05, tshift=-0.03)
    dim = [(0, mix(k.st["shirt"][0][1], "#20242c", 0.35))] * 5
    k.seam([(0, 332), (1, 480), (1, 700)], 1.1, 0.4, 0.15, dim)
    k.seam([(17, 318), (18, 480), (18, 700)], 0.8, 0.25, 0.1, dim)
    k.buttons(9, (372, 436, 500, 564), 3.8, "#ffffff", "#b9c2cf")
    for s in (-1, 1):
        q = np.vstack(
            [
                catmull([(s * (nw + 3), 222), (s * (nw - 10), 254), (s * 44, 292), (s * 6, 330)], 10),
                catmull([(s * 6, 330), (s * 30, 356), (s * 52, 372)], 6),
                catmull(
                    [
                        (s * 52, 372),
                        (s * 76, 330),
                        (s * (nw + 16), 284),
                        (s * (nw + 22), 246),
                        (s * (nw + 3), 222),
                    ],
                    10,
                ),
            ]
        )
        k.shadow(poly(q), 0.42, 4, 2, 6, "#1c2430")
        k.piece(
            poly(q),
            k.st["shirt"],
            7,
            line_field(R, [(s * (nw - 4), 250), (s * 46, 296), (s * 12, 332)], 8, 2.5, False),
            0.5,
            rim=0.05,
            tshift=0.0,
            blur=0.9,
        )
        k.seam(
            [(s * 10, 334), (s * 32, 352), (s * 50, 365), (s * 72, 328), (s * (nw + 12), 284)],
            0.7,
            0.3,
            0.0,
            dim,
        )


def jacket(k, handkerchief=False, button=True):
    """Two fronts with notched lapels. One front lies over the other: the right one, for women the left."""
    f, nw, S, top, R, st = k.f, k.nw, k.S, k.top, k.R, k.st
    jdk = mix(st["jacket"][0][1], "#000000", 0.35)
    br = (10, 672)  # where the lapel breaks
    order = (1, -1) if f else (-1, 1)
    deep = st.get("cloth_shadow", "#05070c")
    for s in order:
        front = s == order[1]
        xe = -14 if front else 20
        edge = [
            (s * (nw + 20), top - 4),
            (s * (nw + 20), top + 40),
            (s * 78, 390),
            (s * 54, 500),
            (s * 14, 650),
            (s * xe, 720),
            (s * xe, 826),
        ]
        q = np.vstack([catmull(edge, 10), catmull(shoulder_line(s, S, nw), 10)])
        k.shadow(poly(q), 0.50, 8, -3 * s, 7, deep)
        k.piece(
            poly(q), st["jacket"], 62, arm_folds(R, s, S), 0.40, spec=0.02, rim=0.16, blur=1.2, tshift=-0.20
        )
        k.seam(
            [(s * (S - 46), 340), (s * (S - 58), 366), (s * (S - 66), 420), (s * (S - 66), 452)],
            1.3,
            0.55,
            0.16,
        )
        if front:
            k.seam([(s * xe + 1, 690), (s * xe + 1, 826)], 1.2, 0.5, 0.2)
    if not f:
        flap = poly(np.array([(112, 520), (190, 508), (192, 530), (114, 542)]))
        k.shadow(flap, 0.5, 3, 1, 4, deep)
        k.piece(flap, st["jacket"], 5, None, 0.45, tshift=-0.13, rim=0.1)
        if handkerchief:
            P = np.vstack(
                [
                    [(120, 519)],
                    catmull([(126, 496), (138, 503), (150, 488), (164, 500), (178, 490), (184, 509)], 8),
                ]
            )
            k.shadow(poly(P), 0.25, 2, 1, 2, deep)
            k.piece(
                poly(P), st["shirt"], 6, line_field(R, [(150, 492), (152, 516)], 4, -2), 0.5, tshift=-0.03
            )
            k.piece(flap, st["jacket"], 5, None, 0.45, tshift=-0.13, rim=0.1)
    for s in order:
        tip = (s * (nw + 100), top + 130)
        lap = [(s * (nw + 14), top + 30), (s * (nw + 30), top + 96), (s * (nw + 58), top + 118), tip]
        lower = [tip, (s * (nw + 82), top + 190), (s * (nw + 40), 560), (s * 34, 640), (s * br[0], br[1] + 8)]
        inner = [
            (s * (br[0] - 4), br[1] + 4),
            (s * 30, 600),
            (s * 56, 500),
            (s * 74, 400),
            (s * (nw + 14), top + 30),
        ]
        q = np.vstack([catmull(lap, 8), catmull(lower, 12), catmull(inner, 12)])
        k.shadow(poly(q), 0.60 * st.get("cloth_depth", 1.0), 6, 3, 8, deep)
        k.piece(
            poly(q),
            st["jacket"],
            9,
            line_field(R, inner, 10, 5, False),
            0.42,
            spec=0.03,
            rim=0.10,
            tshift=-0.12,
            blur=1.2,
        )
        inside = [
            (s * (nw + 2), top - 28),
            (s * (nw + 10), top + 6),
            (s * (nw + 14), top + 34),
            (s * (nw + 32), top + 98),
        ]
        below = [(s * (nw + 32), top + 98), (s * (nw + 56), top + 104), (s * (nw + 80), top + 92)]
        outside = [
            (s * (nw + 80), top + 92),
            (s * (nw + 70), top + 56),
            (s * (nw + 50), top + 18),
            (s * (nw + 30), top - 10),
            (s * (nw + 14), top - 30),
        ]
        q = np.vstack([catmull(inside, 10), catmull(below, 8), catmull(outside, 10)])
        k.shadow(poly(q), 0.55 * st.get("cloth_depth", 1.0), 5, 2, 6, deep)
        k.piece(
            poly(q),
            st["jacket"],
            8,
            line_field(R, inside, 8, 4, False),
            0.42,
            spec=0.03,
            rim=0.1,
            tshift=-0.10,
            blur=1.0,
        )
        k.seam(
            [(s * (nw + 30), top + 97), (s * (nw + 44), top + 109), (s * (nw + 60), top + 117)], 1.4, 0.7, 0.2
        )
        stitches = [
            (s * (nw + 98), top + 134),
            (s * (nw + 80), top + 190),
            (s * (nw + 38), 560),
            (s * 33, 638),
        ]
        k.seam([(x - s * 3.2, y - 1.5) for x, y in stitches], 0.7, 0.30, 0.16)
    if button:
        a, c, _ = R.surf()
        bx, by = (2 if f else -2), 700
        disc = skia.Path()
        disc.addCircle(bx, by, 9.5)
        k.shadow(disc, 0.6, 2.5, 1.5, 3, deep)
        c.drawCircle(
            bx,
            by,
            9.5,
            skia.Paint(
                AntiAlias=True,
                Shader=skia.GradientShader.MakeRadial(
                    skia.Point(bx - 3, by - 4),
                    14,
                    [
                        C(mix(st["jacket"][3][1], "#ffffff", 0.15)),
                        C(st["jacket"][1][1]),
                        C(st["jacket"][0][1]),
                    ],
                ),
            ),
        )
        c.drawCircle(
            bx,
            by,
            6.6,
            skia.Paint(AntiAlias=True, Style=skia.Paint.kStroke_Style, StrokeWidth=0.9, Color=C(jdk, 0.5)),
        )
        for dx in (-2, 2):
            for dy in (-2, 2):
                c.drawCircle(bx + dx, by + dy, 0.9, skia.Paint(AntiAlias=True, Color=C(jdk, 0.9)))
        k.put(a)


def stethoscope(k):
    """Tubes over both shoulders, joined on the chest; the bell hangs on the right."""
    nw, top = k.nw, k.top
    tubes = [
        [(-nw - 22, top - 14), (-nw - 30, top + 60), (-nw - 22, top + 150), (-58, 470), (-6, 540), (40, 560)],
        [(nw + 22, top - 14), (nw + 30, top + 60), (nw + 24, top + 150), (86, 470), (64, 530), (40, 560)],
        [(40, 560), (52, 600), (96, 612), (128, 586), (132, 540)],
    ]
    blur = lambda w: skia.MaskFilter.MakeBlur(skia.kNormal_BlurStyle, w)
    stroke = dict(AntiAlias=True, Style=skia.Paint.kStroke_Style, StrokeCap=skia.Paint.kRound_Cap)
    for dx, dy, w, colour, soft in (
        (3, 7, 9, C("#10151f", 0.38), 4),
        (0, 0, 7.5, C("#151a22"), 0),
        (-0.6, -0.8, 4.6, C("#2c3440"), 0.8),
        (-1.4, -1.8, 1.5, C("#8d99ab", 0.8), 0.7),
    ):
        a, c, _ = k.R.surf()
        c.translate(dx, dy)
        for pts in tubes:
            paint = skia.Paint(Color=colour, StrokeWidth=w, **stroke)
            if soft:
                paint.setMaskFilter(blur(soft))
            c.drawPath(poly(resample(catmull(pts, 12), 90), False), paint)
        k.put(a)
    a, c, _ = k.R.surf()
    x, y = 132, 528
    c.drawCircle(x + 3, y + 8, 22, skia.Paint(AntiAlias=True, Color=C("#10151f", 0.4), MaskFilter=blur(4)))
    rim = skia.GradientShader.MakeLinear(
        [skia.Point(x - 20, y - 20), skia.Point(x + 20, y + 20)],
        [C("#f4f7fa"), C("#9aa5b3"), C("#5d6877")],
        [0, 0.5, 1],
    )
    c.drawCircle(x, y, 21, skia.Paint(AntiAlias=True, Shader=rim))
    face = skia.GradientShader.MakeLinear(
        [skia.Point(x - 14, y + 14), skia.Point(x + 14, y - 14)],
        [C("#dfe5ec"), C("#aab4c0"), C("#e9eef3")],
        [0, 0.5, 1],
    )
    c.drawCircle(x, y, 15.5, skia.Paint(AntiAlias=True, Shader=face))
    k.put(a)


def sweater(k):
    """Crew neck with a ribbed band and two cables."""
    nw, S, R, U, V, st = k.nw, k.S, k.R, k.U, k.V, k.st
    right = [(0, 284), (34, 281), (nw + 2, 262), (nw + 18, 240), (nw + 44, 262)] + shoulder_line(1, S, nw)[
        ::-1
    ][1:]
    P = catmull(sym([*right, (0, 826)]), 10, True)
    b = arm_folds(R, 1, S) + arm_folds(R, -1, S)
    b += line_field(R, [(-60, 420), (0, 446), (70, 412)], 20, 3) + line_field(
        R, [(-90, 560), (0, 600), (90, 556)], 24, -3
    )
    # Stitches: columns of small v's; between the cables they are finer.
    column = 9.0
    phase = U / column
    lean = np.abs(((phase + 1000) % 1) - 0.5)
    stitch = np.cos(2 * np.pi * (V / 6.5 + 0.9 * lean)) * 0.55 + np.cos(2 * np.pi * phase) * 0.75
    cable = np.zeros_like(U)
    for x0 in (-96, -32, 32, 96):
        for turn in (0.0, np.pi):
            x = x0 + 9 * np.sin(2 * np.pi * V / 64 + turn)
            near = np.exp(-(((U - x) / 6.5) ** 2))
            cable = np.maximum(cable, near * (3.4 + 1.4 * np.cos(2 * np.pi * V / 64 + turn)))
        stitch = stitch * (1 - np.exp(-(((U - x0) / 19) ** 4)))
        cable -= 2.0 * (np.exp(-(((U - x0 - 21) / 3) ** 2)) + np.exp(-(((U - x0 + 21) / 3) ** 2)))
    inside = 1 - sstep(S - 96, S - 78, np.abs(U))
    k.piece(
        poly(P),
        st["jacket"],
        62,
        b + stitch * 0.8 + cable * inside * sstep(300, 330, V),
        0.40,
        spec=0.0,
        rim=0.14,
        blur=0.7,
        tshift=-0.16,
    )
    for s in (-1, 1):
        k.seam(
            [(s * (S - 46), 340), (s * (S - 58), 366), (s * (S - 66), 420), (s * (S - 66), 470)],
            1.3,
            0.5,
            0.14,
        )
    outer = [(-nw - 24, 240), (-nw - 4, 276), (-40, 305), (0, 312), (40, 305), (nw + 4, 276), (nw + 24, 240)]
    inner = [(nw + 4, 230), (nw - 10, 258), (34, 277), (0, 282), (-34, 277), (-nw + 10, 258), (-nw - 4, 230)]
    band = np.vstack([catmull(outer, 12), catmull(inner, 12)])
    k.shadow(poly(band), 0.45, 4, 1, 5, mix(st["jacket"][0][1], "#000000", 0.4))
    angle = np.arctan2(V - 190, U)
    k.piece(poly(band), st["jacket"], 9, 1.3 * np.cos(angle * 88), 0.42, rim=0.1, blur=0.5, tshift=-0.06)
    k.seam(outer, 1.0, 0.45, 0.1)
