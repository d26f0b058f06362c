"""The face, followed from picture to picture: its points, and what of each picture is needed later.

Lengths in px of the clip's pictures. A picture itself is forgotten once it was looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from bunraku.node.avatars.pack.cv import cv2
from bunraku.node.people.photo.arrays import F32, F64, U8
from bunraku.node.people.photo.find import Face, Finder, Square, square_of
from bunraku.node.people.photo.lips import LOWER_IN, UPPER_IN

LOOKS = ((-0.02, 0.015, 0.98), (0.02, 0.015, 1.03), (0.0, -0.02, 1.0))
"""Crops of each picture, as ``find.SHIFTS``."""
GLANCE = 12  # pictures between two looks for faces in the whole picture
LOST = 0.045  # of the eyes' distance: points that lie so far apart by different crops are no face's
FAR = 0.5  # of the face's square: a face found so far from the points is another
RIVAL = 0.45  # of its side: another face of so much counts
TALL = 64  # px of the longer side of the small pictures
FEATURES = 60  # places whose motion is measured
SKIN = (9, 107, 69, 34, 116, 50, 205, 203, 98, 2, 327, 423, 425, 280, 345, 264, 299, 336)
"""Around the part of the face that neither speech nor blinking moves much: brow, nose, upper cheeks."""
EYES = ((33, 160, 158, 133, 153, 144), (362, 385, 387, 263, 373, 380))
CHEEK = (50, 280, 101, 330)
FIRM = (33, 133, 362, 263, 168, 6, 197, 195, 5, 4, 1, 98, 327)
"""Eyes' corners and nose, by which small pictures of the mouth are laid on each other."""
APART = 45  # px between the eyes in these
MOUTH_SIZE = (56, 44)  # px
MOUTH_AT = (28.0, 15.0)  # where the middle of the lips is in the first of them


@dataclass
class Seen:
    """``n`` pictures.

    ``points`` (n, 468, 3); ``spread`` (n,): how far different looks lie apart, in eye distances; ``moves``
    (n, 2, 3): how the still part of the face moved since the picture before, NaN where that was not seen;
    ``small`` (n, h, w): grey; ``sharp`` (n,): of the mouth and nose at one size; ``light`` (n,): of the
    cheeks, 0 to 255; ``teeth`` (n,): share of the opening of the lips that is bright and pale; ``others``,
    ``missed``: how often another face, or none where the points are, was seen in ``glances``;
    ``biggest``: the other's part of the face's size. ``mouths`` (n, h, w, 3): Y, Cr, Cb of mouth and chin,
    the firm part of the face in its place.
    """

    points: F32
    spread: F32
    moves: F32
    small: U8
    sharp: F32
    light: F32
    teeth: F32
    others: int
    missed: F32
    glances: int
    mouths: U8

    def __len__(self) -> int:
        return len(self.points)


class Follower:
    """Shown one picture after another; ``seen`` at the end."""

    def __init__(self, finder: Finder) -> None:
        self._finder = finder
        self._square: Square | None = None
        self._before: tuple[U8, F64] | None = None
        self._points: list[F32] = []
        self._moves: list[F64] = []
        self._small: list[U8] = []
        self._numbers: list[tuple[float, float, float, float]] = []
        self._missed: list[float] = []
        self._mouths: list[U8] = []
        self._firm: F64 | None = None
        self._others = self._glances = 0

    def begin_with(self, face: Face) -> None:
        """The face to follow, as the picture that is shown next has it."""
        self._square = square_of(face.points)

    def show(self, bgr: U8) -> F32:
        """The face's points in it, (468, 3)."""
        assert self._square is not None
        rgb = np.ascontiguousarray(bgr[..., ::-1])
        n = len(self._points)
        missed = 0.0
        if n % GLANCE == 0:
            missed = self._glance(rgb)
        looks = self._finder.looks(rgb, self._square, LOOKS)
        points = looks.mean(0)
        apart = max(1.0, float(np.linalg.norm(points[263, :2] - points[33, :2])))
        spread = float(np.linalg.norm(looks[..., :2] - points[:, :2], axis=-1).mean()) / apart
        if spread < LOST:
            self._square = square_of(points)
        grey = cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY)
        self._moves.append(self._moved(grey, points))
        self._points.append(points.astype(np.float32))
        h, w = grey.shape
        k = TALL / max(h, w)
        size = (max(1, round(w * k)), max(1, round(h * k)))
        self._small.append(cv2.resize(grey, size, interpolation=cv2.INTER_AREA))
        self._numbers.append((spread, *_quality(bgr, grey, points)))
        self._missed.append(missed)
        self._mouths.append(self._mouth(bgr, points))
        return self._points[-1]

    def _mouth(self, bgr: U8, points: F64) -> U8:
        firm = np.asarray(points[list(FIRM), :2], np.float64)
        at = self._firm
        if at is None:
            lips = points[[13, 14, 61, 291], :2].mean(0)
            scale = APART / max(1.0, float(np.linalg.norm(points[263, :2] - points[33, :2])))
            at = self._firm = np.asarray((firm - lips) * scale + MOUTH_AT, np.float64)
        to = similarity(firm, at)
        big = (MOUTH_SIZE[0] * 3, MOUTH_SIZE[1] * 3)
        to = np.column_stack([to[:, :2] * 3, to[:, 2] * 3 + 1])  # averaged afterwards: no stairs
        seen = cv2.warpAffine(bgr, to, big, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        small = cv2.resize(seen, MOUTH_SIZE, interpolation=cv2.INTER_AREA)
        return cv2.cvtColor(small, cv2.COLOR_BGR2YCrCb)

    def _glance(self, rgb: U8) -> float:
        """1 when no face is where it was; a lost face is sought in the whole picture."""
        assert self._square is not None
        self._glances += 1
        found, mine = self._finder.detect(rgb), self._square
        near = [f for f in found if np.linalg.norm(f.centre - mine.centre) < FAR * mine.side]
        self._others += any(f.side > RIVAL * mine.side for f in found if f not in near)
        if near:
            return 0.0
        if found:
            self._square = max(found, key=lambda f: f.side)
        return 1.0

    def _moved(self, grey: U8, points: F64) -> F64:
        before, self._before = self._before, (grey, points)
        nothing = np.full((2, 3), np.nan)
        if before is None:
            return nothing
        old, at = before
        hull = at[list(SKIN), :2]
        low = np.maximum(hull.min(0) - 24, 0).astype(int)
        high = np.minimum(hull.max(0) + 24, [grey.shape[1], grey.shape[0]]).astype(int)
        if (high - low < 32).any():
            return nothing
        part = (slice(low[1], high[1]), slice(low[0], high[0]))
        mask = np.zeros(grey[part].shape, np.uint8)
        cv2.fillPoly(mask, [np.int32(hull - low)], 255)
        for ids in EYES:  # lids and irises go their own ways
            eye = at[list(ids), :2]
            wide = (eye - eye.mean(0)) * [1.25, 1.9] + eye.mean(0)
            cv2.fillConvexPoly(mask, cv2.convexHull(np.int32(wide - low)), 0)
        a, b = np.ascontiguousarray(old[part]), np.ascontiguousarray(grey[part])
        places = cv2.goodFeaturesToTrack(a, FEATURES, 0.005, 5, mask=mask)
        if places is None or len(places) < 8:
            return nothing
        moved, good, _ = cv2.calcOpticalFlowPyrLK(a, b, places, None, winSize=(21, 21), maxLevel=3)
        good = good.ravel() > 0
        if good.sum() < 8:
            return nothing
        origin = low.astype(np.float32)
        found: Any
        found, _ = cv2.estimateAffinePartial2D(
            places[good, 0] + origin, moved[good, 0] + origin, ransacReprojThreshold=0.8
        )
        return nothing if found is None else np.asarray(found, np.float64)

    def seen(self) -> Seen:
        spread, sharp, light, teeth = np.array(self._numbers, np.float32).T
        return Seen(
            np.array(self._points),
            spread,
            np.array(self._moves, np.float32),
            np.array(self._small),
            sharp,
            light,
            teeth,
            self._others,
            np.array(self._missed, np.float32),
            self._glances,
            np.array(self._mouths),
        )


def similarity(a: F64, b: F64) -> F64:
    """(2, 3): the turn, scale and shift that take points ``a`` (n, 2) nearest to ``b``."""
    ca, cb = a.mean(0), b.mean(0)
    x, y = (a - ca).T
    u, v = (b - cb).T
    size = float((x**2 + y**2).sum())
    p, q = float((x * u + y * v).sum()) / size, float((x * v - y * u).sum()) / size
    turn = np.array([[p, -q], [q, p]])
    return np.column_stack([turn, cb - turn @ ca])


def _quality(bgr: U8, grey: U8, points: F64) -> tuple[float, float, float]:
    """Sharpness, light of the skin, share of teeth between the lips."""
    p = points[:, :2]
    source = np.array([p[33], p[263], p[152]], np.float32)
    m = cv2.getAffineTransform(source, np.array([[24, 20], [96, 20], [60, 124]], np.float32))
    face = cv2.warpAffine(grey, m, (120, 124), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    sharp = float(cv2.Laplacian(face[10:112, 20:100].astype(np.float32), cv2.CV_32F).var())
    h, w = grey.shape
    cheeks = np.clip(p[list(CHEEK)].round(), 0, [w - 1, h - 1]).astype(int)
    light = float(np.median(grey[cheeks[:, 1], cheeks[:, 0]]))
    return sharp, light, _teeth(bgr, p, light)


def _teeth(bgr: U8, p: F64, light: float) -> float:
    hole = p[[*UPPER_IN, *reversed(LOWER_IN)]]
    low = np.maximum(np.floor(hole.min(0)), 0).astype(int)
    high = np.ceil(hole.max(0)).astype(int) + 1
    part = bgr[low[1] : high[1], low[0] : high[0]]
    if min(part.shape[:2]) < 2:
        return 0.0
    mask = np.zeros(part.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.int32(hole - low)], 255)
    inside = part[mask > 0].astype(np.float32)
    if len(inside) < 12:
        return 0.0
    high_, low_ = inside.max(1), inside.min(1)
    return float(((high_ > 0.7 * light) & (low_ > 0.5 * high_)).mean())
