"""Where the mouth is, steadily: points that jitter and flow that drifts make one path that does neither.

Pure arithmetic. Lengths in px of the clip's pictures; angles as ``core.media.Pose`` counts them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bunraku.node.avatars.pack.cv import cv2
from bunraku.node.people.photo.arrays import F32, F64, Floats

RIGID = (
    1, 2, 4, 5, 6, 8, 9, 19, 94, 98, 107, 108, 116, 122, 129, 133, 151, 168, 188, 193, 195, 197, 327, 336,
    337, 345, 351, 358, 362, 33, 263, 412, 417, 234, 454, 127, 356,
)  # fmt: skip
"""Points that neither speech nor brows nor lids move."""
LIPS = (61, 291, 0, 17, 13, 14)
CALM = 8.0  # pictures over which what the points say of the path is smoothed


@dataclass
class Stance:
    """How a fixed head stands in each of n pictures: ``x' = scale * turn @ x + shift``, x in px of the
    picture that it was taken from; ``turn`` (n, 3, 3), ``shift`` (n, 3)."""

    scale: F64
    turn: F64
    shift: F64

    def to(self, points: Floats) -> F64:
        """(n, m, 3): where points (m, 3) of the head are in each picture."""
        return (
            self.scale[:, None, None] * np.einsum("nij,mj->nmi", self.turn, points) + self.shift[:, None, :]
        )

    def back(self, points: Floats) -> F64:
        """(n, m, 3): points of each picture, (n, m, 3), as the head at rest has them."""
        centred = (points - self.shift[:, None, :]) / self.scale[:, None, None]
        return np.einsum("nji,nmj->nmi", self.turn, centred)

    def angles(self) -> F64:
        """(n, 3): yaw, pitch, roll in degrees, from the picture that it was taken from."""
        r = self.turn
        yaw = np.arctan2(-r[:, 0, 2], r[:, 2, 2])
        pitch = np.arctan2(r[:, 1, 2], r[:, 2, 2])
        roll = np.arctan2(r[:, 1, 0], r[:, 0, 0])
        return np.degrees(np.stack([yaw, pitch, roll], -1))


def stance_of(head: Floats, points: Floats) -> Stance:
    """The rigid motion (with scale) that takes ``head`` (m, 3) nearest to ``points`` (n, m, 3), by least
    squares (Umeyama, https://doi.org/10.1109/34.88573)."""
    a, b = np.asarray(head, np.float64), np.asarray(points, np.float64)
    ca, cb = a.mean(0), b.mean(1)
    da, db = a - ca, b - cb[:, None]
    u, d, vt = np.linalg.svd(np.einsum("nmi,mj->nij", db, da))
    sign = np.sign(np.linalg.det(u @ vt))
    fix = np.ones_like(d)
    fix[:, 2] = sign
    turn = (u * fix[:, None, :]) @ vt
    scale = (d * fix).sum(1) / (da**2).sum()
    shift = cb - scale[:, None] * np.einsum("nij,j->ni", turn, ca)
    return Stance(scale, turn, shift)


def smoothed(values: Floats, sigma: float) -> F64:
    """Along the first axis, by a Gaussian; the ends are mirrored, so nothing lags."""
    flat = np.asarray(values, np.float64).reshape(len(values), -1)
    if len(flat) < 2:
        return flat.reshape(np.shape(values))
    size = 2 * int(np.ceil(3.5 * sigma)) + 1
    kernel = cv2.getGaussianKernel(size, sigma).ravel()
    pad = size // 2
    index = np.abs(np.arange(-pad, len(flat) + pad))
    index = np.minimum(index, 2 * (len(flat) - 1) - index)
    long = flat[np.clip(index, 0, len(flat) - 1)]
    out = np.stack([np.convolve(column, kernel, "valid") for column in long.T], -1)
    return out.reshape(np.shape(values))


def path(anchors: Floats, moves: Floats, calm: float = CALM) -> F64:
    """(n, k, 2): the steady way of points ``anchors`` (n, k, 2), which jitter but do not drift, by the
    motion of the skin ``moves`` (n, 2, 3), which drifts but does not jitter; NaN where it is not known."""
    anchors = np.asarray(anchors, np.float64)
    steps = np.zeros_like(anchors)
    carried = np.einsum("nij,nkj->nki", moves[1:, :, :2], anchors[:-1]) + moves[1:, None, :, 2]
    steps[1:] = carried - anchors[:-1]
    own = np.zeros_like(anchors)
    own[1:] = np.diff(smoothed(anchors, 1.5), axis=0)
    steps = np.where(np.isfinite(steps), steps, own)
    flowed = np.cumsum(steps, 0)
    return flowed + smoothed(anchors - flowed, calm)


def places(corners: Floats, at: Floats) -> F32:
    """(n, 2, 3): affine maps that take the three points ``at`` (3, 2) to ``corners`` (n, 3, 2)."""
    base = np.linalg.inv(np.column_stack([at, np.ones(3)]))
    return np.einsum("ij,njk->nki", base, np.asarray(corners, np.float64)).astype(np.float32)
