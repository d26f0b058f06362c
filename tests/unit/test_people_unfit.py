"""Photos that will not do, made of those that do; and those that do are not refused for it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from bunraku.node.people.base import Unsuitable
from bunraku.node.people.photo.find import Face, Finder

from ..support.photographs import ASTRONAUT, GRACE, nets, of_cast, photograph
from ..support.unfit import found, gaping, judged, painted, turned, winking


@pytest.fixture(scope="module")
def finder() -> Finder:
    return Finder(nets())


@pytest.fixture(scope="module")
def grace() -> np.ndarray:
    return cv2.imread(str(photograph(GRACE)))


@pytest.fixture(scope="module")
def face(finder, grace) -> Face:
    return found(finder, grace)


def refused(finder: Finder, bgr: np.ndarray) -> str:
    with pytest.raises(Unsuitable) as caught:
        judged(finder, np.ascontiguousarray(bgr))
    return caught.value.reason


@pytest.mark.parametrize("degrees", [35, -45])
def test_a_head_turned_to_the_side(finder, grace, face, degrees):
    assert "turned" in refused(finder, turned(grace, face, degrees))


def test_a_head_turned_a_little_is_made(finder, grace, face):
    assert any("turned a little" in w for w in judged(finder, turned(grace, face, -20)))


def test_a_mouth_wide_open(finder, grace, face):
    assert "wide open" in refused(finder, gaping(grace, face, 1.0))


def test_a_mouth_a_little_open_is_closed_and_warned_of(finder, grace, face):
    assert any("Teeth" in w for w in judged(finder, gaping(grace, face, 0.5)))


@pytest.mark.parametrize("both", [False, True])
def test_a_closed_eye(finder, grace, face, both):
    assert refused(finder, winking(grace, face, both=both)) == "An eye is closed."


def test_a_face_that_is_cut_off(finder, grace, face):
    x, apart = int(face.points[1, 0]), face.apart
    mouth, brow = int(face.points[14, 1]), int(face.points[10, 1] + 0.4 * apart)
    for part in (
        grace[:, int(x - 0.5 * apart) :],
        grace[:, : int(x + 0.3 * apart)],
        grace[brow:],
        grace[:mouth],
    ):
        assert "face is cut off" in refused(finder, part)
    assert refused(finder, grace[:, x:]) == "There is no face in the photo."  # half of one is none


@pytest.mark.parametrize("what", ["mask", "black", "scarf", "hand", "microphone"])
@pytest.mark.parametrize("who", ["grace", "marcus"])
def test_something_before_the_mouth(finder, grace, who, what):
    bgr = grace if who == "grace" else of_cast(who)
    assert refused(finder, painted(bgr, found(finder, bgr), what)) == "The mouth is hidden."


@pytest.mark.parametrize("who", ["grace", "imani"])
def test_dark_glasses(finder, grace, who):
    bgr = grace if who == "grace" else of_cast(who)
    assert refused(finder, painted(bgr, found(finder, bgr), "glasses")) == "The eyes are hidden."


def test_those_that_do_are_not_refused(finder, grace):
    """Clear glasses, beards, smiles, dark skin, and a picture without colours."""
    plain = cv2.cvtColor(cv2.cvtColor(grace, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    good = [grace, plain, grace[:, ::-1].copy(), cv2.imread(str(photograph(ASTRONAUT)))]
    for bgr in (*good, *map(of_cast, ("anna", "helen", "henrik", "imani", "marcus", "nadia"))):
        judged(finder, bgr)
    dim = (grace * np.array([0.7, 0.55, 0.5])).astype(np.uint8)
    judged(finder, dim)
