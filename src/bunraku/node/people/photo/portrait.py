"""The photo on the art canvas: its scale, its cut-out, and where the face's points lie there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bunraku.node.avatars.pack.cv import cv2
from bunraku.node.people.photo.arrays import F32, F64, U8, smooth
from bunraku.node.people.photo.find import Face

EYES_APART = 140  # art px between the pupils: the size at which the drawn cast is kept
ENLARGE = 2.4  # never more than this: what is not in the photo does not come back
HEADROOM = 56  # art px above the photo's upper edge, for a head that rises


@dataclass
class Portrait:
    """``bgra`` straight alpha; ``points`` (468, 3) and ``irises`` (2, 3) in art px; ``scale`` art px
    per photo px."""

    bgra: U8
    points: F64
    irises: F64
    scale: float

    @property
    def unit(self) -> float:
        """Distance of the pupils: the face's own yardstick."""
        return float(np.linalg.norm(self.irises[1, :2] - self.irises[0, :2]))


def lay_out(photo: U8, face: Face, alpha: F32) -> Portrait:
    k = min(ENLARGE, EYES_APART / face.apart)
    height, width = (max(2, round(n * k / 2) * 2) for n in photo.shape[:2])
    way = cv2.INTER_AREA if k < 1 else cv2.INTER_CUBIC
    big = cv2.resize(photo, (width, height), interpolation=way).astype(np.float32)
    alpha = np.clip(cv2.resize(alpha, (width, height), interpolation=way), 0, 1)
    if k > 1.2:  # what the enlarging softened
        big = np.clip(big + 0.5 * (big - cv2.GaussianBlur(big, (0, 0), 0.8 * k)), 0, 255)
    bgra = np.dstack([np.clip(_carried_out(big, alpha), 0, 255), alpha * 255])
    # A figure that the photo cuts off fades out instead of ending in a straight line.
    edge = np.minimum(np.arange(width), np.arange(width)[::-1])
    bgra[..., 3] *= smooth(0, 0.03 * width, edge)[None]
    bgra = cv2.copyMakeBorder(bgra, HEADROOM, 0, 0, 0, cv2.BORDER_REPLICATE)
    bgra[:HEADROOM, :, 3] = 0
    shift = np.array([0.5 * k - 0.5, 0.5 * k - 0.5 + HEADROOM])

    def placed(a: F64) -> F64:
        return np.column_stack([a[:, :2] * k + shift, a[:, 2] * k])

    art = np.ascontiguousarray((bgra + 0.5).astype(np.uint8))
    return Portrait(art, placed(face.points), placed(face.irises), k)


def _carried_out(bgr: F32, alpha: F32) -> F32:
    """Colour of the inside carried outwards, so that no background shines at the edge."""
    solid = smooth(0.9, 0.99, alpha)[..., None]
    filled, known = bgr * solid, solid
    for sigma in (1.5, 4.0, 12.0):
        colour = cv2.GaussianBlur(filled, (0, 0), sigma)
        weight = cv2.GaussianBlur(known, (0, 0), sigma)[..., None]
        near = colour / np.maximum(weight, 1e-4)
        better = filled / np.maximum(known, 1e-6) * known + near * (1 - known)
        reached = weight > 1e-3
        filled = np.where(reached, better, filled)
        known = np.where(reached, 1.0, known).astype(np.float32)
    return bgr * solid + filled * (1 - solid)
