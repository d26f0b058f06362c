"""What the database forgets, on virtual time and real databases."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import DBAPIError

from bunraku.core.drive import Drive, DriveKind
from bunraku.core.framing import Framing
from bunraku.core.own_human import Made, OwnHuman, SourceKind, State
from bunraku.core.owner import Owner
from bunraku.core.settings import RetentionSettings
from bunraku.core.stream_task import StreamTask, TaskStatus
from bunraku.store import retention
from bunraku.store.database import Database
from bunraku.store.people_store import PeopleStore
from bunraku.store.retention import DAY, Retention
from bunraku.store.rows import drive_row, person_row, task_row
from bunraku.store.tables import AuditRow, CallbackRow, DriveRow, TaskRow
from bunraku.testing.clock import VirtualClock

from ..support.databases import database, database_urls

__all__ = ["database", "database_urls"]  # fixtures

HOUR = 3600.0


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


def task(name: str, now: float, ended: float | None, status: TaskStatus = TaskStatus.STOPPED) -> StreamTask:
    framing = Framing(256, 256)
    made = StreamTask(name, 7, "h", "r", name, now, framing=framing, owner=Owner("n", 1))
    return replace(made, status=status, ended_at=ended)


async def put(database: Database, *records: StreamTask, drives: int = 2) -> None:
    async with database.sessions.begin() as session:
        for record in records:
            session.add(task_row(record))
            for i in range(drives):
                session.add(drive_row(Drive(f"{record.id}-{i}", record.id, DriveKind.TEXT, i)))


async def left(database: Database) -> tuple[list[str], int]:
    async with database.sessions() as session:
        tasks = list(await session.scalars(select(TaskRow.id).order_by(TaskRow.id)))
        return tasks, await session.scalar(select(func.count()).select_from(DriveRow)) or 0


async def swept(clock: VirtualClock, *jobs: Retention) -> list[int]:
    running = asyncio.gather(*(job.sweep() for job in jobs))
    for _ in range(2000):
        if running.done():
            break
        await clock.advance(retention.PAUSE)
        await asyncio.sleep(0.005)
    return await running


def keeper(database: Database, clock: VirtualClock, **days: Any) -> Retention:
    return Retention(database, clock, RetentionSettings(**days), HOUR)


async def test_what_ended_goes_after_its_days_and_nothing_else(database, clock):
    now = clock.wall()
    await put(
        database,
        task("old", now - 3 * DAY, now - 2 * DAY),
        task("failed", now - 3 * DAY, now - 2 * DAY, TaskStatus.FAILED),
        task("young", now - 3 * DAY, now - HOUR),
        # Whatever its times say: it runs.
        task("running", now - 90 * DAY, now - 80 * DAY, TaskStatus.STREAMING),
        task("stopping", now - 90 * DAY, None, TaskStatus.STOPPING),
    )
    async with database.sessions.begin() as session:
        waits = {"app_id": 7, "event_type": 3, "event_time_ms": 1, "detail": {}, "attempts": 5}
        session.add(CallbackRow(task_id="old", node_id="n", **waits))
    job = keeper(database, clock, tasks_days=1, drives_days=1)
    assert await swept(clock, job) == [2 + 4]
    assert await left(database) == (["running", "stopping", "young"], 6)
    async with database.sessions() as session:
        assert (await session.scalars(select(CallbackRow.task_id))).all() == ["old"]
    await clock.advance(DAY)
    await swept(clock, job)
    assert await left(database) == (["running", "stopping"], 4)


async def test_drives_may_go_before_their_task_and_both_may_stay_for_ever(database, clock):
    now = clock.wall()
    await put(database, task("a", now, now - 2 * DAY), task("b", now, now - HOUR / 2))
    await swept(clock, keeper(database, clock, tasks_days=0, drives_days=0))
    assert await left(database) == (["a", "b"], 4)
    job = keeper(database, clock, tasks_days=0, drives_days=1)
    await swept(clock, job)
    assert await left(database) == (["a", "b"], 2)
    await clock.advance(DAY)
    # One whose end was written when the database was back.
    await put(database, task("late", now, clock.wall() - DAY - 2 * HOUR))
    await swept(clock, job)
    assert await left(database) == (["a", "b", "late"], 0)


async def test_what_was_said_goes_when_nobody_can_ask_for_it_whatever_is_kept(database, clock, monkeypatch):
    monkeypatch.setattr(retention, "BATCH", 2)
    now = clock.wall()
    records = (
        task("asked for", now, now - HOUR / 2),
        task("over", now, now - 2 * HOUR),
        task("running", now, None, TaskStatus.STREAMING),
    )
    await put(database, *records, drives=0)
    async with database.sessions.begin() as session:
        for record in records:
            for i in range(3):
                said = Drive(
                    f"{record.id}-{i}", record.id, DriveKind.TEXT, i, played_ms=70, spoken_text="hello"
                )
                session.add(drive_row(said))
    for kept in ({"tasks_days": 0, "drives_days": 0}, {"tasks_days": 30, "drives_days": 30}):
        await swept(clock, keeper(database, clock, **kept))
        async with database.sessions() as session:
            columns = select(DriveRow.task_id, DriveRow.spoken_text, DriveRow.played_ms)
            rows = (await session.execute(columns)).all()
        assert {(t, s) for t, s, _ in rows} == {("asked for", "hello"), ("over", ""), ("running", "hello")}
        assert (len(rows), {ms for _, _, ms in rows}) == (9, {70})


async def test_nothing_goes_while_it_can_still_be_queried(database, clock):
    """By default records go when callers cannot ask for them any more; never before."""
    now = clock.wall()
    await put(database, task("asked for", now, now - HOUR / 2), task("over", now, now - 2 * HOUR))
    await swept(clock, keeper(database, clock, tasks_days=1e-6, drives_days=1e-6))
    assert await left(database) == (["asked for"], 2)
    await swept(clock, keeper(database, clock))
    assert await left(database) == (["asked for"], 2)
    await clock.advance(HOUR)
    await swept(clock, keeper(database, clock))
    assert await left(database) == ([], 0)


async def test_a_long_backlog_goes_in_bounded_batches_also_by_two_at_once(database, clock, monkeypatch):
    monkeypatch.setattr(retention, "BATCH", 20)
    now = clock.wall()
    await put(database, *(task(f"t{i:03}", now, now - 3 * DAY - i) for i in range(90)), drives=1)
    await put(database, task("talker", now, now - 9 * DAY), drives=70)
    monkeypatch.setattr(retention, "BATCHES", 3)
    (rows,) = await swept(clock, keeper(database, clock))
    assert 0 < rows <= 3 * 2 * 20
    monkeypatch.setattr(retention, "BATCHES", 200)
    await swept(clock, keeper(database, clock), keeper(database, clock))
    await swept(clock, keeper(database, clock))
    assert await left(database) == ([], 0)


async def test_the_audit_log_goes_after_its_days_and_never_within_one(database):
    clock = VirtualClock(time.time())  # the triggers go by the real one
    now = clock.wall()
    ages = [400.0, 10.0, 2.0, 0.5]

    async def kept(days):
        await swept(clock, Retention(database, clock, RetentionSettings(audit_days=days), 3600.0))
        async with database.sessions() as session:
            rows = await session.scalars(select(AuditRow.at).order_by(AuditRow.at))
            return [round((now - at) / 86400, 1) for at in rows]

    async with database.sessions.begin() as session:
        for age in ages:
            session.add(
                AuditRow(
                    at=now - age * 86400,
                    who="x",
                    address="",
                    action="stop",
                    app=7,
                    target="",
                    result="0",
                    times=1,
                )
            )
    assert await kept(0) == ages
    assert await kept(365) == [10.0, 2.0, 0.5]
    assert await kept(0.01) == [0.5]
    for statement in (update(AuditRow).values(who="y"), delete(AuditRow)):
        with pytest.raises(DBAPIError, match="append-only"):
            async with database.sessions.begin() as session:
                await session.execute(statement)


async def test_a_server_sweeps_by_itself(tmp_path: Path):
    """The job runs, with the server's own settings."""
    from bunraku.app import build
    from bunraku.core.settings import load
    from bunraku.node.compose import FORGET_EVERY
    from bunraku.testing.server import test_apps

    clock = VirtualClock()
    settings = load(None, data_dir=tmp_path, apps=test_apps(), retention={"tasks_days": 2.0})
    app = build(settings, clock, providers=[])
    async with app.state.server.running():
        database = app.state.server.parts.database
        now = clock.wall()
        await put(database, task("over", now, now - 3 * DAY), task("kept", now, now - DAY))
        for _ in range(200):
            await clock.advance(FORGET_EVERY / 10)
            await asyncio.sleep(0.01)
            if (await left(database))[0] == ["kept"]:
                return
        pytest.fail("nothing was forgotten")


async def test_a_digital_human_that_could_not_be_made_goes_after_a_week_and_no_other(database, clock):
    now = clock.wall()
    week = retention.FAILED
    made = OwnHuman("ready", 7, "Lucy", SourceKind.PHOTO, now - 2 * week, "call", Owner("n", 1))
    made = made.ready(Made("0" * 64, 9, ("nod",), "warm", ("Soft.",)), now - 2 * week)
    making = replace(made, id="making", state=State.MAKING, ended_at=None)
    old = replace(making, id="old").failed("No face.", now - week - 10)
    young = replace(making, id="young").failed("No face.", now - week + 10)
    async with database.sessions.begin() as session:
        session.add_all([person_row(h) for h in (made, making, old, young)])
    await swept(clock, keeper(database, clock))
    kept = await PeopleStore(database).of(7)
    assert {h.id for h in kept} == {"ready", "making", "young"}
    # And a row holds all that is known of one.
    assert next(h for h in kept if h.id == "ready") == made
