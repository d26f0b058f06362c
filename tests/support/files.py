"""Sound files, and fetching as a worker does it."""

from __future__ import annotations

import asyncio
import io
import wave

import numpy as np
import psutil

from bunraku.node.workers.download import download


def stereo(seconds=0.5, rate=22050):
    t = np.arange(int(seconds * rate)) / rate
    left, right = np.sin(t * 2 * np.pi * 300), np.zeros_like(t)
    return (np.stack([left, right], 1) * 12000).astype(np.int16), rate


def wav():
    samples, rate = stereo()
    out = io.BytesIO()
    with wave.open(out, "wb") as w:
        w.setnchannels(2)
        w.setsampwidth(2)
        w.setframerate(rate)
        w.writeframes(samples.tobytes())
    return out.getvalue()


def get(url, **settings):
    limits = {"allow_private": True, "connect_timeout": 5.0, "max_bytes": 10_000_000, "max_redirects": 3}
    with download(url, **(limits | settings)) as body:
        return b"".join(body)


async def childless(fetcher):
    """Waits until no worker is left."""
    zygote = psutil.Process(fetcher.workers.pid)
    async with asyncio.timeout(5):
        while zygote.children():
            await asyncio.sleep(0.02)
    assert fetcher.workers.running == 0
