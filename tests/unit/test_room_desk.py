"""The rooms of a node through the hall, on virtual time and without a network."""

from __future__ import annotations

import asyncio
import gc
import pickle
import weakref

import numpy as np
import pytest

from bunraku.core.clock import BEAT
from bunraku.core.media import Codec, EncodedUnit
from bunraku.node.rooms import members, publishing, watching
from bunraku.node.rooms.desk import FORGET, RoomDesk
from bunraku.node.rooms.room import Rooms
from bunraku.node.streams.sources import LiveSources
from bunraku.node.streams.stream import Stream
from bunraku.nodes.rooms import (
    Events,
    Login,
    PublishRequest,
    Refused,
    Session,
    StreamInfo,
    WatchRequest,
    node_of,
)
from bunraku.testing.clock import VirtualClock
from bunraku.testing.transport import PaperTransport


class Node:
    def __init__(self, **options):
        self.clock, self.transport = VirtualClock(), PaperTransport()
        self.rooms = Rooms(lambda: self.fenced)
        self.desk = RoomDesk(
            self.rooms, self.transport, self.clock, "n-1", **({"max_watchers": 200} | options)
        )
        self.fenced = False

    async def join(self, user="u", room="r", **changes):
        login = {"token": f"token of {user}", "expire": int(self.clock.wall()) + 3600} | changes
        return await self.desk.join(Login(1, room, user, user.upper(), **login))

    async def told(self, member):
        """What a member hears that asks now and waits for nothing."""
        return [e["event"] for e in (await self.desk.events(member, 0)).events]

    def stream(self, name="s", room="r", user="dh"):
        stream = Stream(1, room, name, user, "digitalhuman")
        self.rooms.reserve(stream)
        self.rooms.publish(stream)
        return stream

    async def watch(self, user="u", address="192.0.2.1", stream="s", **changes):
        asked = {"room_id": "r", "offer": "v=0"} | changes
        return await self.desk.watch(WatchRequest(1, asked["room_id"], stream, user, address, asked["offer"]))

    async def publish(self, user="u", address="192.0.2.1", stream="mic", offer="v=0", room="r"):
        return await self.desk.publish(PublishRequest(1, room, stream, user, address, offer))


@pytest.fixture
async def node():
    n = Node()
    await n.desk.start()
    yield n
    await n.desk.close()


# --- who is there


async def test_a_member_is_told_of_the_room_and_then_of_every_change(node):
    stream = node.stream()
    a = await node.join("a")
    (login,) = (await node.desk.events(a, 0)).events
    assert login["event"] == "login"
    assert [s["streamID"] for s in login["streams"]] == ["s"]
    assert (login["users"], login["count"]) == ([], 1)
    b = await node.join("b")
    (added,) = (await node.desk.events(a, 0)).events
    assert (added["update"], added["users"]) == ("ADD", [{"userID": "b", "userName": "B"}])
    assert (await node.desk.events(b, 0)).events[0]["count"] == 2
    node.rooms.withdraw(stream)
    await node.desk.leave(b)
    assert await node.told(a) == ["streams", "users"]
    assert await node.desk.events(b, 5) == Events((), True)


async def test_a_question_for_events_stays_open_until_there_are_any_or_its_time_is_up(node):
    a = await node.join("a")
    await node.told(a)
    asked = asyncio.create_task(node.desk.events(a, 20))
    await node.clock.advance(5)
    assert not asked.done()
    node.rooms.find(1, "r").message({"Cmd": 1001})
    # Not on the next beat: at once.
    assert [e["event"] for e in (await asyncio.wait_for(asked, 1)).events] == ["message"]
    asked = asyncio.create_task(node.desk.events(a, 20))
    await node.clock.advance(19)
    assert not asked.done()
    await node.clock.advance(1.5)
    assert await asked == Events((), False)


async def test_two_questions_at_once_lose_nothing(node):
    a = await node.join("a")
    await node.told(a)
    first = asyncio.create_task(node.desk.events(a, 20))
    await node.clock.settle()
    second = asyncio.create_task(node.desk.events(a, 20))
    await node.clock.settle()
    assert first.done()
    node.rooms.find(1, "r").message({})
    assert len((await first).events + (await second).events) == 1


async def test_a_question_that_is_given_up_loses_nothing(node):
    a = await node.join("a")
    await node.told(a)
    asked = asyncio.create_task(node.desk.events(a, 20))
    await node.clock.settle()
    node.rooms.find(1, "r").message({})
    asked.cancel()
    await asyncio.gather(asked, return_exceptions=True)
    assert await node.told(a) == ["message"]


async def test_who_asks_for_nothing_is_let_go_and_the_others_hear_of_it(node):
    a, b = await node.join("a"), await node.join("b")
    await node.told(a), await node.told(b)
    waiting = asyncio.create_task(node.desk.events(b, 600))
    await node.clock.advance(members.UNFETCHED - 1)
    assert set(node.rooms.find(1, "r").members) == {"a", "b"}
    await node.clock.advance(2)
    assert set(node.rooms.find(1, "r").members) == {"b"}, "who waits is here"
    assert (await waiting).events[-1]["update"] == "DELETE"
    assert await node.desk.events(a, 0) == Events((), True)


async def test_an_outbox_that_overflows_lets_its_member_go_and_no_other(node):
    a, b = await node.join("a"), await node.join("b")
    room = node.rooms.find(1, "r")
    for _ in range(members.OUTBOX + 1):
        await node.told(b)
        room.message({})
    await node.clock.settle()
    assert set(room.members) == {"b"}
    assert await node.desk.events(a, 0) == Events((), True)
    assert await node.told(b) == ["message", "users"]


async def test_a_whole_room_that_overflows_at_once_is_let_go(node):
    """Each that goes is an event for the others: told in the middle of it they would go in turn."""
    for i in range(300):
        await node.join(f"u{i}")
    room = node.rooms.find(1, "r")
    for _ in range(members.OUTBOX + 1):
        room.message({})
    await node.clock.settle()
    assert node.rooms.find(1, "r") is None


async def test_a_second_login_kicks_the_first_which_still_hears_why(node):
    first = await node.join("same")
    await node.told(first)
    second = await node.join("same")
    found = await node.desk.events(first, 20)
    assert ([e["code"] for e in found.events], found.over) == ([1002050], True)
    assert await node.desk.events(first, 20) == Events((), True)
    await node.desk.leave(first)
    assert node.rooms.find(1, "r").members["same"].id == second


async def test_the_end_of_a_token_is_told_once_thirty_seconds_before(node):
    a = await node.join("a", expire=int(node.clock.wall()) + 40)
    await node.told(a)
    for _ in range(9):
        await node.clock.advance(1)
        assert await node.told(a) == []
    await node.clock.advance(1.5)
    assert await node.told(a) == ["expiring"]
    await node.desk.renew(a, "another", int(node.clock.wall()) + 35)
    assert await node.desk.holds(1, "r", "a", "another")
    assert not await node.desk.holds(1, "r", "a", "token of a")
    await node.clock.advance(4)
    assert await node.told(a) == []
    await node.clock.advance(2)
    assert await node.told(a) == ["expiring"]


async def test_who_is_here_by_a_token(node):
    a = await node.join("a", room="x")
    holds = node.desk.holds
    assert await holds(1, "x", "a", "token of a")
    assert await holds(1, None, "a", "token of a")
    assert not await holds(1, "y", "a", "token of a")
    assert not await holds(2, None, "a", "token of a")
    assert not await holds(1, "x", "b", "token of a")
    await node.desk.leave(a)
    assert not await holds(1, None, "a", "token of a")


async def test_a_desk_that_closes_ends_every_question(node):
    a = await node.join("a")
    await node.told(a)
    asked = asyncio.create_task(node.desk.events(a, 600))
    await node.clock.settle()
    await node.desk.close()
    assert (await asyncio.wait_for(asked, 1)).over


# --- the hall itself


async def test_ids_say_which_node_to_ask_and_cannot_be_guessed(node):
    node.stream()
    ids = [await node.join(), (await node.watch()).id, (await node.publish()).id]
    assert [node_of(i) for i in ids] == ["n-1"] * 3
    assert all(len(i.partition(".")[2]) == 32 for i in ids)
    assert node_of("nope") == ""


@pytest.mark.parametrize(
    "thing",
    [
        StreamInfo(1, "r", "s", "u", True),
        Login(1, "r", "u", "U", "t", 5),
        Events(({"event": "x", "streams": [{"streamID": "s"}]},), False),
        WatchRequest(1, "r", "s", "u", "192.0.2.1", "v=0"),
        PublishRequest(1, "r", "s", "u", "192.0.2.1", "v=0"),
        Session("n.1", "v=0"),
        Refused(404, "no such stream"),
    ],
    ids=lambda x: type(x).__name__,
)
def test_what_goes_through_the_hall_is_plain_data(thing):
    again = pickle.loads(pickle.dumps(thing))
    assert type(again) is type(thing)
    if isinstance(thing, Refused):
        assert (again.status, again.reason) == (404, "no such stream")
    else:
        assert again == thing


# --- watching


async def test_a_stream_is_watched_where_it_is_and_while_it_lives(node):
    assert await node.desk.find_stream(1, "s") is None
    stream = node.stream()
    assert await node.desk.find_stream(1, "s") == StreamInfo(1, "r", "s", "dh", True)
    assert await node.desk.find_stream(2, "s") is None
    session = await node.watch()
    assert session.answer == "v=0 answer"
    node.transport.sessions[0].connect()
    assert stream.wanted
    assert await node.desk.unwatch(session.id)
    assert not await node.desk.unwatch(session.id)
    assert not stream.wanted
    with pytest.raises(Refused, match="404"):
        await node.watch(room_id="elsewhere")
    with pytest.raises(Refused, match="scripted"):
        await node.watch(offer="REFUSE")
    node.rooms.withdraw(stream)
    with pytest.raises(Refused, match="404"):
        await node.watch()


async def test_a_goodbye_after_the_end_is_taken_and_a_second_is_not(node):
    """A stream that stops and a watcher that leaves cross each other on the way."""
    node.stream()
    session = await node.watch()
    node.transport.sessions[0].vanish()
    await node.clock.advance(2 * FORGET * BEAT)
    assert await node.desk.unwatch(session.id)
    assert not await node.desk.unwatch(session.id)
    assert not await node.desk.unwatch("n-1.nobody")


async def test_sessions_that_ended_are_remembered_up_to_a_number(node, monkeypatch):
    monkeypatch.setattr(watching, "REMEMBERED", 2)
    few = Node()
    few.stream()
    ended = []
    for _ in range(3):
        ended.append((await few.watch()).id)
        few.transport.sessions[-1].vanish()
    await few.watch()  # which looks at who is over
    assert [await few.desk.unwatch(i) for i in ended] == [False, True, True]


async def test_watchers_that_arrive_together_are_counted_together():
    """Some transports take their time to answer an offer."""
    node = Node(max_watchers=2)
    node.stream()
    node.transport.ready.clear()
    jobs = [asyncio.create_task(node.watch(f"u{i}")) for i in range(4)]
    await node.clock.settle()
    node.transport.ready.set()
    found = await asyncio.gather(*jobs, return_exceptions=True)
    assert [f.status for f in found if isinstance(f, Refused)] == [503, 503]
    node.transport.sessions[0].vanish()
    await node.watch()


async def test_sessions_that_are_over_are_not_kept(node):
    node.stream()
    for _ in range(3):
        await node.watch()
        await node.publish(stream=f"m{len(node.transport.sessions)}")
    for session in node.transport.sessions:
        session.vanish()
    gone = [weakref.ref(s) for s in node.transport.sessions]
    del session
    node.transport.sessions.clear()
    await node.clock.advance(FORGET * BEAT + BEAT)
    gc.collect()
    assert [r() for r in gone] == [None] * 6


async def test_a_stream_that_ends_meanwhile_is_not_watched(node):
    stream = node.stream()
    node.transport.ready.clear()
    asked = asyncio.create_task(node.watch())
    await node.clock.settle()
    node.rooms.withdraw(stream)
    node.transport.ready.set()
    with pytest.raises(Refused, match="no such stream"):
        await asked
    assert node.transport.sessions[0].closed


async def test_one_users_unconnected_offers_leave_places_for_others(node):
    """One token's offers filled all the places of a stream for twenty seconds each."""
    node.stream()
    for _ in range(watching.MAX_CONNECTING_PER_USER):
        await node.watch("greedy")
    with pytest.raises(Refused, match="still connecting"):
        await node.watch("greedy")
    with pytest.raises(Refused, match="still connecting"):
        await node.publish("greedy")
    await node.watch("other")
    node.transport.sessions[0].connect()
    node.transport.sessions[1].vanish()
    await node.watch("greedy")
    await node.watch("greedy")
    with pytest.raises(Refused, match="still connecting"):
        await node.watch("greedy")


async def test_one_address_has_so_many_unconnected_offers_whatever_its_users(node):
    node.stream()
    for i in range(watching.MAX_CONNECTING_PER_ADDRESS):
        await node.watch(f"u{i}")
    with pytest.raises(Refused, match="still connecting"):
        await node.watch("one-more")
    await node.watch("one-more", address="192.0.2.2")


def test_a_closed_fence_lets_no_unit_leave():
    node = Node()
    stream = node.stream()
    session = asyncio.run(node.transport.watch(stream, "v=0"))
    session.connect()
    unit = EncodedUnit(Codec.OPUS, 0, b"x", True)
    stream.push(unit)
    node.fenced = True
    stream.push(unit)
    assert session.units == [unit]
    node.fenced = False
    stream.push(unit)
    assert session.units == [unit, unit]


# --- publishing


async def test_a_microphone_is_a_stream_of_its_room_from_when_it_connects_until_it_ends(node):
    a = await node.join("a")
    await node.told(a)
    session = await node.publish("host")
    assert not (await node.desk.find_stream(1, "mic")).live
    assert await node.told(a) == []
    node.transport.sessions[0].connect()
    assert (await node.desk.find_stream(1, "mic")).live
    (added,) = (await node.desk.events(a, 0)).events
    assert (added["update"], added["streams"][0]["user"]["userID"]) == ("ADD", "host")
    with pytest.raises(Refused, match="409"):
        await node.publish("host")
    assert await node.desk.unpublish(session.id)
    assert not await node.desk.unpublish(session.id)
    assert await node.desk.find_stream(1, "mic") is None
    assert await node.told(a) == ["streams"]


async def test_a_name_is_given_back_when_its_offer_is_refused_or_its_peer_vanishes(node):
    with pytest.raises(Refused, match="scripted"):
        await node.publish(offer="REFUSE")
    await node.publish("one")
    node.transport.sessions[0].vanish()
    await node.publish("two")


async def test_a_name_that_never_connected_goes_to_its_own_user_only(node):
    first = await node.publish("host")
    with pytest.raises(Refused, match="409"):
        await node.publish("guest")
    await node.publish("host")
    assert not await node.desk.unpublish(first.id)
    node.transport.sessions[1].connect()
    with pytest.raises(Refused, match="409"):
        await node.publish("host")


async def test_a_room_takes_so_many_publishers(node, monkeypatch):
    monkeypatch.setattr(publishing, "MAX_PUBLISHERS_PER_ROOM", 2)
    for i in range(2):
        await node.publish(stream=f"m{i}")
    with pytest.raises(Refused, match="503"):
        await node.publish(stream="m2")
    await node.publish(stream="m2", room="another")


async def test_who_listens_to_a_microphone_hears_its_end(node):
    sources = LiveSources(node.rooms.stream, node.desk.microphone)
    await node.publish()
    assert await sources.listen(1, "r", "mic") is None, "it does not live yet"
    (session,) = node.transport.sessions
    session.connect()
    assert await sources.listen(1, "elsewhere", "mic") is None
    heard = []

    async def listen():
        sound = await sources.listen(1, "r", "mic")
        async for chunk in sound:
            heard.append(chunk.samples.tolist())

    job = asyncio.create_task(listen())
    await node.clock.settle()
    session.microphone.push(np.arange(3, dtype=np.int16))
    await node.clock.settle()
    session.vanish()
    await asyncio.wait_for(job, 1)
    assert heard == [[0, 1, 2]]
