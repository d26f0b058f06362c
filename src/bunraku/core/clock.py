"""Clocks are injected, so that tests run on virtual time (``bunraku.testing.clock.VirtualClock``).

What is decided by time takes the clock: how long, since when, how often, at the latest. A wait for
somebody with a time of his own does not (``patience``). Nobody else asks the machine for the time
(tests/unit/test_time.py)."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Protocol

BEAT = 0.25
"""Seconds between the moments at which housekeeping is done."""


def next_beat(now: float) -> float:
    """The first whole ``BEAT`` of the clock's scale after ``now``.

    Housekeeping waits for beats, not for so many seconds of its own: it then shares one wake-up of
    the process, which costs more than what is done in it.
    """
    return (math.floor(now / BEAT) + 1) * BEAT


class Clock(Protocol):
    """Monotonic time for durations, wall time for what leaves the process."""

    def monotonic(self) -> float:
        """Seconds since an arbitrary point; never goes back."""
        ...

    def wall(self) -> float:
        """Unix seconds."""
        ...

    async def sleep_until(self, deadline: float) -> None:
        """Return at or after ``deadline`` on the monotonic scale; at once when it has passed."""
        ...

    def call_at(self, deadline: float, callback: Callable[[], object]) -> None:
        """Call back on the event loop at or after ``deadline``; calls come in order of deadline."""
        ...


class SystemClock:
    """The machine's clocks."""

    def monotonic(self) -> float:
        return time.monotonic()

    def wall(self) -> float:
        return time.time()

    async def sleep_until(self, deadline: float) -> None:
        await asyncio.sleep(max(0.0, deadline - time.monotonic()))

    def call_at(self, deadline: float, callback: Callable[[], object]) -> None:
        # In terms of now: the scale of an event loop is its own affair.
        loop = asyncio.get_running_loop()
        loop.call_at(loop.time() + deadline - time.monotonic(), callback)


def patience(seconds: float) -> asyncio.Timeout:
    """For waits for another process, a disk, a database, a socket's other end: ``TimeoutError`` when it
    takes longer. By the machine's time, for theirs is no other: a virtual clock that a test sets forward by
    an hour does not make a database late."""
    return asyncio.timeout(seconds)


@asynccontextmanager
async def timeout(clock: Clock, seconds: float) -> AsyncGenerator[None]:
    """``asyncio.timeout`` by the injected clock: raises ``TimeoutError`` when it takes longer."""
    if type(clock) is SystemClock:  # its timer is taken back: none wakes the process for nothing
        async with asyncio.timeout(seconds):
            yield
        return
    loop = asyncio.get_running_loop()
    over = False
    async with asyncio.timeout(None) as limit:

        def ring() -> None:
            if not over:
                limit.reschedule(loop.time())

        if seconds > 0:
            clock.call_at(clock.monotonic() + seconds, ring)
        else:
            ring()
        try:
            yield
        finally:
            over = True
