"""Drive sockets on virtual time, without a network: the phases of ``speech.pcm_stream`` and what each
frame does in them (contract section 7)."""

import asyncio
import json
from random import Random

import pytest

from bunraku.core.drive import DriveKind, DriveStatus
from bunraku.node.performance.drive_queue import Mode
from bunraku.node.tasks.drive_socket import GOING_AWAY, POLICY_VIOLATION, UNHEARD
from bunraku.nodes.sockets import Closing

from ..support.stage import TICK, Node, pcm

D = DriveStatus


class Caller:
    """One connection of a ticket."""

    def __init__(self, node, live, ticket, socket_id):
        self.node, self.live, self.ticket, self.id = node, live, ticket, socket_id

    @property
    def status(self):
        return self.live.find_drive(self.ticket.drive_id).status

    async def send(self, *frames):
        taken = True
        for frame in frames:
            taken = await self.node.sockets.frame(self.id, frame)
        return taken

    async def start(self, **payload):
        return await self.send(json.dumps({"Action": "Start", "Payload": payload}))

    async def stop(self):
        return await self.send(json.dumps({"Action": "Stop"}))

    async def closing(self):
        return await self.node.sockets.closing(self.id, 0.0)

    async def leave(self):
        await self.node.sockets.close(self.id)


@pytest.fixture
async def node():
    node = Node()
    await node.open()
    node.listen()
    yield node
    await node.close()


@pytest.fixture
async def live(node):
    return await node.create()


async def connect(node, live, ticket=None):
    ticket = ticket or node.sockets.ticket(live)
    return Caller(node, live, ticket, await node.sockets.open(ticket.token))


@pytest.fixture
async def caller(node, live):
    return await connect(node, live)


def told(node):
    return [entry[2] for entry in node.heard("drive")]


# --- tickets


async def test_section_7_1_a_ticket_is_good_for_any_number_of_sockets_until_the_task_ends(node, live):
    ticket = node.sockets.ticket(live)
    assert ticket.token.startswith("n1.")
    callers = [await connect(node, live, ticket) for _ in range(3)]
    assert len({c.id for c in callers}) == 3
    assert await node.sockets.open("n1.unknown") is None
    live.stop()
    await node.clock.settle()
    assert await node.sockets.open(ticket.token) is None
    assert [await c.closing() for c in callers] == [Closing(GOING_AWAY)] * 3
    assert not await callers[0].send(pcm(0.1))


async def test_section_7_1_sockets_of_another_task_stay_open(node, live, caller):
    other = await node.create("other")
    theirs = await connect(node, other)
    live.stop()
    await node.clock.settle()
    assert await theirs.closing() is None
    assert await theirs.send(pcm(0.1))


async def test_a_front_hears_of_the_end_as_it_comes_or_after_its_patience(node, live, caller):
    idle = asyncio.create_task(node.sockets.closing(caller.id, 10.0))
    await node.clock.settle()
    await node.clock.advance(9.9)
    assert not idle.done()
    await node.clock.advance(0.1)
    assert idle.result() is None
    asked = asyncio.create_task(node.sockets.closing(caller.id, 10.0))
    await node.clock.settle()
    live.stop()
    await node.clock.settle()
    assert asked.result() == Closing(GOING_AWAY)


async def test_a_connection_whose_front_died_is_let_go(node, live, caller):
    await caller.send(pcm(1.0))
    await node.clock.advance(UNHEARD - 1)
    await connect(node, live)
    assert await caller.send(pcm(0.1))
    await node.clock.advance(2)
    await connect(node, live)
    assert not await caller.send(pcm(0.1))
    assert await caller.closing() == Closing(GOING_AWAY)


# --- phases


async def test_section_7_5_start_sound_stop(node, caller):
    await caller.start(SampleRate=16000)
    await node.ticks(3)
    assert (caller.status, told(node)) == (D.QUEUED, []), "nothing is told before its first sample"
    await caller.send(pcm(0.08))
    await node.ticks(2)
    assert caller.status is D.DRIVING
    await node.ticks(10)
    assert caller.status is D.DRIVING, "a pause is no end"
    await caller.stop()
    await node.ticks(2)
    assert (caller.status, told(node)) == (D.ENDED, [2, 4])
    assert await caller.closing() is None


async def test_section_7_4_binary_on_a_fresh_socket_is_a_start(node, caller):
    await caller.send(pcm(0.08))
    await node.ticks(2)
    assert caller.status is D.DRIVING


async def test_section_7_4_after_a_stop_binary_is_dropped_until_a_start(node, caller):
    await caller.send(pcm(0.08))
    await caller.stop()
    await node.ticks(4)
    assert await caller.send(pcm(0.5))
    await node.ticks(4)
    assert told(node) == [2, 4]
    await caller.start()
    await caller.send(pcm(0.08))
    await node.ticks(2)
    assert told(node) == [2, 4, 2]


@pytest.mark.parametrize("how", ["interrupt", "text", "socket"])
async def test_section_7_4_after_an_interruption_binary_is_dropped_until_a_start(node, live, caller, how):
    await caller.send(pcm(2.0))
    await node.ticks(2)
    if how == "interrupt":
        live.interrupt()
    elif how == "text":
        live.drive(node.script(2), Mode.INTERRUPT)
    else:
        other = await connect(node, live)
        await other.start()
    assert caller.status is D.INTERRUPTED
    assert await caller.send(pcm(0.5), pcm(0.5))
    await node.ticks(5)
    assert caller.status is D.INTERRUPTED
    await caller.start()
    await caller.send(pcm(0.5))
    await node.ticks(2)
    assert caller.status is D.DRIVING


async def test_section_7_5_silence_ends_the_utterance_and_sound_begins_another(node, caller):
    await caller.send(pcm(0.08))
    await node.clock.advance(4.9)
    assert caller.status is D.DRIVING
    await node.clock.advance(0.3)
    assert (caller.status, told(node)) == (D.ENDED, [2, 4])
    await caller.send(pcm(0.08))
    await node.ticks(2)
    assert told(node) == [2, 4, 2]


async def test_section_7_5_what_is_buffered_is_not_silence(node, caller):
    """A whole sentence in one burst, the next while it plays, and one more within 5 s of their end are
    one utterance."""
    await caller.send(pcm(12.0))
    await node.clock.advance(11.0)
    await caller.send(pcm(9.0))
    await node.clock.advance(10.0 + 4.9)
    await caller.send(pcm(0.08))
    await node.clock.advance(4.9)
    assert told(node) == [2]
    await node.clock.advance(0.3)
    assert told(node) == [2, 4]


async def silence_until_over(node, live, caller):
    """How long nothing was heard before the utterance was over, in seconds."""
    played, since = 0, node.clock.monotonic()
    while caller.status is D.DRIVING:
        (drive,) = live.heard()
        if drive.played_ms > played:
            played, since = drive.played_ms, node.clock.monotonic()
        assert node.clock.monotonic() < since + 10, "never over"
        await node.ticks(1)
    return node.clock.monotonic() - since


@pytest.mark.parametrize("seed", range(5))
async def test_section_7_5_an_utterance_without_stop_is_over_5_s_after_its_last_sample(
    node, live, caller, seed
):
    """However its sound comes: each frame before the 5 s are over, and all of it is heard."""
    random, sent, buffered = Random(seed), 0.0, 0.0
    for last in (False,) * 5 + (True,):
        length = random.choice((0.02, 0.5, 4.0, 12.0)) * random.uniform(0.5, 1.0)
        await caller.send(pcm(length))
        sent, buffered = sent + length, buffered + length
        if not last:
            pause = random.uniform(0.0, buffered + 4.8)
            await node.clock.advance(pause)
            buffered = max(0.0, buffered - pause)
            assert 4 not in told(node)
    await node.ticks(1)
    silence = await silence_until_over(node, live, caller)
    assert 5.0 <= silence <= 5.0 + 3 * TICK
    assert told(node) == [2, 4]
    assert live.find_drive(caller.ticket.drive_id).played_ms == pytest.approx(sent * 1000, abs=2)


@pytest.mark.parametrize("stall", [4.5, 20.0])
async def test_section_7_5_a_stall_is_not_silence(node, live, caller, stall):
    """What is buffered plays that much later, and the 5 s are counted from then."""
    await caller.send(pcm(6.0))
    await node.clock.advance(2.0)
    node.clock.jump(stall)
    assert 5.0 <= await silence_until_over(node, live, caller) <= 5.0 + 3 * TICK
    assert live.find_drive(caller.ticket.drive_id).played_ms == pytest.approx(6000, abs=2)


async def test_section_7_5_before_its_first_sound_a_start_has_30_s(node, caller):
    await caller.start()
    await node.clock.advance(29.9)
    assert caller.status is D.QUEUED
    await caller.send(pcm(0.04))
    await node.ticks(2)
    assert caller.status is D.DRIVING
    await caller.stop()
    await node.ticks(3)
    await caller.start()
    await node.clock.advance(30.2)
    assert (caller.status, told(node)) == (D.ENDED, [2, 4, 4])


async def test_section_7_5_an_interruption_of_what_silence_had_ended_is_one_all_the_same(node, live, caller):
    """Ended by silence while its sound still plays, then interrupted: binary is dropped."""
    await caller.send(pcm(0.08))
    await node.clock.advance(5.2)
    assert caller.status is D.ENDED
    await caller.start()
    await caller.send(pcm(0.04))
    await node.ticks(1)
    live.interrupt()
    await caller.send(pcm(0.5))
    await node.ticks(2)
    assert caller.status is D.INTERRUPTED


async def test_section_7_5_start_and_stop_without_sound(node, caller):
    await caller.start()
    await caller.stop()
    await node.ticks(2)
    assert (caller.status, told(node), node.heard("room")) == (D.ENDED, [4], [])


async def test_section_7_5_a_close_is_a_stop(node, caller):
    await caller.send(pcm(0.4))
    await caller.leave()
    await node.ticks(5)
    assert caller.status is D.DRIVING, "what is buffered plays on"
    await node.ticks(8)
    assert caller.status is D.ENDED
    assert await caller.closing() == Closing(GOING_AWAY)


async def test_section_7_3_the_same_start_again_before_any_sound_is_ignored(node, live, caller):
    await caller.start(SampleRate=24000)
    queued = live.drive(node.script(2), Mode.APPEND)
    await caller.start(SampleRate=24000)
    assert live.find_drive(queued.id).status is D.QUEUED
    await caller.start(SampleRate=16000)
    assert live.find_drive(queued.id).status is D.INTERRUPTED, "another Start empties the queue"


async def test_section_7_3_a_start_interrupts_its_own_tail(node, caller):
    await caller.send(pcm(1.0))
    await caller.stop()
    await node.ticks(3)
    await caller.start()
    assert caller.status is D.INTERRUPTED
    await caller.send(pcm(0.04))
    await caller.stop()
    await node.ticks(4)
    assert (caller.status, told(node)) == (D.ENDED, [2, 4, 2, 4])


async def test_section_7_3_any_socket_drive_of_the_task_may_be_named(node, live, caller):
    mine, another = caller.ticket.drive_id, node.sockets.ticket(live).drive_id
    await caller.start(DriveId=another)
    await caller.send(pcm(0.08))
    await node.ticks(2)
    assert live.find_drive(another).status is D.DRIVING
    await caller.start(DriveId="")
    await caller.send(pcm(0.08))
    await node.ticks(2)
    assert [live.find_drive(d).status for d in (mine, another)] == [D.DRIVING, D.INTERRUPTED]


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ({"DriveId": "unknown"}, "unknown DriveId"),
        ({"DriveId": 5}, "unknown DriveId"),
        ({"SampleRate": 7999}, "SampleRate must be in [8000, 48000]"),
        ({"Channel": 3}, "Channel must be 1 or 2"),
        ({"Channel": 2, "VoiceChannel": 3}, "VoiceChannel must be 0, 1 or 2"),
    ],
)
async def test_section_7_3_a_start_that_is_refused_closes_with_1008(node, live, caller, payload, reason):
    await caller.send(pcm(0.4))
    assert not await caller.start(**payload)
    assert await caller.closing() == Closing(POLICY_VIOLATION, reason)
    assert not await caller.send(pcm(0.1))
    await caller.leave()
    await node.ticks(13)
    assert caller.status is D.ENDED, "what was there plays on"


async def test_section_7_3_a_text_drive_is_no_socket_drive(node, live, caller):
    text = live.drive(node.script(50), Mode.APPEND)
    assert not await caller.start(DriveId=text.id)
    assert await caller.closing() == Closing(POLICY_VIOLATION, "unknown DriveId")
    await node.ticks(2)
    assert live.find_drive(text.id).status is D.DRIVING


async def test_section_7_5_other_text_is_ignored_in_every_phase(node, caller):
    async def noise():
        assert await caller.send("{", "[]", '"Start"', '{"Action": "Sing"}', '{"Action": 5}', "")

    await noise()
    assert await caller.stop()  # not started
    await caller.send(pcm(0.08))
    await noise()
    await node.ticks(2)
    assert caller.status is D.DRIVING
    await caller.stop()
    await noise()
    await caller.stop()
    await node.ticks(2)
    assert told(node) == [2, 4]


async def test_section_7_4_a_full_buffer_holds_the_sender_back(node, live, caller):
    """Ten minutes are held; what comes then waits, and stops waiting with the task."""
    minute = pcm(60.0, 8000)
    await caller.start(SampleRate=8000)
    for _ in range(9):
        await caller.send(minute)
    waiting = asyncio.create_task(caller.send(minute, minute))
    await node.clock.settle()
    await asyncio.sleep(0.5)
    assert not waiting.done()
    live.stop()
    await asyncio.wait_for(waiting, 5)
    assert not await caller.send(minute)


async def test_a_socket_of_a_task_that_stopped_starts_nothing(node, live, caller):
    other = await connect(node, live)
    live.stop()
    assert not await other.start() or await other.closing() is not None
    await node.clock.settle()
    assert live.find_drive(other.ticket.drive_id).status is D.INTERRUPTED
    assert told(node) == []
    assert live.announce(DriveKind.WS_STREAM).status is D.QUEUED
