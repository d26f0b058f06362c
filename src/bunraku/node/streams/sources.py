"""Streams whose sound a digital human can repeat (DriveByRTCStream, contract section 5.8)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable

from bunraku.core.media import Codec, EncodedUnit, Kind, SpeechChunk
from bunraku.node.streams.hearing import OpusHearing
from bunraku.node.streams.microphone import HEARD_AHEAD, Microphone
from bunraku.node.streams.stream import Stream


class _Ear:
    """A ``Watcher`` that takes the sound of a stream; what is not fetched in time is dropped."""

    video_codec: Codec | None = None
    video_limit: int | None = None

    def __init__(self) -> None:
        self.units: asyncio.Queue[EncodedUnit | None] = asyncio.Queue(HEARD_AHEAD)

    def push(self, unit: EncodedUnit) -> None:
        if unit.kind is Kind.AUDIO:
            self._put(unit)

    async def close(self) -> None:
        self._put(None)

    def _put(self, unit: EncodedUnit | None) -> None:
        if self.units.full():
            self.units.get_nowait()
        self.units.put_nowait(unit)


async def hear(stream: Stream) -> AsyncGenerator[SpeechChunk]:
    """The sound of a digital human's stream from now until it ends."""
    hearing, ear = OpusHearing(), _Ear()
    stream.add_watcher(ear)
    try:
        while stream.live and (unit := await ear.units.get()) is not None:
            yield SpeechChunk(hearing.decode(unit.data))
    finally:
        stream.remove_watcher(ear)


class LiveSources:
    """Microphones that are published, and other digital humans of the same app."""

    def __init__(
        self,
        find_stream: Callable[[int, str], Stream | None],
        find_microphone: Callable[[Stream], Microphone | None],
    ) -> None:
        self._stream, self._microphone = find_stream, find_microphone

    async def listen(self, app_id: int, room_id: str, stream_id: str) -> AsyncGenerator[SpeechChunk] | None:
        """None while there is no such stream."""
        stream = self._stream(app_id, stream_id)
        if stream is None or not stream.live or stream.room_id != room_id:
            return None
        if stream.is_digital_human:
            return hear(stream)
        microphone = self._microphone(stream)
        return microphone.listen() if microphone is not None else None
