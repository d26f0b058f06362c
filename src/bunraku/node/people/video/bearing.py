"""Where the lower face lies in a picture, by how the face above the lips lies.

The net's points are right to a pixel or so: their errors go with the head's pose, and all of them are set a
little differently on a face whose mouth is at work. It is seen when a mouth of one picture is laid on
another. So it is told by what does not speak:

- how large the face is and how it is turned, by how far the lower lids reach to either side, and how high;
- where it is, by the nostrils;
- where the lips are beyond that (a nod moves the nose's end otherwise than them): while they rest on each
  other they are seen themselves. What nose, lids and the bridge between the eyes say of them is learnt
  there, and believed in the pictures in which the lips speak as far as it holds in pictures that it was not
  learnt from.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bunraku.node.people.photo.arrays import F64, U8, Floats
from bunraku.node.people.photo.space import grid
from bunraku.node.people.video.patch import MouthSeat, softened
from bunraku.node.people.video.steady import smoothed

SOFT = 0.012  # of the eyes' distance: detail finer than this is not compared
COARSE = 2  # px of the patch per pixel that is kept: of softened pictures nothing is lost
CALM = 2.0  # pictures over which what is seen is smoothed
LEAST = 75  # pictures with closed lips from which it can be learnt
STIFF = 0.1  # of the fit, per 100 pictures
PARTS = 5  # of the pictures, each told in turn by what was learnt from the others
LEAST_SPOKEN = 12  # pictures of speech, and of silence, that are compared
BEGINS = 4.0  # pictures in which speech begins and ends: the path of the points is as calm
MOST_TURNED = 0.03  # of the face's size, and radians
FARTHEST = 0.015, 0.03
"""Of the eyes' distance: how far lips may lie from where they are expected in a pose, and in all speech."""

NOSE, LIDS = 0, 4  # of the regions of the face

Box = tuple[float, float, float, float]


class Region:
    """A box of the head at rest, and how it is taken from a picture. ``box``: left, right, top, bottom;
    ``middle`` (2,): of it, px of the patch."""

    def __init__(self, box: Box, seat: MouthSeat) -> None:
        left, right, top, bottom = box
        size = (max(8, int((right - left) * seat.scale)), max(8, int((bottom - top) * seat.scale)))
        self._at: F64 = grid(*size).astype(np.float64) + seat.on_patch(np.array([left, top]))
        self._soft = SOFT * seat.unit * seat.scale
        self.middle: F64 = self._at.reshape(-1, 2).mean(0)

    def seen(self, bgr: U8, place: Floats) -> U8:
        """(h, w): softened luma, ``COARSE``; ``place`` (2, 3) from patch to picture."""
        # A copy: a view would keep the whole.
        return softened(bgr, self._at, place, self._soft)[::COARSE, ::COARSE].copy()


def shifts(pictures: list[U8]) -> F64:
    """(n, 2): by how many px of the patch each lies right and below of their mean; light and contrast
    apart."""
    return COARSE * _changes(pictures)[:, :2]


def turns(pictures: list[U8]) -> F64:
    """(n, 2): by what part each is wider than their mean, and how far it is turned clockwise, radians."""
    height, width = pictures[0].shape
    x, y = np.meshgrid(np.arange(width) - (width - 1) / 2, np.arange(height) - (height - 1) / 2)
    return _changes(pictures, (x, 0 * y), (-y, x))[:, 2:]


def _changes(pictures: list[U8], *ways: tuple[Floats, Floats]) -> F64:
    """(n, 2 + k): right, down, and so many times each of the ``ways`` that a pixel may move, to the first
    order of what each differs from their mean by."""
    mean = np.mean(pictures, axis=0)
    down, across = np.gradient(mean)
    moving = (across, down, *(across * x + down * y for x, y in ways))
    columns = np.column_stack([way.ravel() for way in (*moving, np.ones_like(mean), mean)])
    solve = np.linalg.pinv(columns)[: len(moving)]
    return -np.array([solve @ (one - mean).ravel() for one in pictures])


@dataclass(frozen=True)
class Bearing:
    """Of n pictures: ``turn`` (n, 2, 2): by how much the face is larger and turned about ``middle`` (2,), and
    ``by`` (n, 2): how far it then lies to the right and below, in px of the patch, of where the points have
    it."""

    middle: F64
    turn: F64
    by: F64

    def at(self, spots: Floats) -> F64:
        """(n, k, 2): where ``spots`` (k, 2) of the patch are."""
        out = np.einsum("nij,kj->nki", self.turn, np.asarray(spots, np.float64) - self.middle)
        return np.asarray(out + self.middle + self.by[:, None, :], np.float64)


class Bearings:
    """Shown one picture after another, from the first to the last."""

    def __init__(self, head: Floats, seat: MouthSeat) -> None:
        p, unit = np.asarray(head, np.float64), seat.unit
        eyes, tip = p[[33, 133, 362, 263], :2].mean(0), float(p[2, 1])
        x, y = float(eyes[0]), float(eyes[1])
        self._unit = unit * seat.scale
        self._face = [
            Region((x - a * unit, x + a * unit, top, bottom), seat)
            for a, top, bottom in (
                (0.34, tip - 0.12 * unit, tip + 0.15 * unit),  # nostrils and the skin below them
                (0.30, tip - 0.35 * unit, tip + 0.10 * unit),  # the nose
                (0.20, tip - 0.20 * unit, tip + 0.06 * unit),  # its end
                (0.35, y - 0.12 * unit, y + 0.25 * unit),  # its bridge, with the eyes' inner corners
                (0.75, y + 0.02 * unit, y + 0.22 * unit),  # lower lids
            )
        ]
        self._middle = seat.on_patch(np.array([x, (y + tip) / 2]))  # of the nose, about the points' own
        left, right, top, bottom = (float(v) for v in (p[61, 0], p[291, 0], p[0, 1], p[17, 1]))
        self._lips = Region(
            (left - 0.1 * unit, right + 0.1 * unit, top - 0.08 * unit, bottom + 0.1 * unit), seat
        )
        self._faces: list[list[U8]] = [[] for _ in self._face]
        self._closed: list[U8] = []
        self._when: list[int] = []

    def show(self, bgr: U8, place: Floats, *, closed: bool) -> None:
        """``place`` (2, 3) from patch to picture; ``closed``: the lips rest on each other, and nothing is
        said."""
        for region, kept in zip(self._face, self._faces, strict=True):
            kept.append(region.seen(bgr, place))
        if closed:
            self._when.append(len(self._faces[0]) - 1)
            self._closed.append(self._lips.seen(bgr, place))

    def found(self, talks: np.ndarray) -> Bearing:
        """``talks`` (n,): somebody speaks."""
        n, near, far = len(talks), *(share * self._unit for share in FARTHEST)
        if not n:
            return Bearing(self._middle, np.zeros((0, 2, 2)), np.zeros((0, 2)))
        closed, faces = np.array(self._when, int), [shifts(kept) for kept in self._faces]
        grown, rolled = np.clip(smoothed(turns(self._faces[LIDS]), CALM), -MOST_TURNED, MOST_TURNED).T
        turn = np.stack([np.stack([1 + grown, -rolled], -1), np.stack([rolled, 1 + grown], -1)], 1)
        lips = self._lips.middle - self._middle
        by = np.zeros((n, 2))
        if len(closed) >= LEAST:
            beyond = shifts(self._closed) - (turn[closed] @ lips - lips)
            by = np.clip(lips_by(np.concatenate(faces, 1), closed, beyond), -near, near)
        if min(len(closed), int(talks.sum())) >= LEAST_SPOKEN:
            # Speech changes the lids as well. In all its pictures as a whole the lips go with the nostrils.
            spoken = np.clip(_middle_of(faces[NOSE], talks, closed), -far, far)
            spoken -= _middle_of(by + grown[:, None] * lips, talks, closed)
            by += smoothed(talks.astype(np.float64), BEGINS)[:, None] * spoken
        return Bearing(self._middle, turn, by)


def _middle_of(ways: F64, talks: np.ndarray, closed: np.ndarray) -> F64:
    """(2,): how much the middle of what speaks differs from that of what is closed."""
    return np.median(ways[talks], axis=0) - np.median(ways[closed], axis=0)


def lips_by(face: Floats, when: np.ndarray, lips: Floats) -> F64:
    """(n, 2): where the lips lie in n pictures, by how the face lies, ``face`` (n, d), as the pictures
    ``when`` (m,) show in which they were seen, ``lips`` (m, 2); as far as that can be told (else 0)."""
    x = smoothed(face, CALM)
    x = (x - x[when].mean(0)) / (x[when].std(0) + 1e-6)
    x, y = np.column_stack([x, np.ones(len(x))]), np.asarray(lips, np.float64)
    told = np.zeros_like(y)
    for part in np.array_split(np.arange(len(when)), PARTS):
        others = np.setdiff1d(np.arange(len(when)), part)
        told[part] = x[when[part]] @ _fit(x[when[others]], y[others])
    missed = ((y - told) ** 2).sum(0) / np.maximum(((y - y.mean(0)) ** 2).sum(0), 1e-12)
    trust = np.sqrt(np.clip(1 - missed, 0, 1))
    return np.asarray(x @ _fit(x[when], y) * trust, np.float64)


def _fit(x: Floats, y: Floats) -> F64:
    stiff = np.eye(x.shape[1]) * STIFF * len(x) / 100
    stiff[-1, -1] = 0
    return np.asarray(np.linalg.solve(x.T @ x + stiff, x.T @ y), np.float64)
