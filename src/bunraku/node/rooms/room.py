"""Rooms: who is there and what is published.

A room comes into being with its first participant or stream and goes with its last. Rooms of
different apps never meet: they are keyed by (AppId, RoomId).
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable
from typing import Any, Protocol

from bunraku.node.streams.stream import Stream, never

DIGITAL_HUMAN_USER = "digitalhuman"


class Member(Protocol):
    """A participant. ``notify`` and ``kick`` never block and never raise."""

    @property
    def user_id(self) -> str: ...

    @property
    def user_name(self) -> str: ...

    @property
    def token(self) -> str:
        """What it logged in with, or renewed since."""
        ...

    def notify(self, event: dict[str, Any]) -> None: ...

    def kick(self) -> None: ...


class Room:
    """Participants and streams of one RoomId. Only used on the event loop."""

    def __init__(self, app_id: int, room_id: str) -> None:
        self.app_id, self.room_id = app_id, room_id
        self.members: dict[str, Member] = {}
        self.streams: dict[str, Stream] = {}

    @property
    def empty(self) -> bool:
        return not self.members and not self.streams

    def streams_for(self, member: Member) -> list[dict[str, Any]]:
        """Other people's live streams, digital humans first (contract section 11.4)."""
        others = [s for s in self.streams.values() if s.live and s.user_id != member.user_id]
        return [s.describe() for s in sorted(others, key=lambda s: not s.is_digital_human)]

    def broadcast(self, event: dict[str, Any], *, but: str | None = None) -> None:
        for member in tuple(self.members.values()):
            if member.user_id != but:
                member.notify(event)

    def join(self, member: Member) -> None:
        """A second login of the same user kicks the first (contract section 11.5)."""
        former = self.members.pop(member.user_id, None)
        if former is not None:
            former.kick()
            self.broadcast(self._users("DELETE", former), but=member.user_id)
        self.members[member.user_id] = member
        self.broadcast(self._users("ADD", member), but=member.user_id)

    def leave(self, member: Member) -> None:
        if self.members.get(member.user_id) is member:
            del self.members[member.user_id]
            self.broadcast(self._users("DELETE", member))

    def _users(self, update: str, member: Member) -> dict[str, Any]:
        user = {"userID": member.user_id, "userName": member.user_name}
        return {"event": "users", "update": update, "users": [user], "count": len(self.members)}

    def message(self, payload: dict[str, Any]) -> None:
        """A room channel message to everyone here now (contract section 9)."""
        content = json.dumps(payload, separators=(",", ":"), ensure_ascii=False)
        self.broadcast({"event": "message", "content": content})


class StreamTaken(Exception):
    """The app already has a live stream of that name."""


class Rooms:
    """All rooms of a node, and its streams by name.

    While ``fence`` says so, no unit leaves any of its streams.
    """

    def __init__(self, fence: Callable[[], bool] = never) -> None:
        self._fence = fence
        self._rooms: dict[tuple[int, str], Room] = {}
        self._streams: dict[tuple[int, str], Stream] = {}
        self.on_freed: list[Callable[[Stream], None]] = []
        """Told of each stream whose name is free again."""
        self.on_empty: list[Callable[[int, str], None]] = []
        """Told of each room that is no more."""

    def room(self, app_id: int, room_id: str) -> Room:
        return self._rooms.setdefault((app_id, room_id), Room(app_id, room_id))

    @property
    def count(self) -> int:
        return len(self._rooms)

    def find(self, app_id: int, room_id: str) -> Room | None:
        return self._rooms.get((app_id, room_id))

    def holds(self, app_id: int, room_id: str | None, user_id: str, token: str) -> bool:
        """Whether this user is in the room, or with None in any of the app, by this very token."""
        rooms = (r for (app, room), r in self._rooms.items() if app == app_id and room_id in (None, room))
        here = (r.members.get(user_id) for r in rooms)
        return any(hmac.compare_digest(m.token.encode(), token.encode()) for m in here if m is not None)

    def stream(self, app_id: int, stream_id: str) -> Stream | None:
        """A stream reserved or live under this name."""
        return self._streams.get((app_id, stream_id))

    def reserve(self, stream: Stream) -> None:
        """Hold the name for a stream that is not live yet. Raises ``StreamTaken``."""
        key = (stream.app_id, stream.stream_id)
        if key in self._streams:
            raise StreamTaken(stream.stream_id)
        self._streams[key] = stream
        stream.fence = self._fence
        self.room(stream.app_id, stream.room_id).streams[stream.stream_id] = stream

    def publish(self, stream: Stream) -> None:
        """A reserved stream goes live: the room hears of it."""
        if stream.live or self._streams.get((stream.app_id, stream.stream_id)) is not stream:
            return
        stream.live = True
        room = self.room(stream.app_id, stream.room_id)
        event = {"event": "streams", "update": "ADD", "streams": [stream.describe()]}
        room.broadcast(event, but=stream.user_id)

    def withdraw(self, stream: Stream) -> None:
        """Free the name at once; the caller closes the watchers (``Stream.close``)."""
        key = (stream.app_id, stream.stream_id)
        if self._streams.get(key) is not stream:
            return
        del self._streams[key]
        room = self.room(stream.app_id, stream.room_id)
        room.streams.pop(stream.stream_id, None)
        if stream.live:
            stream.live = False
            event = {"event": "streams", "update": "DELETE", "streams": [stream.describe()]}
            room.broadcast(event, but=stream.user_id)
        for listener in tuple(self.on_freed):
            listener(stream)
        self.sweep(room)

    def sweep(self, room: Room) -> None:
        key = (room.app_id, room.room_id)
        if room.empty and self._rooms.get(key) is room:  # a later room may have taken the name
            del self._rooms[key]
            for listener in tuple(self.on_empty):
                listener(room.app_id, room.room_id)
