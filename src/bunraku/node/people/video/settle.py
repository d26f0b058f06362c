"""The second look at a clip: where the lower face lies in each picture, and how far the chin is down."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bunraku.node.people.photo.arrays import F64, U8, Floats
from bunraku.node.people.video.bearing import Bearings
from bunraku.node.people.video.chin import Chin
from bunraku.node.people.video.clip import Clip
from bunraku.node.people.video.patch import MouthSeat

RESTS = 60  # pictures of a closed mouth whose chin is compared with, spread over the clip


@dataclass(frozen=True)
class Settled:
    """``anchors`` (n, 3, 2): where those of the seat are in each picture (``bearing``). ``chins`` (m,): in
    which pictures the chin was looked for; ``down`` (m,) patch px: where it was found, and ``alike`` (m,) how
    sure that is (``chin.Chin``)."""

    anchors: F64
    chins: np.ndarray
    down: F64
    alike: F64


def settled(
    clip: Clip,
    first: int,
    head: Floats,
    seat: MouthSeat,
    places: Floats,
    talks: np.ndarray,
    still: np.ndarray,
) -> Settled:
    """Of the pictures from the clip's ``first`` on, in which it ``talks`` (n,), or is ``still``; ``places``
    (n, 2, 3) from patch to picture. Reads the clip once."""
    bearings, chin = Bearings(head, seat), Chin(head, seat)
    rests = np.flatnonzero(still & ~talks)
    compared = set(
        rests[np.unique(np.linspace(0, max(0, len(rests) - 1), min(RESTS, len(rests))).astype(int))]
    )
    closed: list[U8] = []
    open_: dict[int, U8] = {}
    count = 0
    for n, bgr in clip.frames(first, first + len(places)):
        i = n - first
        bearings.show(bgr, places[i], closed=bool(still[i] and not talks[i]))
        if i in compared:
            closed.append(chin.seen(bgr, places[i]))
        elif talks[i]:
            open_[i] = chin.seen(bgr, places[i])
        count = i + 1
    bearing = bearings.found(talks[:count])  # the clip may break off earlier than it did
    spots = seat.on_patch(np.concatenate([seat.anchors[:, :2], np.asarray(head)[[152], :2]]))
    at = np.tile(spots, (len(places), 1, 1))
    at[:count] = bearing.at(spots)
    to = np.asarray(places, np.float64)
    anchors = np.einsum("nij,nkj->nki", to[:, :, :2], at[:, :3]) + to[:, None, :, 2]
    index = np.array(list(open_), int)
    if not closed or not open_:
        return Settled(anchors, np.zeros(0, int), np.zeros(0), np.zeros(0))
    down, alike = chin.down(closed, list(open_.values()))
    rested = np.median(at[sorted(compared), 3, 1])
    return Settled(anchors, index, down - (at[index, 3, 1] - rested), alike)
