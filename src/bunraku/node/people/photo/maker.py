"""From one photo to a pack."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from bunraku import __version__
from bunraku.node.avatars.pack.cv import cv2
from bunraku.node.avatars.pack.manifest import BASES, FORMAT
from bunraku.node.people.base import MARKS, Progress
from bunraku.node.people.photo import judge, picture
from bunraku.node.people.photo.arrays import F64, U8
from bunraku.node.people.photo.cutout import matte
from bunraku.node.people.photo.eyes import Eyes
from bunraku.node.people.photo.find import Finder
from bunraku.node.people.photo.head import GRID, Head
from bunraku.node.people.photo.mouth import Mouth
from bunraku.node.people.photo.neck import separate
from bunraku.node.people.photo.portrait import Portrait, lay_out
from bunraku.node.people.photo.shapes import AT_REST, AXES, EYES, MOUTHS, REST_SMILE

NETS = True
QUALITY = 90  # of WebP
VERSION = 2
"""Of this maker: counted up when the same photo makes another pack."""


def make(source: Path, folder: Path, *, name: str, models: Path, progress: Progress) -> list[str]:
    """See ``people.base.Maker``. Takes 4 to 8 seconds of one core and 300 to 500 MB."""
    cv2.setNumThreads(1)
    progress(0, "face")
    photo = picture.read(source)
    finder, rgb = Finder(models), cv2.cvtColor(photo.bgr, cv2.COLOR_BGR2RGB)
    square = judge.choose(finder.squares(rgb))
    progress(8, "landmarks")
    face = finder.face(rgb, square)
    (folder / MARKS).write_text(json.dumps(marks(photo.bgr, face.points)))
    progress(12, "landmarks")
    warnings = judge.judge(photo.bgr, face, finder.lids(rgb, face))
    progress(15, "cut-out")
    portrait = lay_out(photo.bgr, face, matte(models, photo.bgr))
    eyes, head = Eyes(portrait), Head(portrait)
    neck = separate(portrait)
    progress(35, "mouth")
    mouth = Mouth(portrait)
    mouths: list[U8] = []
    for shape in MOUTHS:
        mouths.append(mouth.draw(shape.rig))
        progress(35 + 35 * len(mouths) // len(MOUTHS), "mouth")
    progress(70, "eyes")
    looks = [eyes.draw(look) for look in EYES]
    progress(80, "head")
    bases = head.bases(slides=neck is not None)
    progress(88, "pack")
    # The figure at rest wears the resting mouth: a photo that shows teeth has closed its lips.
    x, y, w, h = mouth.box
    portrait.bgra[y : y + h, x : x + w] = mouths[AT_REST]
    _write(folder / "pose_0.webp", portrait.bgra)
    _write(folder / "mouth_0.webp", np.concatenate(mouths))
    _write(folder / "eyes_0.webp", np.concatenate(looks))
    if neck is not None:
        _write(folder / "neck_0.webp", neck.picture)
    np.savez_compressed(folder / "fields.npz", bases=bases[None].astype(np.float16))
    pose = {"yaw": 0.0, "pitch": 0.0, "mouth_rect": mouth.box, "eyes_rect": eyes.box}
    about = _manifest(portrait, name, photo.sha256, pose | ({"neck_rect": neck.box} if neck else {}))
    (folder / "manifest.json").write_text(json.dumps(about, indent=1, ensure_ascii=False) + "\n", "utf-8")
    (folder / MARKS).unlink()
    progress(100, "pack")
    return warnings


def marks(bgr: U8, points: F64) -> dict[str, Any]:
    """What is seen in the photo, as ``people.base.MARKS`` has it."""
    height, width = bgr.shape[:2]
    return {"width": width, "height": height, "points": points[:, :2].round(1).tolist()}


def _write(path: Path, bgra: U8) -> None:
    if not cv2.imwrite(str(path), bgra, [cv2.IMWRITE_WEBP_QUALITY, QUALITY]):
        raise OSError(path.name)


def _manifest(portrait: Portrait, name: str, sha256: str, pose: dict[str, Any]) -> dict[str, Any]:
    tall, square = _views(portrait)
    height, width = portrait.bgra.shape[:2]
    return {
        "format": FORMAT,
        "id": str(uuid.uuid4()),
        "name": name,
        "art": {"width": width, "height": height, "grid": GRID},
        "portrait": tall,
        "square": square,
        "bases": BASES,
        "mouth_axes": AXES,
        "poses": [pose],
        "mouths": [shape.at for shape in MOUTHS],
        "eyes": [look.model_dump(exclude_defaults=True) for look in EYES],
        "rest": {"smile": REST_SMILE},
        "emotion": "neutral",
        "provenance": {
            "source": "photo",
            "sha256": sha256,
            "made": datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="seconds"),
            "maker": f"bunraku {__version__} photo {VERSION}",
        },
    }


def _views(portrait: Portrait) -> Sequence[dict[str, float]]:
    """The framings: portrait to the photo's lower edge, square around head and shoulders."""
    height, width = portrait.bgra.shape[:2]
    unit, x = portrait.unit, float(portrait.irises[:, 0].mean())
    solid = np.nonzero((portrait.bgra[..., 3] > 128).sum(1) > 8)[0]
    top = max(0.0, float(solid[0]) - 0.3 * unit) if solid.size else 0.0
    # Not so far out that the face gets small, nor so wide that the photo's sides show.
    tall = min(height - top, 9.0 * unit, width * 0.98 * 16 / 9)
    side = min(5.2 * unit, width * 0.98, height)
    x_tall = float(np.clip(x, tall * 9 / 32, width - tall * 9 / 32))
    x_side = float(np.clip(x, side / 2, width - side / 2))
    y_side = float(np.clip(top + side / 2, side / 2, height - side / 2))
    return (
        {"x": x_tall, "y": top + tall / 2, "width": tall * 9 / 16, "height": tall},
        {"x": x_side, "y": y_side, "width": side, "height": side},
    )
