"""Mouths that the clip does not show: drawn by the photo route on the best picture with closed lips."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from bunraku.core.vocabulary import VISEMES
from bunraku.node.avatars.pack.mouth import AXES, SHAPES
from bunraku.node.people.photo.arrays import F32, U8
from bunraku.node.people.photo.find import Face
from bunraku.node.people.photo.mouth import Mouth
from bunraku.node.people.photo.portrait import Portrait
from bunraku.node.people.photo.shapes import MOUTHS, REST_SMILE, Rig, Shape
from bunraku.node.people.video import select
from bunraku.node.people.video.patch import MouthSeat, seen_at

APART = 0.6
"""In mouth space: a mouth nearer than this to what a sound wants is good enough to be shown for it."""
FEW = 60  # spoken pictures of a clip in which next to nothing is said: then everything is drawn


class MadeMouth(NamedTuple):
    """``drop``: how far the chin is down, on the head at rest."""

    at: F32
    patch: U8
    drop: float


def wanted(at: F32, spoken: int) -> list[Shape]:
    """Shapes that are lacking among the clip's mouths ``at`` (k, 6), of which ``spoken`` say something."""
    shapes = [s for s in MOUTHS if s.rig.smile == REST_SMILE]
    points = select.rows_of([s.at for s in shapes], AXES)
    if spoken < FEW:
        return shapes
    visemes = np.array([SHAPES[v] for v in VISEMES], np.float32)
    missing = visemes[select.lacking(at, visemes, APART)]
    apart = ((points[None] - missing[:, None]) * select.WEIGHT) ** 2
    return [shapes[i] for i in dict.fromkeys(apart.sum(-1).argmin(1).tolist())]


def draw(
    shapes: list[Shape], bgr: U8, face: Face, place: F32, seat: MouthSeat, told: Callable[[int], None]
) -> list[MadeMouth]:
    """``bgr`` is the picture with closed lips and ``place`` the patch's place in it; ``told`` hears how many
    are done."""
    if not shapes:
        return []
    portrait = Portrait(
        np.dstack([bgr, np.full(bgr.shape[:2], 255, np.uint8)]), face.points, face.irises, 1.0
    )
    mouth = Mouth(portrait)
    x, y, w, h = mouth.box
    # On the head at rest this picture is itself, but for how it stands.
    grown = float(np.linalg.norm(place[:, 1])) * seat.scale
    rest = mouth.fall(Rig())
    out: list[MadeMouth] = []
    for shape in shapes:
        whole = bgr.copy()
        whole[y : y + h, x : x + w] = mouth.draw(shape.rig)[..., :3]
        drop = (mouth.fall(shape.rig) - rest) / grown
        out.append(MadeMouth(select.rows_of([shape.at], AXES)[0], seen_at(whole, place, seat), drop))
        told(len(out))
    return out
