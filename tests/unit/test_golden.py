"""Golden frames: what a digital human looks like, within what an eye forgives.

After a change of art on purpose: ``python -m tests.unit.test_golden`` writes them anew; look at them.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from bunraku.core.framing import Framing
from bunraku.node.avatars import preview
from bunraku.node.avatars.base import Moment
from bunraku.node.avatars.catalog import Catalog

from ..support.scenes import SCENES

GOLDEN = Path(__file__).parents[1] / "golden"
SIZE = 256
PACKS = Catalog().list()


def shoot(pack, scene):
    figure = pack.stage(Framing(SIZE, SIZE, (223, 229, 238)))
    mouth, pose = SCENES[scene]
    for _ in range(8):
        figure.render(Moment(mouth, pose))
    return cv2.cvtColor(figure.picture.buffer, cv2.COLOR_YUV2BGR_I420)


def seen_difference(a, b):
    """(mean, worst patch) of the difference after a blur about as wide as an eye's at arm's length."""
    a, b = (cv2.GaussianBlur(x, (0, 0), 1.2).astype(np.float32) for x in (a, b))
    difference = np.abs(a - b).max(-1)
    return float(difference.mean()), float(cv2.blur(difference, (9, 9)).max())


@pytest.mark.parametrize("pack", PACKS, ids=lambda p: p.name)
@pytest.mark.parametrize("scene", SCENES)
def test_frames_look_as_they_did(pack, scene):
    kept = cv2.imread(str(GOLDEN / f"{pack.name.lower()}-{scene}.png"))
    mean, worst = seen_difference(shoot(pack, scene), kept)
    assert mean < 1.0
    assert worst < 12.0


def test_scenes_differ_from_each_other_by_much_more():
    """The tolerance is not so wide that anything would pass."""
    for pack in PACKS:
        shots = {name: shoot(pack, name) for name in SCENES}
        for name in SCENES:
            for other in SCENES:
                if name < other:
                    assert seen_difference(shots[name], shots[other])[1] > 30


@pytest.mark.parametrize("pack", PACKS, ids=lambda pack: pack.name)
def test_ready_made_portraits_show_the_figure_as_it_is_now(pack, tmp_path):
    """`make portraits` after the art changed."""
    preview.portrait(pack, tmp_path / "avatar.jpg")
    now, ready = cv2.imread(str(tmp_path / "avatar.jpg")), cv2.imread(str(pack.portrait))
    assert ready.shape == (preview.SIZE, preview.SIZE, 3)
    assert np.abs(now.astype(int) - ready).mean() < 1.0


if __name__ == "__main__":
    for pack in PACKS:
        for scene in SCENES:
            cv2.imwrite(str(GOLDEN / f"{pack.name.lower()}-{scene}.png"), shoot(pack, scene))
