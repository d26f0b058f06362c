"""The photo as a file: read only when it is one, of a size that can be handled."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bunraku.node.avatars.pack.cv import cv2
from bunraku.node.avatars.picture_file import BackdropFailed, size_of
from bunraku.node.people.base import Unsuitable
from bunraku.node.people.photo.arrays import U8

MAX_BYTES = 32 * 1024 * 1024
MAX_PIXELS = 60_000_000
LONGEST = 2400
"""px of the longer side that are worked on: a face there has all that a pack can show."""

FORMATS = "Bring a JPEG, PNG or WebP picture of up to 60 megapixels and 32 MB."


class Photo(NamedTuple):
    """``bgr`` (height, width, 3), upright as its camera meant it."""

    bgr: U8
    sha256: str


def read(path: Path) -> Photo:
    """Raises ``Unsuitable``."""
    if path.stat().st_size > MAX_BYTES:
        raise Unsuitable("The file is too large.", FORMATS)
    data = path.read_bytes()
    try:
        _, width, height = size_of(data)
    except BackdropFailed:
        raise Unsuitable("The file is not a picture that can be read.", FORMATS) from None
    # A small file may unfold to gigabytes; nothing is decoded before this.
    if not 0 < width * height <= MAX_PIXELS:
        raise Unsuitable("The picture has too many pixels.", FORMATS)
    try:
        bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        bgr = None
    if bgr is None or bgr.shape[0] * bgr.shape[1] > MAX_PIXELS:
        raise Unsuitable("The file is damaged: its picture cannot be read.", "Export it once more.")
    if min(bgr.shape[:2]) < 64:
        raise Unsuitable("The picture is too small.", "It should be at least 500 pixels wide and high.")
    k = LONGEST / max(bgr.shape[:2])
    if k < 1:
        size = (round(bgr.shape[1] * k), round(bgr.shape[0] * k))
        bgr = cv2.resize(bgr, size, interpolation=cv2.INTER_AREA)
    return Photo(np.ascontiguousarray(bgr), hashlib.sha256(data).hexdigest())
