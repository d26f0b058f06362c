"""Who publishes: microphones by stream, sessions by id."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from bunraku.node.rooms.room import Rooms, StreamTaken
from bunraku.node.rooms.watching import Connecting
from bunraku.node.rtc.base import OfferRefused, PeerSession, Transport
from bunraku.node.streams.microphone import Microphone
from bunraku.node.streams.stream import Stream
from bunraku.nodes.rooms import PublishRequest, Refused, Session

log = logging.getLogger(__name__)

MAX_PUBLISHERS_PER_ROOM = 64


@dataclass(frozen=True, slots=True)
class Booth:
    microphone: Microphone
    session: PeerSession


class Publishing:
    """Streams that people publish into this node's rooms. Each ends with its peer."""

    def __init__(self, rooms: Rooms, transport: Transport, connecting: Connecting, node_id: str) -> None:
        self._rooms, self._transport, self._connecting = rooms, transport, connecting
        self._node_id = node_id
        self._microphones: dict[Stream, Microphone] = {}
        self._booths: dict[str, Booth] = {}
        self._jobs: set[asyncio.Task[None]] = set()

    def microphone(self, stream: Stream) -> Microphone | None:
        return self._microphones.get(stream)

    async def publish(self, request: PublishRequest) -> Session:
        keys = ("user", (request.app_id, request.user_id)), ("address", request.address)
        await self.give_way(request)
        if self._connecting.full(keys):
            raise Refused(503, "too many sessions are still connecting")
        microphone = self._reserve(request)
        try:
            with self._connecting.opening(keys):
                session = await self._transport.publish(microphone, request.offer)
                self._connecting.made(session, keys)
        except OfferRefused as error:
            microphone.end()
            raise Refused(400, str(error)) from None
        except BaseException:
            microphone.end()
            raise
        self.forget()
        session_id = f"{self._node_id}.{secrets.token_hex(16)}"
        self._booths[session_id] = Booth(microphone, session)
        return Session(session_id, session.answer)

    async def give_way(self, request: PublishRequest) -> None:
        """A page that was loaded again before it had connected takes its name over."""
        for booth in tuple(self._booths.values()):
            stream = booth.microphone.stream
            same = (stream.app_id, stream.stream_id) == (request.app_id, request.stream_id)
            if same and not stream.live and stream.user_id == request.user_id:
                await booth.session.close()

    def _reserve(self, request: PublishRequest) -> Microphone:
        here = (m.stream for m in self._microphones.values())
        if sum((s.app_id, s.room_id) == (request.app_id, request.room_id) for s in here) >= (
            MAX_PUBLISHERS_PER_ROOM
        ):
            raise Refused(503, "room has its maximum of publishers")
        user = request.user_id
        stream = Stream(request.app_id, request.room_id, request.stream_id, user, user)
        try:
            self._rooms.reserve(stream)
        except StreamTaken:
            raise Refused(409, "stream id is taken") from None

        def ended() -> None:
            self._microphones.pop(stream, None)
            self._rooms.withdraw(stream)
            self._spawn(stream.close())

        microphone = Microphone(stream, lambda: self._rooms.publish(stream), ended)
        self._microphones[stream] = microphone
        return microphone

    async def unpublish(self, session_id: str) -> bool:
        booth = self._booths.pop(session_id, None)
        if booth is None:
            return False
        await asyncio.shield(booth.session.close())
        return True

    async def dismiss(self, app_id: int) -> None:
        """End what an app's participants publish."""
        mine = [b.session.close() for b in self._booths.values() if b.microphone.stream.app_id == app_id]
        await asyncio.gather(*mine, return_exceptions=True)

    def forget(self) -> None:
        """Sessions that are over."""
        self._booths = {k: b for k, b in self._booths.items() if not b.session.closed}

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        job = asyncio.create_task(work)
        self._jobs.add(job)
        job.add_done_callback(self._jobs.discard)

    async def close(self) -> None:
        await asyncio.gather(*(b.session.close() for b in self._booths.values()), return_exceptions=True)
        await asyncio.gather(*self._jobs, return_exceptions=True)
