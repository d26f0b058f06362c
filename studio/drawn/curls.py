"""Short hair and curls."""

from __future__ import annotations

from paint import *
from strands import *


def coils(c, R, mm, t, pal, count, size, rng, dark=0.0):
    """Curls by the thousand: arcs, lighter where the light falls."""
    points = []
    for _ in range(count):
        i, j = rng.integers(0, R.h), rng.integers(0, R.w)
        if mm[i, j] >= 0.6:
            points.append((R.x0 + j / R.K, R.y0 + i / R.K, t[i, j]))
    rng.shuffle(points)
    for u, v, tt in points:
        sz = rng.uniform(*size(u, v))
        b = np.clip(0.11 + 0.95 * tt**1.4 * (0.35 + 0.85 * rng.random() ** 1.5) - dark, 0, 1)
        alpha = 0.75 * (1 if v < -95 or size(u, v)[1] > 5 else max(0.25, 1 - 0.65 * sstep(-95, 10, v)))
        box = skia.Rect.MakeXYWH(u - sz, v - sz * 0.85, 2 * sz, 1.7 * sz)
        width = rng.uniform(0.8, 1.4) * (1 + 0.12 * max(0, sz - 4))
        paint = skia.Paint(
            Color=C(ramp(np.array(b), pal), alpha),
            AntiAlias=True,
            Style=skia.Paint.kStroke_Style,
            StrokeWidth=width,
            StrokeCap=skia.Paint.kRound_Cap,
        )
        c.drawArc(box, rng.uniform(0, 360), rng.uniform(150, 250), False, paint)


def bake_hair_short(st, K0):
    """Tight coils, faded at the sides."""
    K, pal = K0 * 2, st["hair"]
    R = Region(-180, -262, 180, 60, K)
    U, V = R.grid()
    right = [
        (0, -226),
        (54, -220),
        (100, -196),
        (130, -154),
        (141, -104),
        (140, -60),
        (136, -20),
        (134, 14),
        (127, 22),
        (120, 14),
        (121, -14),
        (121, -44),
        (113, -72),
        (112, -96),
        (98, -114),
        (60, -123),
        (0, -126),
    ]
    m, mm = cap_mask(R, right)
    t, *_ = lit(inflate(m, 3, 3 * K) * 52, K, 0.30)
    a, c, _ = R.surf()
    a[:] = to_rgba(ramp(np.clip(t * 0.62 - 0.06, 0, 1) * 0.55, pal), mm)
    rng = np.random.default_rng(3)
    coils(c, R, mm, t, pal, 6000, lambda u, v: (2.2, 4.2) if v < -120 else (1.4, 2.6), rng)
    fade = 1 - 0.70 * sstep(-92, 18, V) * sstep(-1, 1, 137 - np.abs(U))
    n = gf(rng.standard_normal(m.shape), 0.7 * K)
    density = np.clip(fade + 0.30 * n / n.std() * (1 - fade), 0, 1)
    return (None, None), down2(R, (a.astype(np.float32) * density[..., None]).astype(np.uint8), K0)


def bake_hair_curly(st, K0):
    """A cloud of curls behind the face and a fringe of them around it."""
    K, pal = K0 * 2, st["hair"]
    rng = np.random.default_rng(9)
    RB = Region(-285, -330, 285, 300, K)
    outline = [
        (0, -292),
        (78, -290),
        (148, -258),
        (200, -198),
        (232, -118),
        (243, -30),
        (237, 56),
        (214, 128),
        (176, 176),
        (132, 194),
        (96, 182),
        (0, 160),
    ]
    m, mm = cap_mask(RB, outline, 0.0)
    t, *_ = lit(inflate(m, 3, 3 * K) * 90, K, 0.28)
    aB, c, _ = RB.surf()
    aB[:] = to_rgba(ramp(np.clip(t * 0.44 - 0.03, 0, 1), pal), mm)
    coils(c, RB, mm, t, pal, 7000, lambda u, v: (5.0, 10.5), rng, 0.03)
    U, V = RB.grid()
    behind = np.exp(-((U / 118) ** 4)) * sstep(20, 120, V) * 0.62
    aB[..., :3] = (aB[..., :3] * (1 - behind)[..., None]).astype(np.uint8)
    aB[(V < 20) & (np.abs(U) < 72) & (V > -140)] = 0
    RF = Region(-285, -330, 285, 200, K)
    right = [
        (0, -290),
        (74, -288),
        (140, -256),
        (190, -198),
        (220, -124),
        (230, -40),
        (222, 40),
        (198, 106),
        (166, 126),
        (143, 96),
        (132, 44),
        (127, -10),
        (122, -52),
        (112, -90),
        (92, -116),
        (52, -132),
        (0, -130),
    ]
    m, mm = cap_mask(RF, right, 0.2)
    t, *_ = lit(inflate(m, 3, 3 * K) * 74, K, 0.30)
    _, V = RF.grid()
    t = np.maximum(t, 0.44 * sstep(-60, 40, V))  # its lower end melts into the curls behind
    aF, c, _ = RF.surf()
    aF[:] = to_rgba(ramp(np.clip(t * 0.5 - 0.04, 0, 1), pal), mm)
    coils(c, RF, mm, t, pal, 7000, lambda u, v: (4.5, 9.5), rng)
    coils(c, RF, mm, t, pal, 2600, lambda u, v: (3.0, 6.5), rng, -0.08)
    return down2(RB, aB, K0), down2(RF, aF, K0)


def bake_hair_swept(st, K0):
    """Short straight hair, combed up and back from a receding hairline."""
    K, pal = K0 * 2, st["hair"]
    R = Region(-190, -275, 190, 60, K)
    U, V = R.grid()
    right = [
        (0, -238),
        (44, -239),
        (90, -222),
        (124, -182),
        (141, -122),
        (142, -62),
        (139, -20),
        (136, 14),
        (129, 20),
        (123, 8),
        (123, -24),
        (120, -56),
        (110, -92),
        (96, -128),
        (74, -142),
        (46, -138),
        (0, -132),
    ]
    m, mm = cap_mask(R, right, 0.10)
    t, *_ = lit(inflate(m, 3, 3 * K) * 56, K, 0.32)
    a, c, _ = R.surf()
    a[:] = to_rgba(ramp(np.clip(t * 0.52 - 0.02, 0, 1), pal), mm)
    rng = np.random.default_rng(6)
    strands = []
    for _ in range(9000):
        i, j = rng.integers(0, R.h), rng.integers(0, R.w)
        if mm[i, j] >= 0.5:
            strands.append((R.x0 + j / R.K, R.y0 + i / R.K, t[i, j]))
    strands.sort(key=lambda p: p[1] + 14 * rng.random())
    for u, v, tt in strands:
        side = sstep(96, 124, abs(u)) * sstep(-150, -110, v)
        up = np.array([(u + 34) * 0.0125 + 0.12 * rng.standard_normal(), -1.0])
        down = np.array([np.sign(u) * 0.22 + 0.08 * rng.standard_normal(), 1.0])
        d = up * (1 - side) + down * side
        d /= np.linalg.norm(d) + 1e-6
        length = rng.uniform(16, 34) * (1 - 0.62 * side)
        bend = np.array([d[1], -d[0]]) * rng.uniform(-2.2, 2.2)
        # Combed hair ends where the head does: strands shorten towards the outline.
        while length > 5:
            x1, y1 = u + d[0] * length, v + d[1] * length
            i, j = int((y1 - R.y0) * K), int((x1 - R.x0) * K)
            if 0 <= i < R.h and 0 <= j < R.w and m[i, j] > 0.5:
                break
            length *= 0.8
        else:
            continue
        b = np.clip(0.10 + 0.9 * tt**1.3 * (0.5 + 0.7 * rng.random()), 0, 1)
        p = skia.Path()
        p.moveTo(u, v)
        p.quadTo((u + x1) / 2 + bend[0], (v + y1) / 2 + bend[1], x1, y1)
        c.drawPath(
            p,
            skia.Paint(
                Color=C(ramp(np.array(b), pal), 0.55 * (1 - 0.5 * side)),
                AntiAlias=True,
                Style=skia.Paint.kStroke_Style,
                StrokeWidth=rng.uniform(0.7, 1.5),
                StrokeCap=skia.Paint.kRound_Cap,
            ),
        )
    fade = 1 - 0.62 * sstep(-86, 18, V) * sstep(-1, 1, 139 - np.abs(U))
    n = gf(rng.standard_normal(m.shape), 0.7 * K)
    density = np.clip(fade + 0.28 * n / n.std() * (1 - fade), 0, 1)
    return (None, None), down2(R, (a.astype(np.float32) * density[..., None]).astype(np.uint8), K0)
