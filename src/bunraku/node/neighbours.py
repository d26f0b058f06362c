"""Finding nodes that do not live any more, and ending truthfully what they left.

Only nodes that did not beat lately are read, so that a look costs the same however many there are, and
those that are left share the work. A node is lost when its beat stood still for ``LOST_AFTER`` while the
database answered, and took this node's own beats, all the time: an outage or a slowness of the database
that this node feels too, or of this process, begins the count anew. The last word is the database's, by
its own clock, in the statement that takes over.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bunraku.core.clock import Clock, patience
from bunraku.core.load import NodeInfo
from bunraku.core.owner import Owner
from bunraku.node.tasks.herald import Herald
from bunraku.store.lives import OVER, Lives

log = logging.getLogger(__name__)

LOOK_EVERY = 0.5  # s
STANDING = 0.6  # s without a beat, a little more than ``lease.BEAT_EVERY``: from then on it is watched
LOST_AFTER = 2.5  # s watched; several times ``lease.BEAT_EVERY``, more than ``lease.STALL``
ADOPT_EVERY = 2.0  # s
ATTEMPT = 2.0  # s a look may take


@dataclass(frozen=True, slots=True)
class _Sighting:
    epoch: int
    beat: int
    since: float


class Watchlist:
    """Which nodes stand still. Pure: looks go in, the lost come out."""

    def __init__(self) -> None:
        self._seen: dict[str, _Sighting] = {}
        self._looked: float | None = None

    def look(self, nodes: Sequence[NodeInfo], now: float) -> list[NodeInfo]:
        """Nodes that have not moved for ``LOST_AFTER``; ``now`` is monotonic seconds."""
        if self._looked is not None and now - self._looked > LOST_AFTER / 2:
            self._seen.clear()  # nobody looked for so long that standing still means nothing
        self._looked = now
        lost: list[NodeInfo] = []
        seen: dict[str, _Sighting] = {}
        for node in nodes:
            if node.state in OVER:
                continue
            former = self._seen.get(node.id)
            if former is None or (former.epoch, former.beat) != (node.epoch, node.beat):
                seen[node.id] = _Sighting(node.epoch, node.beat, now)
                continue
            seen[node.id] = former
            if now - former.since >= LOST_AFTER:
                lost.append(node)
        self._seen = seen
        return lost

    def blink(self) -> None:
        """A look that failed, or tells of the looker: what was seen before counts for nothing."""
        self._seen.clear()


class Neighbours:
    """Looks after the other nodes of the database."""

    def __init__(self, clock: Clock, lives: Lives, herald: Herald, heard: Callable[[], bool]) -> None:
        """``heard``: beats of this node arrive (``Lease.heard``); else it judges nobody."""
        self._clock, self._lives, self._herald, self._heard = clock, lives, herald, heard
        self._watchlist = Watchlist()
        self._adopted = clock.monotonic()

    async def watch(self, me: Owner) -> None:
        """Until cancelled."""
        while True:
            now = self._clock.monotonic()
            try:
                async with patience(ATTEMPT):
                    nodes = [n for n in await self._lives.standing(STANDING) if n.id != me.node_id]
            except Exception as error:
                log.info("no look at the other nodes (%s)", type(error).__name__)
                self._watchlist.blink()
            else:
                if not self._heard():
                    self._watchlist.blink()
                lost = [n.id for n in self._watchlist.look(nodes, now)]
                while lost and await self._end(lost, me):
                    pass
                if now - self._adopted >= ADOPT_EVERY:
                    self._adopted = now
                    await self._adopt(me)
            await self._clock.sleep_until(now + LOOK_EVERY)

    async def _end(self, lost: Sequence[str], me: Owner) -> bool:
        """One of these; False when there is nothing left to do."""
        try:
            ending = await self._lives.take_over(lost, LOST_AFTER, me, self._herald.end_lost)
        except Exception:
            log.exception("a lost node was not taken over")
            return False
        if ending is None:
            return False
        log.error("node lost: %d tasks ended", len(ending.tasks), extra={"node": ending.of})
        self._herald.outbox.resume(ending.callbacks)
        return True

    async def _adopt(self, me: Owner) -> None:
        """Callbacks that a node which is gone could not deliver, and what it could not finish making."""
        try:
            self._herald.outbox.resume((await self._lives.orphans(me, self._herald.end_lost)).callbacks)
        except Exception:
            log.exception("callbacks of nodes that are gone were not adopted")
