"""Whether a clip will make a digital human, and what to tell whoever brought it.

Reasons and tips are sentences for a person. Lengths in px of the clip's pictures, at most 1280 px long.
"""

from __future__ import annotations

import numpy as np

from bunraku.node.people.base import Unsuitable
from bunraku.node.people.photo import judge as of_photo
from bunraku.node.people.photo.arrays import F64, U8
from bunraku.node.people.photo.find import Face, Square
from bunraku.node.people.video.follow import LOST, Seen
from bunraku.node.people.video.patch import eyes_apart

GOOD = "Film one person from the front, head and shoulders, who sits still and looks into the camera."
CUT = 45.0  # grey levels by which small pictures that follow each other differ on the whole
SUDDEN = 5.0  # times as much as in the pictures before and after
JUMP = 0.6  # of the eyes' distance between two pictures: no head moves so
TURNED, TURNS = 22.0, 12.0  # degrees of yaw: refused, warned of
ASTRAY = 0.12  # share of pictures without the face
WANDERS, RESTLESS = 2.2, 1.2  # eyes' distances that the head's ways are wide: refused, warned of
SPEED = 0.035  # eyes' distances a picture, on the average


def one_face(squares: list[Square]) -> Square:
    """The one face of the picture. Raises ``Unsuitable``."""
    largest = squares[0]
    if [s for s in squares[1:] if s.side > 0.45 * largest.side]:
        raise several()
    return largest


def several() -> Unsuitable:
    return Unsuitable("There are several faces in the clip.", "Film the one person who is meant.")


def no_face() -> Unsuitable:
    return Unsuitable("There is no face in the clip.", GOOD)


def at_once(face: Face) -> None:
    """What the first picture with a face tells. Raises ``Unsuitable``."""
    of_photo.size(face, [])


class Lights:
    """Some of the pictures, judged as a photo is by light, sharpness and what lies before the face."""

    def __init__(self) -> None:
        self._said: list[str] = []
        self._refused: list[Unsuitable] = []
        self._count = 0

    def look(self, bgr: U8, points: F64) -> None:
        self._count += 1
        said: list[str] = []
        try:
            of_photo.light(bgr, _as_face(points), said)
            of_photo.in_sight(bgr, _as_face(points))
        except Unsuitable as error:
            self._refused.append(error)
        self._said += said

    def warnings(self) -> list[str]:
        """What is true of at least half of them. Raises ``Unsuitable``."""
        if 2 * len(self._refused) > self._count:
            raise max(self._refused, key=lambda e: sum(e.reason == o.reason for o in self._refused))
        return [s for s in dict.fromkeys(self._said) if 2 * self._said.count(s) >= self._count]


def _as_face(points: F64) -> Face:
    middles = np.array([points[list(ids)].mean(0) for ids in ((33, 133), (362, 263))], np.float64)
    return Face(np.asarray(points, np.float64), middles, 1.0, np.zeros(len(points)))


def astray(seen: Seen) -> np.ndarray:
    """(n,): pictures in which the face is not seen, or is too far aside."""
    missed = np.zeros(len(seen), bool)
    for i in np.flatnonzero(seen.missed):
        missed[max(0, i - 6) : i + 7] = True
    return missed | (seen.spread > LOST)


def judge(seen: Seen, yaw: F64, size: tuple[int, int]) -> list[str]:
    """Warnings. ``yaw`` (n,) in degrees, ``size`` width and height. Raises ``Unsuitable``."""
    warnings: list[str] = []
    p = seen.points[..., :2].astype(np.float64)
    unit = float(np.median([eyes_apart(q) for q in p[:: max(1, len(p) // 100)]]))
    if seen.others >= 2 and seen.others > 0.1 * seen.glances:
        raise several()
    _cuts(seen, p, unit)
    lost = float(astray(seen).mean())
    if lost > ASTRAY:
        raise Unsuitable(
            f"The face is not seen in {100 * lost:.0f} % of the clip.",
            "Stay in the picture, and keep hands and hair away from the face.",
        )
    if unit < 90:
        warnings.append(f"The face is small ({unit:.0f} pixels between the pupils) and will look soft.")
    aside = float(np.median(np.abs(yaw)))
    if aside > TURNED:
        raise Unsuitable("The head is turned to the side.", "Look straight into the camera.")
    if aside > TURNS:
        warnings.append("The head is turned a little; from straight ahead the mouth fits better.")
    _ways(p, unit, warnings)
    _edges(p, unit, size, warnings)
    if float(np.abs(np.diff(seen.small.astype(np.int16), axis=0)).mean()) < 0.05:
        warnings.append("Nothing moves in the clip: it will look like a photo.")
    return warnings


def _cuts(seen: Seen, p: F64, unit: float) -> None:
    changed = np.abs(np.diff(seen.small.astype(np.int16), axis=0)).mean((1, 2))
    middle = p[:, [33, 263, 1]].mean(1)
    jumps = np.linalg.norm(np.diff(middle, axis=0), axis=1) / unit
    before, after = np.append(changed[:1], changed[:-1]), np.append(changed[1:], changed[-1:])
    # Cut within one scene: all is elsewhere at once, and moves on as before.
    sudden = (changed > SUDDEN * np.maximum(np.maximum(before, after), 0.5)) & (jumps > JUMP / 10)
    if (changed > CUT).any() or ((changed > CUT / 3) & (jumps > JUMP)).any() or sudden.any():
        raise Unsuitable(
            "The clip is cut: scenes follow each other.", "Bring one shot from beginning to end."
        )


def _ways(p: F64, unit: float, warnings: list[str]) -> None:
    middle = p[:, [33, 263, 1]].mean(1)
    wide = float(np.ptp(np.percentile(middle, [3, 97], axis=0), axis=0).max()) / unit
    speed = float(np.linalg.norm(np.diff(middle, axis=0), axis=1).mean()) / unit
    if wide > WANDERS or speed > SPEED:
        raise Unsuitable("The head moves too much.", "Sit still, and put the camera on something firm.")
    if wide > RESTLESS or speed > SPEED / 2:
        warnings.append("The head moves a lot; the calmer it is, the better the mouth fits.")


def _edges(p: F64, unit: float, size: tuple[int, int], warnings: list[str]) -> None:
    w, h = size
    low, high = np.percentile(p.min(1), 5, axis=0), np.percentile(p.max(1), 95, axis=0)
    if low[0] < 0 or low[1] < -0.1 * unit or high[0] > w or high[1] > h:
        raise Unsuitable("The face is cut off at the picture's edge.", "Leave room around the whole head.")
    if high[1] + 0.3 * unit > h:
        raise Unsuitable("The neck is cut off.", "The clip must show the head, the neck and some shoulder.")
    if low[1] - 0.5 * unit < 0:
        warnings.append("The head comes near the picture's edge.")
