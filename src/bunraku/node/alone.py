"""A server of its own that shares a database with others: it says that it lives, and ends what one that
comes no more left behind.

Nodes of a cluster end each other's tasks within seconds. Here nobody else can show these rooms, so that
nothing is gained by haste: a server that crashed has ``LEASE`` to come back to its data directory and end
its tasks itself. Only what nobody came back to, a data directory that is gone among it, is ended by another,
and only where that one knows whom to tell.
"""

from __future__ import annotations

import logging

from bunraku.core.clock import Clock, patience
from bunraku.node.compose import NodeParts
from bunraku.store.lives import ALONE

log = logging.getLogger(__name__)

BEAT_EVERY = 10.0  # s
LEASE = 60.0  # s without a beat
ATTEMPT = 8.0  # s that one look may take


class Alone:
    """Binds a node that is in no cluster to the others of its database."""

    def __init__(self, clock: Clock, parts: NodeParts) -> None:
        self._clock, self._parts = clock, parts
        self._standing: set[tuple[str, int, int]] = set()
        self._left_alone: set[str] = set()

    async def keep(self) -> None:
        """Until cancelled. The node runs."""
        while True:
            began = self._clock.monotonic()
            mine = True
            try:
                async with patience(ATTEMPT):
                    mine = await self._turn()
            except Exception as error:
                # Others could not beat either, perhaps: what was seen before counts for nothing.
                self._standing.clear()
                log.info("no look at the other servers (%s)", type(error).__name__)
            if not mine:
                await self._begin_anew()
            await self._clock.sleep_until(began + BEAT_EVERY)

    async def _turn(self) -> bool:
        """False when another has ended this life."""
        lives, me = self._parts.lives, self._parts.journal.owner
        if not await lives.beat(me, ALONE, self._parts.node.load()):
            return False
        left = [n for n in await lives.left(LEASE) if n.id != me.node_id]
        now = {(n.id, n.epoch, n.beat) for n in left}
        # Seen twice: after an outage of the database all stand, and have until the next look to beat.
        await self._end([n.id for n in left if (n.id, n.epoch, n.beat) in self._standing])
        self._standing = now
        orphans = await lives.orphans(me, self._parts.herald.end_lost, self._apps())
        self._parts.herald.outbox.resume(orphans.callbacks)
        return True

    def _apps(self) -> list[int]:
        return [app.id for app in self._parts.apps.list()]

    async def _end(self, nodes: list[str]) -> None:
        lives, herald, me = self._parts.lives, self._parts.herald, self._parts.journal.owner
        ended: set[str] = set()
        while len(ended) < len(nodes):
            ending = await lives.take_over(nodes, LEASE, me, herald.end_lost, self._apps())
            if ending is None:
                break
            ended.add(ending.of)
            log.warning(
                "a server that comes no more: %d tasks ended", len(ending.tasks), extra={"node": ending.of}
            )
            herald.outbox.resume(ending.callbacks)
        if ended:  # callers may ask for them here
            for record, drives, outputs in await self._parts.directory.ended():
                self._parts.ended.add(record, drives, outputs)
        for node in set(nodes) - ended - self._left_alone:
            self._left_alone.add(node)
            log.warning("a server that comes no more has tasks of apps unknown here", extra={"node": node})

    async def _begin_anew(self) -> None:
        """This process stood still for so long that another ended its tasks: it goes on without them."""
        parts = self._parts
        log.error("this server was thought gone, and its tasks were ended: it begins anew")
        await parts.manager.abandon()
        await parts.delivery.abandon()
        try:
            owner, ending = await parts.begin()
        except Exception:
            log.exception("no new life")  # the next turn finds it so again
            return
        parts.journal.renew(owner)
        parts.herald.outbox.resume(ending.callbacks)
