"""How late the event loop runs what is due."""

from __future__ import annotations

from bunraku.core.clock import Clock, next_beat
from bunraku.core.meter import Histogram


class LoopLag:
    """Asks the event loop for a turn at every beat and notes how late it comes."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.figures = Histogram()

    async def watch(self) -> None:
        while True:
            due = next_beat(self._clock.monotonic())
            await self._clock.sleep_until(due)
            self.figures.observe(max(0.0, self._clock.monotonic() - due) * 1e3)
