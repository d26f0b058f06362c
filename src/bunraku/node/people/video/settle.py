"""Where a face that speaks is taken to be, against one that is silent.

The net sets its points a little differently on a face whose mouth is at work, all of them, by up to a
hundredth of the eyes' distance: that is seen when a mouth of the one is laid on the other. Nostrils and the
skin below them do not speak; how they lie in both tells by how much.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bunraku.node.avatars.pack.cv import cv2
from bunraku.node.people.photo.arrays import F32, F64, U8, Floats
from bunraku.node.people.video.chin import Chin
from bunraku.node.people.video.clip import Clip
from bunraku.node.people.video.patch import MouthSeat

SPOKEN, SILENT = 120, 60
"""Pictures of each kind that are compared, spread over the clip."""
LEAST = 12  # of each: from fewer nothing is told
ACROSS, ABOVE, BELOW = 0.34, 0.12, 0.15
"""Of the eyes' distance: what is compared, from the middle to either side, above the nose's end and below.
So near to the lips a turn of the head moves it as it moves them."""
SOFT = 0.012  # of that distance: detail finer than this is not compared
FARTHEST = 0.03  # of that distance


class Nose:
    """The place of the nose on the head at rest, and how it is taken from a picture."""

    def __init__(self, head: Floats, seat: MouthSeat) -> None:
        p = np.asarray(head, np.float64)
        x, y, unit = float(p[[2, 4, 168], 0].mean()), float(p[2, 1]), seat.unit
        size = (int(2 * ACROSS * unit * seat.scale), int((ABOVE + BELOW) * unit * seat.scale))
        across, down = np.meshgrid(np.arange(size[0]), np.arange(size[1]))
        corner = seat.on_patch(np.array([x - ACROSS * unit, y - ABOVE * unit]))
        self._at: F64 = np.stack([across, down], -1) + corner
        self.unit = unit * seat.scale
        self._soft = SOFT * self.unit

    def seen(self, bgr: U8, place: Floats) -> F32:
        """(h, w): softened luma; ``place`` (2, 3) from patch to picture."""
        at = (self._at @ np.asarray(place, np.float64)[:, :2].T + place[:, 2]).astype(np.float32)
        grey = cv2.cvtColor(cv2.remap(bgr, at, None, cv2.INTER_LINEAR), cv2.COLOR_BGR2GRAY)
        return cv2.GaussianBlur(grey.astype(np.float32), (0, 0), self._soft)


def shifts(noses: list[F32]) -> F64:
    """(n, 2): by how many px each lies right and below of their mean; light and contrast apart."""
    mean = np.mean(noses, axis=0)
    down, across = np.gradient(mean)
    columns = np.column_stack([across.ravel(), down.ravel(), np.ones(mean.size), mean.ravel()])
    solve = np.linalg.pinv(columns)[:2]
    return -np.array([solve @ (nose - mean).ravel() for nose in noses])


@dataclass(frozen=True)
class Settled:
    """``by`` (2,): how far, in patch px, the face lies to the right and below in the pictures in which
    somebody talks, against those in which nobody does; 0 where that cannot be told. ``chins`` (m,): in which
    pictures the chin was looked for; ``down`` (m,) patch px: where it was found, and ``alike`` (m,) how sure
    that is (``chin.Chin``)."""

    by: F64
    chins: np.ndarray
    down: F64
    alike: F64


def of_speech(
    clip: Clip, first: int, nose: Nose, chin: Chin, places: Floats, talks: np.ndarray, still: np.ndarray
) -> Settled:
    """Of the pictures, from the clip's ``first`` on, in which it ``talks`` (n,) and in which it is ``still``.
    Reads the clip once."""
    some = [_spread(talks, SPOKEN), _spread(still, SILENT)]
    nothing = Settled(np.zeros(2), np.zeros(0, int), np.zeros(0), np.zeros(0))
    if min(map(len, some)) < LEAST:
        return nothing
    index, speaking = np.sort(np.concatenate(some)), np.flatnonzero(talks)
    noses, at_rest = set(index.tolist()), set(some[1].tolist())
    seen: dict[int, F32] = {}
    closed: list[U8] = []
    open_: dict[int, U8] = {}
    begin, end = int(min(index[0], speaking[0])), int(max(index[-1], speaking[-1])) + 1
    for n, bgr in clip.frames(first + begin, first + end):
        i = n - first
        if i in noses:
            seen[i] = nose.seen(bgr, places[i])
        if i in at_rest:
            closed.append(chin.seen(bgr, places[i]))
        elif talks[i]:
            open_[i] = chin.seen(bgr, places[i])
    spoken = np.isin(list(seen), some[0])
    if not closed or not open_ or not spoken.any():  # it breaks off earlier than it did
        return nothing
    shift = shifts(list(seen.values()))
    by = np.median(shift[spoken], axis=0) - np.median(shift[~spoken], axis=0)
    most = FARTHEST * nose.unit
    by = np.clip(by, -most, most)
    down, alike = chin.down(closed, list(open_.values()))
    return Settled(by, np.array(list(open_), int), down - by[1], alike)


def _spread(mask: np.ndarray, most: int) -> np.ndarray:
    """Numbers of at most so many, from the first to the last."""
    index = np.flatnonzero(mask)
    return index[np.unique(np.linspace(0, max(0, len(index) - 1), min(most, len(index))).astype(int))]
