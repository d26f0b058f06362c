"""Who watches: sessions by id, and how many there may be."""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter, deque
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bunraku.node.rooms.room import Rooms
from bunraku.node.rtc.base import OfferRefused, PeerSession, Transport
from bunraku.node.streams.stream import Stream
from bunraku.nodes.rooms import Refused, Session, WatchRequest

MAX_CONNECTING_PER_USER = 32  # answered offers that have not connected yet
MAX_CONNECTING_PER_ADDRESS = 128
REMEMBERED = 1024  # sessions of late; a goodbye comes within moments of the end

Keys = tuple[tuple[str, Hashable], ...]
"""By which limits something counts, and whose it is."""


class Connecting:
    """Counts offers that are being answered or have not connected yet, by whose they are.

    They end by themselves within ``CONNECT_TIMEOUT``; until then they hold places of others.
    """

    def __init__(self, limits: dict[str, int]) -> None:
        self._limits = limits
        self._opening: Counter[Hashable] = Counter()
        self._made: list[tuple[PeerSession, Keys]] = []

    def full(self, keys: Keys) -> bool:
        """Whether one of these has all that it may; ``keys`` by the name of their limit."""
        self.forget()
        held = Counter(key for _, made in self._made for key in made) + self._opening
        return any(held[name, key] >= self._limits[name] for name, key in keys)

    @contextmanager
    def opening(self, keys: Keys) -> Iterator[None]:
        """An offer is being answered."""
        self._opening.update(keys)
        try:
            yield
        finally:
            self._opening.subtract(keys)
            self._opening += Counter()  # forgets who has none

    def forget(self) -> None:
        """Those that have connected, or are over."""
        self._made = [(s, k) for s, k in self._made if not s.connected and not s.closed]

    def made(self, session: PeerSession, keys: Keys) -> None:
        self._made.append((session, keys))


def connecting() -> Connecting:
    return Connecting({"user": MAX_CONNECTING_PER_USER, "address": MAX_CONNECTING_PER_ADDRESS})


@dataclass(frozen=True, slots=True)
class Seat:
    stream: Stream
    session: PeerSession


class Watching:
    """Sessions of those who watch this node's streams."""

    def __init__(
        self, rooms: Rooms, transport: Transport, connecting: Connecting, node_id: str, max_watchers: int
    ) -> None:
        self._rooms, self._transport, self._connecting = rooms, transport, connecting
        self._node_id, self._max_watchers = node_id, max_watchers
        self._seats: dict[str, Seat] = {}
        self._over: deque[str] = deque(maxlen=REMEMBERED)
        """Ids of sessions that ended by themselves: a goodbye that crossed the stream's end is no mistake."""
        self._opening: Counter[Stream] = Counter()

    async def watch(self, request: WatchRequest) -> Session:
        stream = self._rooms.stream(request.app_id, request.stream_id)
        if stream is None or not stream.live or stream.room_id != request.room_id:
            raise Refused(404, "no such stream")
        if self._full(stream):
            raise Refused(503, "stream has its maximum of watchers")
        keys = ("user", (request.app_id, request.user_id)), ("address", request.address)
        if self._connecting.full(keys):
            raise Refused(503, "too many sessions are still connecting")
        self._opening[stream] += 1
        try:
            with self._connecting.opening(keys):
                draws = stream.drawing is not None and request.draw == stream.drawing["version"]
                session = await self._transport.watch(stream, request.offer, draw=draws)
                self._connecting.made(session, keys)
        except OfferRefused as error:
            raise Refused(400, str(error)) from None
        finally:
            self._opening[stream] -= 1
            self._opening += Counter()
        if not stream.live:
            await session.close()
            raise Refused(404, "no such stream")
        session_id = f"{self._node_id}.{secrets.token_hex(16)}"
        self._seats[session_id] = Seat(stream, session)
        return Session(session_id, session.answer)

    async def unwatch(self, session_id: str) -> bool:
        seat = self._seats.pop(session_id, None)
        if seat is None:
            if session_id not in self._over:
                return False
            self._over.remove(session_id)
            return True
        await asyncio.shield(seat.session.close())
        return True

    def forget(self) -> None:
        """Sessions that are over: each holds the packets that it could have repeated."""
        for session_id in [k for k, s in self._seats.items() if s.session.closed]:
            del self._seats[session_id]
            self._over.append(session_id)

    def _full(self, stream: Stream) -> bool:
        """Sessions that are still connecting count too, or they could all connect at once."""
        self.forget()
        sessions = sum(s.stream is stream for s in self._seats.values())
        return sessions + self._opening[stream] >= self._max_watchers
