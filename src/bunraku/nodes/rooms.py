"""The rooms' side of the hall: what a front may ask of the node that a room lives on.

Plain data goes in and plain data comes out, exceptions included: all of it pickles, so that the
node may be in this process or on another machine. Media never passes here: an answer names the
node's own UDP port.

Ids of members and sessions are ``NODE.RANDOM``: what stands before the dot says which node to ask
(``node_of``), what comes after it is unguessable, and having it is the permission.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """A stream by name. One that is not ``live`` has its name reserved and is not played yet."""

    app_id: int
    room_id: str
    stream_id: str
    user_id: str
    live: bool


@dataclass(frozen=True, slots=True)
class Login:
    """A participant whose token the front has verified; ``expire`` is the token's, in Unix seconds."""

    app_id: int
    room_id: str
    user_id: str
    user_name: str
    token: str
    expire: int


@dataclass(frozen=True, slots=True)
class Events:
    """What a member is to hear, in order. After ``over`` the member is gone."""

    events: tuple[dict[str, Any], ...]
    over: bool


@dataclass(frozen=True, slots=True)
class WatchRequest:
    """``room_id`` is the room that the front found the stream in and admitted the user to. ``draw`` is
    the version of docs/drawing.md that the watcher wants to draw by; 0: it does not."""

    app_id: int
    room_id: str
    stream_id: str
    user_id: str
    address: str
    offer: str
    draw: int = 0


@dataclass(frozen=True, slots=True)
class PublishRequest:
    """The front has made sure that the user may publish this stream in this room."""

    app_id: int
    room_id: str
    stream_id: str
    user_id: str
    address: str
    offer: str


@dataclass(frozen=True, slots=True)
class Session:
    """A connection that is being made: its id, and the SDP answer with every candidate in it."""

    id: str
    answer: str


@dataclass(frozen=True, slots=True)
class Sound:
    """What a listener is to hear next: int16, mono, 48 kHz. After ``over`` there is no more."""

    pcm: bytes
    over: bool


class Refused(Exception):
    """The node will not; ``status`` is HTTP's, ``reason`` is safe to show."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(status, reason)  # both, or it could not be unpickled
        self.status, self.reason = status, reason


def node_of(identifier: str) -> str:
    """The node that holds this member or session; empty when it names none."""
    node, dot, _ = identifier.partition(".")
    return node if dot else ""


class RoomHall(Protocol):
    """Guaranteed: what a member is told, it is told in order and once. Not guaranteed: that it hears
    everything; one that does not fetch its events is let go, and logs in again."""

    async def find_stream(self, app_id: int, stream_id: str) -> StreamInfo | None: ...

    async def holds(self, app_id: int, room_id: str | None, user_id: str, token: str) -> bool:
        """Whether this user is in the room, or with None in any of the app, by this very token."""
        ...

    async def join(self, login: Login) -> str:
        """Enter the room; the member's id. Its first event is ``login``."""
        ...

    async def events(self, member_id: str, wait: float) -> Events:
        """What has happened since the last call; when nothing has, wait for it up to ``wait`` seconds.

        An unknown member's are over.
        """
        ...

    async def renew(self, member_id: str, token: str, expire: int) -> None:
        """Another token in the place of the one before."""
        ...

    async def leave(self, member_id: str) -> None: ...

    async def watch(self, request: WatchRequest) -> Session:
        """Raises ``Refused``: 400 the offer, 404 no such stream, 503 no place."""
        ...

    async def unwatch(self, session_id: str) -> bool:
        """Whether there is such a session, or was until it ended by itself a moment ago."""
        ...

    async def publish(self, request: PublishRequest) -> Session:
        """Raises ``Refused``: 400 the offer, 409 the name is taken, 503 no place."""
        ...

    async def unpublish(self, session_id: str) -> bool: ...


class SoundHall(Protocol):
    """What one node asks another: the sound of its streams, for who repeats them in a room elsewhere."""

    async def listen(self, app_id: int, room_id: str, stream_id: str) -> str | None:
        """The listener's id; None while there is no such stream. One that does not ask is let go."""
        ...

    async def sound(self, listener_id: str, wait: float) -> Sound:
        """What came since the last call; when nothing has, wait for it up to ``wait`` seconds.

        An unknown listener's is over.
        """
        ...

    async def unlisten(self, listener_id: str) -> None: ...
