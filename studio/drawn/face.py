"""Skin, ears, iris and brows."""

from __future__ import annotations

import math

from paint import *
from shapes import *


def bake_face(st, K, hair_shadow=None):
    R = Region(-175, -225, 175, 228, K)
    U, V = R.grid()
    A = np.abs(U)
    cont = catmull(sym(st["face"]), 12, True)
    m = R.mask(poly(cont))
    G = lambda x, y, sx, sy, a: a * np.exp(-(((U - x) / sx) ** 2) - ((V - y) / sy) ** 2)
    GS = lambda x, y, sx, sy, a: a * np.exp(-(((A - x) / sx) ** 2) - ((V - y) / sy) ** 2)
    base = inflate(m, 3, 4 * K) * 112
    e = st["eye"]
    nz = st["nose"]
    nw = nz["w"]
    f = st["gender"] == "f"
    d = np.zeros_like(U)
    d += GS(e["x"] - 3, -3, 36, 22, -13) + GS(24, -6, 18, 20, -4.5)  # sockets
    d += GS(56, -46, 46, 13, 6 if f else 9) + G(0, -42, 30, 18, 3.5 if f else 7)  # brow ridge
    d += G(0, -120, 90, 50, 5)  # forehead
    # nose
    yb = sstep(-22, 70, V) * (1 - sstep(80, 96, V))
    wid = (12 + 5 * sstep(0, 75, V)) * (0.55 + 0.45 * nw)
    V = V + 6
    d += (
        yb
        * ((8 if f else 10) + (19 if f else 23) * sstep(-10, 74, V) ** 1.2)
        * np.exp(-((np.abs(U) / wid) ** 2.05))
    )
    d += (
        G(0, 73, 15 * nw**0.6, 14, 11 * nz["tip"]) + GS(19 * nw, 80, 10 * nw**0.6, 9, 10) + G(0, 86, 10, 7, 3)
    )
    d += GS(33 * nw, 84, 8, 10, -3)
    d += GS(74, 46, 36, 26, 8 if f else 9) + GS(80, 92, 26, 30, -4)  # cheekbone, hollow
    ln = A - (35 + 0.50 * (V - 84))  # nasolabial
    d += -1.5 * np.exp(-((ln / 7) ** 2)) * sstep(74, 90, V) * (1 - sstep(92, 118, V))
    d += G(0, 118, 46, 28, 9) + G(0, 100, 4.5, 10, -2.0) + GS(7, 101, 4, 10, 1.0)
    d += G(0, 148, 26, 8, -4.5) + G(0, 174, 27, 17, 8 if f else 11) + GS(54, 114, 9, 9, -1.2)
    V = V - 6 + 0
    if not f:
        d += GS(112, 120, 22, 34, 5)
    if st["age"]:
        d -= st["age"] * _wrinkles(R, e)
    z = base + R.blur(d, 2.3 if f else 1.8)
    t, sp, fr, n = lit(z, K, 0.50)
    ao = np.clip((R.blur(d, 16) - d) / 16, -0.5, 1)
    t = t * (1 - 0.42 * np.clip(ao, 0, 1)) + 0.03 * np.clip(-ao, 0, 1)
    # soft form: blend between broad (base) and detailed
    t = np.clip(t * 1.06 - 0.02, 0, 1)
    col = ramp(t, st["skin"])

    def tint(w, c, amt):
        nonlocal col
        w = np.clip(w, 0, 1)[..., None] * amt
        col = col * (1 - w) + col * hexc(c) * 1.25 * w

    bl = hexc(st["blush"])
    w = (
        GS(78, 58, 36, 26, 1)
        + G(0, 72, 24, 16, 0.55)
        + G(0, 172, 30, 14, 0.25)
        + GS(e["x"], -20, 34, 10, 0.25)
    )
    ba = 0.30 if f else 0.22
    col = col * (1 - ba * w[..., None]) + (col * 0.35 + bl * 0.65) * (ba * w[..., None])
    tint(GS(e["x"], 13, 26, 7, 1), "#b58a86", 0.28 + 0.14 * st["age"])  # under eye
    # nostrils
    ns = R.mask(_nostrils(nw), 1.1)
    col = col * (1 - 0.78 * ns[..., None]) + mix(st["skin"][0][1], "#1a0505", 0.55) * (0.78 * ns[..., None])
    und = np.exp(-((U / (26 * nw)) ** 2) - ((V - 91) / 7) ** 2)
    col *= 1 - 0.14 * und[..., None]
    wing = R.mask(_wings(nw), 1.3)
    col *= 1 - 0.30 * wing[..., None] * (1 - 0.5 * sstep(-10, 30, -U))[..., None]
    if st["beard"]:
        b = _beard(U, V, A, m, R) * st["beard"]
        rng = np.random.default_rng(4)
        nzv = gf(rng.standard_normal(U.shape), 0.55 * K) * 1.6
        nzv = np.clip(0.86 + 0.26 * nzv, 0.45, 1.2)
        w = np.clip(b * nzv, 0, 0.93)[..., None]
        hc = ramp(np.clip(t * 0.55 + 0.06, 0, 1), st["hair"])
        col = col * (1 - w) + hc * w
    # spec
    oil = (
        G(-18, -95, 70, 40, 0.42)
        + G(-4, 60, 13, 13, 0.45)
        + GS(76, 34, 34, 20, 0.40)
        + G(0, 168, 20, 11, 0.3)
        + G(-2, 20, 16, 34, 0.16)
    )
    s = (sp**14 * 0.16 + sp**48 * 0.30) * oil
    if st["beard"]:
        s *= 1 - 0.8 * np.clip(_beard(U, V, A, m, R), 0, 1)
    col = col + s[..., None] * np.array([1, 0.93, 0.86])
    # rim light on right edge & darkened left edge
    rim = np.clip(fr, 0, 1) ** 2.2 * np.clip(n[..., 0], 0, 1)
    col = col + rim[..., None] * np.array([1, 0.80, 0.66]) * (0.30 if f else 0.22)
    if hair_shadow is not None:
        hs = hair_shadow(R)
        sc = hexc(st["skin"][1][1])
        k = (0.62 * hs * m)[..., None]
        col = col * (1 - k) + (col * sc * 1.15) * k
    out = to_rgba(col, m)
    return R, out, col


def _wrinkles(R, e):
    """Lines of age: forehead, outer corners of the eyes, under them, nose to mouth and mouth to chin."""
    w = np.zeros((R.h, R.w), np.float32)
    for y, x in ((-128, 70), (-110, 82), (-92, 70)):
        w += line_field(R, [(-x, y + 5), (-x * 0.5, y - 2), (0, y + 1), (x * 0.5, y - 2), (x, y + 5)], 4, 1.5)
    for s in (-1, 1):
        x = s * (e["x"] + e["w"])
        for dy, ln in ((-9, 24), (-1, 27), (7, 22)):
            w += line_field(
                R,
                [(x + s * 5, dy * 0.6), (x + s * (5 + ln * 0.5), dy * 1.2), (x + s * (5 + ln), dy * 2.1)],
                3,
                1.5,
            )
        w += line_field(R, [(s * (e["x"] - 24), 20), (s * e["x"], 27), (s * (e["x"] + 26), 19)], 4, 1.7)
        w += line_field(R, [(s * 34, 80), (s * 44, 94), (s * 54, 110), (s * 60, 124)], 5, 3.2)
        w += line_field(R, [(s * 52, 128), (s * 54, 140), (s * 51, 152)], 4, 1.6)
        w += line_field(R, [(s * 12, -58), (s * 10, -44), (s * 11, -32)], 4, 1.3)
    return w


def _nostrils(nw):
    p = skia.Path()
    for s in (-1, 1):
        q = skia.Path()
        q.addOval(skia.Rect.MakeXYWH(-6.0, -2.3, 12, 4.6))
        mm = skia.Matrix()
        mm.setRotate(s * -14)
        mm.postTranslate(s * 11.8 * nw, 83)
        q.transform(mm)
        p.addPath(q)
    return p


def _wings(nw):
    p = skia.Path()
    for s in (-1, 1):
        o = catmull([(25 * nw, 64), (29.5 * nw, 73), (27 * nw, 82), (19 * nw, 85)], 10)
        i = catmull([(19 * nw, 85), (25.5 * nw, 81), (27.6 * nw, 73), (25 * nw, 64)], 10)
        P = np.vstack([o, i])
        P[:, 0] *= s
        p.addPath(poly(P))
    return p


def _beard(U, V, A, m, R):
    V = V + 6
    line = 62 + 44 * np.clip(1 - (A - 40) / 90, 0, 1) ** 1.2 * 1.0  # upper boundary
    side = sstep(0, 16, V - (20 + (132 - A) * 1.05))  # sideburn->jaw
    sstep(0, 14, V - np.where(A > 52, line + 8, 150 - 0.0 * A))
    must = np.exp(-(((V - (104 + A * 0.10)) / 7.5) ** 4)) * (1 - sstep(40, 54, A))
    gote = sstep(140, 150, V) * (1 - sstep(40, 70, A) * 0.0)
    link = np.exp(-(((A - 51) / 8) ** 2)) * sstep(100, 108, V)
    soul = np.exp(-((U / 7) ** 2)) * sstep(139, 143, V)
    b = np.maximum.reduce(
        [
            side * sstep(84, 108, A),
            sstep(-14, 10, V - (150 - 1.15 * np.clip(A - 48, 0, 90) + 0.0 * A)) * sstep(30, 60, A),
            gote,
            must * 0.95,
            link * 0.9 * (V < 152),
            soul,
        ]
    )
    lipclear = 1 - np.exp(-((A / 50) ** 4)) * np.exp(-(((V - 124) / 15.5) ** 4))
    b = b * lipclear
    return np.clip(R.blur(b, 2.2), 0, 1)


def bake_ear(st, K):
    R = Region(-175, -60, 175, 90, K)
    out = np.zeros((R.h, R.w, 4), np.uint8)
    U, V = R.grid()
    for s in (-1, 1):
        P = catmull(
            [
                (s * 104, -16),
                (s * 124, -26),
                (s * 140, -34),
                (s * 155, -28),
                (s * 158, -4),
                (s * 150, 24),
                (s * 143, 46),
                (s * 133, 56),
                (s * 122, 52),
                (s * 104, 40),
            ],
            10,
            True,
        )
        b = line_field(R, [(s * 136, -20), (s * 149, -20), (s * 149, 2), (s * 142, 26)], 5, -5) + line_field(
            R, [(s * 133, -2), (s * 140, 8), (s * 135, 26)], 7, -7
        )
        m, col, t = lit_shape(R, poly(P), st["skin"], 16, b, 0.42, rim=0.1, blur=0.8, tshift=-0.08)
        bl = hexc(st["blush"])
        col = col * 0.86 + (col * 0.4 + bl * 0.6) * 0.14
        out = over(out, to_rgba(col, m))
    return R, out


def bake_iris(st):
    N = 160
    y, x = np.mgrid[0:N, 0:N].astype(np.float32)
    x = (x + 0.5) / N * 2 - 1
    y = (y + 0.5) / N * 2 - 1
    r = np.hypot(x, y)
    th = np.arctan2(y, x)
    rng = np.random.default_rng(2)
    ang = (th + np.pi) / (2 * np.pi) * 719
    f = noise1(720, 90, rng) * 0.5 + noise1(720, 34, rng) * 0.6
    f[-40:] = f[-40:] * np.linspace(1, 0, 40) + f[:40] * np.linspace(0, 1, 40)
    fib = np.interp(ang + 6 * r, np.arange(720), f)
    d, mid, l = [hexc(c) for c in st["iris"]]
    tt = np.clip(
        0.52
        + 0.16 * fib * sstep(0.3, 0.6, r)
        + 0.42 * y
        - 0.25 * sstep(0.72, 0.97, r)
        + 0.22 * np.exp(-(((r - 0.45) / 0.12) ** 2)),
        0,
        1,
    )
    col = np.where(
        tt[..., None] < 0.5, d + (mid - d) * (tt * 2)[..., None], mid + (l - mid) * (tt * 2 - 1)[..., None]
    )
    col = col * (1 - 0.75 * sstep(0.80, 1.0, r))[..., None]
    pu = 1 - sstep(0.36, 0.43, r)
    col = col * (1 - pu[..., None]) + np.array([0.02, 0.015, 0.015]) * pu[..., None]
    return img(to_rgba(col, 1 - sstep(0.95, 1.0, r)))


def bake_brow(st, K):
    """brow sprite (right side of the screen) in local coords s in -50..50"""
    b = st["brow"]
    R = Region(-60, -30, 60, 30, K * 1.3)
    a, c, _ = R.surf()
    rng = np.random.default_rng(5)
    L = 46 * b["len"]
    th = b["th"]
    n = int(230 * b["dens"])
    X = lambda s: -L + 2 * L * s
    mid = lambda s: (
        -b["arch"] * np.exp(-(((s - 0.66) / 0.33) ** 2)) * 1.25
        + (s - 0.5) * b["tilt"]
        + 11 * np.clip(s - 0.72, 0, 1) ** 1.5
    )
    tk = lambda s: th * (0.70 + 0.42 * sstep(0, 0.22, s) - 0.12 * s) * (1 - sstep(0.5, 1.0, s) * 0.88)
    S = np.linspace(0, 1, 40)
    shape = np.vstack([np.c_[X(S), mid(S) - tk(S) / 2], np.c_[X(S), mid(S) + tk(S) / 2][::-1]])
    c.drawPath(
        poly(shape),
        skia.Paint(
            Color=C(st["brow_c"], 0.50),
            AntiAlias=True,
            MaskFilter=skia.MaskFilter.MakeBlur(skia.kNormal_BlurStyle, 2.0),
        ),
    )
    for i in range(n):
        s = rng.random() ** 0.9
        o = rng.uniform(-0.5, 0.5)
        x = X(s)
        y = mid(s) + tk(s) * o
        ang = (-52 + 40 * sstep(0, 0.35, s) + 34 * sstep(0.6, 0.95, s)) + o * 26 * -1 * (
            1 if s > 0.2 else 0.3
        )
        ang = math.radians(ang + rng.uniform(-7, 7))
        ln = rng.uniform(6, 10.5) * (1 - 0.3 * s) * (0.6 + 0.4 * sstep(0, 0.15, s))
        x1 = x + ln * math.cos(ang)
        y1 = y + ln * math.sin(ang)
        p = skia.Path()
        p.moveTo(x - ln * 0.2 * math.cos(ang), y - ln * 0.2 * math.sin(ang))
        p.quadTo((x + x1) / 2, (y + y1) / 2 - 1, x1, y1)
        c.drawPath(
            p,
            skia.Paint(
                Color=C(
                    mix(st["brow_c"], st["hair"][3][1], rng.uniform(0, 0.45)),
                    rng.uniform(0.3, 0.75) * (0.45 + 0.55 * sstep(0, 0.18, s)),
                ),
                AntiAlias=True,
                Style=skia.Paint.kStroke_Style,
                StrokeWidth=rng.uniform(0.7, 1.3),
                StrokeCap=skia.Paint.kRound_Cap,
            ),
        )
    return R, a
