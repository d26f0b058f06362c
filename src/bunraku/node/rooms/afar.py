"""Sound of streams whose room is on another node (contract section 5.8): asked for as members of a room
ask for their events, because it may be heard anywhere while a room is in one place (decision D10)."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing

import numpy as np

from bunraku.core.clock import Clock, timeout
from bunraku.core.errors import ApiError
from bunraku.core.media import PCM, SAMPLE_RATE, SpeechChunk
from bunraku.node.streams.sources import LiveSources
from bunraku.node.streams.stream import never
from bunraku.nodes.rooms import Sound, SoundHall, node_of

HELD = 2 * SAMPLE_RATE  # samples that wait for who listens; the oldest are dropped
AT_ONCE = SAMPLE_RATE // 25  # samples that are worth an answer: one tick
GATHER = 0.04  # s that less may wait for more
WAIT = 2.0  # s a question waits for sound
FORGOTTEN = 10.0  # s after which one that is not asked for is closed


class _Listener:
    def __init__(self, sound: AsyncGenerator[SpeechChunk], clock: Clock, fence: Callable[[], bool]) -> None:
        self._clock, self._fence = clock, fence
        self._pieces: deque[PCM] = deque()
        self._held = 0
        self._over = False
        self._news = asyncio.Event()
        self._job = asyncio.create_task(self._hear(sound), name="afar")
        self.asked = clock.monotonic()

    async def _hear(self, sound: AsyncGenerator[SpeechChunk]) -> None:
        try:
            async with aclosing(sound):
                async for chunk in sound:
                    if not self._fence():
                        self._keep(chunk.samples)
        finally:
            self._over = True
            self._news.set()

    def _keep(self, samples: PCM) -> None:
        self._pieces.append(samples)
        self._held += samples.size
        while self._held > HELD:
            self._held -= self._pieces.popleft().size
        self._news.set()

    async def take(self, wait: float) -> Sound:
        self.asked = self._clock.monotonic()
        if not self._held:
            await self._until_news(wait)
        if self._held < AT_ONCE and not self._over:
            await self._clock.sleep_until(self._clock.monotonic() + GATHER)
        pcm = b"".join(p.tobytes() for p in self._pieces)
        self._pieces.clear()
        self._held = 0
        return Sound(pcm, self._over)

    async def _until_news(self, wait: float) -> None:
        self._news.clear()
        if self._over:
            return
        with contextlib.suppress(TimeoutError):
            async with timeout(self._clock, wait):
                await self._news.wait()

    async def close(self) -> None:
        self._job.cancel()
        await asyncio.gather(self._job, return_exceptions=True)


class Listeners:
    """What other nodes hear of this one; a ``SoundHall``."""

    def __init__(
        self, sources: LiveSources, clock: Clock, node_id: str, fence: Callable[[], bool] = never
    ) -> None:
        self._sources, self._clock, self._node_id, self._fence = sources, clock, node_id, fence
        self._listeners: dict[str, _Listener] = {}

    async def listen(self, app_id: int, room_id: str, stream_id: str) -> str | None:
        sound = await self._sources.listen(app_id, room_id, stream_id)
        if sound is None:
            return None
        listener_id = f"{self._node_id}.{secrets.token_hex(16)}"
        self._listeners[listener_id] = _Listener(sound, self._clock, self._fence)
        self._look_again(listener_id)
        return listener_id

    async def sound(self, listener_id: str, wait: float) -> Sound:
        listener = self._listeners.get(listener_id)
        if listener is None:
            return Sound(b"", over=True)
        found = await listener.take(wait)
        if found.over:
            await self.unlisten(listener_id)
        return found

    async def unlisten(self, listener_id: str) -> None:
        listener = self._listeners.pop(listener_id, None)
        if listener is not None:
            await listener.close()

    async def close(self) -> None:
        for listener_id in tuple(self._listeners):
            await self.unlisten(listener_id)

    def _look_again(self, listener_id: str) -> None:
        def look() -> None:
            listener = self._listeners.get(listener_id)
            if listener is None:
                return
            if self._clock.monotonic() - listener.asked < FORGOTTEN:
                self._look_again(listener_id)
            else:
                asyncio.ensure_future(self.unlisten(listener_id))

        self._clock.call_at(self._clock.monotonic() + FORGOTTEN, look)


Place = Callable[[int, str], Awaitable[tuple[str, str] | None]]
"""Node and room of an app's stream."""


class SourcesAnywhere:
    """As ``LiveSources``, of all nodes."""

    def __init__(self, here: LiveSources, place: Place, node: Callable[[str], SoundHall], me: str) -> None:
        """``node`` is one by its id; it may raise ``SystemBusy``, as all that it is asked."""
        self._here, self._place, self._node, self._me = here, place, node, me

    async def listen(self, app_id: int, room_id: str, stream_id: str) -> AsyncGenerator[SpeechChunk] | None:
        """None while there is no such stream, or it cannot be reached."""
        sound = await self._here.listen(app_id, room_id, stream_id)
        if sound is not None:
            return sound
        try:
            place = await self._place(app_id, stream_id)
            if place is None or place[0] == self._me or place[1] != room_id:
                return None
            node = self._node(place[0])
            listener_id = await node.listen(app_id, room_id, stream_id)
        except ApiError:
            return None
        if listener_id is None:
            return None
        assert node_of(listener_id) == place[0]
        return _fetched(node, listener_id)


async def _fetched(node: SoundHall, listener_id: str) -> AsyncGenerator[SpeechChunk]:
    """Until it is over, or its node is gone."""
    try:
        while True:
            sound = await node.sound(listener_id, WAIT)
            if sound.pcm:
                yield SpeechChunk(np.frombuffer(sound.pcm, np.int16))
            if sound.over:
                return
    except ApiError:
        return
    finally:
        with contextlib.suppress(ApiError):
            await node.unlisten(listener_id)
