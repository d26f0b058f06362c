"""How a photo's head turns: its depth, and the displacement bases that follow from it.

One pose is enough: a photo knows nothing of what a turn would uncover, so another baked pose would
be this same picture warped, and the compositor does that live.
"""

from __future__ import annotations

import numpy as np

from bunraku.node.avatars.pack.cv import cv2
from bunraku.node.avatars.pack.manifest import BASES
from bunraku.node.people.photo.arrays import F32, F64, U8, smooth
from bunraku.node.people.photo.portrait import Portrait

GRID = 16  # art px between displacement nodes
BROWS = (70, 63, 105, 66, 107, 46, 53, 52, 65, 55), (336, 296, 334, 293, 300, 285, 295, 282, 283, 276)
INNER_BROWS = (107, 336, 55, 285)
EARS = (234, 454)
RELIEF = 0.82
"""Of the measured depth: a photo bears too little turning better than too much."""
REACH = 72  # art px by which the bases go past the cut-out: more than a bow carries its edge


class Head:
    """Depth and rigidity on the nodes of the displacement grid, in art px."""

    def __init__(self, portrait: Portrait) -> None:
        self._portrait = portrait
        p, unit = portrait.points, portrait.unit
        height, width = portrait.bgra.shape[:2]
        rows, columns = height // GRID + 1, width // GRID + 1
        x, y = np.meshgrid(np.arange(columns) * GRID, np.arange(rows) * GRID)
        self._x, self._y = x.astype(np.float32), y.astype(np.float32)
        chin, ears = p[152, :2], p[list(EARS)].mean(0)
        # Depth towards the viewer, zero in the plane of the ears.
        z = RELIEF * (ears[2] - p[:, 2])
        outline = _outline(portrait.bgra[..., 3], int(chin[1]))
        places = np.concatenate([p[:, :2], outline]) / GRID
        depth = _scattered(places, np.concatenate([z, np.zeros(len(outline))]), (rows, columns))
        depth = np.maximum(depth, -0.2 * unit)
        under = smooth(chin[1] - 0.1 * unit, chin[1] + 0.5 * unit, self._y)
        throat = 0.25 * unit * np.exp(-(((self._x - chin[0]) / (0.9 * unit)) ** 2))
        self._depth = (depth * (1 - under) + throat * under).astype(np.float32)
        self._pivot = (float(ears[0]), float(0.45 * chin[1] + 0.55 * ears[1]))
        self._rigid = 1 - smooth(chin[1] - 0.3 * unit, chin[1] + 1.15 * unit, self._y)
        self._sliding = 1 - smooth(chin[1] + 0.08 * unit, chin[1] + 0.62 * unit, self._y)
        self._shoulders = smooth(height * 1.05, chin[1] + 0.4 * unit, self._y)

    def bases(self, *, slides: bool) -> F32:
        """(len(BASES), rows, columns, 2): art px per unit of each parameter. With ``slides`` the head
        turns over a neck of its own: whole down to the chin, and what is left below stands still."""
        k = self._portrait.unit / 120  # the drawn cast's figure units: theirs are 120 between the pupils
        out = {name: np.zeros((*self._x.shape, 2), np.float32) for name in BASES}
        turning = self._sliding if slides else self._rigid
        for name, turn in (("yaw", (1, 0, 0)), ("pitch", (0, 1, 0))):
            out[name][:] = self._rate(turn) * turning[..., None]
        out["roll"][:] = self._rate((0, 0, 1)) * self._rigid[..., None]
        out["yaw"][..., 0] += 0.4 * k * turning
        loose = (1 - self._rigid) * self._shoulders
        out["sway"][..., 0] = (10 * self._rigid + 5 * loose) * k
        out["breath"][..., 1] = -(2.2 * self._rigid + 3.0 * loose) * k
        out["nod"][..., 1] = 4 * k * turning
        for name, ids in zip(("brow_l", "brow_r"), BROWS, strict=True):
            out[name][..., 1] = -8.0 * k * self._brow(ids)
        for x, y in self._portrait.points[list(INNER_BROWS), :2].tolist():
            wide = 0.2 * self._portrait.unit
            bump = np.exp(-(((self._x - x) / wide) ** 2) - ((self._y - y) / wide) ** 2)
            out["brow_in"][..., 1] -= 3.0 * k * bump
        return np.stack([out[name] for name in BASES]) * self._near()[None, ..., None]

    def _rate(self, turn: tuple[int, int, int], step: float = 4.0) -> F64:
        """How far a degree of a turn moves each node, were it all head."""
        ahead, back = (self._turned(*(sign * step * n for n in turn)) for sign in (1, -1))
        return (ahead - back) / (2 * step)

    def _turned(self, yaw: float, pitch: float, roll: float) -> F64:
        a, b, c = np.radians([yaw, pitch, roll])
        u, v, z = self._x - self._pivot[0], self._y - self._pivot[1], self._depth
        x, z = u * np.cos(a) + z * np.sin(a), -u * np.sin(a) + z * np.cos(a)
        y = v * np.cos(b) - z * np.sin(b)
        return np.stack([x * np.cos(c) - y * np.sin(c) - u, x * np.sin(c) + y * np.cos(c) - v], -1)

    def _brow(self, ids: tuple[int, ...]) -> F64:
        q = self._portrait.points[list(ids), :2]
        middle, half = q.mean(0), np.ptp(q[:, 0]) / 2
        dx = (self._x - middle[0]) / (1.25 * half)
        dy = (self._y - middle[1]) / (0.24 * self._portrait.unit)
        return np.exp(-(dx**4) - dy**2)

    def _near(self) -> F32:
        """1 on the figure and well past it. Nothing lies behind the cut-out, so the field may reach past
        it; dying away at the edge, it would tear the top of the hair."""
        solid = (self._portrait.bgra[..., 3] > 8).astype(np.float32)
        near = cv2.dilate(solid, np.ones((2 * REACH + 1, 2 * REACH + 1)))
        near = cv2.GaussianBlur(near, (0, 0), 22)[::GRID, ::GRID]
        rows, columns = self._x.shape
        below, right = rows - near.shape[0], columns - near.shape[1]
        near = cv2.copyMakeBorder(near, 0, below, 0, right, cv2.BORDER_REPLICATE)
        return smooth(0.05, 0.9, near)


def _outline(alpha: U8, chin: int) -> F64:
    """(n, 2): the head's silhouette, which lies as deep as the ears."""
    out: list[tuple[int, int]] = []
    for y in range(0, chin, GRID // 2):
        xs = np.nonzero(alpha[y] > 128)[0]
        if xs.size > 4:
            out += [(int(xs[0]), y), (int(xs[-1]), y)]
    for x in range(0, alpha.shape[1], GRID // 2):
        ys = np.nonzero(alpha[:chin, x] > 128)[0]
        if ys.size > 4:
            out.append((x, int(ys[0])))
    return np.array(out, np.float64).reshape(-1, 2)


def _scattered(places: F64, values: F64, shape: tuple[int, int]) -> F32:
    """Smooth field through scattered values: coarse where nothing is known, fine where much is."""
    total, weight = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    for (x, y), z in zip(places.tolist(), values.tolist(), strict=True):
        i, j = round(y), round(x)
        if 0 <= i < shape[0] and 0 <= j < shape[1]:
            total[i, j] += z
            weight[i, j] += 1
    out = np.zeros(shape, np.float32)
    for sigma in (9.0, 4.0, 2.0, 1.1):  # from coarse to fine, in nodes
        t, w = cv2.GaussianBlur(total, (0, 0), sigma), cv2.GaussianBlur(weight, (0, 0), sigma)
        sure = np.clip(w * sigma * sigma * 6.3, 0, 1) if sigma < 9 else 1.0
        out = out + (t / np.maximum(w, 1e-9) - out) * sure
    return out
