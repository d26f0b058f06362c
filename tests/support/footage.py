"""A pack of kind ``loop`` whose every measure is known: a cast member, filmed by a camera that drifts."""

from __future__ import annotations

import json
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from bunraku.core.framing import Framing
from bunraku.core.media import Pose
from bunraku.core.vocabulary import VISEMES
from bunraku.node.avatars.base import Avatar, Moment
from bunraku.node.avatars.catalog import Catalog
from bunraku.node.avatars.pack.mouth import AXES, SHAPES
from bunraku.node.lipsync.visemes import one_hot, rest

SIDE, EDGE = 256, 16  # px of the footage, and how far the camera may drift
LEVELS = (0.34, 0.67, 1.0)
"""Of each viseme there is a take that leads into it."""


def mouth(viseme: str, level: float) -> np.ndarray:
    return (rest() * (1 - level) + one_hot(viseme) * level).astype(np.float32)


@cache
def _cast() -> Avatar:
    side = SIDE + 2 * EDGE
    return Catalog().list()[0].stage(Framing(side, side, (120, 140, 150)))


def face(weights: np.ndarray) -> np.ndarray:
    """I420 of the cast member with a mouth, on a ground larger than the footage by ``EDGE`` at each side."""
    return _face(weights.tobytes())


@cache
def _face(weights: bytes) -> np.ndarray:
    figure = _cast()
    for _ in range(6):
        figure.render(Moment(np.frombuffer(weights, np.float32), Pose(smile=0.0)))
    return figure.picture.buffer.copy()


def drift(frame: int) -> tuple[int, int]:
    """Even px by which the face lies further right and down in a frame."""
    return 2 * round(4 * np.sin(0.4 * frame)), 2 * round(3 * np.sin(0.3 * frame + 1))


def seen(i420: np.ndarray, frame: int) -> np.ndarray:
    """I420 of ``face`` as the camera has it in a frame."""
    dx, dy = drift(frame)
    side = SIDE + 2 * EDGE
    flat, n = i420.reshape(-1), side * side
    planes = [flat[:n].reshape(side, side)]
    planes += [flat[n + k * n // 4 : n + (k + 1) * n // 4].reshape(side // 2, side // 2) for k in (0, 1)]
    out = []
    for plane, d in zip(planes, (1, 2, 2), strict=True):
        x, y = (EDGE - dx) // d, (EDGE - dy) // d
        out.append(plane[y : y + SIDE // d, x : x + SIDE // d].reshape(-1))
    return np.concatenate(out).reshape(SIDE * 3 // 2, SIDE)


def write_film(
    path: Path,
    pictures: list[np.ndarray],
    *,
    codec: str = "libx264",
    keyint: int = 1,
    format: str = "mp4",
    **options: str,
) -> None:
    """I420 pictures, as the maker writes them."""
    rows, width = pictures[0].shape
    with av.open(str(path), "w", format=format) as file:
        stream: Any = file.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = width, rows * 2 // 3, "yuv420p"
        stream.time_base = Fraction(1, 25)
        if codec == "libx264":
            fast = f"keyint={keyint}:cabac=0:no-deblock=1"
            stream.options = {"crf": "16", "preset": "veryfast", "tune": "zerolatency", "x264-params": fast}
        stream.options = {**stream.options, **options}
        for i, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, "yuv420p")
            frame.pts, frame.time_base = i, Fraction(1, 25)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))


@cache
def box_of_mouth() -> tuple[int, int, int, int]:
    """x, y, width, height in px of ``face``: what the widest mouths change, and a soft edge around."""
    side = SIDE + 2 * EDGE
    still = face(rest())[:side].astype(int)
    moved = np.max([np.abs(face(one_hot(v))[:side] - still) for v in ("aa", "ih", "ou")], 0) > 6
    ys, xs = np.nonzero(moved)
    x0, y0 = int(xs.min()) // 2 * 2 - 8, int(ys.min()) // 2 * 2 - 8
    return x0, y0, (int(xs.max()) + 10 - x0) // 2 * 2, (int(ys.max()) + 10 - y0) // 2 * 2


def loop_pack(
    folder: Path, *, frames: int = 24, tone: tuple[float, float] = (1.0, 0.0), **changes: Any
) -> Path:
    """``tone``: gain and offset of luma by which the footage is lighter than the patches are."""
    folder.mkdir(parents=True)
    still = face(rest())
    pictures = [seen(still, i) for i in range(frames)]
    if tone != (1.0, 0.0):
        for picture in pictures:
            picture[:SIDE] = np.clip(np.rint(picture[:SIDE] * tone[0] + tone[1]), 0, 255)
    write_film(folder / "loop.mp4", pictures)
    x, y, w, h = box_of_mouth()
    place = np.zeros((frames, 2, 3), np.float32)
    for i in range(frames):
        dx, dy = drift(i)
        place[i] = [[1, 0, x - EDGE + dx], [0, 1, y - EDGE + dy]]
    light = np.zeros((frames, 2, 3), np.float32)
    light[:, 0] = 1.0
    light[:, 0, 0], light[:, 1, 0] = tone
    none = np.zeros(frames, np.float32)
    np.savez(folder / "frames.npz", place=place, tone=light, shut=none, yaw=none, pitch=none, roll=none)
    spoken = [v for v in VISEMES if v != "sil"]
    mouths = [("sil", 1.0), *((v, level) for v in spoken for level in LEVELS)]
    alpha = np.zeros((h, w), np.float32)
    alpha[4:-4, 4:-4] = 1
    alpha = cv2.GaussianBlur(alpha, (0, 0), 2)
    alpha[[0, -1]], alpha[:, [0, -1]] = 0, 0
    sheet, at, take = [], [], []
    for i, (viseme, level) in enumerate(mouths):
        bgr = cv2.cvtColor(face(mouth(viseme, level)), cv2.COLOR_YUV2BGR_I420)[y : y + h, x : x + w]
        sheet.append(np.dstack([bgr, np.rint(alpha * 255).astype(np.uint8)]))
        at.append(np.array(SHAPES[viseme]) * level)
        take.append((-1, 0) if i == 0 else ((i - 1) // len(LEVELS), (i - 1) % len(LEVELS)))
    assert len(mouths) * h <= 16383
    cv2.imwrite(str(folder / "mouths_0.webp"), np.vstack(sheet), [cv2.IMWRITE_WEBP_QUALITY, 101])
    at_array = np.array(at, np.float32)
    assert at_array.shape[1] == len(AXES)
    pose = np.zeros((len(at), 2), np.float32)
    np.savez(folder / "mouths.npz", at=at_array, pose=pose, take=np.array(take, np.int32))
    whole = {"x": SIDE / 2, "y": SIDE / 2, "width": SIDE, "height": SIDE}
    portrait = {"x": SIDE / 2, "y": SIDE / 2, "width": SIDE * 9 / 16, "height": SIDE}
    manifest = {
        "format": 1,
        "kind": "loop",
        "id": "anna-filmed",
        "name": "Anna, filmed",
        "art": {"width": SIDE, "height": SIDE},
        "frames": frames,
        "portrait": portrait,
        "square": whole,
        "join": {"kind": "turn", "frames": 0},
        "patch": {"width": w, "height": h},
        "emotion": "neutral",
        "voices": {},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest | changes), "utf-8")
    return folder
