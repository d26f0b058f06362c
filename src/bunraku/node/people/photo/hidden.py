"""Whether something lies before eyes or mouth: dark glasses, a mask, a hand, a microphone.

The nets place their points also where there is nothing to be seen, so colours are asked. A mouth has another
colour than the skin around it, and what surrounds it has the face's own; an eye's socket is not much darker
than the brow. Thresholds were set on 50 photographs, and on 20 of them with things painted over
(docs/people.md).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bunraku.node.avatars.pack.cv import cv2
from bunraku.node.people.photo.arrays import F32, F64, U8
from bunraku.node.people.photo.find import Face

WIDTH, HEIGHT = 200, 240
LIPS = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146)
BETWEEN = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95)
EYES = (
    (33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7),
    (263, 466, 388, 387, 386, 385, 384, 398, 362, 382, 381, 380, 374, 373, 390, 249),
)
UNDER_EYES, BROW = (118, 347, 101, 330, 117, 346), (9, 151, 107, 336, 8)
AROUND_MOUTH = (164, 18, 200, 199, 175, 83, 313, 201, 421, 32, 262, 214, 434)

GREY = 6.0  # of skin, in chroma of CIELAB: less is a picture without colours, which says nothing of a mouth
NO_LIPS = 1.5  # chroma between lips and what is around them; photographs have 2.2 and more
STRANGE, RED = 17.0, 3.0
"""Chroma between the skin around the mouth and that under the eyes, from which lips must be redder than it by
``RED``: beards have 21, with lips of 9."""
DARK, DIM, FLAT = 0.40, 0.55, 18.0
"""Lightness of the brighter socket in shares of the brow's (photographs: 0.53 and more): hidden for certain,
and hidden where no eye spans ``FLAT`` of lightness."""


@dataclass(frozen=True)
class Upright:
    """A face at one size, eyes level: ``bgr`` (240, 200, 3), with ``points`` (468, 2), ``irises`` (2, 2)."""

    bgr: U8
    points: F64
    irises: F64


def upright(photo: U8, face: Face) -> Upright:
    p = face.points[:, :2]
    source: F32 = np.array([*face.irises[:, :2], p[152]], np.float32)
    target: F32 = np.array([[62, 95], [138, 95], [100, 222]], np.float32)
    m = cv2.getAffineTransform(source, target)
    size = float(np.linalg.norm(m[:, :2], 2))
    if size < 0.9:
        photo = cv2.GaussianBlur(photo, (0, 0), 0.42 * (1 / size - 0.35))
    bgr = cv2.warpAffine(photo, m, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return Upright(bgr, p @ m[:, :2].T + m[:, 2], face.irises[:, :2] @ m[:, :2].T + m[:, 2])


def eyes_are(face: Upright) -> bool:
    lightness = _lab(face)[..., 0]
    brow = max(1.0, float(np.median(lightness[_discs(face, BROW)])))
    sockets = [float(np.median(lightness[_socket(xy)])) / brow for xy in face.irises]
    if max(sockets) >= DIM:
        return False
    seen = [lightness[_inside(face, ids)] for ids in EYES]
    spans = [float(np.ptp(np.percentile(a, (5, 95)))) for a in seen if a.size]
    return max(sockets) < DARK or max(spans, default=0.0) < FLAT


def mouth_is(face: Upright) -> bool:
    lab = _lab(face)
    under = np.median(lab[_discs(face, UNDER_EYES)], 0)
    if np.hypot(under[1], under[2]) < GREY:
        return False
    mouth = _inside(face, LIPS).astype(np.uint8)
    between = cv2.dilate(_inside(face, BETWEEN).astype(np.uint8), np.ones((3, 3), np.uint8))
    near, far = (cv2.dilate(mouth, np.ones((n, n), np.uint8)) for n in (5, 19))
    lips, ring = (mouth > 0) & (between == 0), (far > 0) & (near == 0)
    if not lips.any() or not ring.any():
        return False
    _, red, yellow = np.median(lab[lips], 0) - np.median(lab[ring], 0)
    strange = np.median(lab[_discs(face, AROUND_MOUTH)], 0) - under
    return bool(np.hypot(red, yellow) < NO_LIPS or (np.hypot(strange[1], strange[2]) > STRANGE and red < RED))


def _lab(face: Upright) -> F32:
    """CIELAB: lightness 0 to 100, then green to red and blue to yellow."""
    return cv2.cvtColor(face.bgr.astype(np.float32) / 255, cv2.COLOR_BGR2Lab)


def _inside(face: Upright, ids: tuple[int, ...]) -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.fillPoly(mask, [np.int32(face.points[list(ids)] * 16)], 1, shift=4)
    return mask > 0


def _discs(face: Upright, ids: tuple[int, ...]) -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    for x, y in face.points[list(ids)].tolist():
        cv2.circle(mask, (int(x), int(y)), 4, 1, -1)
    return mask > 0


def _socket(iris: F64) -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.ellipse(mask, (int(iris[0]), int(iris[1]) + 1), (23, 16), 0, 0, 360, 1, -1)
    return mask > 0
