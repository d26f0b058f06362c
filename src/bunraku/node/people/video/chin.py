"""How far the jaw is down in a picture: by how the chin looks, against how it looks with the lips closed.

The net sets its points on a chin that went down about half as far as it went. So its line and the skin
above it, as they are seen in the pause, are looked for below: the head is at rest, and a chin goes straight
down.
"""

from __future__ import annotations

import numpy as np

from bunraku.node.avatars.pack.cv import cv2
from bunraku.node.people.photo.arrays import F64, U8, Floats
from bunraku.node.people.photo.space import grid
from bunraku.node.people.video.patch import MouthSeat, softened
from bunraku.node.people.video.steady import smoothed

ABOVE, BELOW, ACROSS = 0.30, 0.07, 0.18
"""Of the eyes' distance: what is looked for, above the chin's line, below it and to either side."""
UP, DOWN = 0.05, 0.45  # of that distance: how far it may have gone
SOFT = 0.012  # of that distance: detail finer than this is not compared
ALIKE = 0.8  # correlation from which it is the same chin
ENOUGH = 30  # pictures in which it is, to know what the net's points mean in the others
BREATH = 0.6  # pictures over which what was found is smoothed


class Chin:
    """The place of the chin on the head at rest, and how it is taken from a picture."""

    def __init__(self, head: Floats, seat: MouthSeat) -> None:
        self._unit = unit = seat.unit * seat.scale  # px of the patch
        x, y = seat.on_patch(np.asarray(head, np.float64)[[152], :2])[0]
        size = int(2 * ACROSS * unit), int((ABOVE + BELOW + UP + DOWN) * unit)
        corner = np.array([x - ACROSS * unit, y - (ABOVE + UP) * unit])
        self._at: F64 = grid(*size).astype(np.float64) + corner
        self._skip, self._tall = int(UP * unit), int((ABOVE + BELOW) * unit)

    def seen(self, bgr: U8, place: Floats) -> U8:
        """(h, w): softened luma; ``place`` (2, 3) from patch to picture."""
        return softened(bgr, self._at, place, SOFT * self._unit)

    def down(self, closed: list[U8], others: list[U8]) -> tuple[F64, F64]:
        """(n,) px of the patch by which the chin is lower in ``others`` than in ``closed``, and (n,) how much
        it looks like that there (-1 to 1)."""
        usual = np.mean(closed, axis=0).astype(np.float32)[self._skip : self._skip + self._tall]
        found = [self._find(usual, one) for one in others]
        return np.array([way for way, _ in found]), np.array([alike for _, alike in found])

    def _find(self, usual: Floats, one: U8) -> tuple[float, float]:
        alike = cv2.matchTemplate(
            one.astype(np.float32), np.asarray(usual, np.float32), cv2.TM_CCOEFF_NORMED
        )[:, 0]
        at = int(alike.argmax())
        between = 0.0
        if 0 < at < len(alike) - 1:
            a, b, c = (float(v) for v in alike[at - 1 : at + 2])
            between = 0.5 * (a - c) / min(a - 2 * b + c, -1e-9)
        return at + between - self._skip, float(alike[at])


def drops(told: Floats, index: np.ndarray, way: Floats, alike: Floats) -> F64:
    """(n,): how far the chin is down in each picture. ``told`` (n,) is what the net's points say; in the
    pictures ``index`` it was found ``way`` down, as far as it looked ``alike`` there. Where it did not, the
    net's word counts as much as it does in the others."""
    out = np.asarray(told, np.float64).copy()
    sure = np.asarray(alike) >= ALIKE
    if sure.sum() < ENOUGH:
        return out
    spread = float(np.var(out[index[sure]]))
    slope = float(np.cov(out[index[sure]], np.asarray(way)[sure])[0, 1]) / spread if spread > 1e-6 else 1.0
    middle = float(np.mean(np.asarray(way)[sure]) - slope * np.mean(out[index[sure]]))
    out[index] = np.where(sure, way, slope * out[index] + middle)
    return smoothed(out, BREATH)
