"""Who is in a room, as a front sees it: an outbox that it fetches."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

from bunraku.node.rooms.room import Room
from bunraku.nodes.rooms import Events, Login

OUTBOX = 256  # events; a member that does not fetch them is let go
UNFETCHED = 10.0  # s a member may stay without its front asking for its events
EXPIRY_NOTICE = 30.0  # s before (contract section 11.4)
KICKED = 1002050


class Guest:
    """A ``Member`` of its room. ``over`` means that it hears nothing more than what it holds."""

    def __init__(
        self, id: str, login: Login, room: Room, now: float, on_lost: Callable[[Guest], None]
    ) -> None:
        self.id, self.room = id, room
        self.over = False
        self._user_id, self._user_name = login.user_id, login.user_name
        self._token, self._expire = login.token, login.expire
        self._warned = False
        self._outbox: deque[dict[str, Any]] = deque()
        self._on_lost = on_lost
        self._fetched = now
        self._poll: asyncio.Future[None] | None = None
        self._until = now

    @property
    def user_id(self) -> str:
        return self._user_id

    @property
    def user_name(self) -> str:
        return self._user_name

    @property
    def token(self) -> str:
        return self._token

    def notify(self, event: dict[str, Any]) -> None:
        if self.over:
            return
        if len(self._outbox) >= OUTBOX:
            self.end()
            self._on_lost(self)
            return
        self._outbox.append(event)
        self._wake()

    def kick(self) -> None:
        self.notify({"event": "kickout", "code": KICKED})
        self.over = True
        self._wake()

    def end(self) -> None:
        """Gone, whatever it holds."""
        self.over = True
        self._outbox.clear()
        self._wake()

    def renew(self, token: str, expire: int) -> None:
        self._token, self._expire, self._warned = token, expire, False

    async def events(self, now: float, wait: float) -> Events:
        """A second call at the same time ends the first."""
        self._wake()
        if not self._outbox and not self.over and wait > 0:
            self._until = now + wait
            poll = self._poll = asyncio.get_running_loop().create_future()
            try:
                await poll
            finally:
                if self._poll is poll:
                    self._poll = None
        events = tuple(self._outbox)
        self._outbox.clear()
        return Events(events, self.over)

    def fetched(self, now: float) -> None:
        self._fetched = now

    def on_beat(self, now: float, wall: float) -> None:
        """Time has passed: the warning of the token's end, and the end of a wait."""
        if not self._warned and wall >= self._expire - EXPIRY_NOTICE:
            self._warned = True
            self.notify({"event": "expiring"})
        if self._poll is not None:
            self._fetched = now
            if now >= self._until:
                self._wake()
        elif now - self._fetched > UNFETCHED:
            self.end()
            self._on_lost(self)

    def _wake(self) -> None:
        if self._poll is not None and not self._poll.done():
            self._poll.set_result(None)
