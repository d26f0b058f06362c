"""Streams whose sound a digital human can repeat (DriveByRTCStream, contract section 5.8)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import av
import numpy as np

from bunraku.core.media import SAMPLE_RATE, Codec, EncodedUnit, Kind, SpeechChunk
from bunraku.front.edge.whip import HEARD_AHEAD, Whip
from bunraku.node.rooms.room import Rooms, Stream


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


async def hear(stream: Stream) -> AsyncIterator[SpeechChunk]:
    """The sound of a digital human's stream from now until it ends."""
    decoder = av.AudioCodecContext.create("libopus", "r")
    decoder.sample_rate, decoder.layout = SAMPLE_RATE, "mono"
    resampler = av.AudioResampler("s16", "mono", SAMPLE_RATE)
    ear = _Ear()
    stream.add_watcher(ear)
    try:
        while stream.live and (unit := await ear.units.get()) is not None:
            for frame in decoder.decode(av.Packet(unit.data)):
                for out in resampler.resample(frame):
                    yield SpeechChunk(out.to_ndarray().reshape(-1).astype(np.int16, copy=False))
    finally:
        stream.remove_watcher(ear)


class LiveSources:
    """Microphones published by WHIP, and other digital humans of the same app."""

    def __init__(self, rooms: Rooms, whip: Whip) -> None:
        self._rooms, self._whip = rooms, whip

    def listen(self, app_id: int, room_id: str, stream_id: str) -> AsyncIterator[SpeechChunk] | None:
        """None while there is no such stream."""
        stream = self._rooms.stream(app_id, stream_id)
        if stream is None or not stream.live or stream.room_id != room_id:
            return None
        return hear(stream) if stream.is_digital_human else self._whip.listen(app_id, room_id, stream_id)
