"""A figure's moments in a few bytes, for who draws them from the pack itself (docs/drawing.md)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from bunraku.core.media import TICK_US
from bunraku.node.avatars.base import Moment
from bunraku.node.avatars.pack.chooser import Choice, Chooser, Memory
from bunraku.node.avatars.pack.manifest import Manifest

UNIT = 256  # of what an angle or a share is counted in: a sixtieth of a pixel
FORMER = 3  # ticks whose sprites are said again: mouths move too fast to be guessed between two
FORETOLD = 2  # the most ticks a message says beyond its own
EYES, GESTURE = 4, 8  # of a state's first byte: there are eyes for each tick, there is a gesture


@dataclass(slots=True)
class Traced:
    """A tick, and what its figure shows; ``after`` is the chooser's memory of it."""

    moment: Moment
    choice: Choice
    after: Memory


class MomentTracer:
    """Of one figure. Chooses for itself, so that it needs no picture to be drawn here.

    Ticks to come are chosen ahead. What then comes about otherwise is chosen anew, and said at once.
    """

    def __init__(self, manifest: Manifest, art: str) -> None:
        self.art = art
        self._chooser, self._bases = Chooser(manifest), manifest.bases
        gestures = dict.fromkeys(limb.gesture for limb in manifest.limbs)
        self._gestures = {name: i for i, name in enumerate(gestures, 1)}
        self._former: deque[Choice] = deque(maxlen=FORMER)
        self._before = self._chooser.memory
        """The chooser's, of the tick before the one at hand."""
        self._coming: list[Traced] = []
        self._told: list[Traced] = []
        """Of the latest message, and of those ticks, the ones that are not over."""
        self._said = (-1, 0)
        """Plate and gesture of that message: they hold for all its ticks."""
        self._next_us = 0

    def trace(self, moments: Sequence[Moment]) -> bytes | None:
        """A message is due when the tick at hand was not foretold, or otherwise, or is the last of those that
        were: every second one, while all goes as foreseen."""
        now = moments[0].time_us
        if now != self._next_us:  # nothing was traced for a while
            self._former.clear()
            self._coming, self._told = [], []
        self._next_us = now + TICK_US
        self._choose(moments[: 1 + FORETOLD])
        first, state = self._coming[0], None
        if len(self._told) < 2 or not self._as_told(first):
            state = self._state(self._coming)
            self._told = list(self._coming)
        self._over(first)
        return state

    def foretold(self, moment: Moment) -> bool:
        """In place of ``trace``, for a tick that comes as it was said and is not the last that was: nobody
        need look ahead for it."""
        if moment.time_us != self._next_us or len(self._told) < 2:
            return False
        first = self._told[0]
        as_said = first.moment.pose is moment.pose and _alike(first.moment, moment)
        if not as_said or self._coming[0] is not first or not self._as_told(first):
            return False
        self._next_us += TICK_US
        self._over(first)
        return True

    def _over(self, first: Traced) -> None:
        """The tick at hand, the first of those that are coming, is dealt with."""
        del self._told[:1]
        self._former.append(first.choice)
        self._before = first.after
        del self._coming[:1]

    def _as_told(self, tick: Traced) -> bool:
        told = self._told[0]
        same = told.choice == tick.choice and told.moment.pose is tick.moment.pose
        return same and self._said == (tick.choice.plate, self._gesture(tick))

    def _gesture(self, tick: Traced) -> int:
        return self._gestures.get(tick.moment.pose.gesture or "", 0)

    def _choose(self, moments: Sequence[Moment]) -> None:
        """Make ``_coming`` what is shown at these moments; what was chosen for the same stays."""
        same = 0
        for was, moment in zip(self._coming, moments, strict=False):
            if was.moment.pose is not moment.pose or not _alike(was.moment, moment):
                break
            same += 1
        del self._coming[same:]
        if len(moments) > same:
            self._chooser.memory = self._coming[-1].after if same else self._before
            for moment in moments[same:]:
                choice = self._chooser.choose(moment.weights, moment.pose)
                self._coming.append(Traced(moment, choice, self._chooser.memory))

    def _state(self, ticks: list[Traced]) -> bytes:
        first, last = ticks[0], ticks[-1]
        shown = [*self._former, *(tick.choice for tick in ticks)]
        shown = [shown[0]] * (FORMER + len(ticks) - len(shown)) + shown
        eyes = [choice.eyes for choice in shown]
        one = eyes.count(eyes[0]) == len(eyes)
        pose, gesture = first.moment.pose, self._gesture(first)
        self._said = first.choice.plate, gesture
        kind = len(ticks) - 1 | (0 if one else EYES) | (GESTURE if gesture else 0)
        out = bytearray((kind, first.choice.plate))
        out += bytes(choice.mouth for choice in shown)
        out += bytes(eyes[:1] if one else eyes)
        if gesture:
            out.append(gesture)
            out += round(pose.gesture_phase * 65535).to_bytes(2)
            # Over, or another: then it is the next message that says so.
            until = last.moment.pose
            phase = until.gesture_phase if until.gesture == pose.gesture else pose.gesture_phase
            out += round(phase * 65535).to_bytes(2)
        values = self._values(first)
        _write(out, values)
        if last is not first:
            _write(out, (b - a for a, b in zip(values, self._values(last), strict=True)))
        return bytes(out)

    def _values(self, tick: Traced) -> list[int]:
        pose = tick.moment.pose
        return [max(-32768, min(32767, round(getattr(pose, base) * UNIT))) for base in self._bases]


def _alike(a: Moment, b: Moment) -> bool:
    return a.weights is b.weights or np.array_equal(a.weights, b.weights)


def _write(out: bytearray, values: Iterable[int]) -> None:
    """Signed numbers, seven bits a byte, the least first; small ones are short."""
    for value in values:
        rest = value * 2 if value >= 0 else -value * 2 - 1
        while rest > 127:
            out.append(rest & 127 | 128)
            rest >>= 7
        out.append(rest)
