"""Picture files (PNG, JPEG, WebP, BMP) to a picture that fills a frame."""

from __future__ import annotations

import struct

import av
import av.error
import cv2
import numpy as np

from bunraku.core.media import Picture

MAX_PIXELS = 40_000_000
MAX_SEGMENTS = 2000  # of a JPEG before its frame begins
# Markers of ITU-T T.81 table B.1 that begin a frame: SOF0 to SOF15 without DHT, JPG and DAC.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})  # markers without a length: TEM, RST0 to RST7, SOI


class BackdropFailed(Exception):
    """The picture could not be had. The text says why and may be shown to the caller."""


def size_of(data: bytes) -> tuple[str, int, int]:
    """FFmpeg's name of the codec, width and height, from the header alone. Raises ``BackdropFailed``."""
    try:
        if data.startswith(b"\x89PNG\r\n\x1a\n") and data[12:16] == b"IHDR":
            return "png", *struct.unpack_from(">II", data, 16)
        if data.startswith(b"\xff\xd8"):
            return "mjpeg", *_jpeg_size(data)
        if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
            return "webp", *_webp_size(data)
        if data.startswith(b"BM"):
            old = struct.unpack_from("<I", data, 14)[0] == 12  # BITMAPCOREHEADER
            width, height = struct.unpack_from("<HH" if old else "<ii", data, 18)
            return "bmp", width, abs(height)
    except struct.error as error:
        raise BackdropFailed("picture unreadable") from error
    raise BackdropFailed("not a picture in PNG, JPEG, WebP or BMP")


def _jpeg_size(data: bytes) -> tuple[int, int]:
    at = 2
    for _ in range(MAX_SEGMENTS):
        if data[at : at + 1] != b"\xff":
            break
        marker = data[at + 1] if at + 1 < len(data) else 0
        if marker == 0xFF:  # fill
            at += 1
        elif marker in _ALONE:
            at += 2
        elif marker in _FRAMES:
            height, width = struct.unpack_from(">HH", data, at + 5)
            return width, height
        else:
            at += 2 + struct.unpack_from(">H", data, at + 2)[0]
    raise BackdropFailed("picture unreadable")


def _webp_size(data: bytes) -> tuple[int, int]:
    """https://developers.google.com/speed/webp/docs/riff_container, RFC 9649"""
    kind = data[12:16]
    if kind == b"VP8X":
        width, height = (int.from_bytes(data[i : i + 3], "little") + 1 for i in (24, 27))
        return width, height
    if kind == b"VP8L" and data[20:21] == b"\x2f":
        bits = struct.unpack_from("<I", data, 21)[0]
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    raise BackdropFailed("picture unreadable")


def read(data: bytes, width: int, height: int) -> Picture:
    """Decode and fill ``width`` x ``height``; what sticks out is cut.

    Blocking, and not for strangers' files in the server's own process: within the limit of pixels
    some take a minute. Raises ``BackdropFailed``.
    """
    codec, own_width, own_height = size_of(data)
    # A small file may unfold to gigabytes; nothing is decoded before this.
    if not 0 < own_width * own_height <= MAX_PIXELS:
        raise BackdropFailed("picture too large")
    try:
        decoder = av.CodecContext.create(codec, "r")
        assert isinstance(decoder, av.VideoCodecContext)
        decoder.thread_count = 1
        # The header's size may not be the only one a file holds.
        decoder.options = {"max_pixels": str(MAX_PIXELS)}
        frames = decoder.decode(av.Packet(data)) or decoder.decode(None)
        bgr = frames[0].to_ndarray(format="bgr24")
    except (av.error.FFmpegError, IndexError, ValueError) as error:
        raise BackdropFailed("picture unreadable") from error
    return _fill(bgr, width, height)


def _fill(bgr: np.ndarray, width: int, height: int) -> Picture:
    # Cut first: a picture one pixel wide, enlarged whole, would not fit into any memory.
    scale = max(width / bgr.shape[1], height / bgr.shape[0])
    w = max(1, min(bgr.shape[1], round(width / scale)))
    h = max(1, min(bgr.shape[0], round(height / scale)))
    x, y = (bgr.shape[1] - w) // 2, (bgr.shape[0] - h) // 2
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    filled = cv2.resize(bgr[y : y + h, x : x + w], (width, height), interpolation=way)
    picture = Picture(width, height)
    picture.buffer[:] = cv2.cvtColor(filled, cv2.COLOR_BGR2YUV_I420)
    return picture
