"""Guides and caps of hair."""

from __future__ import annotations

from paint import *


def wave(P, amp, freq, ph=0, start=0.25):
    P = resample(catmull(P, 12), 40)
    t = np.linspace(0, 1, 40)
    d = np.gradient(P, axis=0)
    d /= np.linalg.norm(d, axis=1, keepdims=True) + 1e-6
    n = np.c_[-d[:, 1], d[:, 0]]
    return P + n * (amp * np.sin(t * freq * 2 * np.pi + ph) * sstep(start, 1, t))[:, None]


def lerpg(A, B, s):
    A = resample(A, 40)
    B = resample(B, 40)
    return A * (1 - s) + B * s


def down2(R, a, K):
    R2 = Region(R.x0, R.y0, R.x1, R.y1, K)
    return R2, cv2.resize(a, (R2.w, R2.h), interpolation=cv2.INTER_AREA)


def cap_mask(R, right, grow=0.12):
    """A cap of hair from its right half's outline, with a hairline that is not a cut."""
    half = catmull(np.array(right, float), 10)
    m = R.mask(poly(np.vstack([half, mirror(half)[::-1]])))
    rng = np.random.default_rng(3)
    n = gf(rng.standard_normal(m.shape), 1.5 * R.K)
    _, V = R.grid()
    soft = R.blur(m, 2.2)
    mm = sstep(0.34, 0.66, soft + grow * n / n.std() * sstep(-90, -140, V))
    _, labels, stats, _ = cv2.connectedComponentsWithStats((mm > 0.3).astype(np.uint8))
    biggest = 1 + np.argmax(stats[1:, 4])
    return m, mm * cv2.dilate((labels == biggest).astype(np.uint8), np.ones((3, 3)))
