"""The journal when the database does not take what it is given."""

import asyncio
import sqlite3

import pytest
from sqlalchemy import select

from bunraku.core.clock import SystemClock
from bunraku.core.drive import Drive, DriveKind, DriveStatus
from bunraku.core.load import Load
from bunraku.core.owner import Elsewhere, Owner
from bunraku.core.stream_task import StreamTask, TaskStatus
from bunraku.store import database as database_module
from bunraku.store import journal as module
from bunraku.store.claims import NameTaken, NoSlot
from bunraku.store.database import Database
from bunraku.store.journal import DatabaseAway, Fenced, Journal
from bunraku.store.lives import Lives
from bunraku.store.tables import CallbackRow, DriveRow

OWNER = Owner("n1", 1)


def drive(name, status=1, kind=DriveKind.TEXT, task_id="t"):
    return Drive(name, task_id, kind, 1, DriveStatus(status))


class Unwritable:
    """A kind that the schema does not take."""

    value = None


def callback():
    return CallbackRow(app_id=1, task_id="t", event_type=2, event_time_ms=1, detail={}, attempts=0)


@pytest.fixture
async def journal(tmp_path, monkeypatch):
    monkeypatch.setattr(database_module, "BUSY_MS", 20)
    monkeypatch.setattr(module, "RETRY", 0.05)
    database = Database.of(None, tmp_path)
    await database.open()
    j = Journal(database, SystemClock(), OWNER)
    await j.open(OWNER)
    j.path, j.sessions = tmp_path / "bunraku.db", database.sessions
    yield j
    await j.close()
    await database.close()


async def written(journal):
    async with journal.sessions() as session:
        return {d.id: d.status for d in (await session.scalars(select(DriveRow))).all()}


async def test_only_the_last_state_is_written(journal):
    journal.note(drive("a", 1), callback(), drive("a", 2), callback(), drive("a", 4))
    await journal.commit()
    assert await written(journal) == {"a": 4}
    assert len(await journal.callbacks()) == 2


async def test_a_row_that_cannot_be_written_keeps_no_other_from_it(journal):
    journal.note(drive("a"), drive("bad", kind=Unwritable), drive("b"))
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
    journal.note(drive("x", task_id="never"))
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
    journal.note(drive("x", task_id="never"), event, drive("a"))
    writing = asyncio.create_task(journal.commit())
    while journal.waiting:  # until the writer has taken it
        await asyncio.sleep(0)
    journal.forget("never")
    await writing
    await journal.commit()
    assert set(await written(journal)) == {"a"}
    assert await journal.callbacks() == []


async def test_closing_does_not_wait_for_a_database_that_is_away(tmp_path, monkeypatch):
    monkeypatch.setattr(database_module, "BUSY_MS", 20)
    database = Database.of(None, tmp_path)
    await database.open()
    journal = Journal(database, SystemClock(), OWNER)
    await journal.open(OWNER)
    other = sqlite3.connect(tmp_path / "bunraku.db")
    other.execute("BEGIN IMMEDIATE")
    journal.note(drive("a"))
    async with asyncio.timeout(5):
        await journal.close()
    other.close()
    await database.close()


# --- births and claims


def task(name, stream="s", room="r", app=1):
    return StreamTask(name, app, "h", room, stream, 1.0, owner=OWNER)


async def test_a_birth_holds_its_streams_name_and_a_place(journal):
    first = await journal.birth(task("a"), 2, callback())
    assert first.slot == 0
    with pytest.raises(NameTaken):
        await journal.birth(task("b"), 2)
    assert (await journal.birth(task("b", "other"), 2)).slot == 1
    with pytest.raises(NoSlot):
        await journal.birth(task("c", "third"), 2)
    assert (await journal.birth(task("x", app=2), 1)).slot == 0, "apps do not see each other"
    # A stopping task frees its name at once, and its place when it is over.
    stopping = first.evolve(TaskStatus.STOPPING)
    journal.note(stopping)
    with pytest.raises(NoSlot):
        await journal.birth(task("c"), 2)
    journal.note(stopping.evolve(TaskStatus.STOPPED, ended_at=2.0))
    assert (await journal.birth(task("c"), 2)).slot == 0
    assert len(await journal.callbacks()) == 1


async def test_of_births_at_once_each_name_and_place_is_given_once(journal):
    tries = [journal.birth(task(f"t{i}", f"s{i % 4}"), 3) for i in range(12)]
    found = await asyncio.gather(*tries, return_exceptions=True)
    born = [t for t in found if isinstance(t, StreamTask)]
    assert sorted(t.slot for t in born) == [0, 1, 2]
    assert len({t.stream_id for t in born}) == 3


async def test_a_room_of_another_node_is_elsewhere(journal, tmp_path):
    database = Database.of(None, tmp_path)
    other = Journal(database, SystemClock(), Owner("n2", 1))
    await other.open(Owner("n2", 1))
    await other.claim_room(1, "r")
    with pytest.raises(Elsewhere) as found:
        await journal.birth(task("a"), 2)
    assert found.value.node_id == "n2"
    await other.leave_room(1, "r")
    await journal.birth(task("a"), 2)
    await other.close()
    await database.close()


async def test_a_birth_asked_of_a_database_that_is_away_is_refused_and_leaves_nothing(journal):
    other = sqlite3.connect(journal.path)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(DatabaseAway):
        await journal.birth(task("a"), 2)
    with pytest.raises(DatabaseAway):
        await journal.birth(task("b"), 2)
    other.rollback()
    other.close()
    async with asyncio.timeout(5):
        while journal.away:
            await asyncio.sleep(0.01)
    assert (await journal.birth(task("c"), 2)).slot == 0


async def test_a_life_that_was_declared_over_writes_nothing_any_more(journal):
    """And what it left is ended once, by who declared it."""
    database = journal._database
    lives = Lives(database)

    def end(tasks, drives):
        from bunraku.store.lives import Ending

        return Ending(tuple(t.evolve(TaskStatus.STOPPING) for t in tasks))

    mine, _ = await lives.begin("n1", "machine", "1", 0.0, end)
    await journal.open(mine)
    await journal.birth(StreamTask("a", 1, "h", "r", "s", 1.0, owner=mine), 2, callback())
    fenced = []
    journal.on_fenced = lambda: fenced.append(True)
    (seen,) = [n for n in await lives.list() if n.id == "n1"]
    by = Owner("n2", 1)
    ending = await lives.take_over(seen, by, end)
    assert [t.id for t in ending.tasks] == ["a"]
    assert [c.node_id for c in ending.callbacks] == ["n2"], "its callbacks are delivered by another"
    assert await lives.take_over(seen, by, end) is None
    journal.note(drive("late"))
    with pytest.raises(Fenced):
        await journal.commit()
    assert fenced == [True]
    assert await written(journal) == {}
    assert not await lives.beat(mine, "up", Load())
