"""``make look``: contact sheets of every digital human into docs/look, with the cost of a frame.

Visemes at three poses, gestures in five moments, moods, and a strip of a spoken sentence.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import cv2
import numpy as np

from bunraku.core.framing import Framing
from bunraku.core.media import Phoneme, Pose
from bunraku.core.vocabulary import EMOTIONS, VISEMES
from bunraku.node.avatars.base import AvatarPack, Moment
from bunraku.node.avatars.catalog import Catalog
from bunraku.node.lipsync.coarticulation import VisemeTrack
from bunraku.node.lipsync.visemes import one_hot, rest
from bunraku.node.performance.life import Life

OUT = Path(__file__).parents[1] / "docs" / "look"
BACK = (223, 229, 238)
SIZE = 200
SENTENCE = "h ə l oʊ m aɪ f ɹ ɛ n d z b ɹ eɪ v p iː p əl t ɔː k"


def picture(figure: object) -> np.ndarray:
    return cv2.cvtColor(figure.picture.buffer, cv2.COLOR_YUV2BGR_I420)  # type: ignore[attr-defined]


def face(pack: AvatarPack) -> object:
    return pack.stage(Framing(SIZE, SIZE, BACK))


def settle(figure: object, mouth: np.ndarray, pose: Pose) -> np.ndarray:
    """Some frames until a dissolve and the mouth's steps are over."""
    for _ in range(8):
        figure.render(Moment(mouth, pose))  # type: ignore[attr-defined]
    return picture(figure)


def labelled(tile: np.ndarray, text: str) -> np.ndarray:
    out = tile.copy()
    cv2.putText(out, text, (6, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (60, 50, 40), 1, cv2.LINE_AA)
    return out


def sheet(rows: list[list[np.ndarray]]) -> np.ndarray:
    width = max(len(r) for r in rows)
    blank = np.full_like(rows[0][0], 255)
    return np.vstack([np.hstack(r + [blank] * (width - len(r))) for r in rows])


def cost(pack: AvatarPack, width: int, height: int) -> float:
    """Median CPU ms of a talking frame."""
    figure, life, spent = pack.stage(Framing(width, height, BACK)), Life(3), []
    for i in range(120):
        pose = life.pose(i / 25, 0.6, True)
        begin = time.thread_time()
        figure.render(Moment(one_hot(VISEMES[(i // 3) % len(VISEMES)]), pose))
        spent.append((time.thread_time() - begin) * 1e3)
    return float(np.median(spent[20:]))


def cast(packs: list[AvatarPack]) -> np.ndarray:
    """Everybody side by side, as they greet."""
    scenes = [
        ("E", Pose(smile=0.8)),
        ("sil", Pose(smile=0.9, yaw=-4.0)),
        ("aa", Pose(gesture="open_palms", gesture_phase=0.5, smile=0.8)),
        ("sil", Pose(gesture="thumbs_up", gesture_phase=0.5, smile=1.0, roll=-2.0)),
        ("ih", Pose(gesture="wave", gesture_phase=0.45, smile=0.9, yaw=3.0)),
        ("sil", Pose(smile=0.85, yaw=4.0)),
    ]
    row = []
    for pack, (viseme, pose) in zip(packs, scenes, strict=False):
        figure = pack.stage(Framing(450, 800, BACK))
        row.append(settle(figure, one_hot(viseme), pose)[60:700])
    return np.hstack(row)


def make(pack: AvatarPack) -> str:
    name = pack.name.lower()
    visemes = [
        [labelled(settle(face(pack), one_hot(v), Pose(yaw=yaw)), v) for v in VISEMES]
        for yaw in (-8.0, 0.0, 8.0)
    ]
    cv2.imwrite(str(OUT / f"{name}-visemes.jpg"), sheet(visemes), [cv2.IMWRITE_JPEG_QUALITY, 82])
    gestures: list[list[np.ndarray]] = []
    for gesture in pack.gestures:
        figure, life = (
            pack.stage(Framing(SIZE, SIZE * 16 // 10 // 2 * 2, BACK)),
            Life(5, gestures=pack.gestures),
        )
        life.gesture(gesture, 0.0)
        frames = int(pack.gestures[gesture] * 25)
        shown = {int(frames * s) for s in (0.1, 0.3, 0.5, 0.7, 0.9)}
        row = []
        for i in range(frames):
            figure.render(Moment(rest(), life.pose(i / 25, 0.0, False)))
            if i in shown:
                row.append(labelled(picture(figure), gesture))
        gestures.append(row)
    cv2.imwrite(str(OUT / f"{name}-gestures.jpg"), sheet(gestures), [cv2.IMWRITE_JPEG_QUALITY, 80])
    track, at = VisemeTrack(), 0.1
    for symbol in SENTENCE.split():
        track.add(Phoneme(at, at + 0.08, symbol))
        at += 0.08
    figure, life, strip = face(pack), Life(9), []
    for i in range(int(at * 25) + 4):
        figure.render(Moment(track.weights(i / 25), life.pose(i / 25, 0.5, True)))
        strip.append(labelled(picture(figure), f"{i * 40} ms"))
    rows = [strip[i : i + 15] for i in range(0, len(strip), 15)]
    cv2.imwrite(str(OUT / f"{name}-sentence.jpg"), sheet(rows), [cv2.IMWRITE_JPEG_QUALITY, 82])
    moods = []
    for mood in EMOTIONS:
        figure, life = face(pack), Life(4, mood)
        for i in range(50):
            pose = life.pose(i / 25, 0.0, False)
            pose.lid = 0.0
            figure.render(Moment(rest(), pose))
        moods.append(labelled(picture(figure), mood))
    cv2.imwrite(str(OUT / f"{name}-moods.jpg"), sheet([moods]), [cv2.IMWRITE_JPEG_QUALITY, 85])
    return f"| {pack.name} | {cost(pack, 512, 512):.1f} | {cost(pack, 720, 1280):.1f} |"


if __name__ == "__main__":
    cv2.setNumThreads(1)
    packs = Catalog().list()
    OUT.mkdir(parents=True, exist_ok=True)
    everybody = cv2.resize(cast(packs), None, fx=0.75, fy=0.75, interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(OUT / "cast.jpg"), everybody, [cv2.IMWRITE_JPEG_QUALITY, 88])
    lines = [
        "# Look",
        "",
        "![The cast](look/cast.jpg)",
        "",
        "Made by `make look`. CPU milliseconds of a talking frame, median:",
        "",
    ]
    lines += ["| Digital human | 512×512 | 720×1280 |", "|---|---|---|", *[make(p) for p in packs], ""]
    for pack in packs:
        for what in ("visemes", "gestures", "sentence", "moods"):
            lines += [
                f"## {pack.name}: {what}",
                "",
                f"![{pack.name}, {what}](look/{pack.name.lower()}-{what}.jpg)",
                "",
            ]
    (OUT.parent / "look.md").write_text("\n".join(lines), "utf-8")
    sys.stdout.write("\n".join(lines[6 : 8 + len(packs)]) + "\n")
