"""What is in the photo: faces, the 468 points of the one that counts, and its irises.

The nets are MediaPipe's, run by OpenCV. Points are numbered as in its canonical face model.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from bunraku.node.avatars.pack.cv import cv2
from bunraku.node.people.photo.arrays import F32, F64, U8, Floats

RIGHT_EYE, LEFT_EYE = (33, 133), (362, 263)  # corners, from the picture's left to its right
SURE = 0.6  # score from which a square is a face
TILE = 0.6  # of the shorter side: a second look at parts, where small faces are larger
SHIFTS = [(dx, dy, k) for dx in (-0.02, 0.02) for dy in (-0.02, 0.02) for k in (0.97, 1.04)]
"""Averaged over crops moved and scaled by these shares, points are steady to well below a pixel."""


@dataclass(frozen=True)
class Square:
    """A face as the detector sees it: its middle and side in photo px, its tilt in degrees."""

    centre: F64
    side: float
    tilt: float
    score: float


@dataclass(frozen=True)
class Face:
    """``points`` (468, 3) in photo px, z negative towards the viewer; ``irises`` (2, 3): x, y and
    radius; ``spread``: how far the points of different crops lie apart, in pupil distances."""

    points: F64
    irises: F64
    score: float
    spread: F64

    @property
    def apart(self) -> float:
        """Between the pupils, px: the face's own yardstick."""
        return float(np.linalg.norm(self.irises[1, :2] - self.irises[0, :2]))


class Finder:
    """The nets, loaded once."""

    def __init__(self, models: Path) -> None:
        self._detector = _of_two(models / "detector.tflite")
        self._mesh = cv2.dnn.readNetFromTFLite(str(models / "landmarks.tflite"))
        self._iris = cv2.dnn.readNetFromTFLite(str(models / "iris.tflite"))
        self._models = models

    def squares(self, rgb: U8) -> list[Square]:
        """Every face, the largest first."""
        found: list[Square] = []
        for part, x, y in _parts(rgb):
            for square in self.detect(part):
                moved = Square(square.centre + np.array([x, y]), square.side, square.tilt, square.score)
                same = [f for f in found if np.linalg.norm(f.centre - moved.centre) < 0.4 * f.side]
                if not same:
                    found.append(moved)
        return sorted(found, key=lambda s: -s.side)

    def detect(self, rgb: U8) -> list[Square]:
        """Faces that are seen at a glance, the surest first: small ones are missed (``squares``)."""
        h, w = rgb.shape[:2]
        side = max(h, w)
        whole = cv2.copyMakeBorder(rgb, 0, side - h, 0, side - w, cv2.BORDER_CONSTANT)
        x = cv2.resize(whole, (128, 128), interpolation=cv2.INTER_AREA).astype(np.float32)[None] / 127.5 - 1
        out = _run(self._detector, x)
        boxes = next(o for o in out if o.size == 896 * 16).reshape(896, 16) / 128
        logits = next(o for o in out if o.size == 896).ravel()
        scores = 1 / (1 + np.exp(-np.clip(logits, -50, 50)))
        anchors = _anchors()
        found: list[Square] = []
        for i in np.argsort(-scores)[:40]:
            if scores[i] < SURE:
                break
            centre = (boxes[i, :2] + anchors[i]) * side
            size = 1.5 * float(max(boxes[i, 2:4])) * side
            if all(np.linalg.norm(f.centre - centre) > 0.4 * f.side for f in found):
                across = boxes[i, 6:8] - boxes[i, 4:6]
                tilt = float(np.degrees(np.arctan2(across[1], across[0])))
                found.append(Square(centre, size, tilt, float(scores[i])))
        return found

    def face(self, rgb: U8, square: Square) -> Face:
        """Points and irises of one face."""
        for _ in range(2):  # the second look is centred on what the first found
            square = square_of(self._points(rgb, square.centre, square.side, square.tilt), square.score)
        looks, tilt = self.looks(rgb, square, SHIFTS), square.tilt
        points = looks.mean(0)
        irises = np.array(
            [
                self._pupil(rgb, points, RIGHT_EYE, tilt, mirror=True),
                self._pupil(rgb, points, LEFT_EYE, tilt, mirror=False),
            ]
        )
        apart = max(1.0, float(np.linalg.norm(irises[1, :2] - irises[0, :2])))
        spread = np.linalg.norm(looks[..., :2] - points[:, :2], axis=-1).mean(0) / apart
        return Face(points, irises, square.score, spread)

    def looks(self, rgb: U8, square: Square, shifts: Sequence[tuple[float, float, float]]) -> F64:
        """(looks, 468, 3): the points by crops of ``square`` moved and scaled (``SHIFTS``)."""
        side = square.side
        return np.array(
            [
                self._points(rgb, square.centre + np.array([dx, dy]) * side, side * k, square.tilt)
                for dx, dy, k in shifts
            ]
        )

    def _points(self, rgb: U8, centre: F64, side: float, tilt: float) -> F64:
        x, back = _crop(rgb, centre, side, tilt, 192)
        p = next(o for o in _run(self._mesh, x) if o.size == 1404).reshape(468, 3).astype(np.float64)
        xy = p[:, :2] @ back[:, :2].T + back[:, 2]
        return np.column_stack([xy, p[:, 2] * side / 192])

    def lids(self, rgb: U8, face: Face) -> tuple[float, float]:
        """How far each eye is open, in its widths. The mesh draws an open eye where one is closed; the
        outline by the net for irises does not."""
        across = face.points[263, :2] - face.points[33, :2]
        tilt = float(np.degrees(np.arctan2(across[1], across[0])))
        out: list[float] = []
        for corners, mirror in ((RIGHT_EYE, True), (LEFT_EYE, False)):
            x, _ = _eye(rgb, face.points, corners, tilt, mirror=mirror)
            outlines = next(o for o in _run(self._outlines, x) if o.size == 213).reshape(71, 3)
            out.append(_height(outlines[:16, :2]))
        return out[0], out[1]

    @cached_property
    def _outlines(self) -> Any:
        return _of_two(self._models / "iris.tflite")

    def _pupil(self, rgb: U8, points: F64, corners: tuple[int, int], tilt: float, *, mirror: bool) -> F64:
        x, back = _eye(rgb, points, corners, tilt, mirror=mirror)
        p = next(o for o in _run(self._iris, x) if o.size == 15).reshape(5, 3)[:, :2].astype(np.float64)
        if mirror:
            p[:, 0] = 63 - p[:, 0]
        p = p @ back[:, :2].T + back[:, 2]
        return np.array([*p[0], np.linalg.norm(p[1:] - p[0], axis=1).mean()])


def _of_two(net: Path) -> Any:
    """A net with two outputs: the new engine of OpenCV 5 loses one; before, there is no choice."""
    classic = getattr(cv2.dnn, "ENGINE_CLASSIC", None)
    return cv2.dnn.readNetFromTFLite(str(net), **({} if classic is None else {"engine": classic}))


def _eye(rgb: U8, points: F64, corners: tuple[int, int], tilt: float, *, mirror: bool) -> tuple[F32, F64]:
    """An eye for the net, and the way back of one that is not mirrored."""
    a, b = points[corners[0], :2], points[corners[1], :2]
    x, back = _crop(rgb, (a + b) / 2, max(4.0, 2.3 * float(np.linalg.norm(b - a))), tilt, 64)
    return (np.ascontiguousarray(x[:, :, ::-1]) if mirror else x), back  # it knows left eyes only


def _height(outline: F32) -> float:
    """Of an eye, in its widths. ``outline`` (16, 2): the lower lid from corner to corner, then the upper."""
    lids = np.linalg.norm(outline[[11, 12, 13]] - outline[[3, 4, 5]], axis=1).mean()
    return float(lids / max(1.0, float(np.linalg.norm(outline[8] - outline[0]))))


def square_of(points: Floats, score: float = 1.0) -> Square:
    """Where to look for a face whose points were last seen here."""
    low, high = points[:, :2].min(0), points[:, :2].max(0)
    across = points[263, :2] - points[33, :2]
    tilt = float(np.degrees(np.arctan2(across[1], across[0])))
    return Square(np.asarray((low + high) / 2, np.float64), 1.5 * float(max(high - low)), tilt, score)


def _parts(rgb: U8) -> Iterator[tuple[U8, int, int]]:
    """The photo, then overlapping parts of it, with their corners."""
    yield rgb, 0, 0
    h, w = rgb.shape[:2]
    side = int(TILE * min(h, w))
    for y in sorted({0, (h - side) // 2, h - side}):
        for x in sorted({0, (w - side) // 2, w - side}):
            yield rgb[y : y + side, x : x + side], x, y


def _anchors() -> F64:
    """(896, 2): where the detector's boxes are counted from, in shares of the side."""
    return np.array(
        [
            ((x + 0.5) / n, (y + 0.5) / n)
            for n, k in ((16, 2), (8, 6))
            for y in range(n)
            for x in range(n)
            for _ in range(k)
        ]
    )


def _run(net: Any, x: F32) -> list[F32]:
    net.setInput(np.ascontiguousarray(x.transpose(0, 3, 1, 2)))
    return list(net.forward(net.getUnconnectedOutLayersNames()))


def _crop(rgb: U8, centre: F64, side: float, tilt: float, size: int) -> tuple[F32, F64]:
    """A tilted square as (1, size, size, 3) of 0 to 1, and the map from its px back to the photo."""
    m = cv2.getRotationMatrix2D((float(centre[0]), float(centre[1])), tilt, size / side)
    m[:, 2] += size / 2 - centre
    way = cv2.INTER_AREA if side > size else cv2.INTER_CUBIC
    x = cv2.warpAffine(rgb, m, (size, size), flags=way).astype(np.float32)[None] / 255
    return x, cv2.invertAffineTransform(m)
