"""The rooms of a node, as the hall asks for them (``bunraku.nodes.rooms``)."""

from __future__ import annotations

import asyncio
import itertools
import secrets

from bunraku.core.clock import Clock, next_beat
from bunraku.node.rooms.members import Guest
from bunraku.node.rooms.publishing import Publishing
from bunraku.node.rooms.room import Rooms
from bunraku.node.rooms.watching import Watching, connecting
from bunraku.node.rtc.base import Transport
from bunraku.node.streams.microphone import Microphone
from bunraku.node.streams.stream import Stream
from bunraku.nodes.rooms import Events, Login, PublishRequest, Session, StreamInfo, WatchRequest

FORGET = 20  # beats between the moments at which what is over is forgotten


class RoomDesk:
    """A ``RoomHall`` over the rooms of this very process. Used on the event loop only.

    ``node_id`` begins the ids of its members and sessions: [a-z0-9-], short.
    """

    def __init__(
        self, rooms: Rooms, transport: Transport, clock: Clock, node_id: str, *, max_watchers: int
    ) -> None:
        self._rooms, self._clock, self._node_id = rooms, clock, node_id
        self._connecting = connecting()
        self._watching = Watching(rooms, transport, self._connecting, node_id, max_watchers)
        self._publishing = Publishing(rooms, transport, self._connecting, node_id)
        self._guests: dict[str, Guest] = {}
        self._job: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._job = asyncio.create_task(self._tick(), name="room-desk")

    async def close(self) -> None:
        """Everybody's events are over, and nobody publishes any more."""
        if self._job is not None:
            self._job.cancel()
            await asyncio.gather(self._job, return_exceptions=True)
        for guest in tuple(self._guests.values()):
            self._let_go(guest)
        await self._publishing.close()

    def microphone(self, stream: Stream) -> Microphone | None:
        """Whose sound a published stream is."""
        return self._publishing.microphone(stream)

    # --- who is there

    async def find_stream(self, app_id: int, stream_id: str) -> StreamInfo | None:
        stream = self._rooms.stream(app_id, stream_id)
        if stream is None:
            return None
        return StreamInfo(app_id, stream.room_id, stream_id, stream.user_id, stream.live)

    async def holds(self, app_id: int, room_id: str | None, user_id: str, token: str) -> bool:
        return self._rooms.holds(app_id, room_id, user_id, token)

    async def join(self, login: Login) -> str:
        room = self._rooms.room(login.app_id, login.room_id)
        guest = Guest(
            f"{self._node_id}.{secrets.token_hex(16)}", login, room, self._clock.monotonic(), self._lost
        )
        # Not the former self that this login takes over from.
        others = [u for u in room.members.values() if u.user_id != guest.user_id]
        guest.notify(
            {
                "event": "login",
                "streams": room.streams_for(guest),
                "users": [{"userID": u.user_id, "userName": u.user_name} for u in others],
                "count": len(others) + 1,
            }
        )
        self._guests[guest.id] = guest
        room.join(guest)
        return guest.id

    async def events(self, member_id: str, wait: float) -> Events:
        guest = self._guests.get(member_id)
        if guest is None:
            return Events((), True)
        found = await guest.events(self._clock.monotonic(), wait)
        guest.fetched(self._clock.monotonic())
        if found.over:
            self._let_go(guest)
        return found

    async def renew(self, member_id: str, token: str, expire: int) -> None:
        guest = self._guests.get(member_id)
        if guest is not None:
            guest.renew(token, expire)

    async def leave(self, member_id: str) -> None:
        guest = self._guests.get(member_id)
        if guest is not None:
            self._let_go(guest)

    async def dismiss(self, app_id: int) -> None:
        """An app's members hear that they are thrown out, and nothing of theirs is published any more."""
        for guest in tuple(self._guests.values()):
            if guest.room.app_id == app_id:
                guest.room.leave(guest)
                self._rooms.sweep(guest.room)
                guest.kick()
        await self._publishing.dismiss(app_id)

    def _lost(self, guest: Guest) -> None:
        # Later: its leaving tells the others, and this may be said from the middle of telling them.
        asyncio.get_running_loop().call_soon(self._let_go, guest)

    def _let_go(self, guest: Guest) -> None:
        if self._guests.pop(guest.id, None) is None:
            return
        guest.end()
        guest.room.leave(guest)
        self._rooms.sweep(guest.room)

    async def _tick(self) -> None:
        for count in itertools.count(1):
            await self._clock.sleep_until(next_beat(self._clock.monotonic()))
            now, wall = self._clock.monotonic(), self._clock.wall()
            for guest in tuple(self._guests.values()):
                guest.on_beat(now, wall)
            if count % FORGET == 0:
                for keeper in (self._connecting, self._watching, self._publishing):
                    keeper.forget()

    # --- media

    async def watch(self, request: WatchRequest) -> Session:
        return await self._watching.watch(request)

    async def unwatch(self, session_id: str) -> bool:
        return await self._watching.unwatch(session_id)

    async def publish(self, request: PublishRequest) -> Session:
        return await self._publishing.publish(request)

    async def give_way(self, request: PublishRequest) -> None:
        """End what stands in the way of this very request: its user's former try that never connected."""
        await self._publishing.give_way(request)

    async def unpublish(self, session_id: str) -> bool:
        return await self._publishing.unpublish(session_id)
