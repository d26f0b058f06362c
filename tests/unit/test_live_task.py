"""One stream task on virtual time: its states, its drives and who hears of them, in which order
(contract sections 6.1, 6.3, 6.4, 8.5, 9). Letters are those of the drawings in ``core.stream_task``
and ``core.drive``."""

import asyncio

import pytest

from bunraku.core.drive import Drive, DriveKind, DriveStatus
from bunraku.core.errors import StreamAlreadyStopped, StreamNotStarted, SystemBusy
from bunraku.core.media import SpeechChunk, Word
from bunraku.core.output import Output, OutputStatus, Protocol
from bunraku.core.script import StreamScript
from bunraku.core.stream_task import StreamTask, TaskStatus
from bunraku.node.lipsync.lips import LipSync
from bunraku.node.performance.drive_queue import Mode
from bunraku.node.performance.stage import StagingFailed

from ..support.stage import APP, Node, sound

S, D = TaskStatus, DriveStatus


@pytest.fixture
async def node():
    node = Node()
    await node.open()
    node.listen()
    yield node
    await node.close()


def statuses(live):
    return [d.status for d in live.drives]


# --- the task's own letters


async def test_letter_a_the_first_picture_makes_it_stream(node):
    node.staging.delay = 1.0
    live = await node.create()
    assert live.record.status is S.INITIALIZING
    assert live.picture() is None
    await node.clock.advance(1.0)
    assert live.record.status is S.STREAMING
    assert live.picture() is node.staging.made[0].pictures.picture
    assert node.log == [("task", 1), ("stream", "ADD"), ("task", 3)]
    assert [t.status for t in node.ledger.written] == [1, 3]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (StagingFailed("ExtraConfig.BackgroundUrl: no picture"), "ExtraConfig.BackgroundUrl: no picture"),
        (RuntimeError("/secret/path"), "digital human could not be staged (RuntimeError)"),
    ],
)
async def test_letter_b_a_start_that_fails(node, error, reason):
    node.staging.error, node.staging.delay = error, 1.0
    live = await node.create()
    waiting = asyncio.create_task(live.streaming(5.0))
    await node.clock.advance(1.0)
    assert (live.record.status, live.record.fail_reason) == (S.FAILED, reason)
    assert live.record.ended_at == node.clock.wall()
    assert node.log == [("task", 1), ("task", 2)]
    assert node.callbacks[-1].detail["FailReason"] == reason
    assert node.rooms.stream(APP, "s") is None
    assert isinstance(waiting.exception(), StreamNotStarted)
    with pytest.raises(StreamAlreadyStopped):
        live.stop()
    assert node.manager.all() == []
    await node.until(60)
    assert node.heard("task") == [("task", 1), ("task", 2)], "never 4 or 5"


async def test_letter_b_a_start_that_takes_too_long(node):
    node.staging.delay = 1000.0
    live = await node.create()
    await node.clock.advance(59.5)
    assert live.record.status is S.INITIALIZING
    await node.clock.advance(0.5)
    assert (live.record.status, live.record.fail_reason) == (S.FAILED, "initialization timed out")
    await node.clock.advance(1000)
    assert node.staging.made == [], "it was given up"


async def test_letter_c_and_d_stop(node):
    live = await node.create()
    live.stop()
    assert live.record.status is S.STOPPING
    assert node.rooms.stream(APP, "s") is None, "free before stop is answered"
    with pytest.raises(StreamAlreadyStopped):
        live.stop()
    await node.clock.settle()
    assert live.record.status is S.STOPPED
    assert node.heard("task") == [("task", n) for n in (1, 3, 4, 5)]
    assert node.log[-3:] == [("stream", "DELETE"), ("task", 4), ("task", 5)]


async def test_letter_c_a_fault_of_the_performance_ends_the_task(node):
    class Broken(LipSync):
        def weights(self, *args):
            raise RuntimeError("scripted")

    node.voicing.lips_of = Broken()
    live, other = await node.create(), await node.create("other")
    drive = live.drive(node.script(10), Mode.APPEND)
    await node.ticks(3)
    assert live.record.status is S.STOPPED
    assert other.record.status is S.STREAMING
    assert node.heard("room", "stream")[2:] == [
        ("room", drive.id, 2),
        ("room", drive.id, 4),
        ("stream", "DELETE"),
    ]
    assert node.heard("drive", "task")[-5:] == [
        ("drive", drive.id, 1),
        ("drive", drive.id, 2),
        ("drive", drive.id, 4),
        ("task", 4),
        ("task", 5),
    ]


async def test_letter_d_what_hangs_is_cut_off_in_time(node):
    node.staging.hangs = True
    live = await node.create()
    live.stop()
    await node.clock.settle()
    await node.clock.advance(9.9)
    assert live.record.status is S.STOPPING
    await node.clock.advance(0.1)
    assert live.record.status is S.STOPPED
    assert node.heard("task") == [("task", n) for n in (1, 3, 4, 5)]


async def test_letter_d_a_fault_on_the_way_out_is_no_reason_to_stay(node, monkeypatch):
    live = await node.create()

    async def stop():
        raise RuntimeError("scripted")

    monkeypatch.setattr(node.staging.made[0], "stop", stop)
    live.stop()
    await node.clock.settle()
    assert live.record.status is S.STOPPED


async def test_letter_e_stop_while_it_starts(node):
    node.staging.delay = 1.0
    live = await node.create()
    waiting = asyncio.create_task(live.streaming(5.0))
    await node.clock.advance(0.5)
    live.stop()
    await node.clock.settle()
    assert live.record.status is S.STOPPED
    assert isinstance(waiting.exception(), StreamAlreadyStopped)
    await node.clock.advance(5)
    assert node.staging.made == [], "starting was cancelled"
    assert node.log == [("task", 1), ("task", 4), ("task", 5)]


# --- commands by status


async def test_section_6_4_a_drive_waits_for_a_task_that_starts(node):
    node.staging.delay = 3.0
    live = await node.create()
    soon, never, late = (asyncio.create_task(live.streaming(grace)) for grace in (5.0, 0.0, 2.0))
    await node.clock.settle()
    assert isinstance(never.exception(), StreamNotStarted)
    await node.clock.advance(2.0)
    assert isinstance(late.exception(), StreamNotStarted)
    assert not soon.done()
    await node.clock.advance(1.0)
    assert soon.result() is None
    live.stop()
    for grace in (0.0, 5.0):
        with pytest.raises(StreamAlreadyStopped):
            await live.streaming(grace)


async def test_section_6_4_what_does_not_stream_takes_no_command(node):
    live = await node.create()
    live.stop()
    for command in (
        lambda: live.drive(node.script(1), Mode.APPEND),
        lambda: live.utter("d"),
        lambda: live.gesture("nod"),
        live.interrupt,
    ):
        with pytest.raises(StreamAlreadyStopped):
            command()
    assert live.drives == ()
    assert not await live.feed(1, SpeechChunk(sound(1)))


async def test_section_6_5_a_full_queue_takes_nothing_and_tells_nothing(node):
    live = await node.create()
    for _ in range(4):
        live.drive(node.script(5), Mode.APPEND)
    with pytest.raises(SystemBusy, match="queue"):
        live.drive(node.script(5), Mode.APPEND)
    assert len(live.drives) == 4
    assert live.figures().drives_queued == 3
    await node.clock.settle()
    assert len(node.heard("drive")) == 4


# --- a drive's letters, and who hears of them


async def test_letters_a_and_b_a_drive_is_said(node):
    """Section 8.5's sequence, and the room's messages as the sound begins and ends."""
    live = await node.create()
    node.log.clear()
    drive = live.drive(node.script(3), Mode.APPEND)
    await node.clock.settle()
    assert node.log == [("drive", drive.id, 1)]
    await node.ticks(2)
    assert statuses(live) == [D.DRIVING]
    assert node.log[1:] == [("room", drive.id, 2), ("drive", drive.id, 2)]
    await node.ticks(2)
    assert statuses(live) == [D.ENDED]
    assert node.log[3:] == [("room", drive.id, 4), ("drive", drive.id, 4)]
    assert [d.status for d in node.ledger.written[-3:]] == [1, 2, 4]


async def test_letter_c_an_interrupt_is_told_as_4(node):
    live = await node.create()
    first = live.drive(node.script(50), Mode.APPEND)
    await node.ticks(2)
    node.log.clear()
    live.interrupt()
    assert statuses(live) == [D.INTERRUPTED]
    await node.clock.settle()
    assert node.log == [("room", first.id, 4), ("drive", first.id, 4)]


async def test_letter_c_the_old_ones_4_is_between_the_new_ones_1_and_2(node):
    """Section 8.5: interrupt by mode 1."""
    live = await node.create()
    old = live.drive(node.script(50), Mode.APPEND)
    queued = live.drive(node.script(5), Mode.APPEND)
    await node.ticks(2)
    node.log.clear()
    new = live.drive(node.script(2), Mode.INTERRUPT)
    await node.ticks(3)
    assert node.heard("drive")[:4] == [
        ("drive", new.id, 1),
        ("drive", old.id, 4),
        ("drive", new.id, 2),
        ("drive", new.id, 4),
    ]
    assert node.heard("room")[:2] == [("room", old.id, 4), ("room", new.id, 2)]
    await node.ticks(8)
    assert statuses(live) == [D.INTERRUPTED, D.ENDED, D.ENDED], "the queue is kept"
    assert node.heard("drive")[-2:] == [("drive", queued.id, 2), ("drive", queued.id, 4)]


async def test_letter_d_a_drive_that_fails_while_it_is_said(node):
    live = await node.create()
    drive = live.drive(node.script(2, fails="no more"), Mode.APPEND)
    after = live.drive(node.script(2), Mode.APPEND)
    await node.ticks(8)
    assert statuses(live) == [D.FAILED, D.ENDED], "it does not stop the queue"
    mine = [entry for entry in node.log if entry[1] == drive.id]
    assert mine == [
        ("drive", drive.id, 1),
        ("room", drive.id, 2),
        ("drive", drive.id, 2),
        ("room", drive.id, 4),
        ("drive", drive.id, 3),
    ]
    assert after.id


async def test_letter_e_a_drive_that_fails_before_it_is_heard(node):
    live = await node.create()
    first = live.drive(node.script(20), Mode.APPEND)
    waiting = live.drive(node.voicing.script(fails="nothing"), Mode.APPEND)
    await node.ticks(2)
    assert statuses(live) == [D.DRIVING, D.FAILED]
    live.interrupt()
    alone = live.drive(node.voicing.script(fails="nothing"), Mode.APPEND)
    await node.ticks(2)
    assert statuses(live)[2] is D.FAILED
    for drive in (waiting, alone):
        assert [e for e in node.log if e[1] == drive.id] == [("drive", drive.id, 1), ("drive", drive.id, 3)]
    assert ("room", first.id, 4) in node.log


async def test_letter_e_a_source_that_does_not_come(node):
    live = await node.create()
    drive = live.drive(StreamScript("r", "nobody"), Mode.REPLACE)
    await node.clock.settle()
    assert node.heard("drive") == [], "1 of what is fed from outside is not told"
    assert drive.status is D.QUEUED


async def test_letter_f_what_is_taken_out_of_the_queue_was_never_heard(node):
    live = await node.create()
    drives = [live.drive(node.script(20), Mode.APPEND) for _ in range(3)]
    await node.ticks(2)
    node.log.clear()
    live.interrupt()
    await node.clock.settle()
    assert statuses(live) == [D.INTERRUPTED] * 3
    assert node.heard("room") == [("room", drives[0].id, 4)]
    assert node.heard("drive") == [("drive", d.id, 4) for d in drives], "each once, oldest first"


async def test_letter_g_an_utterance_without_sound(node):
    live = await node.create()
    drive = live.announce(DriveKind.WS_STREAM)
    line = live.utter(drive.id)
    live.end_feed(line, SpeechChunk(sound(0)))
    await node.ticks(2)
    assert statuses(live) == [D.ENDED]
    assert node.heard("drive", "room") == [("drive", drive.id, 4)]


async def test_letter_h_a_drive_id_used_again(node):
    """After each end there is, each with each end there is."""
    live = await node.create()
    drive = live.announce(DriveKind.WS_STREAM)

    async def said(end):
        line = live.utter(drive.id)
        await live.feed(line, SpeechChunk(sound(2)))
        if end == "ended":
            live.end_feed(line, SpeechChunk(sound(0)))
        await node.ticks(2)
        if end == "interrupted":
            live.interrupt()
        await node.ticks(2)

    async def unsaid(end):
        line = live.utter(drive.id)
        if end == "ended":
            live.end_feed(line, SpeechChunk(sound(0)))
        else:
            live.interrupt()
        await node.ticks(2)

    told = []
    for end in ("ended", "interrupted", "ended", "ended", "interrupted", "interrupted"):
        await said(end)
        told += [("drive", drive.id, 2), ("drive", drive.id, 4)]
        assert statuses(live) == [D.ENDED if end == "ended" else D.INTERRUPTED]
    for end in ("ended", "interrupted", "ended"):
        await unsaid(end)
        told += [("drive", drive.id, 4)]
        assert statuses(live) == [D.ENDED if end == "ended" else D.INTERRUPTED]
    assert node.heard("drive") == told
    assert node.heard("room") == [("room", drive.id, s) for s in (2, 4) * 6]


async def test_section_6_3_the_end_of_a_task_ends_its_drives_first(node):
    live = await node.create()
    silent = live.announce(DriveKind.WS_STREAM)
    said, waits = (live.drive(node.script(50), Mode.APPEND) for _ in range(2))
    await node.ticks(2)
    node.log.clear()
    live.stop()
    assert statuses(live) == [D.INTERRUPTED] * 3
    await node.clock.settle()
    assert node.log == [
        ("room", said.id, 4),
        ("stream", "DELETE"),
        ("drive", said.id, 4),
        ("drive", waits.id, 4),
        ("task", 4),
        ("task", 5),
    ]
    assert node.ledger.drives[silent.id].status is D.INTERRUPTED, "known, and told to nobody"


async def test_a_change_and_its_callback_are_durable_together(node):
    """And nobody hears of either before."""

    async def undelivered():
        return [c.detail["DriveId"] for c in await node.journal.callbacks() if c.event_type == 4]

    live = await node.create()
    node.ledger.delay = 1.0
    drive = live.announce(DriveKind.TEXT)
    await node.clock.settle()
    await node.clock.advance(0.9)
    assert (node.heard("drive"), await undelivered()) == ([], [])
    assert drive.id not in node.ledger.drives
    await node.clock.advance(0.2)
    assert node.heard("drive") == [("drive", drive.id, 1)]
    assert await undelivered() == [drive.id]
    assert drive.id in node.ledger.drives


async def test_an_app_that_wants_no_callbacks_gets_none(node):
    node.wants_callbacks = False
    live = await node.create()
    drive = live.drive(node.script(2), Mode.APPEND)
    await node.ticks(4)
    live.stop()
    await node.clock.settle()
    assert node.callbacks == []
    assert [e[0] for e in node.log] == ["stream", "room", "room", "stream"]
    assert node.ledger.drives[drive.id].status is D.ENDED


async def test_section_13_words_are_captions_for_the_room(node, monkeypatch):
    live = await node.create()
    chunk = SpeechChunk(sound(2), words=(Word(0.0, 0.04, "good"), Word(0.04, 0.08, "day")))

    async def speak(script):
        yield chunk

    monkeypatch.setattr(node.voicing, "speak", speak)
    drive = live.drive(node.script(2), Mode.APPEND)
    await node.ticks(2)
    assert node.heard("caption") == [("caption", drive.id, "good day")]


# --- idle time


async def test_section_6_2_what_counts_as_idle(node):
    live = await node.create(max_idle_time=30)
    await node.until(20)
    live.gesture("nod")
    await node.until(29)
    assert live.record.status is S.STREAMING, "a gesture restarts it"
    live.drive(node.script(500), Mode.APPEND)
    await node.until(1)
    await node.ticks(500)
    assert statuses(live) == [D.ENDED]
    await node.until(29)
    assert live.record.status is S.STREAMING, "so does the end of the last drive"
    await node.until(2)
    assert live.record.status is S.STOPPED


async def test_section_6_2_an_announced_socket_is_idle(node):
    live = await node.create(max_idle_time=30)
    live.announce(DriveKind.WS_STREAM)
    await node.until(30.5)
    assert live.record.status is S.STOPPED


async def test_section_6_2_a_drive_that_waits_for_its_sound_is_not_idle(node, monkeypatch):
    async def speak(script):
        await node.clock.sleep_until(node.clock.monotonic() + 60)
        yield SpeechChunk(sound(1))

    monkeypatch.setattr(node.voicing, "speak", speak)
    live = await node.create(max_idle_time=30)
    live.drive(node.script(1), Mode.APPEND)
    await node.until(45)
    assert live.record.status is S.STREAMING
    await node.until(20)
    assert statuses(live) == [D.ENDED]
    await node.until(31)
    assert live.record.status is S.STOPPED


# --- what a lost life left


def test_lost_work_ends_as_interrupted_and_stopped():
    node = Node()
    tasks = [
        StreamTask(name, APP, "anna", "r", name, 1.0, status=status)
        for name, status in (("starting", S.INITIALIZING), ("talking", S.STREAMING), ("ending", S.STOPPING))
    ]
    drives = [
        Drive("said", "talking", DriveKind.TEXT, 0, D.DRIVING),
        Drive("waits", "talking", DriveKind.AUDIO, 1, D.QUEUED),
        Drive("unused", "talking", DriveKind.WS_STREAM, 2, D.QUEUED),
        Drive("fed", "talking", DriveKind.WS_STREAM, 3, D.DRIVING),
    ]
    film = Output("film", "talking", 0, Protocol.FILE, "film", "", 1.0, OutputStatus.ACTIVE)
    ending = node.herald.end_lost(tasks, drives, [film])
    assert [(o.status, o.fail_reason) for o in ending.outputs] == [(OutputStatus.FAILED, "the node was lost")]
    assert [(t.id, t.status, t.ended_at) for t in ending.tasks] == [
        (t.id, S.STOPPED, node.clock.wall()) for t in tasks
    ]
    assert {d.status for d in ending.drives} == {D.INTERRUPTED}
    told = [(c.task_id, c.event_type, c.detail.get("DriveId"), c.detail["Status"]) for c in ending.callbacks]
    assert told == [
        *(("talking", 4, name, 4) for name in ("said", "waits", "fed")),
        ("starting", 3, None, 4),
        ("starting", 3, None, 5),
        ("talking", 3, None, 4),
        ("talking", 101, None, "FAILED"),
        ("talking", 3, None, 5),
        ("ending", 3, None, 5),
    ]
    node.staging.executor.shutdown()
