"""Whether a photo will make a digital human, and what to tell whoever brought it.

Reasons and tips are sentences for a person. Lengths in photo px; thresholds were set on the
photographs and pictures that docs/people.md names.
"""

from __future__ import annotations

import numpy as np

from bunraku.node.avatars.pack.cv import cv2
from bunraku.node.people.base import Unsuitable
from bunraku.node.people.photo import hidden
from bunraku.node.people.photo.arrays import U8
from bunraku.node.people.photo.find import Face, Square
from bunraku.node.people.photo.hidden import upright

GOOD = "Use a photo like one for a passport: one person who looks into the camera, lips closed, eyes open."
CLOSED, NARROW = 0.20, 0.25  # height of an eye in its widths; closed ones have 0.05 to 0.16, open ones 0.27
VAGUE = (
    0.03  # pupil distances by which the points of different crops lie apart; of faces they are 0.018 at most
)


def choose(squares: list[Square]) -> Square:
    """The one face. Raises ``Unsuitable``."""
    if not squares:
        raise Unsuitable("There is no face in the photo.", GOOD)
    largest = squares[0]
    if [s for s in squares[1:] if s.side > 0.45 * largest.side]:
        raise Unsuitable("There are several faces in the photo.", "Cut out the one person who is meant.")
    return largest


def judge(photo: U8, face: Face, lids: tuple[float, float]) -> list[str]:
    """Warnings. ``lids`` are those of ``Finder.lids``. Raises ``Unsuitable``."""
    warnings: list[str] = []
    size(face, warnings)
    _pose(face, warnings)
    _edges(photo, face, warnings)
    light(photo, face, warnings)
    in_sight(photo, face)
    _features(face, lids, warnings)
    return warnings


def turn_of(face: Face) -> tuple[float, float]:
    """Yaw and tilt, degrees."""
    p = face.points
    across = p[454] - p[234]
    yaw = float(np.degrees(np.arctan2(across[2], np.hypot(across[0], across[1]))))
    eyes = face.irises[1, :2] - face.irises[0, :2]
    return yaw, float(np.degrees(np.arctan2(eyes[1], eyes[0])))


def size(face: Face, warnings: list[str]) -> None:
    apart = round(face.apart)
    if apart < 40:
        raise Unsuitable(
            f"The face is too small: {apart} pixels between the pupils, where 40 are the least.",
            "Come closer, or use the original instead of a smaller copy; 110 pixels or more are good.",
        )
    if apart < 90:
        warnings.append(f"The face is small ({apart} pixels between the pupils) and will look soft.")


def _pose(face: Face, warnings: list[str]) -> None:
    yaw, tilt = turn_of(face)
    if abs(yaw) > 22:
        raise Unsuitable("The head is turned to the side.", "Look straight into the camera.")
    if abs(tilt) > 25:
        raise Unsuitable("The head lies on its side.", "Turn the picture upright, or hold the head straight.")
    if abs(yaw) > 12:
        warnings.append("The head is turned a little; a photo from straight ahead moves better.")
    if abs(tilt) > 10:
        warnings.append("The head is tilted; held straight it looks more natural when it moves.")


def _edges(photo: U8, face: Face, warnings: list[str]) -> None:
    h, w = photo.shape[:2]
    (x0, y0), (x1, y1) = face.points[:, :2].min(0), face.points[:, :2].max(0)
    apart = face.apart
    # Of half a face the net draws the other half as well, into what there is of the picture.
    if min(x0, y0) < 0.03 * apart or x1 > w - 0.03 * apart or y1 > h:
        raise Unsuitable("The face is cut off at the picture's edge.", "Leave room around the whole head.")
    if y1 + 0.5 * apart > h:
        raise Unsuitable("The neck is cut off.", "The photo must show the head, the neck and some shoulder.")
    if y0 - 0.5 * apart < 0 or x0 < 0.25 * apart or x1 > w - 0.25 * apart:
        warnings.append("The head comes near the picture's edge; hair that is cut off stays cut off.")


def in_sight(photo: U8, face: Face) -> None:
    if float(face.spread.mean()) > VAGUE:
        raise Unsuitable("The face cannot be made out: it is blurred, or something lies before it.", GOOD)
    seen = upright(photo, face)
    if hidden.eyes_are(seen):
        raise Unsuitable("The eyes are hidden.", "Take dark glasses off; clear ones may stay.")
    if hidden.mouth_is(seen):
        raise Unsuitable("The mouth is hidden.", "Nothing may lie before it: no mask, hand or microphone.")


def _features(face: Face, lids: tuple[float, float], warnings: list[str]) -> None:
    p = face.points[:, :2]
    width = float(np.linalg.norm(p[291] - p[61]))
    gap = float(np.linalg.norm(p[14] - p[13])) / max(width, 1)
    if gap > 0.3:
        raise Unsuitable("The mouth is wide open.", "Close the lips; a slight smile is fine.")
    if min(lids) < CLOSED:
        raise Unsuitable("An eye is closed.", "Both eyes should be open and look into the camera.")
    if min(lids) < NARROW:
        warnings.append("An eye is nearly closed; it stays so when the other looks.")
    if gap > 0.06:
        warnings.append(
            "Teeth show; the mouth was closed, but the cheeks stay those of a smile. Closed lips are better."
        )


def light(photo: U8, face: Face, warnings: list[str]) -> None:
    plain = upright(photo, face)
    grey = cv2.cvtColor(plain.bgr, cv2.COLOR_BGR2GRAY).astype(np.float32)
    skin = grey[60:190, 25:175]
    if float(np.median(skin)) < 22:
        raise Unsuitable("The face is too dark.", "Turn towards a window or a lamp.")
    sharp = float(cv2.Laplacian(grey, cv2.CV_32F)[50:200, 30:170].var())
    if sharp < 9:
        raise Unsuitable("The face is blurred.", "Hold the camera still and let it focus on the face.")
    if sharp < 30:
        warnings.append("The face is slightly out of focus.")
    if float(np.median(skin)) < 50:
        warnings.append("There is little light on the face.")
    if float((skin > 250).mean()) > 0.25:
        warnings.append("Parts of the face are overexposed.")
    left, right = float(skin[:, :60].mean()), float(skin[:, -60:].mean())
    if not 0.55 < left / max(right, 1) < 1.8:
        warnings.append("The light comes from one side; its shadow will not move with the head.")
