"""One eye as the photo shows it: its frame, and its lids fitted to the pixels.

Local coordinates: x along the line of its corners, y down, art px, 0 in the middle.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from bunraku.node.avatars.pack.cv import cv2
from bunraku.node.people.photo.arrays import F32, F64, Box, Floats, smooth
from bunraku.node.people.photo.portrait import Portrait
from bunraku.node.people.photo.space import cheapest_path, grid, sample

UPPER = ((33, 246, 161, 160, 159, 158, 157, 173, 133), (362, 398, 384, 385, 386, 387, 388, 466, 263))
LOWER = ((33, 7, 163, 144, 145, 153, 154, 155, 133), (362, 382, 381, 380, 374, 373, 390, 249, 263))
BROW = ((70, 63, 105, 66, 107), (336, 296, 334, 293, 300))
COLUMNS = 33  # where a lid's edge is looked for
Gain: TypeAlias = Callable[[F32, F32], Floats]
"""How much it speaks for an edge that these colours (columns, offsets, 3) lie above and below it."""


class EyeFrame:
    """``x``, ``y``: local coordinates of the pixels of ``box``. ``up``, ``low``: y of the lids' edges in
    every column of pixels. ``inner`` is 1 over the eye and 0 at its corners. ``patch`` BGR of ``box``."""

    def __init__(self, portrait: Portrait, index: int) -> None:
        p = portrait.points[:, :2]
        a, b = p[UPPER[index][0]], p[UPPER[index][-1]]
        self.half = float(np.linalg.norm(b - a)) / 2
        self._along: F64 = (b - a) / (2 * self.half)
        self._down: F64 = np.array([-self._along[1], self._along[0]])
        self._origin = (a + b) / 2
        reach = int(1.5 * self.half)
        x0, y0 = int(self._origin[0]) - reach, int(self._origin[1]) - reach
        self.box: Box = (x0, y0, 2 * reach, 2 * reach)
        art = portrait.bgra[y0 : y0 + 2 * reach, x0 : x0 + 2 * reach, :3]
        self.patch: F32 = np.ascontiguousarray(art).astype(np.float32)
        own = self._local(grid(2 * reach, 2 * reach) + np.array([x0, y0], np.float32))
        self.x: F32 = np.ascontiguousarray(own[..., 0], np.float32)
        self.y: F32 = np.ascontiguousarray(own[..., 1], np.float32)
        upper, lower = self._local(p[list(UPPER[index])]), self._local(p[list(LOWER[index])])
        self.up, self.low = self._fitted(upper, lower)
        brow = float(self._local(p[list(BROW[index])])[:, 1].max())
        # Skin that may be stretched: up to the brow's lower edge at most.
        room = (float(self.up.min()) - brow) * 0.62
        self.skin = float(np.clip(room, 0.5 * self.height, 1.5 * self.height))
        centre = self._local(portrait.irises[index, :2])
        self.iris = (float(centre[0]), float(centre[1]))
        self.radius = self._fitted_radius(float(portrait.irises[index, 2]))

    def _local(self, xy: Floats) -> F64:
        d = xy - self._origin
        return np.stack([d @ self._along, d @ self._down], -1)

    def at(self, x: Floats, y: Floats) -> F32:
        """Local coordinates as places in ``patch``."""
        dx, dy = np.asarray(x) - self.x, np.asarray(y) - self.y
        h, w = self.x.shape
        return grid(w, h) + (dx[..., None] * self._along + dy[..., None] * self._down).astype(np.float32)

    def _fitted(self, upper: F64, lower: F64) -> tuple[F32, F32]:
        """The lids' edges: the points' curves, drawn to where the picture has an edge."""
        tall = float(np.max(lower[:, 1]) - np.min(upper[:, 1]))
        xs = np.linspace(-0.96, 0.96, COLUMNS) * self.half
        up, low = (_curve(q, xs) for q in (upper, lower))
        # An upper lid is not looked for far away: a brow or the rim of glasses has a stronger edge.
        up = up + self._edge(xs, up, (-0.3 * tall, 0.15 * tall), 0.09 * tall, 6.0, self._darkening)
        low = low + self._edge(xs, low, (-0.1 * tall, 0.6 * tall), 0.08 * tall, 1.5, self._to_skin)
        # An eye that is taller than the net thinks (a drawn one) is wider too.
        self.half *= float(np.clip(0.5 + 0.5 * np.max(low - up) / max(tall, 1), 1, 1.15))
        self.inner = smooth(1.0, 0.86, np.abs(self.x) / self.half)
        ends = np.array([-1.0, 1.0]) * self.half
        zero = np.zeros(1)
        at = np.concatenate([ends[:1], xs, ends[1:]])
        up, low = (np.concatenate([zero, c, zero]) for c in (up, low))
        low = np.maximum(low, up)
        self.height = max(2.0, float((low - up).max()))
        wide_up, wide_low = (np.interp(self.x, at, c).astype(np.float32) for c in (up, low))
        # Beyond the corners both lie on one line.
        shut = 1 - self.inner
        return wide_up + np.maximum(np.minimum(wide_low, wide_up) - wide_up, 0) * shut, wide_low

    def _edge(
        self, xs: F64, guess: F64, reach: tuple[float, float], thick: float, hold: float, gain: Gain
    ) -> F64:
        """How far from ``guess`` the edge lies in each column, steadily along the lid; ``hold`` is what
        it costs to leave it."""
        offsets = np.linspace(*reach, 29)

        def look(shift: float) -> F32:
            x = np.repeat(xs[:, None], len(offsets), 1)
            y = guess[:, None] + offsets + shift
            spots = self._origin + x[..., None] * self._along + y[..., None] * self._down
            return sample(self.patch, (spots - self.box[:2]).astype(np.float32))

        change = gain(look(-thick), look(thick))
        cost = hold * (offsets / (0.3 * self.half)) ** 2 - change / (np.abs(change).std() + 1e-6)
        cost[[0, -1]] += 40 * (offsets / (0.3 * self.half)) ** 2
        path = cheapest_path(cost, offsets, 0.5)
        return cv2.GaussianBlur(path[None], (0, 0), 1.6, borderType=cv2.BORDER_REPLICATE)[0]

    @staticmethod
    def _darkening(above: F32, below: F32) -> Floats:
        """An upper lid's edge: skin above, lashes or the eye below."""
        return (above - below) @ np.array([0.114, 0.587, 0.299])

    @staticmethod
    def _to_skin(above: F32, below: F32) -> Floats:
        """A lower lid's edge: what is above is not of the skin's colour, what is below is."""
        skin = below[:, -3:].mean(1, keepdims=True)
        return np.linalg.norm(above - skin, axis=-1) - np.linalg.norm(below - skin, axis=-1)

    def _fitted_radius(self, guess: float) -> float:
        """Where the iris ends to its sides: the ring past which it gets lighter most."""
        angle = np.radians([*range(-35, 40, 5), *range(145, 220, 5)])
        radii = guess * np.linspace(0.7, 1.6, 37)
        x = self.iris[0] + radii[:, None] * np.cos(angle)
        y = self.iris[1] + radii[:, None] * np.sin(angle)
        spots = self._origin + x[..., None] * self._along + y[..., None] * self._down
        grey = sample(self.patch, (spots - self.box[:2]).astype(np.float32)) @ np.array([0.114, 0.587, 0.299])
        ring = np.median(grey, 1)
        gain = ring[4:] - ring[:-4] - 30 * (radii[2:-2] / guess - 1) ** 2
        return float(radii[2:-2][int(gain.argmax())])

    def open_part(self, inset: float = 0.0) -> F32:
        """1 where the eye is seen between the lids, less ``inset`` px at each."""
        soft = 0.8
        below, above = self.y - self.up - inset, self.low - self.y - inset
        return smooth(-soft, soft, below) * smooth(-soft, soft, above) * (self.inner > 0).astype(np.float32)


def _curve(points: F64, xs: F64) -> F64:
    fit = np.polynomial.Polynomial.fit(points[:, 0], points[:, 1], 4)
    return np.asarray(fit(np.clip(xs, points[:, 0].min(), points[:, 0].max())), np.float64)
