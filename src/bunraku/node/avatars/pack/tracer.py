"""A figure's moments in a few bytes, for who draws them from the pack itself (docs/drawing.md)."""

from __future__ import annotations

import struct
from collections import deque

from bunraku.node.avatars.base import Moment
from bunraku.node.avatars.pack.chooser import Chooser
from bunraku.node.avatars.pack.manifest import Manifest

UNIT = 1024  # of what an angle or a share is counted in
FORMER = 3  # ticks whose sprites are said again: mouths move too fast to be guessed between two


class MomentTracer:
    """Of one figure. Chooses for itself, so that it needs no picture to be drawn here."""

    def __init__(self, manifest: Manifest, art: str) -> None:
        self.art = art
        self._chooser, self._bases = Chooser(manifest), manifest.bases
        gestures = dict.fromkeys(limb.gesture for limb in manifest.limbs)
        self._gestures = {name: i for i, name in enumerate(gestures, 1)}
        self._format = struct.Struct(f"!BBBBH{len(manifest.bases)}h{2 * FORMER}B")
        self._former: deque[int] = deque([0] * 2 * FORMER, 2 * FORMER)

    def trace(self, moment: Moment) -> bytes:
        pose, former = moment.pose, tuple(self._former)
        choice = self._chooser.choose(moment.weights, pose)
        values = (max(-32768, min(32767, round(getattr(pose, b) * UNIT))) for b in self._bases)
        gesture = self._gestures.get(pose.gesture or "", 0)
        phase = min(65535, round(pose.gesture_phase * 65535)) if gesture else 0
        self._former.extendleft((choice.eyes, choice.mouth))
        return self._format.pack(*choice, gesture, phase, *values, *former)
