"""Smooth displacement fields: splines through control points, and their inverses."""

from __future__ import annotations

import numpy as np

from bunraku.node.avatars.pack.cv import cv2
from bunraku.node.people.photo.arrays import F32, F64, U8, Box, Floats

STEP = 6  # px between the nodes on which a spline is evaluated
STIFFNESS = 1e-3


class Spline:
    """Thin-plate interpolation of anything known at ``points`` (n, 2), evaluated over a box of pixels.

    Factored once: a face has dozens of shapes and one set of points.
    """

    def __init__(self, points: Floats, box: Box) -> None:
        x, y, w, h = box
        unit, n = float(np.ptp(points, 0).max()), len(points)
        p = points / unit
        a = np.zeros((n + 3, n + 3))
        a[:n, :n] = _kernel(p, p) + STIFFNESS * np.eye(n)
        a[:n, n:] = np.column_stack([np.ones(n), p])
        a[n:, :n] = a[:n, n:].T
        self._solve = np.linalg.inv(a)[:, :n]
        self._width, self._height = w, h
        # Node i lies at the centre of a cell of STEP px, as cv2.resize expects.
        self._columns, self._rows = -(-w // STEP), -(-h // STEP)
        across = x + (np.arange(self._columns) + 0.5) * STEP - 0.5
        down = y + (np.arange(self._rows) + 0.5) * STEP - 0.5
        q = np.stack(np.meshgrid(across, down), -1).reshape(-1, 2) / unit
        self._at = np.column_stack([_kernel(q, p), np.ones(len(q)), q])

    def __call__(self, values: Floats) -> F32:
        """``values`` (n, c) at the points give (height, width, c)."""
        coarse = self._at @ (self._solve @ values)
        nodes = coarse.reshape(self._rows, self._columns, -1).astype(np.float32)
        big = cv2.resize(nodes, (self._columns * STEP, self._rows * STEP), interpolation=cv2.INTER_CUBIC)
        return np.ascontiguousarray(big[: self._height, : self._width])


def _kernel(a: Floats, b: Floats) -> F64:
    d = ((a[:, None] - b[None]) ** 2).sum(-1)
    return 0.5 * d * np.log(d + 1e-12)


def grid(width: int, height: int) -> F32:
    """(height, width, 2): every pixel's own place."""
    return np.stack(np.meshgrid(np.arange(width), np.arange(height)), -1).astype(np.float32)


def sample(image: Floats | U8, where: Floats, *, fine: bool = False) -> F32:
    """The image at places (h, w, 2), its border carried on."""
    way = cv2.INTER_CUBIC if fine else cv2.INTER_LINEAR
    return cv2.remap(image, where.astype(np.float32), None, way, borderMode=cv2.BORDER_REPLICATE).astype(
        np.float32
    )


def inverse(push: Floats, rounds: int = 14) -> Floats:
    """Where each pixel of the result comes from, when the pixel q goes to ``q + push(q)``.

    Fixed-point steps, damped: a mouth stretches skin by more than a plain step bears.
    """
    own = grid(push.shape[1], push.shape[0])
    at: Floats = own - push
    for _ in range(rounds):
        at = 0.4 * at + 0.6 * (own - sample(push, at))
    return at


def cheapest_path(cost: Floats, offsets: Floats, bend: float) -> F64:
    """The offset chosen in each row of ``cost`` (rows, offsets) so that the sum of costs, and of
    ``bend`` times the squared steps between neighbours (in places of the list), is least."""
    n = len(offsets)
    pull = bend * (np.arange(n)[:, None] - np.arange(n)) ** 2
    total = cost[0].astype(np.float64)
    back: list[np.ndarray] = []
    for row in cost[1:]:
        reached = total[None] + pull
        back.append(reached.argmin(1))
        total = reached.min(1) + row
    at = int(total.argmin())
    path = [at]
    for choice in reversed(back):
        at = int(choice[at])
        path.append(at)
    return np.asarray(offsets[path[::-1]], np.float64)
