"""``make look-people``: contact sheets of digital humans made of photos and of a video, into docs/look/people.

The photographs are those of the tests, and pictures of our own cast; the video is one of the cast too.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
from look import BACK, SENTENCE, labelled, picture, settle, sheet

sys.path.insert(0, str(Path(__file__).parents[1]))

from bunraku.core.framing import Framing
from bunraku.core.media import Phoneme, Pose
from bunraku.core.vocabulary import VISEMES
from bunraku.node.avatars.base import Avatar, AvatarPack, Moment
from bunraku.node.avatars.kinds import open_pack
from bunraku.node.lipsync.coarticulation import VisemeTrack
from bunraku.node.lipsync.visemes import one_hot
from bunraku.node.people.kinds import kind_of, maker_of
from bunraku.node.performance.life import Life
from tests.support.clips import write_clip
from tests.support.photographs import ASTRONAUT, GRACE, nets, of_cast, photograph

OUT = Path(__file__).parents[1] / "docs" / "look" / "people"
SIDE, WIDE = 300, 5
SHOWN = ("sil", "PP", "FF", "TH", "DD", "kk", "CH", "SS", "nn", "RR", "aa", "E", "ih", "oh", "ou")
HEAD = {
    "yaw -10": {"yaw": -10.0},
    "yaw -5": {"yaw": -5.0},
    "yaw 5": {"yaw": 5.0},
    "yaw 10": {"yaw": 10.0},
    "roll 6": {"roll": 6.0},
    "pitch -6": {"pitch": -6.0},
    "pitch 6": {"pitch": 6.0},
    "brows up": {"brow_l": 1.0, "brow_r": 1.0},
    "frown": {"brow_in": -1.0, "brow_l": -0.5, "brow_r": -0.5},
    "smile": {"smile": 1.0},
}
EYES = {
    "lid 0": {"lid": 0.0},
    "lid 0.3": {"lid": 0.3},
    "lid 0.6": {"lid": 0.6},
    "lid 0.8": {"lid": 0.8},
    "lid 1": {"lid": 1.0},
    "left": {"gaze_x": -1.0},
    "right": {"gaze_x": 1.0},
    "up": {"gaze_y": -1.0},
    "down": {"gaze_y": 1.0},
    "squint": {"squint": 1.0},
}


def figure_of(pack: AvatarPack) -> Avatar:
    return pack.stage(Framing(SIDE, SIDE, BACK))


def write(name: str, tiles: list[np.ndarray]) -> None:
    rows = [tiles[i : i + WIDE] for i in range(0, len(tiles), WIDE)]
    cv2.imwrite(str(OUT / f"{name}.jpg"), sheet(rows), [cv2.IMWRITE_JPEG_QUALITY, 82])


def visemes(name: str, pack: AvatarPack) -> None:
    assert set(SHOWN) == set(VISEMES)
    write(
        f"{name}-visemes",
        [labelled(settle(figure_of(pack), one_hot(v), Pose(smile=0.5)), v) for v in SHOWN],
    )


def poses(name: str, pack: AvatarPack, which: dict[str, dict[str, float]]) -> None:
    tiles = [
        labelled(settle(figure_of(pack), one_hot("sil"), Pose(**({"smile": 0.5} | pose))), text)
        for text, pose in which.items()
    ]
    write(name, tiles)


def sentence(name: str, pack: AvatarPack) -> None:
    """Picture by picture, as it goes on air: what a digital human of a video does cannot be posed."""
    figure, life, track, at = figure_of(pack), Life(9), VisemeTrack(), 0.2
    for symbol in SENTENCE.split():
        track.add(Phoneme(at, at + 0.08, symbol))
        at += 0.08
    tiles: list[np.ndarray] = []
    for i in range(30):
        figure.render(Moment(track.weights(i / 25), life.pose(i / 25, 0.5, True), i * 40_000))
        tiles.append(labelled(picture(figure), f"{i * 40} ms"))
    write(f"{name}-sentence", tiles)


def made(source: Path, folder: Path) -> AvatarPack:
    pack = folder / f"{source.stem}-pack"
    pack.mkdir()
    warnings = maker_of(kind_of(source)).make(
        source, pack, name=source.stem, models=nets(), progress=lambda *_: None
    )
    print(source.name, *warnings, sep="\n- ")
    return open_pack(pack)


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for name in ("marcus", "imani"):
            cv2.imwrite(str(folder / f"{name}.png"), of_cast(name))
        for name, source in (
            ("hopper", photograph(GRACE)),
            ("collins", photograph(ASTRONAUT)),
            ("marcus", folder / "marcus.png"),
        ):
            pack = made(source, folder)
            visemes(name, pack)
            poses(f"{name}-head", pack, HEAD)
            if name == "hopper":
                poses(f"{name}-eyes", pack, EYES)
        poses("imani-eyes", made(folder / "imani.png", folder), EYES)
        sentence("video", made(write_clip(folder / "video.mp4", size=(720, 960), seconds=24.0), folder))


if __name__ == "__main__":
    main()
