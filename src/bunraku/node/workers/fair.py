"""A number of places, shared out among tenants."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class FairSlots:
    """At most ``count`` holders, at most ``per_tenant`` of one tenant. On one event loop.

    A place that falls free goes to the waiting tenant who holds the fewest, among equals to the
    one who was served longest ago: a thousand requests of one delay another's by one turn.
    """

    def __init__(self, count: int, per_tenant: int | None = None) -> None:
        self._free = count
        self._per_tenant = count if per_tenant is None else per_tenant
        self._held: Counter[int] = Counter()
        # Tenants in the order they are served; a served one goes to the end.
        self._waiting: dict[int, deque[asyncio.Future[None]]] = {}

    @asynccontextmanager
    async def of(self, tenant: int) -> AsyncIterator[None]:
        """A place, when it is this tenant's turn."""
        turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(tenant, deque()).append(turn)
        self._grant()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # granted in the very moment
                self._release(tenant)
            else:
                self._forget(tenant, turn)
            raise
        try:
            yield
        finally:
            self._release(tenant)

    def _forget(self, tenant: int, turn: asyncio.Future[None]) -> None:
        line = self._waiting.get(tenant)
        if line is None:
            return
        if turn in line:
            line.remove(turn)
        if not line:
            del self._waiting[tenant]

    def _release(self, tenant: int) -> None:
        self._free += 1
        self._held[tenant] -= 1
        if not self._held[tenant]:
            del self._held[tenant]
        self._grant()

    def _grant(self) -> None:
        while self._free:
            able = [t for t in self._waiting if self._held[t] < self._per_tenant]
            if not able:
                return
            tenant = min(able, key=self._held.__getitem__)
            line = self._waiting.pop(tenant)
            turn = line.popleft()
            if line:
                self._waiting[tenant] = line
            if turn.done():  # given up
                continue
            self._free -= 1
            self._held[tenant] += 1
            turn.set_result(None)
