"""The avatar's side of LiveKit's protocol: segments of speech come in, what was heard of each goes back.

Each segment that was opened is finished exactly once, whatever is lost or cleared: an agent waits for that
before it goes on.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from typing import Any, Protocol

from bunraku_stage import ENDED, INTERRUPTED

log = logging.getLogger(__name__)

AUDIO_STREAM = "lk.audio_stream"
CLEAR_BUFFER = "lk.clear_buffer"
PLAYBACK_STARTED, PLAYBACK_FINISHED = "lk.playback_started", "lk.playback_finished"
STREAM_IDLE = 10.0  # s without a byte after which a stream's trailer counts as lost
LOOK_EVERY = 0.1  # s between looks how much has been heard
TRIES, TRY_AGAIN = 3, 0.1  # s


class Figure(Protocol):
    """What speaks; ``bunraku_stage.Stage`` is one."""

    async def begin(self, rate: int, channels: int) -> None: ...

    async def feed(self, pcm: bytes) -> None: ...

    async def finish(self) -> None: ...

    async def interrupt(self) -> None: ...

    async def heard(self) -> tuple[int, int]:
        """The state of what was begun last, and how many ms of it were heard."""
        ...


class Reader(Protocol):
    """A byte stream of LiveKit's."""

    @property
    def info(self) -> Any: ...

    def __aiter__(self) -> AsyncIterator[bytes]: ...


class _Segment:
    """One stream. ``cleared``: nothing more of it is to be heard; ``over``: a newer one has come."""

    def __init__(self, reader: Reader, rate: int, channels: int) -> None:
        self.reader, self.rate, self.channels = reader, rate, channels
        self.cleared = asyncio.Event()
        self.over = asyncio.Event()


class AvatarWorker:
    """Speaks for one agent in one room. ``room`` is a connected ``livekit.rtc.Room``, or like one."""

    def __init__(self, room: Any, figure: Figure, agent_identity: str) -> None:
        self._room, self._figure, self._agent = room, figure, agent_identity
        self._waiting: deque[_Segment] = deque()
        self._current: _Segment | None = None
        self._more = asyncio.Event()
        self._job: asyncio.Task[None] | None = None

    def start(self) -> None:
        """To be called before video is published: that is what an agent waits for."""
        self._room.local_participant.register_rpc_method(CLEAR_BUFFER, self._clear)
        self._room.register_byte_stream_handler(AUDIO_STREAM, self._opened)
        self._job = asyncio.create_task(self._run(), name="avatar")

    async def close(self) -> None:
        self._room.unregister_byte_stream_handler(AUDIO_STREAM)
        if self._job is not None:
            self._job.cancel()
            await asyncio.gather(self._job, return_exceptions=True)

    # --- from the agent

    def _opened(self, reader: Reader, identity: str) -> None:
        if identity != self._agent:
            return
        try:
            said: Mapping[str, str] = reader.info.attributes or {}
            segment = _Segment(reader, int(said["sample_rate"]), int(said["num_channels"]))
        except (KeyError, ValueError):
            log.error("a stream without sample_rate or num_channels was refused")
            return
        for before in (self._current, *self._waiting):
            if before is not None:
                before.over.set()
        self._waiting.append(segment)
        self._more.set()

    def _clear(self, call: Any) -> str:
        """Whatever is open now is over, from its header on."""
        if call.caller_identity != self._agent:
            return "reject"
        for segment in (self._current, *self._waiting):
            if segment is not None:
                segment.cleared.set()
        return "ok"

    # --- to the agent

    async def _run(self) -> None:
        while True:
            await self._more.wait()
            while self._waiting:
                self._current = self._waiting.popleft()
                try:
                    played, interrupted = await self._speak(self._current)
                except Exception:
                    log.exception("a segment could not be spoken")
                    played, interrupted = 0, True
                self._current = None
                await self._tell(
                    PLAYBACK_FINISHED, {"playback_position": played / 1000, "interrupted": interrupted}
                )
            self._more.clear()

    async def _speak(self, segment: _Segment) -> tuple[int, bool]:
        """How many ms of it were heard, and whether it was cut short."""
        if segment.cleared.is_set():
            return 0, True
        await self._figure.begin(segment.rate, segment.channels)
        feeding = asyncio.create_task(self._feed(segment))
        cut = asyncio.create_task(segment.cleared.wait())
        started, silenced = False, False
        try:
            while True:
                if cut.done() and not silenced:
                    silenced = True
                    feeding.cancel()
                    await asyncio.gather(feeding, return_exceptions=True)
                    await self._figure.interrupt()
                if feeding.done() and not feeding.cancelled():
                    feeding.result()
                state, played = await self._figure.heard()
                if played and not started:
                    started = True
                    await self._tell(PLAYBACK_STARTED, None)
                if state in (ENDED, INTERRUPTED) and (silenced or feeding.done()):
                    return played, silenced or state == INTERRUPTED
                if silenced and not started and state not in (ENDED, INTERRUPTED):
                    return played, True  # nothing of it had come to the stage
                await asyncio.wait([cut], timeout=LOOK_EVERY)
                if silenced:
                    await asyncio.sleep(LOOK_EVERY / 5)
        finally:
            for job in (feeding, cut):
                job.cancel()
            await asyncio.gather(feeding, cut, return_exceptions=True)

    async def _feed(self, segment: _Segment) -> None:
        """All of the stream, until its trailer or what takes its place."""
        chunks = aiter(segment.reader)
        over = asyncio.create_task(segment.over.wait())
        try:
            while True:
                chunk = asyncio.ensure_future(anext(chunks))
                done, _ = await asyncio.wait(
                    {chunk, over}, timeout=STREAM_IDLE, return_when=asyncio.FIRST_COMPLETED
                )
                if chunk not in done:
                    chunk.cancel()
                    log.warning("a stream ended without its trailer")
                    break
                try:
                    await self._figure.feed(chunk.result())
                except StopAsyncIteration:
                    break
        finally:
            over.cancel()
        await self._figure.finish()

    async def _tell(self, method: str, payload: dict[str, Any] | None) -> None:
        """An agent that does not ask for ``playback_started`` does not know it."""
        text = "" if payload is None else json.dumps(payload | {"synchronized_transcript": None})
        for _ in range(TRIES):
            with suppress(Exception):
                await self._room.local_participant.perform_rpc(
                    destination_identity=self._agent, method=method, payload=text
                )
                return
            if payload is None:
                return
            await asyncio.sleep(TRY_AGAIN)
        log.error("the agent does not answer", extra={"method": method})
