"""Raised arms: a hand as a height field of capsules, a cuff and a sleeve.

Hand units: origin at the wrist, y up is negative, the palm towards the viewer; the drawn hand is
the figure's right one, at the left of the picture.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from paint import *
from shapes import *

CUFF = [(-40, 372), (-37, 346), (0, 340), (37, 344), (41, 370), (36, 396), (-38, 398)]
SLEEVE = [
    (-48, 392),
    (-47, 366),
    (-20, 359),
    (20, 359),
    (46, 364),
    (50, 396),
    (54, 470),
    (58, 580),
    (64, 700),
    (66, 890),
    (-176, 890),
    (-168, 660),
    (-112, 520),
    (-68, 440),
]
FOLDS = [
    ([(-40, 420), (-8, 436), (32, 430)], 8, -2.6),
    ([(-78, 500), (-28, 530), (32, 520)], 11, 3.2),
    ([(-98, 540), (-40, 580), (32, 566)], 10, -3.2),
    ([(-118, 610), (-58, 640), (32, 625)], 12, 3),
]

# Capsules: (from, to, radius at from, radius at to), and how far above the rest.
PALM = [
    ((-12, 6), (-43, -96), 24, 17),
    ((-5, 2), (-16, -106), 26, 17.5),
    ((6, 2), (11, -110), 26, 17.5),
    ((14, 4), (38, -102), 25, 17),
    ((0, 40), (0, 0), 31, 31),
]
PADS = [((22, -14), (44, -58), 27, 21), ((-22, -10), (-38, -58), 25, 19)]


def finger(base, angle, lengths, r0, r1):
    """Two bones from ``base``; ``angle`` in degrees from straight up, to the right."""
    a = math.radians(angle)
    d = np.array([math.sin(a), -math.cos(a)])
    p0 = np.array(base, float)
    p1, p2 = p0 + d * lengths[0], p0 + d * sum(lengths)
    m = (r0 + r1) / 2
    return [(p0, p1, r0, m), (p1, p2, m, r1)]


def spread(fan):
    """Four fingers and a thumb, opened by ``fan``."""
    out = []
    for base, angle, lengths, r in (
        ((-45, -98), -16, (46, 33), 14.5),
        ((-17, -108), -5.5, (58, 43), 15.5),
        ((11, -112), 2.5, (63, 46), 16.0),
        ((39, -106), 8.5, (57, 41), 15.5),
    ):
        out += finger(base, angle * fan, lengths, r, r * 0.74)
    return out + [((40, -48), (72, -84), 19, 15), ((72, -84), (86 + 8 * (fan - 1), -122), 15, 11.5)]


CREASES_OPEN = [
    ([(-52, -70), (-20, -74), (14, -86), (30, -104)], 2.4, 1.5),
    ([(50, -74), (16, -66), (-18, -48), (-34, -34)], 2.4, 1.5),
    ([(46, -76), (22, -52), (14, -20), (18, 4)], 2.6, 1.7),
]
JOINTS_OPEN = [
    (-60, -138, 10, 8),
    (-23, -160, 11, 6),
    (13, -166, 12, 0),
    (46, -158, 11, -8),
    (-65, -158, 9, 8),
    (-25, -186, 10, 4),
    (13, -196, 10, 0),
    (48, -183, 10, -6),
]


@dataclass(frozen=True)
class Hand:
    """``flat`` parts are blended into one soft surface, ``fingers`` keep their own; ``lean`` in degrees."""

    flat: list
    pads: list
    fingers: list
    creases: list
    at: tuple[float, float] = (-222.0, 322.0)
    lean: float = 4.0


def fist():
    """Thumb up, the curled fingers towards the viewer."""
    flat = [
        ((-20, 36), (-24, -64), 31, 33),
        ((0, 40), (0, 0), 31, 31),
        ((-10, 4), (14, -30), 30, 30),
        ((-8, -40), (16, -62), 26, 24),
    ]
    rolls = [
        ((-12, -76), (42, -74), 15.5, 15.0),
        ((-14, -47), (48, -45), 16.0, 15.5),
        ((-12, -18), (46, -16), 15.5, 15.0),
        ((-8, 8), (38, 10), 13.5, 13.0),
    ]
    fingers = [(*roll, 13.0) for roll in rolls]
    thumb = [((-26, -52), (-26, -96), 24, 20, 6.0), ((-26, -96), (-33, -140), 19.5, 14.5, 6.0)]
    return flat, [], fingers + thumb


def hands():
    flat, pads, fingers = fist()
    thumb_creases = [
        ([(-42, -100), (-27, -97), (-12, -100)], 2.0, 1.1),
        ([(-40, -106), (-28, -103), (-15, -106)], 1.8, 0.9),
    ]
    joints = [
        ([(x - w, y + a * 0.15), (x, y + 1.5), (x + w, y - a * 0.15)], 1.8, 0.9) for x, y, w, a in JOINTS_OPEN
    ]
    return {
        "wave": Hand(PALM, PADS, spread(1.0), CREASES_OPEN + joints),
        "thumbs_up": Hand(flat, pads, fingers, thumb_creases, at=(-204.0, 352.0), lean=9.0),
        "open_palms": Hand(PALM, PADS, spread(1.25), CREASES_OPEN, at=(-166.0, 418.0), lean=-18.0),
    }


def bake_arm(st, K, hand, mirrored=False):
    """One raised arm. Returns its region and premultiplied RGBA; ``mirrored`` is the other side's."""
    f = st["gender"] == "f"
    sc = 0.86 if f else 1.0
    side = -1 if mirrored else 1
    R = Region(-470, -20, 470, 1010, K)
    U, V = R.grid()
    out = np.zeros((R.h, R.w, 4), np.uint8)
    ox, oy = hand.at
    # Everything below is laid out for the left side; the other is its mirror image, lit as it stands.
    lean = math.radians(hand.lean)
    c0, s0 = math.cos(lean), math.sin(lean)
    X0, Y0 = side * U - ox, V - oy
    X, Y = (X0 * c0 + Y0 * s0) / sc, (-X0 * s0 + Y0 * c0) / sc

    def place(points, scale=1.0):
        return [(side * (ox + scale * (x * c0 - y * s0)), oy + scale * (x * s0 + y * c0)) for x, y in points]

    def cap(p, q, r0, r1, fl=1.0):
        p, q = np.array(p, float), np.array(q, float)
        d = q - p
        t = np.clip(((X - p[0]) * d[0] + (Y - p[1]) * d[1]) / (d @ d), 0, 1)
        dist = np.hypot(X - p[0] - d[0] * t, Y - p[1] - d[1] * t)
        r = r0 + (r1 - r0) * t
        return np.sqrt(np.maximum(r * r - dist * dist, 0)) * fl, r - dist

    z, sd = np.zeros_like(U), np.full_like(U, -99)
    for part in hand.flat:
        h, d = cap(*part, fl=0.62)
        z, sd = np.maximum(z, h), np.maximum(sd, d)
    for part in hand.pads:
        h, d = cap(*part, fl=0.72)
        z, sd = np.maximum(z, h + 1.5 * (h > 0)), np.maximum(sd, d)
    z = gf(z, 3.2 * K * sc)
    zf = np.zeros_like(U)
    for p, q, r0, r1, *above in hand.fingers:
        h, d = cap(p, q, r0, r1, fl=0.95)
        zf, sd = np.maximum(zf, h + sum(above) * (d > 0)), np.maximum(sd, d)
    z = np.maximum(z, gf(zf, 0.9 * K))
    m = np.clip(sd * sc * K + 0.5, 0, 1)
    creases = np.zeros_like(U)
    for pts, w, amp in hand.creases:
        creases += line_field(R, place(pts, sc), w, amp)
    t, sp, fr, n = lit(z * sc - creases, K, 0.50)
    ao = np.clip((gf(z, 9 * K) - z) / 14, 0, 1)
    t = np.clip(t * (1 - 0.45 * ao) - 0.01, 0, 1)
    col = ramp(t, st["skin"])
    tips = 0.5 * gf((zf > 9).astype(np.float32), 8 * K) * sstep(-150, -215, Y)
    ball = 0.4 * np.exp(-(((X - 34) / 26) ** 2) - ((Y + 40) / 34) ** 2) + 0.3 * np.exp(
        -(((X + 32) / 22) ** 2) - ((Y + 40) / 34) ** 2
    )
    pink = np.clip(tips + ball, 0, 1)[..., None] * 0.35
    dark = np.mean(hexc(st["skin"][3][1])) < 0.55
    pal = hexc("#c08a70" if dark else st["blush"])
    col = col * (1 - pink) + (col * 0.45 + pal * 0.55) * pink
    if dark:  # palms are lighter than the back of the hand
        col = col * 0.72 + col * np.array([1.28, 1.2, 1.15]) * 0.28 + 0.03
    out = over(out, to_rgba(col, m))

    def shade(path, op, bl, dy, colour):
        nonlocal out
        a = out[..., 3:].astype(np.float32) / 255
        k = (np.roll(R.mask(path, bl), int(dy * K), 0) * op)[..., None] * a
        o = out.astype(np.float32)
        o[..., :3] = o[..., :3] * (1 - k) + hexc(colour) * 255 * a * k
        out = o.astype(np.uint8)

    w = 1.0 if f else 1.12
    turn = math.radians(hand.lean - 4) * 0.55  # the forearm follows the hand half way

    def cloth(points):
        found = []
        for x, y in points:
            x, y = x * w, y - 322
            found.append(
                (
                    side * (ox + x * math.cos(turn) - y * math.sin(turn)),
                    oy + x * math.sin(turn) + y * math.cos(turn),
                )
            )
        return found

    knit = st["outfit"] == "knit"
    if not knit:
        q = poly(catmull(cloth(CUFF), 10, True))
        shade(q, 0.5, 5, -4, "#3a1a14")
        mm, col, _ = lit_shape(R, q, st["shirt"], 26, None, 0.45, tshift=-0.04)
        out = over(out, to_rgba(col, mm))
    b = sum(line_field(R, cloth(pts), wd, amp) for pts, wd, amp in FOLDS)
    if knit:
        along, _across = cloth([(0, 360), (0, 400)]), None
        axis = np.array(along[1], float) - np.array(along[0], float)
        axis /= np.linalg.norm(axis)
        v = (U - along[0][0]) * axis[0] + (V - along[0][1]) * axis[1]
        u = -(U - along[0][0]) * axis[1] + (V - along[0][1]) * axis[0]
        ribs = 1 - sstep(44, 50, v)
        b = (
            b
            + 0.6 * np.cos(2 * np.pi * u / 9) * np.cos(2 * np.pi * v / 6.5) * (1 - ribs)
            + 1.3 * np.cos(2 * np.pi * u / 8) * ribs
        )
    q = poly(catmull(cloth(SLEEVE), 10, True))
    shade(q, 0.5, 5, -5, st.get("cloth_shadow", "#05070c"))
    mm, col, _ = lit_shape(
        R, q, st["jacket"], 46, b, 0.40, spec=0.02, rim=0.14, tshift=-0.17, blur=0.7 if knit else 1.2
    )
    return R, over(out, to_rgba(col, mm))
