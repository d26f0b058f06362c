"""Sound that somebody publishes, on its way to who watches the stream and to who repeats it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable

import numpy as np

from bunraku.core.media import PCM, SAMPLE_RATE, SpeechChunk
from bunraku.node.encode.opus import PACKET_SAMPLES, OpusEncoder, open_opus_encoder
from bunraku.node.streams.stream import Stream

HEARD_AHEAD = 50  # pieces a listener may fall behind: a second; the oldest are dropped


class Relay:
    """Sound for those who watch a published stream, encoded once for all of them."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._encoder: OpusEncoder | None = None
        self._rest: PCM = np.empty(0, np.int16)
        self._samples = 0

    def push(self, samples: PCM, passed: int) -> None:
        """Samples as they come; time goes on whether anybody watches or not."""
        self._samples += passed
        if not self._stream.watchers:
            self._samples += samples.size + self._rest.size
            self._encoder, self._rest = None, self._rest[:0]
            return
        if self._encoder is None:
            self._encoder = open_opus_encoder()
        held = np.concatenate([self._rest, samples])
        whole = held.size // PACKET_SAMPLES * PACKET_SAMPLES
        self._rest = held[whole:]
        if whole:
            for unit in self._encoder.encode(held[:whole], self._samples * 1_000_000 // SAMPLE_RATE):
                self._stream.push(unit)
            self._samples += whole


class Microphone:
    """What a publishing session feeds. ``on_opened`` and ``on_ended`` are called once each, the
    first when sound may come, the second when no more will."""

    def __init__(self, stream: Stream, on_opened: Callable[[], None], on_ended: Callable[[], None]) -> None:
        self.stream = stream
        self.ended = False
        self._on_opened, self._on_ended = on_opened, on_ended
        self._relay = Relay(stream)
        self._listeners: set[asyncio.Queue[PCM | None]] = set()
        self._opened = False

    @property
    def listeners(self) -> int:
        """How many listen here."""
        return len(self._listeners)

    def opened(self) -> None:
        if not self._opened and not self.ended:
            self._opened = True
            self._on_opened()

    def push(self, samples: PCM, passed: int = 0) -> None:
        """``samples`` mono at ``SAMPLE_RATE``; ``passed`` samples of time went by without any before
        them."""
        self._relay.push(samples, passed)
        for listener in self._listeners:
            self._put(listener, samples)

    async def listen(self) -> AsyncGenerator[SpeechChunk]:
        """The sound from now until the end."""
        queue: asyncio.Queue[PCM | None] = asyncio.Queue(HEARD_AHEAD)
        self._listeners.add(queue)
        try:
            while not self.ended and (samples := await queue.get()) is not None:
                yield SpeechChunk(samples)
        finally:
            self._listeners.discard(queue)

    def end(self) -> None:
        """Idempotent."""
        if self.ended:
            return
        self.ended = True
        for listener in self._listeners:
            self._put(listener, None)
        self._on_ended()

    def _put(self, listener: asyncio.Queue[PCM | None], samples: PCM | None) -> None:
        if listener.full():
            listener.get_nowait()
        listener.put_nowait(samples)
