"""What the task manager is made of, on virtual time."""

import asyncio
import dataclasses

from bunraku.core.drive import Drive, DriveKind
from bunraku.core.owner import Owner
from bunraku.core.stream_task import StreamTask, TaskStatus
from bunraku.node.tasks.ended import EndedTasks
from bunraku.node.tasks.outbox import Outbox
from bunraku.store.tables import CallbackRow
from bunraku.testing.clock import VirtualClock


class Desk:
    """A journal whose rows become durable after as long as each is told to take, and a delivery."""

    fenced = False
    owner = Owner("n1", 1)

    def __init__(self, clock, *waits):
        self.clock, self.waits, self.sent = clock, iter(waits), []

    async def settle(self):
        await self.clock.sleep_until(self.clock.monotonic() + next(self.waits, 0.0))

    def send(self, callback):
        self.sent.append((callback.task_id, callback.event_time_ms))


def row(task_id, event_time_ms):
    return CallbackRow(
        app_id=1, task_id=task_id, event_type=3, event_time_ms=event_time_ms, detail={}, attempts=0
    )


async def test_section_8_4_first_attempts_keep_the_order_of_events():
    """The first waits for the database; those after it, which need not, wait for the first. Other
    tasks wait for nobody."""
    clock = VirtualClock()
    desk = Desk(clock, 0.3)
    outbox = Outbox(desk, desk.send)
    for i in range(3):
        outbox.send(row("slow", i))
    outbox.send(row("quick", 7))
    await clock.advance(0.1)
    assert desk.sent == [("quick", 7)]
    await clock.advance(1.0)
    await outbox.emptied()
    assert desk.sent == [("quick", 7), ("slow", 0), ("slow", 1), ("slow", 2)]
    assert len(outbox) == 0


async def test_nothing_leaves_a_node_that_was_declared_lost():
    desk = Desk(VirtualClock())
    outbox = Outbox(desk, desk.send)
    desk.fenced = True
    outbox.send(row("t", 1))
    await outbox.emptied()
    assert desk.sent == []


async def test_nothing_of_a_life_that_is_over_leaves_in_the_next():
    """Also where the next began before it was known of a callback whether it would be kept."""
    clock = VirtualClock()
    desk = Desk(clock, 0.3)
    outbox = Outbox(desk, desk.send)
    outbox.send(row("former", 1))
    await clock.advance(0.1)
    desk.owner = Owner("n1", 3)
    outbox.send(row("next", 2))
    await clock.advance(1.0)
    await outbox.emptied()
    assert desk.sent == [("next", 2)]


async def test_one_that_fails_on_its_way_takes_none_after_it_along():
    class Faulty(Desk):
        async def settle(self):
            if not self.sent:
                self.sent.append("fault")
                raise RuntimeError("a fault of ours")

    desk = Faulty(VirtualClock())
    outbox = Outbox(desk, desk.send)
    for i in range(3):
        outbox.send(row("t", i))
    await outbox.emptied()
    assert desk.sent == ["fault", ("t", 1), ("t", 2)]


async def test_what_a_former_run_left_goes_out_at_once():
    desk = Desk(VirtualClock())
    Outbox(desk, desk.send).resume([row("left over", 9)])
    assert desk.sent == [("left over", 9)]


def test_section_6_1_ended_tasks_and_their_drives_are_known_for_their_retention():
    clock = VirtualClock()
    ended = EndedTasks(clock, 60.0)
    record = StreamTask("t", 1, "h", "r", "s", clock.wall(), status=TaskStatus.STOPPED, ended_at=clock.wall())
    drive = Drive("d", "t", DriveKind.TEXT, 0)
    ended.add(record, (drive,))
    ended.add(dataclasses.replace(record, id="later", ended_at=clock.wall() + 1), ())
    assert ended.find(1, "t").drives == (drive,)
    assert ended.find_drive(1, "d") is drive
    assert ended.find(2, "t") is None
    assert ended.find_drive(2, "d") is None
    asyncio.run(clock.advance(60.5))
    # Nobody called ``forget`` yet.
    assert ended.find(1, "t") is None
    assert ended.find_drive(1, "d") is None
    ended.forget()
    assert ended.find(1, "later") is not None
    ended.discard("later")
    assert ended.find(1, "later") is None
