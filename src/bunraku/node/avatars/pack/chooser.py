"""What a figure shows: head pose, mouth and eyes, of those that its pack has."""

from __future__ import annotations

from typing import NamedTuple

from bunraku.core.media import Pose, Weights
from bunraku.node.avatars.pack.manifest import EyesArt, Manifest
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
        self._poses, self._eyes = manifest.poses, manifest.eyes
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
        def away(i: int) -> float:
            at, held = self._poses[i], POSE_HYSTERESIS if i == self._plate else 0.0
            return abs(pose.yaw - at.yaw) + abs(pose.pitch - at.pitch) - held

        return min(range(len(self._poses)), key=away)

    def _choose_eyes(self, pose: Pose) -> int:
        def away(at: EyesArt) -> float:
            lid = 3.0 * (at.lid - pose.lid) ** 2
            look = (at.gaze_x - pose.gaze_x) ** 2 + (at.gaze_y - pose.gaze_y) ** 2
            return lid + look * (1 - 0.9 * pose.lid) + 0.8 * (at.squint - pose.squint) ** 2

        return min(range(len(self._eyes)), key=lambda i: away(self._eyes[i]))
