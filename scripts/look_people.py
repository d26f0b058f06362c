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

from tests.support.clips import write_clip
from tests.support.photographs import ASTRONAUT, GRACE, nets, of_cast, photograph

from bunraku.core.framing import Framing
from bunraku.core.media import Phoneme, Pose
from bunraku.core.vocabulary import VISEMES
from bunraku.node.avatars.base import Avatar, AvatarPack, Moment
from bunraku.node.avatars.kinds import open_pack
from bunraku.node.avatars.pack.geometry import union
from bunraku.node.avatars.pack.pack import Pack
from bunraku.node.lipsync.coarticulation import VisemeTrack
from bunraku.node.lipsync.visemes import one_hot
from bunraku.node.people.kinds import kind_of, maker_of
from bunraku.node.performance.life import Life

OUT = Path(__file__).parents[1] / "docs" / "look" / "people"
SIDE, LARGE, WIDE = 300, 660, 5
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


def figure_of(pack: AvatarPack, side: int = SIDE) -> Avatar:
    return pack.stage(Framing(side, side, BACK))


def near(pack: Pack, mouth: np.ndarray, pose: Pose) -> np.ndarray:
    """The face alone, from the brows to the chin."""
    seen = settle(figure_of(pack, LARGE), mouth, pose)
    plate = pack.decoded(LARGE, LARGE).plates[0]
    face = union(plate.eyes[0].rect, plate.mouths[0].rect)
    half = int(0.6 * max(face.width, face.height))
    x, y = face.x + face.width // 2, face.y + face.height // 2
    part = seen[max(0, y - half) : y + half, max(0, x - half) : x + half]
    return cv2.resize(part, (SIDE, SIDE), interpolation=cv2.INTER_AREA)


def write(name: str, tiles: list[np.ndarray]) -> None:
    rows = [tiles[i : i + WIDE] for i in range(0, len(tiles), WIDE)]
    cv2.imwrite(str(OUT / f"{name}.jpg"), sheet(rows), [cv2.IMWRITE_JPEG_QUALITY, 82])


def visemes(name: str, pack: Pack) -> None:
    assert set(SHOWN) == set(VISEMES)
    write(f"{name}-visemes", [labelled(near(pack, one_hot(v), Pose(smile=0.5)), v) for v in SHOWN])


def heads(name: str, pack: Pack) -> None:
    still = {text: Pose(**({"smile": 0.5} | pose)) for text, pose in HEAD.items()}
    tiles = [labelled(settle(figure_of(pack), one_hot("sil"), pose), text) for text, pose in still.items()]
    write(f"{name}-head", tiles)


def eyes(name: str, pack: Pack) -> None:
    still = {text: Pose(**({"smile": 0.5} | pose)) for text, pose in EYES.items()}
    write(f"{name}-eyes", [labelled(near(pack, one_hot("sil"), pose), text) for text, pose in still.items()])


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


def made(source: Path, folder: Path) -> Path:
    pack = folder / f"{source.stem}-pack"
    pack.mkdir()
    warnings = maker_of(kind_of(source)).make(
        source, pack, name=source.stem, models=nets(), progress=lambda *_: None
    )
    print(source.name, *warnings, sep="\n- ")
    return pack


def main(wanted: list[str]) -> None:
    """``wanted``: whose sheets; all when it is empty."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for name in ("marcus", "imani"):
            cv2.imwrite(str(folder / f"{name}.png"), of_cast(name))
        sources = {"hopper": photograph(GRACE), "collins": photograph(ASTRONAUT)}
        sources |= {name: folder / f"{name}.png" for name in ("marcus", "imani")}
        sheets = {
            "hopper": (visemes, heads, eyes),
            "collins": (visemes, heads),
            "marcus": (visemes, heads),
            "imani": (eyes,),
        }
        for name in (n for n in sheets if not wanted or n in wanted):
            pack = Pack(made(sources[name], folder))
            for draw in sheets[name]:
                draw(name, pack)
        if not wanted or "video" in wanted:
            clip = write_clip(folder / "video.mp4", size=(720, 960), seconds=24.0)
            sentence("video", open_pack(made(clip, folder)))


if __name__ == "__main__":
    main(sys.argv[1:])
