"""The journal when the database does not take what it is given."""

import asyncio
import sqlite3

import pytest
from sqlalchemy import select

from bunraku.core.clock import SystemClock
from bunraku.store import journal as module
from bunraku.store.journal import Journal
from bunraku.store.tables import CallbackRow, DriveRow


def drive(name, status=1, kind="text"):
    return DriveRow(id=name, task_id="t", kind=kind, sequence=1, status=status)


def callback():
    return CallbackRow(app_id=1, task_id="t", event_type=2, event_time_ms=1, detail={}, attempts=0)


@pytest.fixture
async def journal(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "BUSY_MS", 20)
    monkeypatch.setattr(module, "RETRY", 0.05)
    j = Journal(f"sqlite+aiosqlite:///{tmp_path / 'j.db'}", SystemClock())
    await j.open()
    j.path = tmp_path / "j.db"
    yield j
    await j.close()


async def written(journal):
    async with journal.sessions() as session:
        return {d.id: d.status for d in (await session.scalars(select(DriveRow))).all()}


async def test_only_the_last_state_is_written(journal):
    journal.note(drive("a", 1), callback(), drive("a", 2), callback(), drive("a", 4))
    await journal.commit()
    assert await written(journal) == {"a": 4}
    assert len(await journal.callbacks()) == 2


async def test_a_row_that_cannot_be_written_keeps_no_other_from_it(journal):
    journal.note(drive("a"), drive("bad", kind=None), drive("b"))
    with pytest.raises(Exception, match="NOT NULL"):
        await journal.commit()
    assert await written(journal) == {"a": 1, "b": 1}
    assert not journal.waiting
    journal.note(drive("c"))
    await journal.commit()
    assert set(await written(journal)) == {"a", "b", "c"}


async def test_what_is_noted_waits_for_a_locked_database(journal):
    other = sqlite3.connect(journal.path)
    other.execute("BEGIN IMMEDIATE")
    delivered, waiting = callback(), callback()
    journal.note(drive("a", 1), delivered, waiting)
    with pytest.raises(Exception, match="locked"):
        await journal.commit()
    journal.note(drive("a", 2))
    async with asyncio.timeout(1):
        await journal.settle()  # at once: nobody waits for a database that is away
    journal.callback_attempted(delivered, 1, over=True)
    journal.callback_attempted(waiting, 1, over=False)
    journal.note(DriveRow(id="x", task_id="never", kind="text", sequence=1, status=1))
    journal.forget("never")
    assert journal.waiting
    other.rollback()
    other.close()
    async with asyncio.timeout(5):
        while journal.waiting or not await written(journal):
            await asyncio.sleep(0.01)
    await journal.commit()
    assert await written(journal) == {"a": 2}
    assert [c.attempts for c in await journal.callbacks()] == [1]
    journal.callback_attempted(waiting, 2, over=True)
    await journal.commit()
    assert await journal.callbacks() == []


async def test_a_callback_that_is_over_before_it_was_written_is_not_left(journal):
    """Wherever its row is at that moment: noted, on its way, or written."""
    first, second, third = callback(), callback(), callback()
    journal.note(first)
    await journal.commit()
    journal.callback_attempted(first, 1, over=True)
    journal.note(second)
    writing = asyncio.create_task(journal.commit())
    while journal.waiting:
        await asyncio.sleep(0)
    journal.callback_attempted(second, 1, over=True)
    journal.note(third)
    journal.callback_attempted(third, 1, over=True)
    await writing
    await journal.commit()
    assert await journal.callbacks() == []


async def test_nothing_is_left_of_a_task_that_was_forgotten_while_it_was_written(journal):
    event = CallbackRow(app_id=1, task_id="never", event_type=1, event_time_ms=1, detail={}, attempts=0)
    journal.note(DriveRow(id="x", task_id="never", kind="text", sequence=1, status=1), event, drive("a"))
    writing = asyncio.create_task(journal.commit())
    while journal.waiting:  # until the writer has taken it
        await asyncio.sleep(0)
    journal.forget("never")
    await writing
    await journal.commit()
    assert set(await written(journal)) == {"a"}
    assert await journal.callbacks() == []


async def test_closing_does_not_wait_for_a_database_that_is_away(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "BUSY_MS", 20)
    journal = Journal(f"sqlite+aiosqlite:///{tmp_path / 'j.db'}", SystemClock())
    await journal.open()
    other = sqlite3.connect(tmp_path / "j.db")
    other.execute("BEGIN IMMEDIATE")
    journal.note(drive("a"))
    async with asyncio.timeout(5):
        await journal.close()
    other.close()
