"""What the figure does in the ticks to come, for those who draw it (docs/drawing.md).

Speech that is made ahead says what the mouth will do, and life asks nobody. Whoever is told some ticks at
once needs fewer messages; what comes about otherwise (an interrupt, speech that begins) is told anew.
"""

from __future__ import annotations

import math
from collections import deque

import numpy as np

from bunraku.core.media import PCM, TICK_SAMPLES, TICK_US, Pose, Weights
from bunraku.node.avatars.base import Moment
from bunraku.node.lipsync.visemes import rest
from bunraku.node.performance.life import Life
from bunraku.node.performance.line import Line

AHEAD = 2
"""Ticks."""

REST: Weights = rest()
REST.flags.writeable = False


class Foresight:
    """Asks life for its poses, each once and in order, and keeps those that were asked for ahead: they are
    shown when their ticks come, to who draws and to who watches."""

    def __init__(self, life: Life) -> None:
        self._life = life
        self._poses: deque[Pose] = deque()

    def pose(self, time_us: int, samples: PCM, speaking: bool) -> Pose:
        """Of the tick at hand, whose sound is ``samples``."""
        if self._poses:
            return self._poses.popleft()
        return self._life.pose(time_us / 1e6, loudness(samples) if speaking else 0.0, speaking)

    def gesture(self, name: str, time_us: int) -> None:
        """Begin a gesture after the tick at ``time_us``, as soon as no pose was foreseen."""
        self._life.gesture(name, (time_us + len(self._poses) * TICK_US) / 1e6)

    def jump(self) -> None:
        """Ticks are skipped: what was foreseen is over."""
        self._poses.clear()

    def ahead(self, time_us: int, line: Line | None, speaking: bool) -> list[Moment]:
        """The ticks after the one at ``time_us``, at most ``AHEAD``: as many as can be foreseen while
        ``line`` is the current drive, if any. ``speaking``: it has begun."""
        found: list[Moment] = []
        for i in range(AHEAD):
            weights, sound = REST, None
            if line is not None and speaking:
                sound = line.speech.peek(TICK_SAMPLES, i * TICK_SAMPLES)
                foreseen = line.lips.foresee(line.speech.position_after(i * TICK_SAMPLES))
                if foreseen is None or sound.size < TICK_SAMPLES:
                    break
                weights = foreseen
            elif line is not None and line.speech.has_audio:
                break  # it is about to begin
            at = time_us + (i + 1) * TICK_US
            if i == len(self._poses):
                level = 0.0 if sound is None else loudness(sound)
                self._poses.append(self._life.pose(at / 1e6, level, sound is not None))
            found.append(Moment(weights, self._poses[i], at))
        return found


def loudness(samples: PCM) -> float:
    """0 for silence to 1 for a shout: root mean square on a 40 dB scale."""
    x = samples.astype(np.float32)
    power = float(x @ x) / (max(1, x.size) * 32768.0 * 32768.0)
    return min(1.0, max(0.0, (10 * math.log10(power + 1e-12) + 50) / 40))
