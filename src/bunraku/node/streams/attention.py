"""Hearing that somebody in the room begins to speak, so that the figure lets him (contract section 13.1)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable

from bunraku.core.clock import Clock
from bunraku.core.media import SpeechChunk
from bunraku.node.streams.voice_activity import Loudness, OnsetGate

LOOK_EVERY = 0.2  # s between looks for a stream that is not there


class Attention:
    """``listen`` finds the sound of a published stream; ``streams.sources.LiveSources`` has one."""

    def __init__(
        self, listen: Callable[[int, str, str], Awaitable[AsyncIterator[SpeechChunk] | None]], clock: Clock
    ) -> None:
        self._listen, self._clock = listen, clock

    async def onsets(self, app_id: int, room_id: str, stream_id: str, own: Loudness) -> AsyncGenerator[None]:
        """Each time somebody begins to speak on the stream, whenever it is there. Never ends."""
        while True:
            source = await self._listen(app_id, room_id, stream_id)
            if source is not None:
                gate = OnsetGate(own)
                async for chunk in source:
                    if gate.hear(chunk.samples):
                        yield
            await self._clock.sleep_until(self._clock.monotonic() + LOOK_EVERY)
