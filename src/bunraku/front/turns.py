"""Whose request begins next: one after the other, at a pace, addresses in turn.

A request that is well-formed costs half a millisecond or more, whatever it asks for, and all that have come
are begun before the event loop looks at the clock again: a thousand connections could make every stream half
a second late. So requests of all connections begin at a pace which leaves the loop to streams in between, and
who sends many waits behind others who send few.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable

APART = 0.0008  # s from one request to the next
AT_ONCE = 4  # may begin together after a pause: the loop's timers are coarse


class Turns:
    """Of one server, on its event loop. ``begin`` is called at most once, when the turn has come."""

    def __init__(
        self, now: Callable[[], float] = time.monotonic, apart: float = APART, at_once: int = AT_ONCE
    ) -> None:
        self._now, self._apart, self._burst = now, apart, (at_once - 0.5) * apart
        self._free_at = now()
        self._waiting: dict[str, deque[Callable[[], None]]] = {}  # the address whose turn is next comes first
        self._timer: asyncio.TimerHandle | None = None

    def take(self, address: str, begin: Callable[[], None]) -> bool:
        """Whether it is this request's turn at once; ``begin`` will be called when not."""
        now = self._now()
        if not self._waiting and now >= self._free_at:
            self._count(now)
            return True
        self._waiting.setdefault(address, deque()).append(begin)
        self._arm(now)
        return False

    @property
    def waiting(self) -> int:
        """Addresses of which something waits."""
        return len(self._waiting)

    def leave(self, address: str, begin: Callable[[], None]) -> None:
        """It waits no more."""
        queue = self._waiting.get(address)
        if queue is not None and begin in queue:
            queue.remove(begin)
            if not queue:
                del self._waiting[address]

    def _count(self, now: float) -> None:
        self._free_at = max(self._free_at, now - self._burst) + self._apart

    def _arm(self, now: float) -> None:
        if self._timer is None and self._waiting:
            wait = max(0.0, self._free_at - now)
            self._timer = asyncio.get_running_loop().call_later(wait, self.proceed)

    def proceed(self) -> None:
        """Begin those whose turn has come; its own timer does."""
        self._timer, now = None, self._now()
        while self._waiting and now >= self._free_at:
            address = next(iter(self._waiting))
            queue = self._waiting.pop(address)
            begin = queue.popleft()
            if queue:
                self._waiting[address] = queue
            self._count(now)
            begin()
        self._arm(now)
