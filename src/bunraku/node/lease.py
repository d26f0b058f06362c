"""Whether this life of the node still owns what it thinks it owns.

A node beats in the database. When it was stopped for longer than ``STALL`` (SIGSTOP, a sleeping
machine) others may have ended its tasks meanwhile: nothing leaves it until the database has said
whose they are. A database that is away for everybody is no such doubt: then nobody can take over. Nor
does a node whose own beats do not arrive judge others by theirs (``heard``).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from bunraku.core.clock import Clock, timeout
from bunraku.core.load import Load
from bunraku.core.owner import Owner
from bunraku.store.lives import Lives

log = logging.getLogger(__name__)

BEAT_EVERY = 0.5  # s
STALL = 2.0  # s without a turn of the event loop; less than ``neighbours.LOST_AFTER``
ATTEMPT = 4.0  # s a beat may take
HEARD = 1.25  # s since the last beat arrived; half of ``neighbours.LOST_AFTER``
TOGETHER = round(ATTEMPT / BEAT_EVERY)
"""Beats on their way at once: a slow way to the database must not make them rare, nor one that hangs."""


class Lease:
    """``on_lost`` is called once, when another has declared this life over."""

    def __init__(
        self, clock: Clock, lives: Lives, load: Callable[[], Load], on_lost: Callable[[], None]
    ) -> None:
        self._clock, self._lives, self._load, self._on_lost = clock, lives, load, on_lost
        self._turned = self._heard = clock.monotonic()
        self._doubt = self._lost = False
        self._state = "up"

    @property
    def closed(self) -> bool:
        """Nothing may leave this node now."""
        return self._lost or self._doubt or self._clock.monotonic() - self._turned > STALL

    @property
    def heard(self) -> bool:
        """Beats of this node arrive: the database takes what is written, and this life goes on."""
        return not self.closed and self._clock.monotonic() - self._heard <= HEARD

    @property
    def state(self) -> str:
        """``up`` or ``draining``."""
        return self._state

    def drain(self) -> None:
        """Say with the next beat that no new rooms are taken."""
        self._state = "draining"

    def lose(self) -> None:
        """It was declared over."""
        if not self._lost:
            self._lost = True
            log.error("this node was declared lost: it falls silent")
            self._on_lost()

    async def keep(self, owner: Owner) -> None:
        """Beat until the life is lost or this is cancelled."""
        self._turned = self._heard = self._clock.monotonic()
        beating: set[asyncio.Task[None]] = set()
        try:
            while not self._lost:
                now = self._clock.monotonic()
                if now - self._turned > STALL:
                    log.warning("stalled: silent until the database says whose tasks these are")
                    self._doubt = True
                    for beat in beating:
                        beat.cancel()  # its answer may be from before
                    beating.clear()
                self._turned = now
                if len(beating) < TOGETHER:
                    beat = asyncio.create_task(self._beat(owner), name="beat")
                    beating.add(beat)
                    beat.add_done_callback(beating.discard)
                await self._clock.sleep_until(now + BEAT_EVERY)
        finally:
            for beat in beating:
                beat.cancel()

    async def _beat(self, owner: Owner) -> None:
        try:
            async with timeout(self._clock, ATTEMPT):
                mine = await self._lives.beat(owner, self._state, self._load())
        except Exception as error:
            log.info("no beat (%s)", type(error).__name__, extra={"node": owner.node_id})
            return
        if mine:
            self._doubt, self._heard = False, self._clock.monotonic()
        else:
            self.lose()
