"""A cluster of a size that nobody has at hand, on a real database (``bench.pretence`` says what is
pretended).

Most tasks are put on record in bulk, as births would have left them, placed by the fronts' own rule
on virtual time; the rest are born through fronts at once. One process pretends all machines, so the
clock of nodes and fronts goes slower (``slowness``) by as much as this process needs; what a call
takes is told in real milliseconds.
"""

from __future__ import annotations

import asyncio
import heapq
import random
import resource
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import func, insert, select, text

from bunraku.bench.pretence import Ears, PretendFront, PretendNode, SlowClock, WatchedLives, Works
from bunraku.bench.system import spread
from bunraku.core.commission import Commission
from bunraku.core.drive import Drive, DriveKind, DriveStatus
from bunraku.core.framing import Framing
from bunraku.core.load import Load, NodeInfo
from bunraku.core.stream_task import StreamTask, TaskStatus
from bunraku.node.lease import BEAT_EVERY
from bunraku.nodes.placement import Placement
from bunraku.nodes.ray.nodes import LOOK_EVERY
from bunraku.store.database import Database
from bunraku.store.directory import Directory
from bunraku.store.lives import UNFINISHED
from bunraku.store.rows import drive_row, task_row
from bunraku.store.tables import Base, DriveRow, RoomRow, StreamRow, TaskRow

FIRST_APP = 1000
SAME_APP = FIRST_APP - 1  # is there from the beginning, with as many tasks as the others have in the end
HUMAN = "pretended"
PATIENCE = 600.0  # real seconds that anything here may take
CHUNK = 1000  # rows in a statement


@dataclass(frozen=True, slots=True)
class Scale:
    """``births`` of the ``tasks`` go through the real transaction. One app has ``large`` tasks, the
    others share the rest. ``turns`` is how many beats a second this process can pretend."""

    nodes: int = 1000
    tasks: int = 100_000
    births: int = 3000
    together: int = 8
    fronts: int = 20
    apps: int = 1000
    large: int = 1000
    queries: int = 1000
    paced: int = 300
    pace: float = 10.0
    turns: float = 60.0
    lost: float = 0.1

    @property
    def slowness(self) -> float:
        return max(1.0, self.nodes / BEAT_EVERY / self.turns)

    @property
    def capacity(self) -> int:
        """Of a node: the cluster is half full in the end."""
        return max(4, 2 * self.tasks // self.nodes)


def on_paper(
    scale: Scale, tasks: int, per_second: float, *, recent: bool = True, rng: random.Random
) -> list[int]:
    """The node that each task goes to, on virtual time: nodes beat and fronts look every half second,
    each at its own moment. ``recent`` false: what was placed and is not reported yet is forgotten."""
    ids = [f"node-{i:04}" for i in range(scale.nodes)]
    index = {name: i for i, name in enumerate(ids)}
    true, told = [0] * scale.nodes, [0] * scale.nodes
    beats = sorted((rng.uniform(0, BEAT_EVERY), i) for i in range(scale.nodes))  # a heap
    looks = [rng.uniform(0, LOOK_EVERY) for _ in range(scale.fronts)]
    placements = [Placement(random.Random(rng.random())) for _ in looks]
    views: list[list[NodeInfo]] = [[] for _ in looks]
    out: list[int] = []
    for n in range(tasks):
        now, front = n / per_second, n % scale.fronts
        while beats[0][0] <= now:
            due, i = beats[0]
            told[i] = true[i]
            heapq.heapreplace(beats, (due + BEAT_EVERY, i))
        if looks[front] <= now or not views[front]:
            looks[front] = max(looks[front], now) + LOOK_EVERY
            views[front] = [
                NodeInfo(name, 1, "up", "", "", 0.0, 0, Load(scale.capacity, tasks=told[i]))
                for i, name in enumerate(ids)
            ]
        chosen = placements[front].order(views[front], now)[0].id
        if recent:
            placements[front].placed(chosen, now)
        true[index[chosen]] += 1
        out.append(index[chosen])
    return out


def evenness(counts: Sequence[int]) -> dict[str, float]:
    """Of tasks on nodes; ``cv`` is the standard deviation as a share of the mean."""
    a = np.array(counts, float)
    return {
        "min": float(a.min()),
        "median": float(np.median(a)),
        "max": float(a.max()),
        "cv": round(float(a.std() / a.mean()), 3),
    }


class Simulation:
    """One run; ``results`` are filled on the way."""

    def __init__(self, database: Database, beats: Database, scale: Scale, say: Callable[[str], None]) -> None:
        """``beats`` is the same database by connections of its own: births do not hold them up, as they
        would not on machines of their own."""
        self._database, self._scale, self._say = database, scale, say
        self._clock = SlowClock(scale.slowness)
        self._rng = random.Random(1)
        self._works, self._ears = Works(), Ears()
        self._lives = WatchedLives(beats, self._clock, self._works)
        self._directory = Directory(database, self._clock, 3600.0)
        self._stage = {
            name: PretendNode(database, self._clock, self._lives, name, scale.capacity, self._ears)
            for name in (f"node-{i:04}" for i in range(scale.nodes))
        }
        self._fronts = [
            PretendFront(self._clock, self._directory, self._lives, self._stage) for _ in range(scale.fronts)
        ]
        self._refused: Counter[str] = Counter()
        self._made = 0
        self._reference: list[str] = []
        self.results: dict[str, Any] = {"scale": {**_plain(scale), "slowness": round(scale.slowness, 1)}}

    async def run(self) -> None:
        try:
            await self._begin()
            await self._few()
            await self._stock()
            async with self._living():
                await self._beating()
                await self._births()
                await self._paced()
                await self._evenness()
                await self._queries()
                await self._loss()
        finally:
            for node in self._stage.values():
                await node.leave()

    # --- who is there

    async def _begin(self) -> None:
        self._say(f"{self._scale.nodes} nodes begin")
        await _in_groups([n.begin() for n in self._stage.values()], 8)

    @asynccontextmanager
    async def _living(self) -> AsyncIterator[None]:
        """Nodes beat and look at each other, fronts look at them."""
        async with AsyncExitStack() as stack:
            wait = BEAT_EVERY * self._clock.slowness / len(self._stage)
            for node in self._stage.values():  # each at its own moment
                node.beat()
                await asyncio.sleep(wait)
            for front in self._fronts:
                stack.callback(asyncio.create_task(front.look()).cancel)
            async with asyncio.timeout(PATIENCE):
                while not all(front.ready for front in self._fronts):
                    await asyncio.sleep(0.05)
            yield

    # --- tasks on record

    async def _few(self) -> None:
        """What Query takes of an app like the others while there is next to nothing else."""
        s = self._scale
        self._reference = [f"same-{i}" for i in range(s.tasks // s.apps)]
        await self._put(on_paper(s, len(self._reference), 100.0, rng=self._rng))
        await self._settle()
        self.results["query_alone_ms"] = await self._asked([SAME_APP] * s.queries)

    async def _stock(self) -> None:
        s = self._scale
        count = s.tasks - s.births - self._made
        self._say(f"{count} tasks are put on record")
        begin = time.monotonic()
        rate = s.nodes * 10.0  # a burst: five on each node between two beats
        self.results["placement"] = {}
        for name, recent in (("with_recent", True), ("without_recent", False)):
            where = on_paper(s, count, rate, recent=recent, rng=random.Random(2))
            self.results["placement"][name] = evenness([Counter(where)[i] for i in range(s.nodes)])
            if recent:
                await self._put(where)
        self.results["placement"]["per_second"] = rate
        await self._settle()
        self._say(f"  {time.monotonic() - begin:.0f} s")

    async def _put(self, where: Sequence[int]) -> None:
        """Tasks that stream, on these nodes, as births leave them."""
        nodes = list(self._stage.values())
        for at in range(0, len(where), CHUNK):
            tasks = [self._task(nodes[i]) for i in where[at : at + CHUNK]]
            drives = [Drive(str(uuid.uuid4()), t.id, DriveKind.TEXT, 1, DriveStatus.DRIVING) for t in tasks]
            places = [
                {"app_id": t.app_id, "room_id": t.room_id, "node_id": t.owner.node_id, "epoch": t.owner.epoch}
                for t in tasks
            ]
            names = [
                {**p, "stream_id": t.stream_id, "task_id": t.id} for p, t in zip(places, tasks, strict=True)
            ]
            async with self._database.sessions.begin() as session:
                await session.execute(insert(TaskRow), [_values(task_row(t)) for t in tasks])
                await session.execute(insert(DriveRow), [_values(drive_row(d)) for d in drives])
                await session.execute(insert(RoomRow), places)
                await session.execute(insert(StreamRow), names)

    def _next(self) -> tuple[int, int, str]:
        """App, place among its tasks, and a name nobody had."""
        s, same = self._scale, self._scale.tasks // self._scale.apps
        n = self._made - same
        self._made += 1
        if self._reference:
            return SAME_APP, len(self._reference), self._reference.pop()
        # The large app's tasks come one by one among the others'.
        every = max(1, (s.tasks - same) // s.large)
        if n % every == 0 and n // every < s.large:
            return FIRST_APP, n // every, f"large-{n}"
        return FIRST_APP + 1 + n % max(1, s.apps - 1), n // max(1, s.apps - 1), f"s-{n}"

    def _task(self, node: PretendNode) -> StreamTask:
        app_id, slot, name = self._next()
        task = StreamTask(
            str(uuid.uuid4()),
            app_id,
            HUMAN,
            f"room-{name}",
            name,
            self._clock.wall(),
            owner=node.owner,
            slot=slot,
            status=TaskStatus.STREAMING,
        )
        node.seat(task)
        return task

    async def _settle(self) -> None:
        """As autovacuum leaves a table that has been there for a while."""
        async with self._database.alone() as connection:
            await connection.execute(text("VACUUM ANALYZE"))

    # --- what is asked

    async def _beating(self) -> None:
        """What nodes and fronts cost that only live: CPU of this process, and of the database."""
        seconds = min(10.0, 2 * BEAT_EVERY * self._clock.slowness)
        before, begin, cpu = await self._beats(), time.monotonic(), _cpu()
        await asyncio.sleep(seconds)
        wall, used, beats = time.monotonic() - begin, _cpu() - cpu, await self._beats() - before
        expected = self._scale.nodes * wall / (BEAT_EVERY * self._clock.slowness)
        self.results["beating"] = {
            "beats_per_second": round(beats / wall, 1),
            "share_of_due": round(beats / expected, 2),
            "core_percent": round(used / wall * 100, 1),
            "cpu_ms_per_beat_and_look": round(used / max(1, beats) * 1e3, 2),
        }

    async def _beats(self) -> int:
        return sum(n.beat for n in await self._lives.list())

    async def _create(self, took: list[float]) -> None:
        app_id, _, name = self._next()
        front = self._fronts[self._rng.randrange(len(self._fronts))]
        places = self._scale.tasks
        begin = time.monotonic()
        try:
            await front.create(Commission(app_id, places, HUMAN, f"room-{name}", name, Framing(), 800_000))
        except Exception as error:
            self._refused[type(error).__name__] += 1
        else:
            took.append((time.monotonic() - begin) * 1e3)

    async def _births(self) -> None:
        s = self._scale
        left = s.births - s.paced
        self._say(f"{left} tasks are born, {s.together} at once")
        took: list[float] = []
        begin = time.monotonic()
        todo = iter(range(left))

        async def caller() -> None:
            for _ in todo:
                await self._create(took)

        await asyncio.gather(*(caller() for _ in range(s.together)))
        wall = time.monotonic() - begin
        self.results["create_together_ms"] = {**spread(took), "per_second": round(len(took) / wall, 1)}

    async def _paced(self) -> None:
        """Births at a pace that this process can pretend with time to spare."""
        took: list[float] = []
        jobs: list[asyncio.Task[None]] = []
        late: list[float] = []
        watch = asyncio.create_task(_lateness(late))
        begin = time.monotonic()
        for n in range(self._scale.paced):
            await asyncio.sleep(max(0.0, begin + n / self._scale.pace - time.monotonic()))
            jobs.append(asyncio.create_task(self._create(took)))
        await asyncio.gather(*jobs)
        watch.cancel()
        self.results["create_ms"] = {**spread(took), "per_second": self._scale.pace}
        self.results["create_lateness_ms"] = spread(late)
        self.results["create_refused"] = dict(self._refused)

    async def _evenness(self) -> None:
        self.results["load"] = evenness([len(n.tasks) for n in self._stage.values()])

    async def _queries(self) -> None:
        """A Query's question to the database: apps at random, the large one, and the one of before."""
        s = self._scale
        others = [FIRST_APP + 1 + self._rng.randrange(max(1, s.apps - 1)) for _ in range(s.queries)]
        self.results["query_ms"] = await self._asked(others)
        self.results["query_large_ms"] = await self._asked([FIRST_APP] * max(20, s.queries // 10))
        self.results["query_same_ms"] = await self._asked([SAME_APP] * s.queries)

    async def _asked(self, apps: Sequence[int]) -> dict[str, float]:
        took: list[float] = []
        most = 0
        for app_id in apps:
            begin = time.monotonic()
            most = max(most, len(await self._directory.live(app_id)))
            took.append((time.monotonic() - begin) * 1e3)
        return {**spread(took), "tasks": most}

    # --- the loss

    async def _loss(self) -> None:
        s = self._scale
        async with asyncio.timeout(PATIENCE):
            while any(n.waiting for n in self._stage.values()) or await self._callbacks():
                await asyncio.sleep(0.1)
        there = [n for n in self._stage.values() if n.alive]
        dead = self._rng.sample(there, max(1, round(s.nodes * s.lost)))
        theirs = {t for node in dead for t in node.tasks}
        self._say(f"{len(dead)} nodes with {len(theirs)} tasks die")
        died = time.monotonic()
        await asyncio.gather(*(node.die() for node in dead))
        ended = told = 0.0
        async with asyncio.timeout(PATIENCE):
            while not told:
                await asyncio.sleep(0.05)
                if not ended and not await self._unfinished([n.id for n in dead]):
                    ended = time.monotonic()
                if ended and all(self._ears.heard[(t, TaskStatus.STOPPED)] for t in theirs):
                    told = time.monotonic()
            while await self._callbacks():
                await asyncio.sleep(0.05)
        self._check(theirs)
        first = min(self._works.begun)
        told_of = [
            self._ears.heard[(t, status)]
            for t in theirs
            for status in (TaskStatus.STOPPING, TaskStatus.STOPPED)
        ]
        self.results["loss"] = {
            "nodes": len(dead),
            "tasks": len(theirs),
            # On the clock of the nodes: their beats stood still for so long.
            "noticed_after_s": round((first - died) / self._clock.slowness, 2),
            "all_ended_s": round(ended - first, 2),
            "all_told_s": round(told - first, 2),
            "take_over_ms": spread([t * 1e3 for t in self._works.took]),
            "take_overs_asked": self._works.asked,
            "ended_twice": sum(n > 1 for n in self._works.tasks.values()),
            "callbacks_wrong": sum(n != 1 for n in told_of),
            "others_ended": len(set(self._works.tasks) - theirs),
        }

    async def _unfinished(self, nodes: Sequence[str]) -> int:
        async with self._database.reads() as session:
            left = select(func.count()).where(TaskRow.node_id.in_(nodes), TaskRow.status.in_(UNFINISHED))
            return await session.scalar(left) or 0

    async def _callbacks(self) -> int:
        async with self._database.reads() as session:
            return await session.scalar(text("SELECT count(*) FROM callbacks")) or 0

    def _check(self, theirs: set[str]) -> None:
        """What no figure may hide."""
        wrong = [t for t in theirs if self._works.tasks[t] != 1]
        if wrong:
            raise AssertionError(f"{len(wrong)} tasks of lost nodes were not ended once")


def _plain(scale: Scale) -> dict[str, float]:
    return {name: getattr(scale, name) for name in Scale.__slots__}


def _values(row: Base) -> dict[str, Any]:
    return {c.name: getattr(row, c.name) for c in row.__table__.columns}


async def _lateness(late: list[float]) -> None:
    """Milliseconds by which this process comes late to what is due: every wait for the database has that
    in it, and a birth has about ten."""
    while True:
        due = time.monotonic() + 0.01
        await asyncio.sleep(0.01)
        late.append((time.monotonic() - due) * 1e3)


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def _in_groups(work: Sequence[Coroutine[Any, Any, None]], together: int) -> None:
    todo = iter(work)

    async def one() -> None:
        for job in todo:
            await job

    await asyncio.gather(*(one() for _ in range(together)))


async def simulate(url: str, scale: Scale, say: Callable[[str], None] = lambda _: None) -> dict[str, Any]:
    """The figures of one run on an empty database at ``url``."""
    database = Database.of(url, Path())
    beats = Database.of(url, Path())
    await database.open()
    try:
        simulation = Simulation(database, beats, scale, say)
        await simulation.run()
        return simulation.results
    finally:
        await beats.close()
        await database.close()


def scaled(
    nodes: int, tasks: int, births: int | None = None, turns: float = 60.0, quick: bool = False
) -> Scale:
    """A scale whose other figures fit; ``quick`` is a twentieth of it."""
    if quick:
        nodes, tasks = max(4, nodes // 20), max(100, tasks // 20)
    births = min(births or 3000, tasks // 5)
    return Scale(
        nodes=nodes,
        tasks=tasks,
        births=births,
        fronts=max(2, min(20, nodes // 10)),
        apps=max(5, min(1000, tasks // 50)),
        large=min(1000, tasks // 10),
        queries=100 if quick else 1000,
        paced=births // 4,
        turns=turns,
    )
