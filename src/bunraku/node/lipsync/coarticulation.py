"""From timed visemes to smooth weights: dominance functions and a guard for closures.

Dominance after Cohen and Massaro (1993), "Modeling coarticulation in synthetic visual speech":
each segment pulls the mouth with a strength that decays exponentially on both sides. Smoothing
alone would blur lip closures away at 25 pictures a second, so the picture nearest to the middle
of each p, b, m, f, v is forced to show it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from bunraku.core.media import Phoneme, Weights
from bunraku.core.vocabulary import VISEMES
from bunraku.node.lipsync.visemes import CLOSURES, GLOTTAL, INDEX, from_arpabet, from_ipa, rest

# Strength, and time constants (s) of the rise before a segment and the decay after it.
DOMINANCE: dict[str, tuple[float, float, float]] = {
    "sil": (0.6, 0.080, 0.080),
    "PP": (1.4, 0.045, 0.045),
    "FF": (1.2, 0.050, 0.050),
    "TH": (0.6, 0.060, 0.060),
    "DD": (0.35, 0.060, 0.060),
    "kk": (0.25, 0.060, 0.060),
    "CH": (0.8, 0.080, 0.080),
    "SS": (0.5, 0.060, 0.060),
    "nn": (0.3, 0.060, 0.060),
    "RR": (0.6, 0.090, 0.080),
    "aa": (1.0, 0.090, 0.090),
    "E": (0.9, 0.090, 0.090),
    "ih": (0.9, 0.090, 0.090),
    "oh": (1.1, 0.110, 0.100),
    "ou": (1.2, 0.120, 0.110),
}
STEEPNESS = 1.6
REACH = 0.4  # s: farther segments pull less than a thousandth
CLOSED = 0.92
FRAME = 0.04  # s
ROUNDING = 1e-6  # s: a middle on the edge of two pictures must not fall between them
FORESEEN = 8  # times whose weights are kept


@dataclass(frozen=True, slots=True)
class Segment:
    """``viseme`` from ``start`` to ``end``, seconds."""

    start: float
    end: float
    viseme: str


class VisemeTrack:
    """Visemes in time order, asked for weights at rising times. Past segments are forgotten."""

    def __init__(self) -> None:
        self._segments: list[Segment] = []
        self._glottal: Segment | None = None
        self._foreseen: dict[float, Weights] = {}

    @property
    def segments(self) -> tuple[Segment, ...]:
        """What is remembered, in order of time."""
        return tuple(self._segments)

    @property
    def end(self) -> float:
        return self._segments[-1].end if self._segments else 0.0

    def add(self, phoneme: Phoneme) -> None:
        """Append; phonemes come in order of time."""
        self._foreseen.clear()
        names = from_ipa(phoneme.symbol) if phoneme.alphabet == "ipa" else from_arpabet(phoneme.symbol)
        if self._glottal is not None:
            taken = names[0] if names[0] != GLOTTAL else "E"
            self._append(self._glottal.start, self._glottal.end, taken)
            self._glottal = None
        if names == (GLOTTAL,):
            self._glottal = Segment(phoneme.start, phoneme.end, GLOTTAL)
            return
        visemes = [("E" if n == GLOTTAL else n) for n in names]
        step = (phoneme.end - phoneme.start) / len(visemes)
        for i, name in enumerate(visemes):
            self._append(phoneme.start + i * step, phoneme.start + (i + 1) * step, name)

    def _append(self, start: float, end: float, viseme: str) -> None:
        if end > start:
            self._segments.append(Segment(start, end, viseme))

    def weights(self, time: float) -> Weights:
        """Weights of the picture shown from ``time`` for ``FRAME`` seconds."""
        self._forget(time + FRAME / 2 - REACH)
        known = self._foreseen.pop(time, None)
        return self._weights(time) if known is None else known

    def foresee(self, time: float) -> Weights:
        """What ``weights`` will give at a time to come, if no phonemes are added: then, the same object."""
        known = self._foreseen.get(time)
        if known is None:
            if len(self._foreseen) > FORESEEN:  # times that were never come to
                self._foreseen.clear()
            known = self._foreseen[time] = self._weights(time)
        return known

    def _weights(self, time: float) -> Weights:
        centre = time + FRAME / 2
        # Plain floats: a dozen segments are too few for NumPy's cost of a call.
        total = [0.0] * len(VISEMES)
        for s in self._segments:
            if s.start > centre + REACH:
                break
            strength, rise, decay = DOMINANCE[s.viseme]
            distance = max(s.start - centre, centre - s.end, 0.0)
            tau = rise if centre < s.start else decay
            weight = strength * math.exp(-STEEPNESS * distance / tau)
            total[INDEX[s.viseme]] += weight * min(1.0, (s.end - s.start) / 0.06 + 0.3)
        amount = sum(total)
        if amount <= 1e-4:
            total, amount = rest().tolist(), 1.0
        closure = self._closure(time)
        if closure is not None:
            i = INDEX[closure]
            others = amount - total[i]
            if others > 1e-6 * amount:
                total = [w * (1 - CLOSED) / others for w in total]
                total[i] = CLOSED
            else:
                total = [0.0] * len(VISEMES)
                total[i] = 1.0
            amount = 1.0
        return np.array(total, np.float32) / np.float32(amount)

    def _closure(self, time: float) -> str | None:
        """The closure whose middle falls into this picture, if any."""
        for s in self._segments:
            middle = (s.start + s.end) / 2
            if INDEX[s.viseme] in CLOSURES and time - ROUNDING <= middle < time + FRAME:
                return s.viseme
            if s.start > time + FRAME:
                break
        return None

    def _forget(self, before: float) -> None:
        past = 0
        while past < len(self._segments) and self._segments[past].end < before:
            past += 1
        if past:
            del self._segments[:past]
