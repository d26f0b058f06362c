"""What a stopped node held in the middle of a transaction is ended all the same, on real databases."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import select, update

from bunraku.core.framing import Framing
from bunraku.core.owner import Owner
from bunraku.core.stream_task import StreamTask, TaskStatus
from bunraku.store.lives import Ending, Lives
from bunraku.store.rows import task_row
from bunraku.store.tables import NodeRow, TaskRow

from ..support.databases import database, database_urls

__all__ = ["database", "database_urls"]  # fixtures


def ended(tasks, drives, outputs, _people):
    over = [t.evolve(TaskStatus.STOPPING).evolve(TaskStatus.STOPPED, ended_at=1.0) for t in tasks]
    return Ending(tuple(over), tuple(drives), tuple(outputs))


async def test_a_row_that_the_lost_node_holds_is_waited_for(database):
    if database.sqlite:
        pytest.skip("SQLite has one writer")
    lives = Lives(database)
    lost, _ = await lives.begin("lost", "m", "1", 1.0, ended)
    heir, _ = await lives.begin("heir", "m", "1", 1.0, ended)
    task = StreamTask("t", 7, "h", "r", "s", 1.0, framing=Framing(256, 256), owner=Owner("lost", lost.epoch))
    async with database.sessions.begin() as session:
        session.add(task_row(task))
        await session.execute(update(NodeRow).where(NodeRow.id == "lost").values(beat_at=0.0))
    async with database.sessions() as stopped:
        await stopped.scalar(select(TaskRow).where(TaskRow.id == "t").with_for_update())
        taking = asyncio.create_task(lives.take_over(["lost"], 3.0, heir, ended))
        await asyncio.sleep(0.5)
        assert not taking.done(), "it must not be passed over: nobody would come again"
        await stopped.rollback()
    ending = await asyncio.wait_for(taking, 10)
    assert [t.id for t in ending.tasks] == ["t"]
