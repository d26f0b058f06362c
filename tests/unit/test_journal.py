"""The journal when the database does not take what it is given."""

import asyncio
import sqlite3

import pytest
from sqlalchemy import event, select

from bunraku.core.clock import SystemClock
from bunraku.core.drive import Drive, DriveKind, DriveStatus
from bunraku.core.load import Load
from bunraku.core.owner import Elsewhere, Owner
from bunraku.core.stream_task import StreamTask, TaskStatus
from bunraku.store import database as database_module
from bunraku.store import journal as module
from bunraku.store.claims import NameTaken, NoSlot
from bunraku.store.database import Database
from bunraku.store.journal import DatabaseAway, Journal
from bunraku.store.ledger import DatabaseLedger, Fenced
from bunraku.store.lives import Ending, Lives
from bunraku.store.tables import CallbackRow, DriveRow, TaskRow
from bunraku.testing.clock import VirtualClock
from bunraku.testing.journal import MemoryJournal, MemoryLedger

OWNER = Owner("n1", 1)


def drive(name, status=1, kind=DriveKind.TEXT, task_id="t"):
    return Drive(name, task_id, kind, 1, DriveStatus(status))


class Unwritable:
    """A kind that the schema does not take."""

    value = None


def callback(task_id="t"):
    return CallbackRow(app_id=1, task_id=task_id, event_type=2, event_time_ms=1, detail={}, attempts=0)


class OnSqlite:
    """The real one. Another program may hold the write lock."""

    def __init__(self, folder):
        self.path = folder / "bunraku.db"
        self.database = Database.of(None, folder)
        self._holder = None

    async def open(self):
        await self.database.open()

    async def close(self):
        await self.database.close()

    def journal(self, owner):
        return Journal(DatabaseLedger(self.database), SystemClock(), owner)

    def hold(self):
        self._holder = sqlite3.connect(self.path)
        self._holder.execute("BEGIN IMMEDIATE")

    def let_go(self):
        self._holder.rollback()
        self._holder.close()

    async def drives(self):
        async with self.database.sessions() as session:
            return {d.id: d.status for d in (await session.scalars(select(DriveRow))).all()}

    async def tasks(self):
        async with self.database.sessions() as session:
            return {t.id: t.status for t in (await session.scalars(select(TaskRow))).all()}

    async def take_over(self, owner):
        lives = Lives(self.database)
        ending = await lives.take_over([owner.node_id], 0.0, Owner("another", 1), lambda *_: Ending())
        assert ending is not None

    async def begin(self, node_id):
        owner, _ = await Lives(self.database).begin(node_id, "machine", "1", 0.0, lambda *_: Ending())
        return owner


class InMemory:
    def __init__(self, _):
        self.ledger = MemoryLedger(SystemClock())

    async def open(self):
        pass

    async def close(self):
        pass

    def journal(self, owner):
        return MemoryJournal(SystemClock(), owner, self.ledger)

    def hold(self):
        self.ledger.away = True

    def let_go(self):
        self.ledger.away = False

    async def drives(self):
        return {d.id: d.status for d in self.ledger.drives.values()}

    async def tasks(self):
        return {t.id: t.status for t in self.ledger.tasks.values()}

    async def take_over(self, owner):
        self.ledger.take_over(owner.node_id)

    async def begin(self, node_id):
        return Owner(node_id, 1)


@pytest.fixture(params=[OnSqlite, InMemory])
async def books(request, tmp_path, monkeypatch):
    """Where journals write; everything here holds for both kinds."""
    monkeypatch.setattr(database_module, "BUSY_MS", 20)
    monkeypatch.setattr(module, "RETRY", 0.05)
    books = request.param(tmp_path)
    await books.open()
    yield books
    await books.close()


@pytest.fixture
async def journal(books):
    j = books.journal(OWNER)
    await j.open(await books.begin(OWNER.node_id))
    yield j
    await j.close()


async def test_only_the_last_state_is_written(journal, books):
    journal.note(drive("a", 1), callback(), drive("a", 2), callback(), drive("a", 4))
    await journal.commit()
    assert await books.drives() == {"a": 4}
    assert len(await journal.callbacks()) == 2


async def test_a_row_that_cannot_be_written_keeps_no_other_from_it(journal, books):
    journal.note(drive("a"), drive("bad", kind=Unwritable), drive("b"))
    with pytest.raises(Exception, match="NOT NULL"):
        await journal.commit()
    assert await books.drives() == {"a": 1, "b": 1}
    assert not journal.waiting
    journal.note(drive("c"))
    await journal.commit()
    assert set(await books.drives()) == {"a", "b", "c"}


async def test_what_is_noted_waits_for_a_locked_database(journal, books):
    books.hold()
    delivered, waiting = callback(), callback()
    journal.note(drive("a", 1), delivered, waiting)
    with pytest.raises(Exception, match=r"locked|away"):
        await journal.commit()
    journal.note(drive("a", 2))
    async with asyncio.timeout(1):
        await journal.settle()  # at once: nobody waits for a database that is away
    journal.callback_attempted(delivered, 1, over=True)
    journal.callback_attempted(waiting, 1, over=False)
    journal.note(drive("x", task_id="never"))
    journal.forget("never")
    assert journal.waiting
    books.let_go()
    async with asyncio.timeout(5):
        while journal.waiting or not await books.drives():
            await asyncio.sleep(0.01)
    await journal.commit()
    assert await books.drives() == {"a": 2}
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


async def test_nothing_is_left_of_a_task_that_was_forgotten_while_it_was_written(journal, books):
    event = CallbackRow(app_id=1, task_id="never", event_type=1, event_time_ms=1, detail={}, attempts=0)
    journal.note(drive("x", task_id="never"), event, drive("a"))
    writing = asyncio.create_task(journal.commit())
    while journal.waiting:  # until the writer has taken it
        await asyncio.sleep(0)
    journal.forget("never")
    await writing
    await journal.commit()
    assert set(await books.drives()) == {"a"}
    assert await journal.callbacks() == []


async def test_closing_does_not_wait_for_a_database_that_is_away(books):
    journal = books.journal(OWNER)
    await journal.open(await books.begin(OWNER.node_id))
    books.hold()
    journal.note(drive("a"))
    async with asyncio.timeout(5):
        await journal.close()
    books.let_go()


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


async def test_a_room_of_another_node_is_elsewhere(journal, books):
    other = books.journal(Owner("n2", 1))
    await other.open(await books.begin("n2"))
    await other.claim_room(1, "r")
    with pytest.raises(Elsewhere) as found:
        await journal.birth(task("a"), 2)
    assert found.value.node_id == "n2"
    await other.leave_room(1, "r")
    await journal.birth(task("a"), 2)
    await other.close()


async def test_a_birth_asked_of_a_database_that_is_away_is_refused_and_leaves_nothing(journal, books):
    books.hold()
    with pytest.raises(DatabaseAway):
        await journal.birth(task("a"), 2)
    with pytest.raises(DatabaseAway):
        await journal.birth(task("b"), 2)
    books.let_go()
    async with asyncio.timeout(5):
        while journal.away:
            await asyncio.sleep(0.01)
    assert (await journal.birth(task("c"), 2)).slot == 0


async def test_a_birth_that_was_given_up_leaves_nothing(journal, books):
    """Whether it is asked, on its way, or written when it is forgotten."""
    waiting = asyncio.create_task(journal.birth(task("a"), 2, callback("a")))
    await asyncio.sleep(0)
    journal.forget("a")
    with pytest.raises(asyncio.CancelledError):
        await waiting
    on_its_way = asyncio.create_task(journal.birth(task("b"), 2, callback("b")))
    await asyncio.sleep(0)
    while journal.waiting:
        await asyncio.sleep(0)
    on_its_way.cancel()
    journal.forget("b")
    await journal.birth(task("c"), 2, callback("c"))
    journal.forget("c")
    await journal.commit()
    assert await books.tasks() == {}
    assert await journal.callbacks() == []
    assert (await journal.birth(task("d"), 1)).slot == 0, "its name and its place are free"


async def test_claims_of_what_participants_publish(journal, books):
    other = books.journal(Owner("n2", 1))
    await other.open(await books.begin("n2"))
    await journal.claim_stream(1, "r", "mic")
    with pytest.raises(NameTaken):
        await journal.birth(task("a", "mic"), 2)
    with pytest.raises(NameTaken):
        await other.claim_stream(1, "elsewhere", "mic")
    with pytest.raises(Elsewhere):
        await other.claim_stream(1, "r", "second")
    await other.leave_stream(1, "mic")
    with pytest.raises(NameTaken):
        await journal.birth(task("a", "mic"), 2)
    await journal.leave_stream(1, "mic")
    await journal.birth(task("a", "mic"), 2)
    await other.leave_room(1, "r")
    with pytest.raises(Elsewhere):
        await other.claim_room(1, "r")
    await other.close()


async def test_a_refused_birth_leaves_nothing(journal, books):
    await journal.birth(task("a"), 1)
    with pytest.raises(NoSlot):
        await journal.birth(task("b", "other", "second"), 1)
    other = books.journal(Owner("n2", 1))
    await other.open(await books.begin("n2"))
    await other.claim_stream(1, "second", "other")  # neither the room nor the name
    await other.close()
    assert set(await books.tasks()) == {"a"}


async def test_changes_are_answered_in_the_order_they_were_noted(journal):
    """A birth finds free what was freed before it, and a claim what was claimed."""
    first = await journal.birth(task("a"), 1)
    stopping = first.evolve(TaskStatus.STOPPING)
    journal.note(stopping, stopping.evolve(TaskStatus.STOPPED, ended_at=2.0))
    second = asyncio.create_task(journal.birth(task("b"), 1))
    third = asyncio.create_task(journal.birth(task("c"), 1))
    assert (await second).slot == 0
    with pytest.raises(NameTaken):
        await third


async def test_what_a_lost_life_notes_is_not_written(books):
    mine = await books.begin("n1")
    journal = books.journal(mine)
    await journal.open(mine)
    await journal.birth(StreamTask("a", 1, "h", "r", "s", 1.0, owner=mine), 2, callback())
    fenced = []
    journal.on_fenced = lambda: fenced.append(True)
    await books.take_over(mine)
    assert not journal.fenced
    for name in ("late", "later"):
        journal.note(drive(name))
        with pytest.raises(Fenced):
            await journal.commit()
    with pytest.raises(DatabaseAway):
        await journal.birth(task("b", "other"), 2)
    assert journal.fenced
    assert fenced == [True], "told once"
    assert await books.drives() == {}
    await journal.close()


async def test_its_callbacks_are_this_nodes_only(journal, books):
    other = books.journal(Owner("n2", 1))
    await other.open(await books.begin("n2"))
    journal.note(callback("mine"))
    other.note(callback("theirs"))
    await journal.commit()
    await other.commit()
    assert [c.task_id for c in await journal.callbacks()] == ["mine"]
    assert [c.task_id for c in await other.callbacks()] == ["theirs"]
    await other.close()


async def test_too_many_that_wait_are_an_overload(journal, books, monkeypatch):
    monkeypatch.setattr(module, "BACKLOG", 10)
    books.hold()
    journal.note(drive("first"))
    await journal.settle()
    journal.note(*(drive(f"d{i}") for i in range(10)))
    assert journal.overloaded
    assert journal.away
    books.let_go()
    async with asyncio.timeout(5):
        while journal.waiting:
            await asyncio.sleep(0.01)
    assert not journal.overloaded


@pytest.mark.parametrize("books", [OnSqlite], indirect=True)
async def test_a_life_that_was_declared_over_writes_nothing_any_more(journal, books):
    """And what it left is ended once, by who declared it."""
    lives = Lives(books.database)

    def end(tasks, drives, outputs, _people):
        return Ending(tuple(t.evolve(TaskStatus.STOPPING) for t in tasks))

    mine, _ = await lives.begin("n1", "machine", "1", 0.0, end)
    await journal.open(mine)
    await journal.birth(StreamTask("a", 1, "h", "r", "s", 1.0, owner=mine), 2, callback())
    fenced = []
    journal.on_fenced = lambda: fenced.append(True)
    by = Owner("n2", 1)
    ending = await lives.take_over(["n1"], 0.0, by, end)
    assert [t.id for t in ending.tasks] == ["a"]
    assert [c.node_id for c in ending.callbacks] == ["n2"], "its callbacks are delivered by another"
    assert await lives.take_over(["n1"], 0.0, by, end) is None
    journal.note(drive("late"))
    with pytest.raises(Fenced):
        await journal.commit()
    assert fenced == [True]
    assert await books.drives() == {}
    assert not await lives.beat(mine, "up", Load())


async def under_way(journal, clock, ledger, *changes):
    """These are being written; meanwhile the life is declared over, and a new one begun."""
    ledger.delay = 1.0
    journal.note(*changes)
    await clock.settle()
    await clock.advance(0.5)
    journal.renew(Owner("n1", ledger.take_over("n1")))


async def test_what_is_found_out_of_a_former_life_does_not_end_the_next():
    """A row that it was writing says so only when the next has begun: on PostgreSQL it waits for the
    transaction that begins it."""
    clock = VirtualClock()
    ledger = MemoryLedger(clock)
    journal = MemoryJournal(clock, OWNER, ledger)
    await journal.open(OWNER)
    told = []
    journal.on_fenced = lambda: told.append(True)
    await under_way(journal, clock, ledger, drive("former"))
    journal.note(drive("next"))
    await clock.settle()
    await clock.advance(5.0)
    assert set(ledger.drives) == {"next"}
    assert not journal.fenced
    assert told == []


async def test_what_a_former_life_was_still_to_write_is_not_written_in_the_name_of_the_next():
    clock = VirtualClock()
    ledger = MemoryLedger(clock)
    journal = MemoryJournal(clock, OWNER, ledger)
    await journal.open(OWNER)
    ledger.delay = 1.0
    journal.note(drive("first"))
    room = asyncio.create_task(journal.claim_room(1, "still here"))
    await clock.settle()
    born = asyncio.create_task(journal.birth(StreamTask("a", 1, "h", "r", "s", 1.0, owner=OWNER), 2))
    await clock.settle()
    journal.note(drive("last"))
    journal.renew(Owner("n1", ledger.take_over("n1")))
    await clock.advance(9.0)
    assert ledger.drives == {}
    assert ledger.tasks == {}
    with pytest.raises(DatabaseAway):
        await born
    await room
    assert not journal.fenced


async def test_what_could_not_be_written_of_a_former_life_is_not_kept_for_the_next():
    clock = VirtualClock()
    ledger = MemoryLedger(clock)
    journal = MemoryJournal(clock, OWNER, ledger)
    await journal.open(OWNER)
    ledger.away = True
    await under_way(journal, clock, ledger, drive("former"))
    await clock.advance(2.0)
    ledger.away = False
    journal.note(drive("next"))
    await clock.settle()
    await clock.advance(5.0)
    assert set(ledger.drives) == {"next"}


# --- the knobs of the one in memory


async def test_a_slow_ledger_holds_up_settle_for_its_patience_only():
    clock = VirtualClock()
    journal = MemoryJournal(clock, OWNER)
    await journal.open(OWNER)
    journal.ledger.delay = 0.5
    journal.note(drive("a"))
    quick = asyncio.create_task(journal.settle())
    await clock.settle()
    await clock.advance(0.49)
    assert not quick.done()
    await clock.advance(0.02)
    assert quick.done()
    assert set(journal.ledger.drives) == {"a"}
    journal.ledger.delay = 10.0
    journal.note(drive("b"))
    patient = asyncio.create_task(journal.settle())
    await clock.settle()
    await clock.advance(1.9)
    assert not patient.done()
    await clock.advance(0.2)
    assert patient.done()
    assert set(journal.ledger.drives) == {"a"}
    await clock.advance(9)
    assert set(journal.ledger.drives) == {"a", "b"}
    await journal.close()


async def test_a_ledger_that_is_away_is_looked_for_until_it_is_back():
    clock = VirtualClock()
    journal = MemoryJournal(clock, OWNER)
    await journal.open(OWNER)
    journal.ledger.away = True
    journal.note(drive("a", 1))
    await clock.settle()
    assert journal.away
    journal.note(drive("a", 2))
    await clock.advance(1.2)
    assert journal.waiting == 1
    journal.ledger.away = False
    await clock.advance(0.5)
    assert not journal.away
    assert [d.status for d in journal.ledger.written] == [2]
    await journal.close()


async def test_a_database_that_nobody_writes_to_is_looked_at():
    clock = VirtualClock()
    journal = MemoryJournal(clock, OWNER)
    await journal.open(OWNER)
    looking = asyncio.create_task(journal.look())
    await clock.settle()
    journal.ledger.away = True
    await clock.advance(module.IDLE + 0.1)
    assert journal.away, "known before anybody was refused"
    journal.ledger.away = False
    await clock.advance(1.0)
    assert not journal.away
    looking.cancel()
    await journal.close()


@pytest.mark.parametrize("books", [OnSqlite], indirect=True)
async def test_a_full_disk_loses_nothing(books):
    """Pages that exist can be written, new ones cannot: the probe passes, the changes do not."""
    journal = books.journal(OWNER)
    await journal.open(await books.begin(OWNER.node_id))
    engine = books.database.sessions.kw["bind"]
    async with engine.connect() as connection:
        limit = (await connection.exec_driver_sql("PRAGMA page_count")).scalar()

    def bound(connection, _record, _proxy):
        connection.execute(f"PRAGMA max_page_count = {limit}").close()

    event.listen(engine.sync_engine, "checkout", bound)
    many = [drive(f"d{i:03}") for i in range(300)]
    journal.note(*many, *(callback(f"t{i}") for i in range(300)))
    with pytest.raises(Exception, match=r"full|away"):
        await journal.commit()
    assert journal.away
    await asyncio.sleep(0.2)  # some attempts more
    assert journal.away
    with pytest.raises(DatabaseAway):
        await journal.birth(task("a"), 2)
    limit = 100_000
    async with asyncio.timeout(5):
        while journal.away or journal.waiting:
            await asyncio.sleep(0.01)
    assert set(await books.drives()) == {d.id for d in many}
    assert [c.task_id for c in await journal.callbacks()] == [f"t{i}" for i in range(300)]
    await journal.close()
