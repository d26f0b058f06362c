"""Which stretch of the footage the figure rests in, and how its end meets its start.

Pure arithmetic over numbers of each picture, and the cross-fade itself.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bunraku.node.avatars.pack.cv import cv2
from bunraku.node.people.photo.arrays import F32, F64, U8, Floats, step
from bunraku.node.people.photo.space import grid
from bunraku.node.people.video.steady import smoothed

SHORTEST, LONGEST = 100, 300
"""Pictures of a loop, 4 to 12 s."""
FADE = 10  # pictures of a cross-fade
LENGTH = 0.06  # what each further second is worth, in units of the costs below
SEEN = 12  # grey levels by which small pictures differ that cost as much as ``PLACE``
PLACE = 1.0
TURN = 0.25  # what playing backwards costs by itself
CALM = 12  # pictures of which one may be an end
BEST = 160  # stretches whose pictures are compared
FINE = 1.5  # cost of a join that is not noticed


class Stretch(NamedTuple):
    """Pictures ``first`` to before ``last``. ``fade``: their last ``FADE`` turn into the ``FADE`` before
    ``first``, so that the first follows the last; else played to and fro. ``cost``: of the join; up to
    ``FINE`` is not noticed."""

    first: int
    last: int
    fade: bool
    cost: float


def choose(usable: np.ndarray, state: Floats, small: U8) -> Stretch | None:
    """The best stretch all of whose pictures are ``usable`` (n,); None when none is long enough.

    ``state`` (n, d): where the head is, how open the eyes are, scaled so that a difference of 1 is seen;
    ``small`` (n, h, w): small grey pictures.
    """
    found = [*_fades(usable, state), *_turns(usable, state, small)]
    if not found:
        return None
    found.sort(key=_dear)
    return min((_looked_at(s, small) for s in found[:BEST]), key=_dear)


def _dear(stretch: Stretch) -> float:
    """What its join costs, less what its length is worth: who comes round soon is soon seen through."""
    return stretch.cost - LENGTH * (stretch.last - stretch.first) / 25


def _runs(usable: np.ndarray, least: int) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], usable.astype(np.int8), [0]])))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True) if b - a >= least]


def runs(usable: np.ndarray, least: int = 1) -> list[tuple[int, int]]:
    """First and one past the last of each row of true values that is at least so long."""
    return _runs(usable, least)


def _fades(usable: np.ndarray, state: Floats) -> list[Stretch]:
    out: list[Stretch] = []
    for a, b in _runs(usable, SHORTEST + FADE):
        part = np.asarray(state[a:b], np.float64)
        for length in range(SHORTEST, min(LONGEST, b - a - FADE) + 1, 2):
            apart = np.linalg.norm(part[length:] - part[:-length], axis=1)
            total = np.convolve(apart, np.ones(FADE) / FADE, "valid")
            # Window m blends pictures [m + length, …) into [m, …): the loop begins at m + FADE.
            m = int(total.argmin())
            out.append(Stretch(a + m + FADE, a + m + FADE + length, True, PLACE * float(total[m])))
    return out


def _turns(usable: np.ndarray, state: Floats, small: U8) -> list[Stretch]:
    """Ends where nothing moves: there, going back is not seen."""
    speed = np.linalg.norm(np.gradient(smoothed(state, 1.0), axis=0), axis=1)
    speed += np.concatenate([[0], np.abs(np.diff(small.astype(np.int16), axis=0)).mean((1, 2))]) / SEEN
    speed = smoothed(speed, 1.5)
    out: list[Stretch] = []
    for a, b in _runs(usable, SHORTEST):
        # The calmest of every half second.
        calm = [at + int(np.argmin(speed[at : min(at + CALM, b)])) for at in range(a, b, CALM)]
        out += [
            Stretch(i, j + 1, False, TURN + 8 * float(speed[i] + speed[j]))
            for i in calm
            for j in calm
            if SHORTEST <= j + 1 - i <= LONGEST
        ]
    return sorted(out, key=_dear)[:BEST]


def _looked_at(stretch: Stretch, small: U8) -> Stretch:
    if not stretch.fade:
        return stretch
    first, last = stretch.first, stretch.last
    a = small[last - FADE : last].astype(np.int16)
    b = small[first - FADE : first].astype(np.int16)
    apart = np.abs(a - b).mean((1, 2)).mean()
    return stretch._replace(cost=stretch.cost + PLACE * float(apart) / SEEN)


def calmest(calm: Floats, length: int) -> np.ndarray:
    """(n,) true in the ``length`` pictures in a row whose sum of ``calm`` (n,), the lower the calmer, is
    least: where a person speaks all the time, that is where the lips move least."""
    length = min(length, len(calm))
    total = np.convolve(np.asarray(calm, np.float64), np.ones(length), "valid")
    out = np.zeros(len(calm), bool)
    at = int(total.argmin())
    out[at : at + length] = True
    return out


def share(m: int) -> float:
    """Of the later picture in place ``m`` of a cross-fade."""
    return step(0.0, 1.0, (m + 1) / (FADE + 1))


def faded(a: U8, b: U8, w: float) -> U8:
    """Between two pictures of the same thing, ``w`` of the way from ``a`` to ``b``: both are brought to where
    things are at ``w`` by optical flow, then mixed."""
    small = [_half(x) for x in (a, b)]
    flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    there, back = flow.calc(*small, None), flow.calc(*reversed(small), None)
    h, w_ = a.shape[:2]
    own: F32 = grid(w_, h)

    def carried(x: U8, way: F32, part: float) -> F64:
        big = 2 * cv2.resize(cv2.GaussianBlur(way, (0, 0), 2.0), (w_, h), interpolation=cv2.INTER_LINEAR)
        at = own - part * big
        out = cv2.remap(x, at, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        return out.astype(np.float32)

    mixed = (1 - w) * carried(a, there, w) + w * carried(b, back, 1 - w)
    return np.clip(mixed + 0.5, 0, 255).astype(np.uint8)


def _half(bgr: U8) -> U8:
    grey = cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY)
    return cv2.resize(grey, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
