"""Nodes without media and fronts without HTTP, for ``bench.simulation``.

What counts is real: the journal and its births, the lease, the look at the neighbours, the outbox,
a front's view of the nodes, its placement and its way through refusals. Pretended are the
performance (a task streams as soon as it is born), Ray (a front calls the node's object), and the
receiver of callbacks (it counts).
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from bunraku.core.clock import Clock, SystemClock
from bunraku.core.commission import Commission
from bunraku.core.drive import Drive, DriveKind, DriveStatus
from bunraku.core.errors import NoResources, SystemBusy
from bunraku.core.load import Load, NodeInfo
from bunraku.core.owner import Owner
from bunraku.core.stream_task import StreamTask, TaskStatus
from bunraku.node.callbacks.delivery import Callback
from bunraku.node.lease import Lease
from bunraku.node.neighbours import Neighbours
from bunraku.node.tasks.herald import Herald
from bunraku.node.tasks.outbox import Outbox
from bunraku.nodes.base import NodeAway
from bunraku.nodes.ray.nodes import RayNodes
from bunraku.nodes.ray.remote import RemoteNode
from bunraku.store.database import Database
from bunraku.store.directory import Directory
from bunraku.store.journal import DatabaseAway, Journal
from bunraku.store.ledger import DatabaseLedger
from bunraku.store.lives import Ending, EndLost, Lives


class SlowClock(SystemClock):
    """Time that goes ``slowness`` times slower, so that one process can pretend many machines."""

    def __init__(self, slowness: float) -> None:
        self.slowness = slowness

    def monotonic(self) -> float:
        return time.monotonic() / self.slowness

    async def sleep_until(self, deadline: float) -> None:
        await asyncio.sleep(max(0.0, (deadline - self.monotonic()) * self.slowness))

    def call_at(self, deadline: float, callback: Any) -> None:
        asyncio.get_running_loop().call_later(
            max(0.0, (deadline - self.monotonic()) * self.slowness), callback
        )


@dataclass(slots=True)
class Works:
    """Takings over, as they were done: real seconds on the machine's clock."""

    begun: list[float] = field(default_factory=list[float])
    took: list[float] = field(default_factory=list[float])
    tasks: Counter[str] = field(default_factory=Counter[str])
    """How often a task was ended by somebody else than its owner."""
    asked: int = 0
    """Also those that found nothing left to do."""


class WatchedLives(Lives):
    """Notes what is taken over; counts seconds of the slow clock."""

    def __init__(self, database: Database, clock: SlowClock, works: Works) -> None:
        super().__init__(database)
        self._clock, self._works = clock, works

    async def standing(self, seconds: float) -> Sequence[NodeInfo]:
        return await super().standing(seconds * self._clock.slowness)

    async def take_over(
        self,
        nodes: Sequence[str],
        seconds: float,
        by: Owner,
        end: EndLost,
        apps: Sequence[int] | None = None,
    ) -> Ending | None:
        begin = time.monotonic()
        self._works.asked += 1
        ending = await super().take_over(nodes, seconds * self._clock.slowness, by, end, apps)
        if ending is not None:
            self._works.begun.append(begin)
            self._works.took.append(time.monotonic() - begin)
            self._works.tasks.update(t.id for t in ending.tasks)
        return ending


@dataclass(slots=True)
class Ears:
    """The receiver of all callbacks: what was told of which task, how often."""

    heard: Counter[tuple[str, int]] = field(default_factory=Counter[tuple[str, int]])
    """By task and status, of stream tasks."""
    drives: Counter[tuple[str, int]] = field(default_factory=Counter[tuple[str, int]])


class PretendNode:
    """Used by fronts in the place of a ``RemoteNode``; answers ``create``."""

    def __init__(
        self, database: Database, clock: Clock, lives: Lives, node_id: str, capacity: int, ears: Ears
    ) -> None:
        self.id, self._capacity, self._ears = node_id, capacity, ears
        self._clock, self._lives = clock, lives
        self._journal = Journal(DatabaseLedger(database), clock, Owner(node_id, 0))
        self._herald = Herald(self._journal, Outbox(self._journal, self._told), lambda _: True, clock)
        self._lease = Lease(clock, lives, self.load, lambda: None)
        self._neighbours = Neighbours(clock, lives, self._herald, lambda: self._lease.heard)
        self._jobs: list[asyncio.Task[None]] = []
        self._rooms: set[tuple[int, str]] = set()
        self._coming = 0
        self.alive = False
        self.tasks: dict[str, StreamTask] = {}

    @property
    def owner(self) -> Owner:
        return self._journal.owner

    @property
    def waiting(self) -> int:
        """What is not written yet."""
        return self._journal.waiting

    def load(self) -> Load:
        return Load(capacity=self._capacity, tasks=len(self.tasks) + self._coming, rooms=len(self._rooms))

    async def begin(self) -> None:
        owner, _ = await self._lives.begin(
            self.id, "pretended", "0", self._clock.wall(), self._herald.end_lost
        )
        await self._journal.open(owner)
        self.alive = True

    def live(self, work: Coroutine[Any, Any, None]) -> None:
        self._jobs.append(asyncio.create_task(work))

    def beat(self) -> None:
        """From now on it keeps its lease and looks at the others."""
        self.live(self._lease.keep(self.owner))
        self.live(self._neighbours.watch(self.owner))

    def seat(self, task: StreamTask) -> None:
        """A task that is on record already."""
        self.tasks[task.id] = task
        self._rooms.add((task.app_id, task.room_id))

    async def die(self) -> None:
        """As by SIGKILL: nothing of it is written or told any more."""
        self.alive = False
        await self._end()

    async def leave(self) -> None:
        await self._end()
        await self._journal.close()

    async def _end(self) -> None:
        for job in self._jobs:
            job.cancel()
        await asyncio.gather(*self._jobs, return_exceptions=True)
        self._jobs.clear()

    async def create(self, commission: Commission) -> StreamTask:
        """As ``TaskManager.create``.

        Raises ``Elsewhere``, ``NoResources``, ``ClaimRefused``, ``NodeAway``.
        """
        if not self.alive:
            raise NodeAway("node is away")
        if len(self.tasks) + self._coming >= self._capacity:
            raise NoResources
        record = StreamTask(
            str(uuid.uuid4()),
            commission.app_id,
            commission.digital_human_id,
            commission.room_id,
            commission.stream_id,
            self._clock.wall(),
            owner=self.owner,
        )
        self._coming += 1
        try:
            placed = await self._herald.birth(record, commission.max_tasks)
        except DatabaseAway as error:
            raise SystemBusy("database is away") from error
        finally:
            self._coming -= 1
        streaming = placed.evolve(TaskStatus.STREAMING)
        self.seat(streaming)
        self._herald.task(streaming)
        drive = Drive(str(uuid.uuid4()), record.id, DriveKind.TEXT, 1, DriveStatus.DRIVING)
        self._herald.drive(record.app_id, drive)
        return placed

    def _told(self, callback: Callback) -> None:
        status = int(callback.detail["Status"])
        of_drive = "DriveId" in callback.detail
        (self._ears.drives if of_drive else self._ears.heard)[(callback.task_id, status)] += 1
        if callback.receipt is not None:
            self._journal.callback_attempted(callback.receipt, 1, over=True)


class PretendFront(RayNodes):
    """A front, but for Ray."""

    def __init__(
        self, clock: Clock, directory: Directory, lives: Lives, stage: dict[str, PretendNode]
    ) -> None:
        super().__init__(clock, directory, lives)
        self._stage = stage

    def remote(self, node_id: str) -> RemoteNode:
        node = self._stage.get(node_id)
        if node is None or not node.alive:
            raise NodeAway("node is away")
        return cast(RemoteNode, node)
