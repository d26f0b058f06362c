"""A mouth for audio without phonemes: the lip net, heard ahead where the audio is already here.

The net's heads speak of what was heard 0, 40 or 80 ms ago. A file or a buffered stream lets us
hear 40 ms more than is played, at no delay; a live stream does not, and then the head without
look-ahead answers.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np

from bunraku.core.media import PCM, SAMPLE_RATE, Weights
from bunraku.node.lipsync import lipnet
from bunraku.node.lipsync.features import Features
from bunraku.node.lipsync.transcript import TranscriptFollower
from bunraku.node.lipsync.visemes import CLOSURES, rest

STEP = SAMPLE_RATE // 50
"""Samples of one step of the net, 20 ms."""

AHEAD = 1  # the head that has heard 40 ms more
SILENT = 60.0  # root mean square of int16 (-55 dBFS) below which nobody moves a lip
ATTACK, RELEASE = 0.85, 0.6
SHUT = 0.42  # probability at which closed lips, or teeth on the lip, are shown as such
SURE = 1.6  # power that sharpens probabilities into shapes


class AudioMouth:
    """One stream's mouth. Feed it the audio of each tick, in order.

    While the net is not loaded yet (once in the life of a process) the mouth rests.
    """

    def __init__(
        self,
        transcript: TranscriptFollower | None = None,
        find_net: Callable[[], lipnet.LipNet | None] = lipnet.ready,
    ) -> None:
        self._net: lipnet.LipNet | None = None
        self._find_net = find_net
        self._transcript = transcript
        self._followed = 0
        self._weights = rest()
        self._heard = 0  # samples given to the net
        self._played = 0
        self._first = 0  # number of the oldest step that is kept
        self._steps: deque[lipnet.F32] = deque()

    def weights(self, samples: PCM, ahead: PCM | None = None) -> Weights:
        """The mouth while ``samples`` play.

        Both are mono at ``SAMPLE_RATE``; ``ahead`` is what plays after them, as far as it is known.
        """
        start, self._played = self._played, self._played + samples.size
        if self._net is None and not self._begin(start):
            return self._weights
        known = samples if ahead is None else np.concatenate([samples, ahead])
        new = known[max(0, self._heard - start) :]
        self._hear(new)
        self._heard += new.size
        target = self._target(samples, start)
        pace = np.where(target > self._weights, np.float32(ATTACK), np.float32(RELEASE))
        weights = self._weights + (target - self._weights) * pace
        self._weights = np.asarray(weights / weights.sum(), np.float32)
        return self._weights

    def _begin(self, start: int) -> bool:
        """Listen from sample ``start`` on, if the net is there."""
        self._net = self._find_net()
        if self._net is None:
            return False
        self._features, self._state = Features(self._net.prior), self._net.begin()
        self._heard, self._first = start, start // STEP
        return True

    def _hear(self, samples: PCM) -> None:
        assert self._net is not None
        x = self._features.push(samples)
        if len(x):
            p, self._state = self._net.step(x[None], self._state)
            self._steps.extend(p[0])

    def _target(self, samples: PCM, start: int) -> Weights:
        if samples.size == 0:
            return rest()
        first, last = start // STEP, max(start // STEP, (start + samples.size) // STEP - 1)
        p = self._between(first, last)
        while self._first < first and self._steps:
            self._steps.popleft()
            self._first += 1
        x = samples.astype(np.float32)
        if p is None:
            return rest()
        if float(np.sqrt(np.mean(x * x))) < SILENT:
            self._follow(p, first)
            return rest()
        p = self._follow(p, first)
        for closure in CLOSURES:
            if float(p[:, closure].max()) > SHUT:  # a closure is short and must be seen
                shut = np.zeros_like(p[0])
                shut[closure] = 1.0
                return shut
        mean = p.mean(0) ** SURE
        return np.asarray(mean / mean.sum(), np.float32)

    def _between(self, first: int, last: int) -> lipnet.F32 | None:
        """Probabilities (steps, visemes) by the farthest head that has heard enough."""
        for head in (AHEAD, 0):
            a = first + lipnet.LOOK_AHEAD[head] - self._first
            b = last + lipnet.LOOK_AHEAD[head] - self._first
            if a >= 0 and b < len(self._steps):
                return np.stack([self._steps[i][head] for i in range(a, b + 1)])
        return None

    def _follow(self, p: lipnet.F32, first: int) -> lipnet.F32:
        """The transcript's opinion on steps that it has not heard yet."""
        if self._transcript is None or first < self._followed:
            return p
        self._followed = first + len(p)
        return np.stack([self._transcript.step(one) for one in p])
