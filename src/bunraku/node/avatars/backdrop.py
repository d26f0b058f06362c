"""A picture behind the figure, from a caller's URL: fetched and decoded in a worker."""

from __future__ import annotations

import numpy as np

from bunraku.core.media import Picture
from bunraku.core.urls import FetchFailed
from bunraku.node.avatars.picture_file import BackdropFailed
from bunraku.node.fetch import Fetcher
from bunraku.node.workers.fair import FairSlots
from bunraku.node.workers.pool import JobLost

MAX_BYTES = 10 * 1024 * 1024
FETCH_TIME, DECODE_TIME = 60.0, 20.0  # s
# Large pictures take hundreds of megabytes while they are decoded: few at a time, and one of a
# tenant's, so that nobody's bomb is in everybody's way.
_decoders = FairSlots(2, per_tenant=1)


async def fetch(fetcher: Fetcher, url: str, tenant: int, width: int, height: int) -> Picture:
    """The picture at ``url``, filling ``width`` x ``height``. Raises ``BackdropFailed``."""
    asked = {"width": width, "height": height, "max_bytes": min(MAX_BYTES, fetcher.settings.max_bytes)}
    try:
        async with fetcher.job("picture", url, tenant, asked, 2 * FETCH_TIME) as job:
            await job.receive(FETCH_TIME)
            async with _decoders.of(tenant):
                job.send({"go": True})
                try:
                    block = await job.receive(DECODE_TIME)
                except JobLost:
                    raise BackdropFailed("picture takes too much time or memory") from None
    except FetchFailed as error:
        raise BackdropFailed(str(error)) from error
    if block is None or len(block[1]) != width * height * 3 // 2:
        raise BackdropFailed("picture unreadable")
    picture = Picture(width, height)
    picture.buffer[:] = np.frombuffer(block[1], np.uint8).reshape(picture.buffer.shape)
    return picture
