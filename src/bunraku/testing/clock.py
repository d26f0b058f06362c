"""Virtual time."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable


class VirtualClock:
    """Time that moves only when told to; sleepers wake in order of their deadlines."""

    def __init__(self, wall: float = 1_700_000_000.0) -> None:
        self._now = 1000.0
        self._wall = wall - self._now
        self._sleepers: list[tuple[float, int, Callable[[], object]]] = []
        self._count = itertools.count()

    def monotonic(self) -> float:
        return self._now

    def wall(self) -> float:
        return self._wall + self._now

    async def sleep_until(self, deadline: float) -> None:
        if deadline <= self._now:
            await asyncio.sleep(0)
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.call_at(deadline, lambda: future.done() or future.set_result(None))
        await future

    def call_at(self, deadline: float, callback: Callable[[], object]) -> None:
        heapq.heappush(self._sleepers, (deadline, next(self._count), callback))

    async def advance(self, seconds: float) -> None:
        """Move on, waking each sleeper at its own time and letting it run."""
        target = self._now + seconds
        # Deadlines are sums of floats: a nanosecond early is on time.
        while self._sleepers and self._sleepers[0][0] <= target + 1e-9:
            deadline, _, callback = heapq.heappop(self._sleepers)
            self._now = max(self._now, deadline)
            callback()
            await self.settle()
        self._now = max(self._now, target)
        await self.settle()

    def jump(self, seconds: float) -> None:
        """A stall: time passes and nobody was woken."""
        self._now += seconds

    async def settle(self) -> None:
        """Let everything that is ready run."""
        for _ in range(20):
            await asyncio.sleep(0)
