"""Long hair, and what all hair is made with."""

from __future__ import annotations

from curls import bake_hair_curly, bake_hair_short, bake_hair_swept
from paint import *
from scarf import bake_scarf
from strands import *


def bake_hair_long(st, K):
    K0, K = K, K * 2
    fall = st.get("hair_length", 1.0)

    def cut(P):
        P = np.array(P, float)
        low = P[:, 1] > 60
        P[low, 1] = 60 + (P[low, 1] - 60) * fall
        P[low, 0] *= 1 - 0.16 * (1 - fall) * sstep(60, 200, P[low, 1])
        return P

    pal = st["hair"]
    dk = mix(pal[0][1], "#000000", 0.2)
    RB = Region(-280, -245, 280, 440, K)
    aB, c, sB = RB.surf()
    out = catmull(
        cut(
            [
                (0, -226),
                (80, -217),
                (140, -168),
                (166, -80),
                (172, 20),
                (180, 120),
                (200, 220),
                (196, 310),
                (160, 366),
                (100, 388),
                (0, 372),
                (-100, 390),
                (-164, 370),
                (-202, 310),
                (-202, 220),
                (-182, 120),
                (-172, 20),
                (-166, -80),
                (-140, -168),
                (-80, -217),
            ]
        ),
        10,
        True,
    )
    c.drawPath(poly(out), skia.Paint(Color=C(mix(pal[0][1], pal[1][1], 0.4)), AntiAlias=True))
    for k, (x0, x1, ph) in enumerate(
        [(-185, -95, 0), (185, 95, 1), (-120, -30, 2), (120, 30, 3), (-50, 50, 1.5)]
    ):
        A = wave(cut([(x0 * 0.7, -120), (x0 * 0.98, 40), (x0 * 1.05, 200), (x0 * 1.03, 400)]), 12, 1.6, ph)
        B = wave(cut([(x1 * 0.7, -120), (x1, 40), (x1 * 1.1, 200), (x1 * 1.15, 405)]), 12, 1.6, ph + 0.5)
        card(
            c,
            A,
            B,
            hair_tex(
                pal,
                40 + k,
                hi=(0.35, 0.72),
                hi_amp=0.12,
                contrast=0.7,
                root=0.3,
                tip=-0.05,
                ragged=0.10,
                clumps=6,
                fine=60,
            ),
            shadow=dk,
        )
    U, V = RB.grid()
    k = np.exp(-((U / 110) ** 4)) * sstep(60, 120, V) * 0.60
    f = aB.astype(np.float32)
    f[..., :3] *= (1 - k)[..., None]
    aB = f.astype(np.uint8)
    RF = Region(-280, -255, 280, 440, K)
    aF, c, sF = RF.surf()
    px = 30
    # part: scalp strip under
    W1, W2 = 19, 1.5
    Lin = wave(
        cut(
            [
                (px + 2, -122),
                (-6, -134),
                (-56, -116),
                (-98, -68),
                (-119, -6),
                (-124, 60),
                (-116, 130),
                (-118, 210),
                (-142, 300),
                (-150, 352),
            ]
        ),
        W1,
        W2,
        0.4,
        0.42,
    )
    Lout = wave(
        cut(
            [
                (px + 4, -226),
                (-44, -233),
                (-124, -192),
                (-163, -100),
                (-173, 10),
                (-178, 110),
                (-198, 210),
                (-204, 300),
                (-186, 352),
            ]
        ),
        13,
        W2,
        0.1,
        0.42,
    )
    Rin = wave(
        cut(
            [
                (px - 1, -122),
                (62, -126),
                (98, -92),
                (118, -30),
                (126, 44),
                (121, 120),
                (122, 200),
                (140, 300),
                (150, 352),
            ]
        ),
        W1,
        W2,
        2.7,
        0.42,
    )
    Rout = wave(
        cut(
            [
                (px - 8, -226),
                (76, -226),
                (136, -184),
                (165, -92),
                (173, 10),
                (178, 110),
                (196, 210),
                (202, 300),
                (184, 352),
            ]
        ),
        13,
        W2,
        3.0,
        0.42,
    )
    scal = poly(np.array([(px - 8, -222), (px + 8, -222), (px + 3, -126), (px - 2, -126)]))
    c.drawPath(scal, skia.Paint(Color=C(mix(pal[0][1], st["skin"][0][1], 0.35)), AntiAlias=True))
    for a, b in ((Lin, Lout), (Rin, Rout)):
        n = 25
        c.drawPath(
            poly(np.vstack([resample(a, 40)[:n], resample(b, 40)[:n][::-1]])),
            skia.Paint(Color=C(pal[1][1]), AntiAlias=True),
        )
    rng = np.random.default_rng(7)

    def lock(A, B, s0, s1, seed, taper, hiamp, dx=0, dy=0, sh=0.5):
        a = lerpg(A, B, s0)
        b = lerpg(A, B, s1)
        t = np.linspace(0, 1, 40)
        k = (sstep(0.55, 1.0, t) * taper)[:, None]
        mid = (a + b) / 2
        off = np.c_[dx * sstep(0.4, 1, t), dy * sstep(0.5, 1, t)]
        a = a * (1 - k) + mid * k + off
        b = b * (1 - k) + mid * k + off
        tex = hair_tex(
            pal,
            seed,
            W=260,
            clumps=3,
            fine=34,
            hi=(0.225, 0.60, 0.84),
            hi_w=0.08,
            hi_amp=hiamp,
            edge=0.50,
            contrast=1.0,
            ragged=0.05,
            root=0.34,
            edge_rag=0.0,
            tip=0.05,
        )
        card(c, a, b, tex, shadow=dk, sh_op=sh, sh_blur=5, sh_off=(-2.5 * np.sign(A[-1, 0]), 3.5))

    def sheet(A, B, seed, outs):
        sg = np.sign(A[-1, 0])
        for k, (s0, s1, tp, ha, dx, dy) in enumerate(outs):
            lock(A, B, s0, s1, seed + k, tp, ha, dx * sg, dy)

    sheet(
        Rin,
        Rout,
        300,
        [
            (0.74, 1.02, 0.75, 0.36, 10, 8),
            (0.52, 0.86, 0.8, 0.50, -2, 24),
            (0.60, 0.95, 0.85, 0.40, 14, -14),
            (0.30, 0.62, 0.8, 0.44, 4, 10),
            (0.12, 0.44, 0.85, 0.52, -8, 26),
            (0, 0.22, 0.85, 0.42, -4, -6),
            (0.22, 0.36, 0.9, 0.55, 10, 30),
        ],
    )
    sheet(
        Lin,
        Lout,
        200,
        [
            (0.76, 1.02, 0.75, 0.36, 10, 6),
            (0.56, 0.88, 0.8, 0.52, 0, 22),
            (0.66, 0.96, 0.85, 0.40, 12, -12),
            (0.38, 0.68, 0.8, 0.46, 4, 14),
            (0.20, 0.52, 0.85, 0.54, -4, -4),
            (0.10, 0.32, 0.85, 0.46, -10, 26),
            (0, 0.17, 0.85, 0.40, -2, 4),
            (0.30, 0.42, 0.9, 0.56, 8, 34),
        ],
    )
    for k in range(80):
        s = rng.uniform(0, 1)
        side = rng.random() < 0.55
        A, B = (Lin, Lout) if side else (Rin, Rout)
        P = lerpg(A, B, s * 1.03 - 0.015)
        P = P + np.c_[np.sin(np.linspace(0, 3, 40) + rng.uniform(0, 6)), np.zeros(40)] * rng.uniform(1, 4)
        i0 = rng.integers(0, 12)
        i1 = rng.integers(24, 38)
        P = P[i0:i1]
        col = pal[4][1] if rng.random() < 0.6 else pal[1][1]
        c.drawPath(
            poly(P, False),
            skia.Paint(
                Color=C(col, rng.uniform(0.10, 0.35)),
                AntiAlias=True,
                Style=skia.Paint.kStroke_Style,
                StrokeWidth=rng.uniform(0.5, 1.0),
                StrokeCap=skia.Paint.kRound_Cap,
            ),
        )
    U, V = RF.grid()
    f = aF.astype(np.float32)
    sh = (
        1
        - 0.24 * sstep(20, 170, U) * (1 - sstep(150, 175, U) * 0.4)
        - 0.12 * sstep(150, 330, V)
        + 0.10 * np.exp(-(((U + 70) / 70) ** 2) - ((V + 150) / 60) ** 2)
        - 0.25 * np.exp(-(((U - px) / 10) ** 2)) * sstep(-118, -150, V)
    )
    f[..., :3] = np.clip(f[..., :3] * sh[..., None], 0, f[..., 3:])
    aF = f.astype(np.uint8)
    U, V = RB.grid()
    aB[(V < 20) & (np.abs(U) < 72) & (V > -140)] = 0
    aB[(V > 350)] = 0
    return down2(RB, aB, K0), down2(RF, aF, K0)


HAIRSTYLES = {
    "long": bake_hair_long,
    "short": bake_hair_short,
    "curly": bake_hair_curly,
    "swept": bake_hair_swept,
    "scarf": bake_scarf,
}
