"""Speech from an audio file, decoded while it still downloads; both in a worker (``audio_job``)."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import numpy as np

from bunraku.core.media import SpeechChunk
from bunraku.core.urls import FetchFailed
from bunraku.node.fetch import Fetcher
from bunraku.node.speech.base import SpeechFailed

SILENCE = 20.0
"""Seconds a worker may say nothing; while it waits for the file's server it says so."""
PAUSES = 600.0  # s that playing may take longer than the sound


class AudioFiles:
    """Opens URLs as speech."""

    def __init__(self, fetcher: Fetcher) -> None:
        self._fetcher = fetcher

    async def play(self, url: str, voice_channel: int, tenant: int) -> AsyncGenerator[SpeechChunk]:
        """Chunks of half a second at most, for the app ``tenant``. Raises ``SpeechFailed``."""
        longest = self._fetcher.settings.max_seconds
        asked = {"voice_channel": voice_channel, "max_seconds": longest}
        try:
            async with self._fetcher.job("audio", url, tenant, asked, longest + PAUSES) as job:
                while (block := await job.receive(SILENCE)) is not None:
                    head, body = block
                    if "lips" in head:
                        yield _chunk(body, with_lips=head["lips"] is True)
        except FetchFailed as error:
            raise SpeechFailed(str(error)) from error


def _chunk(body: bytes, *, with_lips: bool) -> SpeechChunk:
    samples = np.frombuffer(body, np.int16)
    if not with_lips:
        return SpeechChunk(samples)
    half = samples.size // 2
    return SpeechChunk(samples[:half], lips=samples[half:])
