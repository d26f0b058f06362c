"""The stream tasks of a node on virtual time: what is accepted, in which order it is asked, and how
tasks end (contract sections 5.4, 6.1, 6.2)."""

import asyncio

import pytest

from bunraku.core.errors import (
    DigitalHumanNotFound,
    NoResources,
    StreamAlreadyStopped,
    StreamConcurrencyLimit,
    StreamIdExists,
    SystemBusy,
    TaskNotFound,
)
from bunraku.core.owner import Elsewhere, Owner
from bunraku.core.stream_task import TaskStatus
from bunraku.node.performance.drive_queue import Mode
from bunraku.node.streams.stream import Stream
from bunraku.node.tasks.manager import MAX_LATENESS
from bunraku.store import journal as journal_module

from ..support.stage import APP, TICK, Node

S = TaskStatus


@pytest.fixture
async def node():
    node = Node()
    await node.open()
    node.listen()
    yield node
    await node.close()


def nothing_left(node, but=0):
    """Of tasks that never came into being, ``but`` for so many that are others'."""
    kept = (len(node.ledger.tasks), len(node.ledger.names))
    return (kept, node.log, node.callbacks, node.manager.all(), node.manager.counted) == (
        (but, but),
        [],
        [],
        [],
        0,
    ) and node.rooms.stream(APP, "s") is None


# --- what is accepted


async def test_section_5_4_checks_come_in_this_order(node):
    """Each commission is wrong in everything from here on; what is said is the first."""
    await node.create("taken", max_tasks=9)
    node.rooms.reserve(Stream(APP, "r", "published", "u", "U"))
    wrong = {"digital_human_id": "nobody", "stream_id": "taken", "max_tasks": 1}
    with pytest.raises(DigitalHumanNotFound):
        await node.manager.create(node.commission(**wrong))
    wrong["digital_human_id"] = "anna"
    with pytest.raises(StreamIdExists):
        await node.manager.create(node.commission(**wrong))
    with pytest.raises(StreamIdExists):
        await node.manager.create(node.commission(**wrong | {"stream_id": "published"}))
    wrong["stream_id"] = "free"
    for i in range(3):
        await node.create(f"more{i}", max_tasks=9)
    with pytest.raises(StreamConcurrencyLimit):
        await node.manager.create(node.commission(**wrong))
    wrong["max_tasks"] = 9
    with pytest.raises(NoResources):
        await node.manager.create(node.commission(**wrong))


async def test_a_server_that_cannot_keep_its_word_says_so_before_anything_else(node):
    wrong = node.commission(digital_human_id="nobody")
    node.ledger.away = True
    await node.journal.settle()
    node.journal.forget("something, so that it is found out")
    await node.clock.settle()
    with pytest.raises(SystemBusy, match="away"):
        await node.manager.create(wrong)
    node.manager.drain()
    assert not node.manager.accepting
    with pytest.raises(SystemBusy, match="shutting down"):
        await node.manager.create(wrong)
    assert node.staging.asked == []


async def test_running_streams_are_not_made_late_by_new_ones(node):
    await node.create()
    node.staging.made[0].meter.lateness = MAX_LATENESS * 1.01
    with pytest.raises(SystemBusy, match="overloaded"):
        await node.manager.create(node.commission("second"))
    node.staging.made[0].meter.lateness = MAX_LATENESS
    await node.create("second")


async def test_a_backlog_of_changes_refuses_new_tasks(node, monkeypatch):
    monkeypatch.setattr(journal_module, "BACKLOG", 1)
    live = await node.create()
    node.ledger.delay = 1.0
    node.journal.note(live.record)
    await node.clock.settle()
    node.journal.note(live.record, live.record)
    with pytest.raises(SystemBusy, match="overloaded"):
        await node.manager.create(node.commission("second"))


async def test_the_answer_is_the_task_in_status_1(node):
    node.staging.delay = 1.0
    record = await node.manager.create(node.commission(ttl=60, max_idle_time=40, emotion="happy"))
    assert (record.status, record.created_at) == (S.INITIALIZING, node.clock.wall())
    assert (record.ttl, record.max_idle_time, record.emotion) == (60, 40, "happy")
    assert node.manager.live(APP) == [node.manager.record(APP, record.id)]
    assert node.ledger.tasks[record.id].slot == 0
    await node.clock.settle()
    assert node.log == [("task", 1)], "and the room does not hear of it"
    await node.clock.advance(1.0)
    assert node.log == [("task", 1), ("stream", "ADD"), ("task", 3)]


# --- at once


async def both(node, *commissions):
    tries = [asyncio.create_task(node.manager.create(c)) for c in commissions]
    await node.clock.settle()
    await node.until(3)
    return await asyncio.gather(*tries, return_exceptions=True)


async def test_of_creates_at_once_one_gets_the_name(node):
    node.ledger.delay = 0.2
    found = await both(node, *(node.commission("s") for _ in range(3)))
    assert [type(f) for f in found[1:]] == [StreamIdExists, StreamIdExists]
    assert node.manager.record(APP, found[0].id).status is S.STREAMING
    assert node.manager.counted == 1


async def test_of_creates_at_once_as_many_as_may_get_a_place(node):
    node.ledger.delay = 0.2
    found = await both(node, *(node.commission(f"s{i}", max_tasks=2) for i in range(4)))
    assert [type(f) for f in found[2:]] == [StreamConcurrencyLimit] * 2
    assert node.manager.counted == 2
    other = await both(node, *(node.commission(f"o{i}", app_id=8) for i in range(3)))
    assert [type(f) for f in other[2:]] == [NoResources], "four places in all, whoever asks"


async def test_what_another_node_of_the_database_holds_is_taken(node):
    other = Node(ledger=node.ledger, owner=Owner("n2", 1))
    await other.open()
    await other.create("theirs", room_id="there")
    with pytest.raises(StreamIdExists):
        await node.manager.create(node.commission("theirs"))
    with pytest.raises(StreamConcurrencyLimit):
        await node.manager.create(node.commission(max_tasks=1))
    with pytest.raises(Elsewhere) as found:
        await node.manager.create(node.commission(room_id="there"))
    assert found.value.node_id == "n2"
    assert nothing_left(node, but=1)
    assert node.rooms.find(APP, "there") is None
    await other.close()


# --- births that fail


async def test_a_birth_refused_leaves_nothing(node):
    other = Owner("n2", 1)
    node.ledger.rooms[APP, "r"] = other
    with pytest.raises(Elsewhere):
        await node.manager.create(node.commission())
    assert nothing_left(node)
    node.ledger.away = True
    with pytest.raises(SystemBusy, match="away"):
        await node.manager.create(node.commission(room_id="free"))
    assert nothing_left(node)
    with pytest.raises(SystemBusy, match="away"):
        await node.manager.create(node.commission(room_id="free"))
    node.ledger.away = False
    await node.clock.advance(1.0)
    await node.create(room_id="free")


async def test_a_birth_that_takes_too_long_leaves_nothing(node):
    node.ledger.delay = 5.0
    (found,) = await both(node, node.commission())
    assert isinstance(found, SystemBusy)
    await node.until(30)
    assert nothing_left(node), "also what the database did after we had given up"
    node.ledger.delay = 0.0
    await node.create()


@pytest.mark.parametrize("when", ["asked", "on its way", "written"])
async def test_a_birth_cancelled_half_way_leaves_nothing(node, when, monkeypatch):
    """The caller hung up."""
    write = node.ledger.ask

    async def ask(owner, question):
        placed = await write(owner, question)
        if when == "written":
            asked.cancel()
        return placed

    monkeypatch.setattr(node.ledger, "ask", ask)
    node.ledger.delay = 0.2
    asked = asyncio.create_task(node.manager.create(node.commission()))
    if when == "asked":
        await asyncio.sleep(0)
        assert node.journal.waiting
        asked.cancel()
    await node.clock.settle()
    if when == "on its way":
        assert not node.journal.waiting
        await node.clock.advance(0.1)
        asked.cancel()
    await node.until(2)
    assert asked.cancelled()
    assert nothing_left(node)
    node.ledger.delay = 0.0
    await node.create()


# --- the end


async def test_section_6_2_ttl_and_idle_time_end_at_the_second(node):
    by_ttl = await node.create("a", ttl=10, max_idle_time=1000)
    by_idleness = await node.create("b", max_idle_time=30)
    await node.until(9.75)
    assert by_ttl.record.status is S.STREAMING
    await node.until(0.5)
    assert by_ttl.record.status is S.STOPPED
    await node.until(19.5)
    assert by_idleness.record.status is S.STREAMING
    await node.until(0.5)
    assert by_idleness.record.status is S.STOPPED
    assert (
        node.heard("task")
        == [("task", 1), ("task", 3), ("task", 1), ("task", 3)]
        + [
            ("task", 4),
            ("task", 5),
        ]
        * 2
    )


async def test_section_6_2_ttl_counts_from_the_create(node):
    """Also while the task starts, which it may do for longer than it may live."""
    node.staging.delay = 50.0
    live = await node.create(ttl=10, max_idle_time=1)
    await node.until(9.75)
    assert live.record.status is S.INITIALIZING
    await node.until(0.5)
    assert live.record.status is S.STOPPED
    assert node.heard("task") == [("task", 1), ("task", 4), ("task", 5)]
    await node.until(60)
    assert node.staging.made == []


async def test_one_watchdog_fault_spares_the_others(node, monkeypatch):
    broken, fine = await node.create("a", ttl=10), await node.create("b", ttl=10)

    def expired(now):
        raise RuntimeError("scripted")

    monkeypatch.setattr(broken, "expired", expired)
    await node.until(10.5)
    assert broken.record.status is S.STREAMING
    assert fine.record.status is S.STOPPED


async def test_an_ended_task_stays_known(node):
    live = await node.create()
    await node.manager.stop(APP, live.record.id)
    await node.clock.settle()
    assert node.manager.all() == []
    assert node.manager.live(APP) == []
    assert node.manager.record(APP, live.record.id).status is S.STOPPED
    with pytest.raises(StreamAlreadyStopped):
        node.manager.get(APP, live.record.id)
    with pytest.raises(StreamAlreadyStopped):
        await node.manager.stop(APP, live.record.id)
    for app, task in ((APP + 1, live.record.id), (APP, "unknown")):
        with pytest.raises(TaskNotFound):
            node.manager.record(app, task)
        with pytest.raises(TaskNotFound):
            await node.manager.stop(app, task)


async def test_stop_twice_is_refused_while_it_stops(node):
    node.staging.hangs = True
    live = await node.create()
    await node.manager.stop(APP, live.record.id)
    assert live.record.status is S.STOPPING
    with pytest.raises(StreamAlreadyStopped):
        await node.manager.stop(APP, live.record.id)
    assert node.manager.counted == 1, "it holds its place until it is over"
    await node.create("s")  # but not its name


async def test_draining_lets_tasks_run_out(node):
    live = await node.create(ttl=10)
    node.manager.drain()
    emptied = asyncio.create_task(node.manager.emptied(stop=False))
    await node.until(9)
    assert not emptied.done()
    assert live.record.status is S.STREAMING
    await node.until(2)
    assert emptied.done()


async def test_closing_stops_every_task_and_hands_over_its_callbacks():
    node = Node()
    await node.open()
    await node.create("a")
    node.staging.delay = 5.0
    await node.create("b")  # starts
    node.ledger.delay = 0.1
    await node.close()
    assert (
        sorted(node.heard("task"))
        == [("task", 1)] * 2 + [("task", 3)] + [("task", 4)] * 2 + [("task", 5)] * 2
    )
    assert {t.status for t in node.ledger.tasks.values()} == {S.STOPPED}


async def test_closing_waits_for_a_task_that_is_being_born():
    """Otherwise it would be live, and told of as starting, when nobody is left to end it."""
    node = Node()
    await node.open()
    node.ledger.delay = 0.5
    node.staging.delay = 1.0
    asked = asyncio.create_task(node.manager.create(node.commission()))
    await node.clock.advance(0.1)
    closing = asyncio.create_task(node.manager.close())
    await node.until(3)
    assert (await asked).status is S.INITIALIZING
    assert closing.done()
    assert node.heard("task") == [("task", 1), ("task", 4), ("task", 5)]
    assert node.manager.all() == []
    await node.close()


async def test_abandoning_tells_nobody(node):
    talking = await node.create("a")
    talking.drive(node.script(50), Mode.APPEND)
    await node.ticks(3)
    node.staging.delay = 1.0
    starting = await node.create("b")
    node.staging.hangs, node.staging.delay = True, 0.0
    ending = await node.create("c")
    ending.stop()
    await node.clock.settle()
    told, written = list(node.heard("task", "drive", "room")), list(node.ledger.written)
    abandoned = asyncio.create_task(node.manager.abandon())
    await node.until(30)  # longer than the hanging one is waited for
    assert abandoned.done()
    assert node.heard("task", "drive", "room") == told
    assert node.ledger.written == written
    assert node.manager.all() == []
    assert [node.rooms.stream(APP, name) for name in "abc"] == [None] * 3
    for live in (talking, starting, ending):
        with pytest.raises(StreamAlreadyStopped):
            live.stop()
        with pytest.raises(StreamAlreadyStopped):
            live.drive(node.script(1), Mode.APPEND)
    assert node.heard("task", "drive", "room") == told


async def test_counts_of_ended_performances_are_kept(node):
    live = await node.create()
    node.staging.made[0].meter.frames = 5
    assert node.manager.totals().frames == 5
    live.stop()
    await node.until(0.5)
    assert node.manager.totals().frames == 5
    assert node.manager.lateness == 0.0


async def test_tasks_are_listed_by_age_then_id(node):
    first = await node.create("z")
    await node.clock.advance(2 * TICK)
    others = [await node.create(name) for name in "ab"]
    await node.clock.advance(5)
    last = await node.create("late", max_tasks=9)
    wanted = sorted([first, *others], key=lambda t: t.record.id) + [last]
    assert node.manager.live(APP) == [t.record for t in wanted]
    assert node.manager.live(APP + 1) == []


async def test_the_drives_of_a_task_are_found_while_it_lives_and_after(node):
    live = await node.create()
    drives = [live.drive(node.script(1), Mode.APPEND) for _ in range(2)]
    for _ in range(2):
        assert [d.id for d in node.manager.drives(APP, live.record.id)] == [d.id for d in drives]
        assert node.manager.drive(APP, drives[1].id).id == drives[1].id
        for app, drive in ((APP + 1, drives[1].id), (APP, "unknown")):
            with pytest.raises(TaskNotFound):
                node.manager.drive(app, drive)
        if live.record.status is S.STREAMING:
            live.stop()
            await node.clock.settle()
