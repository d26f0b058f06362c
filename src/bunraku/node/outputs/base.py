"""What outputs are made of: where units come from, what is told of them, and what may go wrong."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from bunraku.core.clock import Clock
from bunraku.core.media import Codec, EncodedUnit, Kind, Word
from bunraku.core.output import OutputFile, OutputOrder
from bunraku.core.urls import Guard
from bunraku.node.outputs.storage import Place, Storage
from bunraku.node.rtc.gate import KeyframeGate
from bunraku.node.streams.stream import Stream
from bunraku.node.workers.pool import Workers

MOST_UNITS = 600  # about eight seconds
MOST_BYTES = 8 * 1024 * 1024
KEYFRAME_EVERY_US = 2_000_000


class OutputLost(Exception):
    """The target is gone or does not answer; trying again may help. The text is shown as FailReason."""


class OutputFailed(Exception):
    """Trying again cannot help. The text is shown as FailReason: no address, no path, no secret."""


@dataclass(frozen=True, slots=True)
class Wants:
    """What an output takes of a stream; ``every_us`` is how far apart its keyframes may be."""

    sound: Codec | None
    keyframes_only: bool = False
    every_us: int = KEYFRAME_EVERY_US


@dataclass(frozen=True, slots=True)
class Caption:
    """A word as it is heard, in program time; without text, it takes back what has not begun by then."""

    start_us: int
    end_us: int
    text: str


class Feed:
    """A ``Watcher`` that gives a stream's units to one output, beginning with a keyframe.

    Bounded: an output that does not keep up loses all that waits, and goes on with the next keyframe.
    Iterating ends after ``end``, when what waits has been taken.
    """

    video_codec: Codec | None = Codec.H264
    video_limit: int | None = None

    def __init__(self, stream: Stream, wants: Wants) -> None:
        self._stream, self._wants = stream, wants
        self._gate = KeyframeGate()
        self._units: deque[EncodedUnit | Caption] = deque()
        self._bytes = 0
        self._ready = asyncio.Event()
        self._ended = asyncio.Event()
        self._keyframe_us: int | None = None
        self.dropped = 0
        """Units that were lost because the output did not keep up."""

    @property
    def wants(self) -> Wants:
        return self._wants

    def push(self, unit: EncodedUnit) -> None:
        if unit.kind is Kind.VIDEO:
            self._ask_in_time(unit)
            if self._wants.keyframes_only and not unit.keyframe:
                return
        elif unit.codec is not self._wants.sound:
            return
        if self._ended.is_set() or not self._gate.passes(unit):
            return
        if len(self._units) >= MOST_UNITS or self._bytes + len(unit.data) > MOST_BYTES:
            self._drop()
            return
        self._units.append(unit)
        self._bytes += len(unit.data)
        self._ready.set()

    def spoken(self, began_us: int, words: Sequence[Word]) -> None:
        """Words of a drive that began at this program time."""
        if self._ended.is_set() or len(self._units) + len(words) > MOST_UNITS:
            return
        for word in words:
            start, end = (began_us + round(s * 1e6) for s in (word.start, word.end))
            self._units.append(Caption(start, end, word.text))
        self._ready.set()

    def hushed(self, now_us: int) -> None:
        """Words that have not begun by now are not said."""
        if not self._ended.is_set():
            self._units.append(Caption(now_us, now_us, ""))
            self._ready.set()

    def _ask_in_time(self, unit: EncodedUnit) -> None:
        """The encoder makes keyframes only when asked to."""
        if unit.keyframe or self._keyframe_us is None:
            self._keyframe_us = unit.time_us
        elif unit.time_us - self._keyframe_us >= self._wants.every_us:
            self._keyframe_us = unit.time_us
            self.request_keyframe()

    def _drop(self) -> None:
        self.dropped += len(self._units) + 1
        self.skip()

    def skip(self) -> None:
        """Forget what waits, and go on with the next keyframe."""
        self._units.clear()
        self._bytes = 0
        self._gate.shut()
        self.request_keyframe()

    def request_keyframe(self) -> None:
        self._stream.request_keyframe(Codec.H264)

    def end(self) -> None:
        """Nothing is taken in any more."""
        self._ended.set()
        self._ready.set()

    async def ended(self) -> None:
        """Wait for the end."""
        await self._ended.wait()

    async def close(self) -> None:
        """The stream is over."""
        self.end()

    async def __aiter__(self) -> AsyncIterator[EncodedUnit | Caption]:
        while True:
            while self._units:
                unit = self._units.popleft()
                if isinstance(unit, EncodedUnit):
                    self._bytes -= len(unit.data)
                yield unit
            if self._ended.is_set():
                return
            self._ready.clear()
            await self._ready.wait()


class Told(Protocol):
    """Who hears how an attempt goes. None of these blocks or raises."""

    def active(self) -> None:
        """The target takes what it is sent."""
        ...

    def sent(self, count: int) -> None:
        """So many more bytes."""
        ...

    def file(self, file: OutputFile) -> None: ...


class Sender(Protocol):
    """How one protocol sends a stream; the same object serves every attempt of one output."""

    @property
    def wants(self) -> Wants: ...

    async def run(self, feed: Feed, told: Told) -> None:
        """One attempt: returns when the feed has ended and everything is where it belongs.

        Guaranteed: cancelled at any moment, it leaves nothing behind that runs. Raises ``OutputLost``
        or ``OutputFailed``.
        """
        ...


class Finishing(Protocol):
    """What a node does with whole files of outputs."""

    async def finish(self, place: Place, file: OutputFile, feed: Feed, told: Told) -> None:
        """Tells of ``file`` when it is where it belongs. Raises ``OutputFailed``."""
        ...


@dataclass(frozen=True, slots=True)
class Means:
    """What senders need of the node."""

    workers: Workers
    storage: Storage
    clock: Clock
    guard: Guard
    finishing: Finishing
    timeout: float
    """Seconds a target may take nothing, or say nothing."""


class SenderOpener(Protocol):
    def __call__(self, order: OutputOrder, place: Place, means: Means, /) -> Sender: ...
