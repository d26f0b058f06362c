"""A headscarf."""

from __future__ import annotations

from paint import *
from shapes import *


def bake_scarf(st, K):
    """A headscarf: a band over the forehead, cloth around the face and over the shoulders."""
    cloth = st["hair"]
    deep = mix(cloth[0][1], "#000000", 0.45)
    RB = Region(-250, -260, 250, 440, K)
    back = catmull(
        sym(
            [
                (0, -232),
                (86, -222),
                (146, -170),
                (170, -80),
                (172, 30),
                (170, 140),
                (190, 250),
                (210, 340),
                (150, 400),
                (0, 410),
            ]
        ),
        10,
        True,
    )
    m, col, _ = lit_shape(RB, poly(back), cloth, 60, None, 0.35, rim=0.05, tshift=-0.34)
    U, V = RB.grid()
    aB = to_rgba(col, m)
    aB[(V < 20) & (np.abs(U) < 72) & (V > -140)] = 0
    RF = Region(-270, -262, 270, 470, K)
    a, c, _ = RF.surf()
    hole = [
        (0, -146),
        (56, -140),
        (98, -108),
        (117, -56),
        (121, 6),
        (115, 74),
        (99, 128),
        (70, 172),
        (34, 200),
        (0, 208),
    ]
    under = poly(
        catmull(
            sym(
                [
                    (0, -186),
                    (70, -178),
                    (122, -128),
                    (138, -56),
                    (140, 20),
                    (128, 90),
                    (112, 72),
                    (117, 6),
                    (112, -50),
                    (94, -98),
                    (54, -128),
                    (0, -134),
                ]
            ),
            10,
            True,
        )
    )
    m, col, _ = lit_shape(RF, under, st["underscarf"], 20, None, 0.4, rim=0.05, tshift=-0.1, blur=1)
    out = to_rgba(col, m)
    outer = [
        (0, -238),
        (82, -230),
        (140, -182),
        (167, -96),
        (170, 0),
        (163, 96),
        (160, 172),
        (182, 240),
        (222, 312),
        (236, 372),
        (190, 424),
        (96, 446),
        (0, 450),
    ]
    ring = np.vstack([catmull(sym(outer), 10, True)])
    path = poly(ring)
    opening = poly(catmull(sym(hole), 10, True))
    path.addPath(opening)
    path.setFillType(skia.PathFillType.kEvenOdd)
    b = np.zeros((RF.h, RF.w), np.float32)
    folds = [
        ([(-118, 60), (-92, 176), (-20, 232), (70, 262), (150, 330)], 9, 5.5),
        ([(-130, 90), (-110, 206), (-30, 268), (70, 306), (140, 376)], 10, -5),
        ([(-146, 120), (-128, 236), (-50, 312), (40, 356), (110, 420)], 12, 5),
        ([(-158, 170), (-150, 270), (-84, 352), (-10, 404)], 12, -5),
        ([(122, 70), (104, 170), (64, 216), (10, 236)], 8, 4.5),
        ([(140, 110), (134, 210), (92, 262), (30, 286)], 9, -4.5),
        ([(170, 220), (180, 300), (150, 380)], 12, 4.5),
        ([(-176, 240), (-186, 320), (-150, 400)], 12, 4.5),
        ([(-30, -236), (-104, -196), (-142, -110), (-146, 0)], 8, 3.2),
        ([(40, -237), (118, -190), (150, -100), (152, 10)], 8, 3.2),
        ([(0, -226), (-70, -204), (-116, -140), (-130, -50)], 7, -2.8),
        ([(10, -226), (86, -198), (126, -130), (136, -40)], 7, -2.8),
    ]
    for pts, wd, amp in folds:
        b += line_field(RF, pts, wd, amp)
    edge = line_field(RF, [(x, y) for x, y in catmull(sym(hole), 6, True)], 8, 4.0, False)
    m, col, _ = lit_shape(RF, path, cloth, 44, b + edge, 0.40, spec=0.015, rim=0.12, tshift=-0.08, blur=1.4)
    U, V = RF.grid()
    throat = np.exp(-(((U) / 74) ** 2)) * np.exp(-(((V - 226) / 26) ** 2)) * 0.5
    col = col * (1 - throat[..., None]) + col * hexc("#8a8090") * throat[..., None]
    shade = (RF.mask(path, 7) * 0.55)[..., None] * (out[..., 3:] / 255)
    out = np.concatenate(
        [out[..., :3] * (1 - shade) + deep * 255 * (out[..., 3:] / 255) * shade, out[..., 3:]], -1
    ).astype(np.uint8)
    rng = np.random.default_rng(2)
    g = gf(rng.standard_normal(m.shape), 0.6) * 0.018
    col = col * (1 + g[..., None])
    out = over(out, to_rgba(col, m))
    return (RB, aB), (RF, out)
