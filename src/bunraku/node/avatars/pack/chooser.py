"""What a figure shows: head pose, mouth and eyes, of those that its pack has."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from bunraku.core.media import Pose, Weights
from bunraku.node.avatars.pack.manifest import Manifest
from bunraku.node.avatars.pack.mouth import MouthChooser

POSE_HYSTERESIS = 0.8  # degrees: a head that hovers between two poses must not flicker


class Choice(NamedTuple):
    """Indices into the manifest's ``poses``, ``mouths`` and ``eyes``."""

    plate: int
    mouth: int
    eyes: int


Memory = tuple[int, int, float]


class Chooser:
    """Of one figure, asked for one picture after another: what is shown is held on to a little."""

    def __init__(self, manifest: Manifest) -> None:
        self._poses = [(at.yaw, at.pitch) for at in manifest.poses]
        # The terms of ``_choose_eyes`` that differ from one sprite to another, by what they are times.
        self._eyes = np.array(
            [
                [
                    at.lid**2,
                    at.lid,
                    at.gaze_x**2 + at.gaze_y**2,
                    at.gaze_x,
                    at.gaze_y,
                    at.squint**2,
                    at.squint,
                ]
                for at in manifest.eyes
            ]
        )
        self._mouths = MouthChooser(manifest)
        self._plate = -1

    @property
    def memory(self) -> Memory:
        """What was chosen so far, as far as it matters; may be set to what it was before."""
        return self._plate, self._mouths.current, self._mouths.open

    @memory.setter
    def memory(self, memory: Memory) -> None:
        self._plate, self._mouths.current, self._mouths.open = memory

    def choose(self, weights: Weights, pose: Pose) -> Choice:
        self._plate = self._nearest(pose)
        return Choice(self._plate, self._mouths.choose(weights, pose.smile), self._choose_eyes(pose))

    def _nearest(self, pose: Pose) -> int:
        nearest, least = 0, math.inf
        for i, (yaw, pitch) in enumerate(self._poses):
            away = (
                abs(pose.yaw - yaw) + abs(pose.pitch - pitch) - (POSE_HYSTERESIS if i == self._plate else 0)
            )
            if away < least:
                nearest, least = i, away
        return nearest

    def _choose_eyes(self, pose: Pose) -> int:
        """The least 3 (lid - l)^2 + (1 - 0.9 l) ((x - gx)^2 + (y - gy)^2) + 0.8 (squint - s)^2."""
        look = 1 - 0.9 * pose.lid
        x, y = -2 * look * pose.gaze_x, -2 * look * pose.gaze_y
        return int((self._eyes @ (3.0, -6.0 * pose.lid, look, x, y, 0.8, -1.6 * pose.squint)).argmin())
