"""What a stopped node held in the middle of a transaction is ended all the same, on real databases."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace

import pytest
from sqlalchemy import event, func, select, update
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError

from bunraku.core.framing import Framing
from bunraku.core.owner import Owner
from bunraku.core.stream_task import StreamTask, TaskStatus
from bunraku.store.lives import Ending, Lives
from bunraku.store.rows import task_row
from bunraku.store.tables import CallbackRow, NodeRow, TaskRow

from ..support.databases import database, database_urls

__all__ = ["database", "database_urls"]  # fixtures


def ended(tasks, drives, outputs, _people):
    over = [t.evolve(TaskStatus.STOPPING).evolve(TaskStatus.STOPPED, ended_at=1.0) for t in tasks]
    return Ending(tuple(over), tuple(drives), tuple(outputs))


async def left_behind(database) -> tuple[Lives, Owner, Owner]:
    """Task ``t`` of a node that beats no more; that node, and its heir."""
    if database.sqlite:
        pytest.skip("SQLite has one writer")
    lives = Lives(database)
    lost, _ = await lives.begin("lost", "m", "1", 1.0, ended)
    heir, _ = await lives.begin("heir", "m", "1", 1.0, ended)
    task = StreamTask("t", 7, "h", "r", "s", 1.0, framing=Framing(256, 256), owner=Owner("lost", lost.epoch))
    async with database.sessions.begin() as session:
        session.add(task_row(task))
        await session.execute(update(NodeRow).where(NodeRow.id == "lost").values(beat_at=0.0))
    return lives, lost, heir


async def test_a_row_that_the_lost_node_holds_is_waited_for(database):
    lives, _, heir = await left_behind(database)
    async with database.sessions() as stopped:
        await stopped.scalar(select(TaskRow).where(TaskRow.id == "t").with_for_update())
        taking = asyncio.create_task(lives.take_over(["lost"], 3.0, heir, ended))
        await asyncio.sleep(0.5)
        assert not taking.done(), "it must not be passed over: nobody would come again"
        await stopped.rollback()
    ending = await asyncio.wait_for(taking, 10)
    assert [t.id for t in ending.tasks] == ["t"]


async def test_a_node_that_stands_still_within_a_statement_is_lost_all_the_same(database):
    """Its session is active, waiting for the parameters of what was parsed: not idle in its transaction."""
    lives, lost, heir = await left_behind(database)
    stopped = database.sessions()
    its = select(NodeRow.epoch).where(NodeRow.id == "lost").with_for_update(read=True)
    assert await stopped.scalar(its) == lost.epoch
    driver = (await (await stopped.connection()).get_raw_connection()).driver_connection
    await driver.prepare("DELETE FROM callbacks WHERE id = $1")
    try:
        assert await lives.take_over(["lost"], 3.0, heir, ended) is None, "held"
        async with asyncio.timeout(10):
            while (ending := await lives.take_over(["lost"], 3.0, heir, ended)) is None:
                await asyncio.sleep(0.1)
        assert [t.id for t in ending.tasks] == ["t"]
    finally:
        with suppress(DBAPIError):  # it hears now that it was cut off
            await stopped.close()


async def test_callbacks_of_a_full_node_are_kept_in_the_order_of_events(database):
    """They go in as one parameter: which row got which id must not be a guess."""
    lives = Lives(database)
    lost, _ = await lives.begin("lost", "m", "1", 1.0, ended)
    heir, _ = await lives.begin("heir", "m", "1", 1.0, ended)
    tasks = [
        StreamTask(f"t{i}", 7, "h", f"r{i}", f"s{i}", float(i), owner=Owner("lost", lost.epoch), slot=i)
        for i in range(120)
    ]

    def told(tasks, drives, outputs, people):
        rows = [
            CallbackRow(
                app_id=7,
                task_id=task.id,
                event_type=3,
                event_time_ms=1,
                detail={"Status": status, "Said": "é \N{GRINNING FACE} \"'\\"},
                attempts=0,
            )
            for status in (4, 5)
            for task in tasks
        ]
        return replace(ended(tasks, drives, outputs, people), callbacks=tuple(rows))

    async with database.sessions.begin() as session:
        session.add_all([task_row(t) for t in tasks])
        await session.execute(update(NodeRow).where(NodeRow.id == "lost").values(beat_at=0.0))
    ending = await lives.take_over(["lost"], 3.0, heir, told)
    said = [(row.id, row.task_id, row.detail, row.node_id) for row in ending.callbacks]
    assert len(said) == 240
    async with database.sessions() as session:
        rows = (await session.scalars(select(CallbackRow).order_by(CallbackRow.id))).all()
        left = await session.scalar(select(func.count()).where(TaskRow.status != int(TaskStatus.STOPPED)))
    assert [(row.id, row.task_id, row.detail, row.node_id) for row in rows] == said
    assert [row.detail["Status"] for row in rows] == [4] * 120 + [5] * 120
    assert left == 0
    assert await lives.take_over(["lost"], 3.0, heir, told) is None


async def test_who_looks_for_what_nobody_left_writes_nothing_and_holds_nothing(database):
    """Every node looks every two seconds, and there is next to never any."""
    lives = Lives(database)
    gone, _ = await lives.begin("gone", "m", "1", 1.0, ended)
    heir, _ = await lives.begin("heir", "m", "1", 1.0, ended)
    said = []

    def hear(_connection, _cursor, statement, *_):
        said.append(statement)

    event.listen(Engine, "before_cursor_execute", hear)
    try:
        assert (await lives.orphans(heir, ended)).callbacks == ()
        assert len(said) == 1, "nobody is gone"
        await lives.leave(gone)
        said.clear()
        assert (await lives.orphans(heir, ended)).callbacks == ()
        assert [s.split()[0] for s in said] == ["SELECT"] * 2, "it left nothing"
    finally:
        event.remove(Engine, "before_cursor_execute", hear)
    row = {"app_id": 7, "task_id": "t", "event_type": 3, "event_time_ms": 1, "detail": {}, "attempts": 0}
    async with database.sessions.begin() as session:
        session.add_all([CallbackRow(**row, node_id=owner.node_id) for owner in (gone, heir)])
    assert [r.node_id for r in (await lives.orphans(heir, ended)).callbacks] == ["heir"]
    assert (await lives.orphans(heir, ended)).callbacks == ()
