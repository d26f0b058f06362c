"""A picture behind the figure: read from a file or fetched, cut to fill the frame."""

from __future__ import annotations

import asyncio
import io
from concurrent.futures import ThreadPoolExecutor

import av
import av.error
import cv2
import numpy as np

from bunraku.core.media import Picture
from bunraku.core.urls import FetchFailed
from bunraku.node.fetch import Fetcher

MAX_BYTES = 10 * 1024 * 1024
MAX_PIXELS = 40_000_000
# How each begins (PNG, JPEG, WebP, BMP), and FFmpeg's name for it.
FORMATS = ((b"\x89PNG", "png_pipe"), (b"\xff\xd8", "jpeg_pipe"), (b"RIFF", "webp_pipe"), (b"BM", "bmp_pipe"))

# Large pictures take hundreds of megabytes while they are decoded: one at a time.
_decoders = ThreadPoolExecutor(1, thread_name_prefix="backdrop")


class BackdropFailed(Exception):
    """The picture could not be had. The text says why and may be shown to the caller."""


def read(data: bytes, width: int, height: int) -> Picture:
    """Decode PNG, JPEG, WebP or BMP and fill ``width`` x ``height``; what sticks out is cut.

    Takes CPU time: call it off the event loop. Raises ``BackdropFailed``.
    """
    kind = next((name for magic, name in FORMATS if data.startswith(magic)), None)
    if kind is None:
        raise BackdropFailed("not a picture in PNG, JPEG, WebP or BMP")
    try:
        with av.open(io.BytesIO(data), mode="r", format=kind) as container:
            stream = container.streams.video[0]
            # The header tells the size: a small file may unfold to gigabytes.
            if not 0 < stream.width * stream.height <= MAX_PIXELS:
                raise BackdropFailed("picture too large")
            bgr = next(container.decode(stream)).to_ndarray(format="bgr24")
    except (av.error.FFmpegError, StopIteration, IndexError, ValueError) as error:
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


async def fetch(fetcher: Fetcher, url: str, tenant: int, width: int, height: int) -> Picture:
    """The picture at ``url``, through the guard of all fetches. Raises ``BackdropFailed``."""
    parts: list[bytes] = []
    size = 0
    try:
        async with fetcher.open(url, tenant) as body:
            async for part in body:
                parts.append(part)
                size += len(part)
                if size > MAX_BYTES:
                    raise BackdropFailed("file too large")
    except FetchFailed as error:
        raise BackdropFailed(str(error)) from error
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_decoders, read, b"".join(parts), width, height)
