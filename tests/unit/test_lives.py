"""Who lives, who is lost and who is forgotten, on virtual time: the database's clock is the same one."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import literal

from bunraku.core.drive import Drive, DriveKind, DriveStatus
from bunraku.core.load import Load
from bunraku.core.output import Output, OutputStatus, Protocol
from bunraku.core.owner import Owner
from bunraku.core.settings import RetentionSettings
from bunraku.core.stream_task import StreamTask, TaskStatus
from bunraku.node.lease import Lease
from bunraku.node.neighbours import LOST_AFTER, Neighbours
from bunraku.node.tasks.herald import Herald
from bunraku.node.tasks.outbox import Outbox
from bunraku.store import lives as module
from bunraku.store.database import Database
from bunraku.store.directory import Directory
from bunraku.store.journal import Journal
from bunraku.store.ledger import DatabaseLedger, Fenced
from bunraku.store.lives import Lives
from bunraku.store.retention import Retention
from bunraku.testing.clock import VirtualClock


class OnTime(Database):
    """Its clock is the test's, which stands still while a statement is on its way."""

    def __init__(self, url, clock):
        super().__init__(url)
        self.clock, self.under_way = clock, 0
        self._made = self.sessions
        self.sessions = self.reads = self
        clock.database = self

    @property
    def now(self):
        return literal(self.clock.wall())

    def __call__(self):
        return self._counted(self._made())

    def begin(self):
        return self._counted(self._made.begin())

    def alone(self):
        return self._counted(super().alone())

    @asynccontextmanager
    async def _counted(self, session):
        self.under_way += 1
        try:
            async with session as opened:
                yield opened
        finally:
            self.under_way -= 1


class PatientClock(VirtualClock):
    """Nothing is late because this machine is slow."""

    database: OnTime

    async def settle(self):
        await super().settle()
        async with asyncio.timeout(30):
            while self.database.under_way:
                await asyncio.sleep(0.001)
                await super().settle()


class SlowWay(Lives):
    """To the database; each beat arrives ``delay`` seconds after it was sent."""

    def __init__(self, database, clock):
        super().__init__(database)
        self.clock, self.delay = clock, 0.0
        self.stuck = False
        """Nothing is written until it is over; what is asked is answered."""

    async def _unstuck(self):
        while self.stuck:
            await self.clock.sleep_until(self.clock.monotonic() + 0.01)

    async def beat(self, owner, state, load):
        await self.clock.sleep_until(self.clock.monotonic() + self.delay)
        await self._unstuck()
        return await super().beat(owner, state, load)

    async def take_over(self, nodes, seconds, by, end, apps=None):
        await self._unstuck()
        return await super().take_over(nodes, seconds, by, end, apps)


class Machine:
    """A node without anything on stage."""

    def __init__(self, stage, name, lives):
        self.stage, self.name, self.lives = stage, name, lives
        self.told, self.lost = [], False
        self.journal = Journal(DatabaseLedger(stage.database), stage.clock, Owner(name, 0))
        self.herald = Herald(
            self.journal, Outbox(self.journal, self.told.append), lambda _: True, stage.clock
        )
        self.lease = Lease(stage.clock, lives, lambda: Load(10), self._lost)
        self.jobs = []

    def _lost(self):
        self.lost = True

    async def begin(self):
        owner, _ = await self.lives.begin(self.name, "m", "1", self.stage.clock.wall(), self.herald.end_lost)
        await self.journal.open(owner)
        neighbours = Neighbours(self.stage.clock, self.lives, self.herald, lambda: self.lease.heard)
        self.jobs = [asyncio.create_task(w) for w in (self.lease.keep(owner), neighbours.watch(owner))]
        return owner

    async def die(self):
        for job in self.jobs:
            job.cancel()
        await asyncio.gather(*self.jobs, return_exceptions=True)


class Stage:
    def __init__(self, database, clock):
        self.database, self.clock = database, clock
        self.machines = []

    async def machine(self, name):
        machine = Machine(self, name, SlowWay(self.database, self.clock))
        self.machines.append(machine)
        await machine.begin()
        return machine

    async def pass_time(self, seconds):
        await self.clock.advance(seconds)

    async def states(self):
        return {n.id: n.state for n in await Lives(self.database).list()}


@pytest.fixture
async def stage(tmp_path):
    clock = PatientClock()
    database = OnTime(f"sqlite+aiosqlite:///{tmp_path / 'b.db'}", clock)
    await database.open()
    stage = Stage(database, clock)
    yield stage
    for machine in stage.machines:
        await machine.die()
        await machine.journal.close()
    await database.close()


async def born(machine, name, drives=2):
    owner = machine.journal.owner
    task = StreamTask(name, 1, "h", f"room-{name}", f"s-{name}", 1.0, owner=owner)
    await machine.journal.birth(task, 100, *machine.herald.task_callbacks(task))
    machine.journal.note(task.evolve(TaskStatus.STREAMING))
    for n in range(drives):
        status = DriveStatus.DRIVING if n == 0 else DriveStatus.QUEUED
        machine.journal.note(Drive(f"{name}-{n}", name, DriveKind.TEXT, n + 1, status))
    for n, status in enumerate((OutputStatus.ACTIVE, OutputStatus.COMPLETE)):
        name_of = f"film-{n}"
        machine.journal.note(
            Output(f"{name}-{name_of}", name, n, Protocol.FILE, name_of, "", 1.0, status, ended_at=n or None)
        )
    await machine.journal.commit()


async def test_a_lost_node_is_ended_once_and_its_neighbours_know_all_of_it(stage):
    dead, second, third = [await stage.machine(n) for n in ("n1", "n2", "n3")]
    for n in range(3):
        await born(dead, f"t{n}")
    await born(second, "other")
    await stage.pass_time(1)
    await dead.die()
    await stage.pass_time(4.5)
    assert await stage.states() == {"n1": "lost", "n2": "up", "n3": "up"}
    told = [c for c in second.told + third.told if c.task_id != "other"]
    ends = sorted((c.task_id, c.detail["Status"]) for c in told if c.event_type == 3)
    assert ends == [(f"t{n}", s) for n in range(3) for s in (1, 4, 5)], "the birth's was never delivered"
    assert sum("DriveId" in c.detail for c in told) == 6
    sent = [c.detail for c in told if c.event_type == 101]
    assert sorted(d["OutputId"] for d in sent) == [f"t{n}-film-0" for n in range(3)]
    assert {(d["Status"], d["FailReason"]) for d in sent} == {("FAILED", "the node was lost")}
    directory = Directory(stage.database, stage.clock, 3600.0)
    assert [t.id for t in await directory.live(1)] == ["other"]
    task = await directory.task(1, "t0")
    assert (task.status, task.slot, task.ended_at is not None) == (TaskStatus.STOPPED, None, True)
    assert {d.status for d in await directory.drives(1, "t0")} == {DriveStatus.INTERRUPTED}
    failed, complete = await directory.outputs(1, "t0")
    assert (failed.status, failed.ended_at) == (OutputStatus.FAILED, task.ended_at)
    assert (complete.status, complete.ended_at) == (OutputStatus.COMPLETE, 1)
    assert next(iter(await directory.outputs(1, "other"))).status is OutputStatus.ACTIVE
    assert {d.status for d in await directory.drives(1, "other")} == {DriveStatus.DRIVING, DriveStatus.QUEUED}
    assert await directory.place_of_stream(1, "s-t0") is None
    assert await directory.place_of_stream(1, "s-other") == ("n2", "room-other")


async def test_a_node_whose_beats_come_late_but_come_is_not_lost(stage):
    slow, _ = [await stage.machine(n) for n in ("slow", "quick")]
    for slow.lives.delay in (0.0, 1.0, 2.0, 3.0, 3.8):
        await stage.pass_time(2)
    await stage.pass_time(8)
    assert not slow.lost
    assert await stage.states() == {"slow": "up", "quick": "up"}


async def test_nobody_judges_while_its_own_beats_do_not_arrive(stage):
    """A database that answers and does not write is slow for all."""
    machines = [await stage.machine(n) for n in ("n1", "n2", "n3")]
    await stage.pass_time(2)
    for machine in machines:
        machine.lives.stuck = True
    await stage.pass_time(3.5)
    for machine in machines:  # who is through first finds the others standing
        machine.lives.stuck = False
        await stage.pass_time(0.5)
    await stage.pass_time(4)
    assert await stage.states() == {"n1": "up", "n2": "up", "n3": "up"}
    assert not any(machine.lost for machine in machines)
    await machines[0].die()
    await stage.pass_time(4.5)
    assert (await stage.states())["n1"] == "lost", "who can write judges again"


async def test_what_has_beaten_meanwhile_by_the_databases_clock_is_not_taken_over(stage):
    """Whoever looked may have looked long ago."""
    lives = Lives(stage.database)
    owner, _ = await lives.begin("n1", "m", "1", 0.0, lambda *_: module.Ending())
    await stage.clock.advance(10)
    by = Owner("n2", 1)
    seen = [n.id for n in await lives.standing(LOST_AFTER)]
    assert seen == ["n1"]
    await lives.beat(owner, "up", Load())
    assert await lives.take_over(seen, LOST_AFTER, by, lambda *_: module.Ending()) is None
    await stage.clock.advance(LOST_AFTER + 0.1)
    assert await lives.take_over(seen, LOST_AFTER, by, lambda *_: module.Ending()) is not None


async def test_nodes_that_are_gone_are_forgotten_when_nothing_names_them(stage, monkeypatch):
    monkeypatch.setattr(module, "KEPT", 20.0)  # all of it is lived through
    lives = Lives(stage.database)
    gone, busy, _ = [await stage.machine(n) for n in ("gone", "busy", "other")]
    await born(busy, "t")
    for machine in (gone, busy):
        await machine.die()
    await lives.leave(gone.journal.owner)
    await stage.pass_time(4)
    await lives.forget()
    assert await stage.states() == {"gone": "gone", "busy": "lost", "other": "up"}
    await stage.pass_time(17)
    await lives.forget()
    assert await stage.states() == {"busy": "lost", "other": "up"}, "its task can still be asked for"
    retention = Retention(stage.database, stage.clock, RetentionSettings(), 10.0)
    sweep = asyncio.create_task(retention.sweep())
    await stage.pass_time(1)
    await sweep
    await lives.forget()
    assert await stage.states() == {"other": "up"}
    gone.journal.note(Drive("d", "t", DriveKind.TEXT, 1, DriveStatus.DRIVING))
    with pytest.raises(Fenced):
        await gone.journal.commit()


async def test_a_node_that_is_gone_is_kept_while_its_callbacks_wait(stage):
    lives = Lives(stage.database)
    gone = await stage.machine("gone")
    task = StreamTask("t", 1, "h", "r", "s", 1.0, owner=gone.journal.owner)
    gone.journal.note(*gone.herald.task_callbacks(task))
    await gone.journal.commit()
    await gone.die()
    await lives.leave(gone.journal.owner)
    await stage.clock.advance(module.KEPT + 1)
    await lives.forget()
    assert await stage.states() == {"gone": "gone"}
    (row,) = (await lives.orphans(Owner("another", 1), lambda *_: module.Ending())).callbacks
    assert row.task_id == "t"
    await lives.forget()
    assert await stage.states() == {}
