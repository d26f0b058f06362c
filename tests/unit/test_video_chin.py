"""How far a jaw is down, seen by the chin itself; and what becomes of pictures in which it cannot be seen."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from bunraku.node.people.video import patch
from bunraku.node.people.video.chin import ALIKE, Chin, drops

FACE = {
    33: (290, 430), 133: (330, 430), 362: (390, 430), 263: (430, 430), 2: (360, 520), 13: (360, 560), 14: (360, 561),
    0: (360, 545), 17: (360, 578), 61: (310, 560), 291: (410, 560), 152: (360, 650), 234: (240, 440), 454: (480, 440),
}  # fmt: skip
PLACE = np.array([[1.0, 0, 0], [0, 1, 0]])


def head() -> np.ndarray:
    """468 points, of which those are in their places that a seat is made of."""
    points = np.tile(np.array([360.0, 560.0, 0.0]), (468, 1))
    inner = [i for i in patch.JAW if i not in FACE]
    for i, t in zip(inner, np.linspace(-0.9, 0.9, len(inner)), strict=True):
        points[i, :2] = 360 + 120 * t, 645 - 170 * t**4
    for i, at in FACE.items():
        points[i, :2] = at
    return points


def bearded(rng: np.random.Generator, down: float) -> np.ndarray:
    """A face 720 x 1280: skin with stubble, a chin line over a darker neck, all below the mouth ``down`` px
    lower; light and noise as a camera has them."""
    stubble = np.random.default_rng(1).normal(0, 12, (700, 720)).astype(np.float32)
    stubble = cv2.GaussianBlur(stubble, (0, 0), 2.0)
    y = np.arange(1280, dtype=np.float32)[:, None]
    chin = 650 + down
    face = np.zeros((1280, 720), np.float32)
    face[:700] = stubble
    moved = cv2.warpAffine(face, np.array([[1, 0, 0], [0, 1, down]], np.float32), (720, 1280))
    skin = 150 + moved
    soft = (1 + np.tanh((y - chin) / 3)) / 2
    grey = skin * (1 - soft) + 90 * soft
    grey = 1.05 * grey - 4 + rng.normal(0, 1.5, grey.shape)
    return np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[..., None], 3, 2)


def test_the_chin_is_found_where_it_went():
    rng = np.random.default_rng(3)
    points = head()
    seat = patch.seat_of(points)
    chin = Chin(points, seat)
    place = PLACE.copy()
    place[:, :2] /= seat.scale
    place[:, 2] = seat.origin
    closed = [chin.seen(bearded(rng, 0), place) for _ in range(5)]
    ways = [0.0, 3.5, 9.0, 17.25, 30.0]
    down, alike = chin.down(closed, [chin.seen(bearded(rng, w), place) for w in ways])
    assert down / seat.scale == pytest.approx(ways, abs=0.5)
    assert alike.min() > ALIKE
    hidden = rng.normal(120, 30, bearded(rng, 0).shape).clip(0, 255).astype(np.uint8)
    assert chin.down(closed, [chin.seen(hidden, place)])[1][0] < ALIKE


def test_where_the_chin_is_not_seen_the_points_are_taken_for_what_they_mean_elsewhere():
    told = np.concatenate([np.zeros(20), 5 + 4 * np.sin(np.arange(160) / 7), np.zeros(20)])
    index = np.arange(20, 180)
    true = 2 * told[index] + 1
    alike = np.full(160, 0.95)
    alike[60:90] = 0.3
    way = np.where(alike > 0.5, true, 99.0)
    got = drops(told, index, way, alike)
    assert got[25:175] == pytest.approx(true[5:155], abs=0.2)
    assert np.abs(got[:18]).max() < 0.1


def test_of_few_sightings_nothing_is_concluded():
    told = np.linspace(0, 10, 50)
    got = drops(told, np.arange(20), np.full(20, 40.0), np.full(20, 0.9))
    assert got == pytest.approx(told)
