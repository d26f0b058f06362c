"""AAC of a stream, made once for all outputs that want it."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import Executor, Future

from bunraku.core.media import Codec, EncodedUnit
from bunraku.node.encode.aac import AacEncoder
from bunraku.node.outputs.base import Feed
from bunraku.node.streams.hearing import OpusHearing
from bunraku.node.streams.stream import Stream

log = logging.getLogger(__name__)

BATCH = 2  # Opus packets: what a tick makes
MOST_WAITING = 100  # packets: two seconds


class SharedAac:
    """A ``Watcher`` while somebody wants AAC. Decoding and encoding are done on a worker thread, a batch at a
    time; what that does not keep up with is lost, and becomes silence."""

    video_codec: Codec | None = None
    video_limit: int | None = None

    def __init__(self, stream: Stream, executor: Executor) -> None:
        self._stream, self._executor = stream, executor
        self._feeds: set[Feed] = set()
        self._waiting: list[EncodedUnit] = []
        self._under_way: Future[list[EncodedUnit]] | None = None
        self._hearing, self._encoder = OpusHearing(), AacEncoder()

    @property
    def watching(self) -> int:
        return int(bool(self._feeds))

    def join(self, feed: Feed) -> None:
        if not self._feeds:
            self._waiting.clear()
            self._hearing, self._encoder = OpusHearing(), AacEncoder()
            self._stream.add_watcher(self)
        self._feeds.add(feed)

    def leave(self, feed: Feed) -> None:
        self._feeds.discard(feed)
        if not self._feeds:
            self._stream.remove_watcher(self)

    def push(self, unit: EncodedUnit) -> None:
        if unit.codec is not Codec.OPUS:
            return
        if len(self._waiting) >= MOST_WAITING:
            self._waiting.clear()
        self._waiting.append(unit)
        if self._under_way is None and len(self._waiting) >= BATCH:
            self._begin()

    async def close(self) -> None:
        """The stream is over; outputs are ended by whoever has them."""

    def _begin(self) -> None:
        batch, self._waiting = self._waiting, []
        loop, hearing, encoder = asyncio.get_running_loop(), self._hearing, self._encoder
        self._under_way = work = self._executor.submit(_encode, hearing, encoder, batch)
        work.add_done_callback(lambda done: loop.call_soon_threadsafe(self._done, done))

    def _done(self, work: Future[list[EncodedUnit]]) -> None:
        self._under_way = None
        if work.cancelled():
            return
        error = work.exception()
        if error is not None:
            log.error("sound lost", exc_info=error)
            self._encoder = AacEncoder()
            return
        for unit in work.result():
            for feed in tuple(self._feeds):
                feed.push(unit)
        if len(self._waiting) >= BATCH:
            self._begin()


def _encode(hearing: OpusHearing, encoder: AacEncoder, batch: list[EncodedUnit]) -> list[EncodedUnit]:
    units: list[EncodedUnit] = []
    for packet in batch:
        units += encoder.encode(hearing.decode(packet.data), packet.time_us)
    return units
