"""Idle life: what a person does while doing nothing, from models rather than loops.

Head and sway are sums of incommensurate slow noises, gaze is a jump process that comes home to
the viewer, blinks follow the log-normal intervals seen in conversation (median about 3.5 s) and
cluster at the ends of sentences. While speaking, the loudest syllables carry small nods and
brow accents.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass

from bunraku.core.media import Pose
from bunraku.core.vocabulary import GESTURES, LIMB_GESTURES, OWN_GESTURE

BLINK_S = 0.24
BLINK_CLOSE = 0.3  # part of the blink spent closing: lids fall faster than they rise
KNOWN: Mapping[str, float] = {**GESTURES, **LIMB_GESTURES}


class Octave:
    """Gradient noise, asked for rising places: a cell's slopes are drawn once."""

    __slots__ = ("_cell", "_left", "_right", "_salt")

    def __init__(self, salt: int) -> None:
        self._salt = salt
        self._cell: int | None = None
        self._left = self._right = 0.0

    def __call__(self, x: float) -> float:
        i = math.floor(x)
        if i != self._cell:
            self._cell, self._left, self._right = i, self._slope(i), self._slope(i + 1)
        f = x - i
        u = f * f * f * (f * (6 * f - 15) + 10)
        return self._left * f * (1 - u) + self._right * (f - 1) * u

    def _slope(self, i: int) -> float:
        h = (i * 0x9E3779B1 ^ self._salt) & 0xFFFFFFFF
        h = ((h ^ (h >> 15)) * 0x85EBCA6B) & 0xFFFFFFFF
        h = ((h ^ (h >> 13)) * 0xC2B2AE35) & 0xFFFFFFFF
        return ((h ^ (h >> 16)) & 0xFFFF) / 32767.5 - 1


class Drift:
    """Smooth noise with zero mean and about unit variance: gradient noise in three octaves."""

    def __init__(self, rng: random.Random, period: float) -> None:
        self._period = period
        salt = rng.getrandbits(30)
        self._low, self._middle, self._high = Octave(salt), Octave(salt), Octave(salt)
        self._shift = rng.uniform(0, 1000)

    def __call__(self, t: float) -> float:
        x = t / self._period + self._shift
        return 1.9 * (self._low(x) + 0.5 * self._middle(2.17 * x + 31) + 0.25 * self._high(4.61 * x + 77))


@dataclass(frozen=True, slots=True)
class Mood:
    """Resting face of an emotion."""

    smile: float
    brow: float
    brow_in: float
    squint: float


MOODS = {
    "neutral": Mood(0.5, 0.0, 0.0, 0.0),
    "warm": Mood(0.8, 0.12, 0.0, 0.35),
    "serious": Mood(0.05, -0.12, -0.25, 0.15),
    "happy": Mood(1.0, 0.3, 0.0, 0.45),
}
"""One for each of ``vocabulary.EMOTIONS``."""


class Life:
    """Poses over program time; seeded, so that two digital humans never move alike."""

    def __init__(self, seed: int, mood: str = "neutral", gestures: Mapping[str, float] = KNOWN) -> None:
        """``gestures`` are the avatar's, with the seconds that each takes."""
        self._seconds = gestures
        self._rng = rng = random.Random(seed)
        self._yaw, self._pitch, self._roll = Drift(rng, 3.1), Drift(rng, 2.3), Drift(rng, 3.7)
        self._sway, self._brow = Drift(rng, 5.3), Drift(rng, 4.1)
        self._breath_rate = rng.uniform(0.22, 0.28)  # Hz
        self._blink_at = rng.uniform(0.6, 2.5)
        self._gaze = self._gaze_from = (0.0, 0.0)
        self._gaze_at = 0.0
        self._look_until = rng.uniform(1.5, 3.0)
        self.mood = MOODS[mood]
        self._level = self._accent = 0.0
        self._engaged = 0.0
        self._spoke = False
        self._gesture: tuple[str, float] | None = None

    def feel(self, mood: str) -> None:
        self.mood = MOODS[mood]

    def gesture(self, name: str, t: float) -> None:
        """Begin a gesture at ``t``; it replaces one in progress.

        The face joins in where it knows the gesture; an own one of the avatar moves only limbs.
        """
        self._gesture = (name, t)

    def pose(self, t: float, level: float, speaking: bool) -> Pose:
        """Pose at program time ``t`` seconds; ``level`` in [0, 1] is the loudness of this tick."""
        self._listen(t, level, speaking)
        engaged = self._engaged
        scale = 1.0 + 0.7 * engaged
        pose = Pose(
            yaw=2.1 * scale * self._yaw(t),
            pitch=1.3 * scale * self._pitch(t) - 1.6 * self._accent,
            roll=1.0 * scale * self._roll(t),
            sway=0.35 * self._sway(t),
            breath=math.sin(math.tau * self._breath_rate * t),
            nod=0.7 * self._accent,
        )
        brow = self.mood.brow + 0.12 * self._brow(t) + 0.5 * self._accent
        pose.brow_l, pose.brow_r = brow, brow * 0.92
        pose.brow_in = self.mood.brow_in
        pose.smile, pose.squint = self.mood.smile, self.mood.squint
        pose.gaze_x, pose.gaze_y = self._look(t, engaged)
        # The eyes hold the viewer while the head turns (vestibulo-ocular reflex).
        pose.gaze_x -= 0.055 * pose.yaw
        pose.gaze_y += 0.05 * pose.pitch
        pose.lid = self._blink(t)
        self._perform(t, pose)
        return pose

    def _listen(self, t: float, level: float, speaking: bool) -> None:
        self._engaged += ((1.0 if speaking else 0.0) - self._engaged) * 0.06
        rise = max(0.0, level - self._level - 0.10)
        self._level += (level - self._level) * 0.12
        self._accent = min(1.0, self._accent * 0.86 + rise * 0.35)
        if self._spoke and not speaking:
            self._blink_at = min(self._blink_at, t + self._rng.uniform(0.05, 0.35))
        self._spoke = speaking

    def _look(self, t: float, engaged: float) -> tuple[float, float]:
        if t >= self._look_until:
            rng = self._rng
            self._gaze_from = self._gaze
            at_viewer = abs(self._gaze[0]) < 0.12
            if at_viewer and rng.random() < 0.55 - 0.3 * engaged:
                self._gaze = (rng.choice((-1, 1)) * rng.uniform(0.25, 0.7), rng.uniform(-0.35, 0.3))
                self._look_until = t + rng.uniform(0.35, 1.1)
            else:
                self._gaze = (rng.gauss(0, 0.035), rng.gauss(0, 0.03))
                self._look_until = t + rng.uniform(1.4, 4.5)
            self._gaze_at = t
            if math.dist(self._gaze, self._gaze_from) > 0.45 and rng.random() < 0.5:
                self._blink_at = min(self._blink_at, t)  # large gaze shifts come with a blink
        k = min(1.0, (t - self._gaze_at) / 0.05)  # a saccade is over within a picture or two
        return tuple(a + (b - a) * k for a, b in zip(self._gaze_from, self._gaze, strict=True))  # type: ignore[return-value]

    def _blink(self, t: float) -> float:
        phase = (t - self._blink_at) / BLINK_S
        if phase < 0:
            return 0.0
        if phase >= 1:
            gap = self._rng.lognormvariate(math.log(3.4), 0.55)
            self._blink_at = t + (0.12 if self._rng.random() < 0.08 else min(9.0, max(0.9, gap)))
            return 0.0
        if phase < BLINK_CLOSE:
            return phase / BLINK_CLOSE
        hold = 0.45
        return 1.0 if phase < hold else 1 - (phase - hold) / (1 - hold)

    def _perform(self, t: float, pose: Pose) -> None:
        if self._gesture is None:
            return
        name, begun = self._gesture
        phase = (t - begun) / self._seconds.get(name, OWN_GESTURE)
        if phase >= 1:
            self._gesture = None
            return
        pose.gesture, pose.gesture_phase = name, max(0.0, phase)
        swell = math.sin(math.pi * phase)
        if name == "nod":
            pose.pitch -= 6.5 * swell * math.sin(math.tau * 2 * phase + 0.6)
            pose.nod += 1.6 * swell * math.sin(math.tau * 2 * phase + 0.6)
        elif name == "shake_head":
            pose.yaw += 8.0 * swell * math.sin(math.tau * 2.5 * phase)
            pose.gaze_x -= 0.4 * swell * math.sin(math.tau * 2.5 * phase)
        elif name == "bow":
            deep = min(1.0, 1.6 * swell) ** 1.5
            pose.pitch -= 8.0 * deep
            pose.nod += 9.0 * deep
            pose.lid = max(pose.lid, 0.55 * deep)
        elif name == "wave":
            pose.roll += 2.2 * swell
            pose.smile = max(pose.smile, 0.5 + 0.5 * swell)
            pose.brow_l += 0.4 * swell
            pose.brow_r += 0.4 * swell
        elif name == "thumbs_up":
            pose.pitch -= 2.0 * swell
            pose.nod += 0.8 * swell * math.sin(math.tau * 2 * phase)
            pose.smile = max(pose.smile, 0.6 + 0.4 * swell)
            pose.squint = max(pose.squint, 0.4 * swell)
        elif name == "open_palms":
            pose.roll -= 1.6 * swell
            pose.brow_l += 0.5 * swell
            pose.brow_r += 0.5 * swell
        elif name == "idle_action":
            pose.roll += 3.5 * swell
            pose.yaw -= 3.0 * swell
            pose.smile = max(pose.smile, 0.9 * swell)
        elif name == "mute_action":
            pose.pitch -= 2.5 * swell
            pose.brow_in -= 0.5 * swell
            pose.gaze_y += 0.35 * swell
