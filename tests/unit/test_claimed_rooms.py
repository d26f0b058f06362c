"""Names that participants publish under, claimed for all nodes: each claim ends with what had it."""

from __future__ import annotations

import asyncio

import pytest

from bunraku.node.rooms.claimed import ClaimedRooms, RoomClaims
from bunraku.node.rooms.desk import RoomDesk
from bunraku.node.rooms.room import Rooms
from bunraku.node.streams.stream import Stream
from bunraku.nodes.rooms import PublishRequest, Refused
from bunraku.store.claims import NameTaken
from bunraku.testing.clock import VirtualClock
from bunraku.testing.transport import PaperTransport


class Ledger:
    """A journal's claims: one after the other, each a while after it was asked for."""

    def __init__(self):
        self.rooms, self.names, self.asked, self._turn = set(), set(), [], asyncio.Lock()

    async def _wait(self):
        async with self._turn:
            for _ in range(3):
                await asyncio.sleep(0)

    async def claim_room(self, app_id, room_id):
        await self._wait()
        self.rooms.add(room_id)

    async def leave_room(self, app_id, room_id):
        await self._wait()
        self.rooms.discard(room_id)

    async def claim_stream(self, app_id, room_id, stream_id):
        self.asked.append(stream_id)
        await self._wait()
        if stream_id in self.names:
            raise NameTaken(stream_id)
        self.names.add(stream_id)

    async def leave_stream(self, app_id, stream_id):
        await self._wait()
        self.names.discard(stream_id)


class Node:
    def __init__(self):
        self.clock, self.transport, self.ledger = VirtualClock(), PaperTransport(), Ledger()
        self.rooms = Rooms()
        desk = RoomDesk(self.rooms, self.transport, self.clock, "n-1", max_watchers=9)
        self.hall = ClaimedRooms(desk, self.rooms, RoomClaims(self.rooms, self.ledger, self.clock))

    async def publish(self, user="u", stream="mic", offer="v=0"):
        return await self.hall.publish(PublishRequest(1, "r", stream, user, "192.0.2.1", offer))


async def settled():
    for _ in range(50):
        await asyncio.sleep(0)


@pytest.fixture
async def node():
    return Node()


async def test_a_page_that_comes_again_keeps_its_name(node):
    await node.publish()
    await node.publish()
    node.transport.sessions[1].connect()
    await settled()
    assert node.rooms.stream(1, "mic").live
    assert node.ledger.names == {"mic"}


async def test_a_name_is_free_after_its_stream_and_after_a_refusal(node):
    session = await node.publish()
    node.transport.sessions[0].connect()
    assert await node.hall.unpublish(session.id)
    await settled()
    assert node.ledger.names == set()
    with pytest.raises(Refused):
        await node.publish(offer="REFUSE")
    await settled()
    assert node.ledger.names == set()


async def test_of_many_who_publish_one_name_one_does_and_it_stays_claimed(node):
    tries = await asyncio.gather(*(node.publish(f"u{i}") for i in range(8)), return_exceptions=True)
    assert sum(not isinstance(t, Refused) for t in tries) == 1
    await settled()
    assert node.ledger.names == {"mic"}


async def test_a_name_that_a_task_reserves_meanwhile_is_not_claimed_for_ever(node):
    coming = asyncio.create_task(node.publish())
    while not node.ledger.asked:
        await asyncio.sleep(0)
    task = Stream(1, "r", "mic", "dh", "digitalhuman")
    task.is_digital_human = True
    node.rooms.reserve(task)
    with pytest.raises(Refused) as refused:
        await coming
    assert refused.value.status == 409
    await settled()
    assert node.ledger.names == set()


async def test_who_comes_while_a_name_is_freed_has_it_afterwards(node):
    session = await node.publish()
    node.transport.sessions[0].connect()
    assert await node.hall.unpublish(session.id)
    await node.publish("another")
    await settled()
    assert node.ledger.names == {"mic"}
    with pytest.raises(Refused):
        await node.publish("late")
    await settled()
    assert node.ledger.names == {"mic"}
