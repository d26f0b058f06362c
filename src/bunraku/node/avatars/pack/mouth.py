"""From viseme weights to one of a pack's mouth sprites."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bunraku.core.media import Weights
from bunraku.core.vocabulary import VISEMES
from bunraku.node.avatars.pack.manifest import Manifest

# Mouth space of each viseme: open, wide (negative: pucker), press, tuck, teeth, tongue.
SHAPES: dict[str, tuple[float, float, float, float, float, float]] = {
    "sil": (0.00, 0.00, 0.0, 0.0, 0.0, 0.0),
    "PP": (0.00, 0.00, 1.0, 0.0, 0.0, 0.0),
    "FF": (0.15, 0.05, 0.0, 1.0, 0.0, 0.0),
    "TH": (0.26, 0.10, 0.0, 0.0, 0.0, 1.0),
    "DD": (0.24, 0.20, 0.0, 0.0, 0.2, 0.3),
    "kk": (0.28, 0.10, 0.0, 0.0, 0.0, 0.0),
    "CH": (0.22, -0.55, 0.0, 0.0, 0.9, 0.0),
    "SS": (0.17, 0.45, 0.0, 0.0, 1.0, 0.0),
    "nn": (0.26, 0.15, 0.0, 0.0, 0.1, 0.5),
    "RR": (0.24, -0.45, 0.0, 0.0, 0.1, 0.0),
    "aa": (0.80, 0.05, 0.0, 0.0, 0.0, 0.0),
    "E": (0.46, 0.45, 0.0, 0.0, 0.0, 0.0),
    "ih": (0.30, 0.75, 0.0, 0.0, 0.1, 0.0),
    "oh": (0.58, -0.60, 0.0, 0.0, 0.0, 0.0),
    "ou": (0.26, -1.00, 0.0, 0.0, 0.0, 0.0),
}
AXES = ("open", "wide", "press", "tuck", "teeth", "tongue")
# How much an error on each axis shows: openness most of all.
COST = np.array([4.0, 0.8, 0.9, 1.0, 0.35, 0.4, 0.5], np.float32)
STICKY = 0.006  # the current sprite is kept unless another is clearly nearer


MAX_STEP = 0.34


def stepped(wanted: float, press: float, tuck: float, before: float) -> float:
    """How far a mouth opens that is to open by ``wanted`` and was open by ``before``: it steps, never jumps.

    Openness changes by at most ``MAX_STEP`` a frame, except into lip closure, which must be seen on the
    very frame.
    """
    if press > 0.6 or tuck > 0.6:
        return wanted
    return min(before + MAX_STEP, max(before - MAX_STEP, wanted))


class MouthChooser:
    """Finds the sprite nearest to the wanted mouth, as it is ``stepped``."""

    def __init__(self, manifest: Manifest) -> None:
        self._matrix = np.array([SHAPES[v] for v in VISEMES], np.float32)
        names = (*AXES, "smile")
        self._points: npt.NDArray[np.float32] = np.array(
            [[at.get(name, 0.0) for name in names] for at in manifest.mouths], np.float32
        )
        # |p - w|^2 = |p|^2 - 2 p w + |w|^2, and the last is the same for all: one product a picture.
        self._square = (self._points**2) @ COST
        self._pull = 2 * self._points * COST
        self.current, self.open = -1, 0.0
        """The sprite chosen last, and how far it was to open."""

    def choose(self, weights: Weights, smile: float) -> int:
        target: list[float] = (weights @ self._matrix).tolist()
        press, tuck = target[2], target[3]
        self.open = target[0] = stepped(target[0], press, tuck, self.open)
        # A smile belongs to the resting mouth and fades as the lips get to work.
        still = max(0.0, 1.0 - 4.0 * self.open - press - tuck)
        distance = self._square - self._pull @ np.array([*target, smile * still], np.float32)
        if self.current >= 0:
            distance[self.current] -= STICKY
        self.current = int(distance.argmin())
        return self.current
