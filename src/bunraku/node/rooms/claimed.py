"""The rooms of a node that is one of several: each is claimed before it is entered.

A claim is a row that one node can hold (``store.claims``). It is made with the first who needs the
room and given up a while after the last has left, so that people who come and go cause no traffic.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from bunraku.core.clock import Clock
from bunraku.core.errors import SystemBusy
from bunraku.node.rooms.desk import RoomDesk
from bunraku.node.rooms.room import Rooms
from bunraku.node.streams.stream import Stream
from bunraku.nodes.rooms import Events, Login, PublishRequest, Refused, Session, StreamInfo, WatchRequest
from bunraku.store.claims import NameTaken
from bunraku.store.journal import DatabaseAway, Journal

log = logging.getLogger(__name__)

LINGER = 5.0  # s a room is kept after the last has left


class RoomClaims:
    """Which rooms this node holds. Used on the event loop only."""

    def __init__(self, rooms: Rooms, journal: Journal, clock: Clock) -> None:
        self._rooms, self._journal, self._clock = rooms, journal, clock
        self._held: set[tuple[int, str]] = set()
        self._jobs: set[asyncio.Task[None]] = set()
        self._freeing: dict[tuple[int, str], asyncio.Task[None]] = {}
        self._closed_to_new = False
        rooms.on_empty.append(self._emptied)
        rooms.on_freed.append(self._freed)

    @property
    def count(self) -> int:
        return len(self._held)

    def refuse_new(self) -> None:
        """Only rooms that are here are entered from now on."""
        self._closed_to_new = True

    def admit(self, app_id: int, room_id: str) -> None:
        """Raises ``SystemBusy`` when this node takes no new rooms and this is one."""
        if self._closed_to_new and (app_id, room_id) not in self._held:
            raise SystemBusy("node is draining")

    async def hold(self, app_id: int, room_id: str) -> None:
        """Raises ``Elsewhere``, ``SystemBusy``. Does not wait for a room that is held."""
        self.admit(app_id, room_id)
        if (app_id, room_id) in self._held:
            return
        try:
            await self._journal.claim_room(app_id, room_id)
        except DatabaseAway:
            raise SystemBusy("database is away") from None
        self.held(app_id, room_id)

    def held(self, app_id: int, room_id: str) -> None:
        """The room was claimed, here or with the birth of a task."""
        self._held.add((app_id, room_id))
        if self._rooms.find(app_id, room_id) is None:
            self._emptied(app_id, room_id)  # nobody came after all

    def _emptied(self, app_id: int, room_id: str) -> None:
        self._clock.call_at(self._clock.monotonic() + LINGER, lambda: self._leave(app_id, room_id))

    def _leave(self, app_id: int, room_id: str) -> None:
        self._spawn(self._give_up(app_id, room_id))

    async def _give_up(self, app_id: int, room_id: str) -> None:
        if self._rooms.find(app_id, room_id) is not None or (app_id, room_id) not in self._held:
            return
        self._held.discard((app_id, room_id))  # who comes now claims it again, after this
        try:
            await self._journal.leave_room(app_id, room_id)
        except DatabaseAway:
            self._held.add((app_id, room_id))
            self._emptied(app_id, room_id)

    def _freed(self, stream: Stream) -> None:
        """What a participant published is over; a task's name is freed with its record."""
        if not stream.is_digital_human:
            self.free(stream.app_id, stream.stream_id)

    async def name(self, app_id: int, room_id: str, stream_id: str) -> None:
        """Claim a name for what a participant publishes. Raises ``NameTaken`` and as ``hold``."""
        freeing = self._freeing.get((app_id, stream_id))
        if freeing is not None:
            await asyncio.wait((freeing,))
        try:
            await self._journal.claim_stream(app_id, room_id, stream_id)
        except DatabaseAway:
            raise SystemBusy("database is away") from None

    def free(self, app_id: int, stream_id: str) -> asyncio.Task[None]:
        """Give a name up; once, however many notice the end of what had it."""
        key = (app_id, stream_id)
        if key not in self._freeing:
            job = self._freeing[key] = self._spawn(self._free(app_id, stream_id))
            job.add_done_callback(lambda _: self._freeing.pop(key, None))
        return self._freeing[key]

    async def _free(self, app_id: int, stream_id: str) -> None:
        try:
            await self._journal.leave_stream(app_id, stream_id)
        except DatabaseAway:
            log.warning("the name of a stream was not freed: the database is away")

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        job = asyncio.create_task(work)
        self._jobs.add(job)
        job.add_done_callback(self._jobs.discard)
        return job


class ClaimedRooms:
    """A ``RoomHall`` that claims what it lets in; the desk does the rest."""

    def __init__(self, desk: RoomDesk, rooms: Rooms, claims: RoomClaims) -> None:
        self._desk, self._rooms, self._claims = desk, rooms, claims

    async def find_stream(self, app_id: int, stream_id: str) -> StreamInfo | None:
        return await self._desk.find_stream(app_id, stream_id)

    async def holds(self, app_id: int, room_id: str | None, user_id: str, token: str) -> bool:
        return await self._desk.holds(app_id, room_id, user_id, token)

    async def join(self, login: Login) -> str:
        """Raises ``Elsewhere`` or ``SystemBusy``."""
        await self._claims.hold(login.app_id, login.room_id)
        return await self._desk.join(login)

    async def events(self, member_id: str, wait: float) -> Events:
        return await self._desk.events(member_id, wait)

    async def renew(self, member_id: str, token: str, expire: int) -> None:
        await self._desk.renew(member_id, token, expire)

    async def leave(self, member_id: str) -> None:
        await self._desk.leave(member_id)

    async def watch(self, request: WatchRequest) -> Session:
        return await self._desk.watch(request)

    async def unwatch(self, session_id: str) -> bool:
        return await self._desk.unwatch(session_id)

    async def publish(self, request: PublishRequest) -> Session:
        """Raises ``Elsewhere`` or ``SystemBusy`` too."""
        app_id, room_id, stream_id = request.app_id, request.room_id, request.stream_id
        await self._claims.hold(app_id, room_id)
        # A page that comes again takes its name over: the former claim ends before the next begins.
        await self._desk.give_way(request)
        if self._rooms.stream(app_id, stream_id) is not None:
            raise Refused(409, "stream id is taken")
        try:
            await self._claims.name(app_id, room_id, stream_id)
        except NameTaken:
            raise Refused(409, "stream id is taken") from None
        try:
            return await self._desk.publish(request)
        except BaseException:
            await asyncio.shield(self._claims.free(app_id, stream_id))
            raise

    async def unpublish(self, session_id: str) -> bool:
        return await self._desk.unpublish(session_id)
