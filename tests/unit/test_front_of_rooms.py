"""The front's edges over a hall that is far away: every question and answer is pickled and takes time."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import pickle
import time

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from bunraku.core.clock import SystemClock
from bunraku.core.settings_rtc import IceServer
from bunraku.core.token import RoomToken, TokenExpired, TokenRefused
from bunraku.front.edge import signaling
from bunraku.front.edge.signaling import Signaling
from bunraku.front.edge.whep import Whep
from bunraku.front.edge.whip import Whip
from bunraku.node.rooms.desk import RoomDesk
from bunraku.node.rooms.room import Rooms
from bunraku.node.streams.stream import Stream
from bunraku.testing.transport import PaperTransport

SDP = {"Content-Type": "application/sdp", "Authorization": "Bearer good u"}
ICE = (IceServer(url="stun:stun.example.com"),)


class Far:
    """A ``RoomHall`` on another machine, as far as plain data can tell."""

    def __init__(self, desk, away=0.002):
        self.desk, self.away, self.asked = desk, away, []

    def __getattr__(self, name):
        method = getattr(self.desk, name)
        assert inspect.iscoroutinefunction(method)

        async def ask(*arguments):
            self.asked.append(name)
            arguments = pickle.loads(pickle.dumps(arguments))
            await asyncio.sleep(self.away)
            try:
                answer = await method(*arguments)
            except Exception as error:
                raise pickle.loads(pickle.dumps(error)) from None
            await asyncio.sleep(self.away)
            return pickle.loads(pickle.dumps(answer))

        return ask


class Door:
    """Tokens read "good USER", "expired USER", or are refused."""

    def check(self, app_id, token, user_id=None):
        word, _, user = token.partition(" ")
        verified = RoomToken(app_id, user, int(time.time()) + 3600)
        if word == "expired":
            raise TokenExpired(verified)
        if word != "good" or user_id not in (None, user):
            raise TokenRefused("no")
        return verified

    async def check_guest(self, app_id, token, hall, room_id):
        try:
            return self.check(app_id, token)
        except TokenExpired as error:
            if not await hall.holds(app_id, room_id, error.token.user_id, token):
                raise
            return error.token


@pytest.fixture
def scene():
    class Scene:
        rooms, transport = Rooms(), PaperTransport()

        def publish(self, name="s", room="r"):
            stream = Stream(1, room, name, "dh", "digitalhuman")
            self.rooms.reserve(stream)
            self.rooms.publish(stream)
            return stream

    x = Scene()
    desk = RoomDesk(x.rooms, x.transport, SystemClock(), "n", max_watchers=2)
    x.hall = Far(desk)

    @contextlib.asynccontextmanager
    async def lifespan(_):
        await desk.start()
        yield
        await desk.close()

    app = FastAPI(lifespan=lifespan)
    for edge in (
        Signaling(x.hall, Door(), ICE, SystemClock()),
        Whep(x.hall, Door(), ICE),
        Whip(x.hall, Door(), ICE),
    ):
        app.include_router(edge.routes())
    with TestClient(app) as x.http:
        x.portal = x.http.portal
        yield x


def login(user="u", **changes):
    return {
        "type": "login", "appID": 1, "roomID": "r", "token": f"good {user}", "userID": user, "userName": user
    } | changes  # fmt: skip


@contextlib.contextmanager
def member(scene, user="u", **changes):
    with scene.http.websocket_connect("/rtc/room") as socket:
        socket.send_json(login(user, **changes))
        yield socket


def test_a_member_hears_of_its_room_in_order_and_is_gone_when_it_leaves(scene):
    stream = scene.publish()
    with member(scene, "a") as a:
        first = a.receive_json()
        assert (first["event"], first["iceServers"]) == ("login", [{"urls": "stun:stun.example.com"}])
        with member(scene, "b") as b:
            assert b.receive_json()["count"] == 2
            assert a.receive_json()["update"] == "ADD"
            a.send_json({"type": "ping"})
            assert a.receive_json() == {"event": "pong"}
            for i in range(50):
                scene.portal.call(scene.rooms.find(1, "r").message, {"n": i})
            assert [b.receive_json()["content"] for _ in range(50)] == [f'{{"n":{i}}}' for i in range(50)]
            assert [a.receive_json()["content"] for _ in range(50)] == [f'{{"n":{i}}}' for i in range(50)]
        assert a.receive_json()["update"] == "DELETE"
        scene.portal.call(scene.rooms.withdraw, stream)
        assert a.receive_json()["streams"][0]["streamID"] == "s"
    deadline = time.monotonic() + 2
    while scene.rooms.find(1, "r") is not None:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_question_stays_open_and_costs_nothing_meanwhile(scene):
    with member(scene) as socket:
        socket.receive_json()
        time.sleep(0.5)
        assert scene.hall.asked.count("events") <= 3


def test_a_kicked_member_hears_why_before_it_is_cut(scene):
    with member(scene) as first:
        first.receive_json()
        with member(scene) as second:
            assert second.receive_json()["event"] == "login"
            assert first.receive_json() == {"event": "kickout", "code": 1002050}
            with pytest.raises(WebSocketDisconnect):
                first.receive_json()


def test_a_renewed_token_takes_the_place_and_a_bad_one_is_told(scene):
    with member(scene) as socket:
        socket.receive_json()
        socket.send_json({"type": "renew", "token": "bad"})
        assert socket.receive_json()["code"] == 1102020
        socket.send_json({"type": "renew", "token": "good u"})
        socket.send_json({"type": "ping"})
        assert socket.receive_json() == {"event": "pong"}
        assert "renew" in scene.hall.asked


def test_a_stream_that_the_rooms_news_do_not_tell_of_can_be_asked_for(scene):
    reserved = Stream(1, "elsewhere", "reserved", "dh", "digitalhuman")
    scene.publish("there", "elsewhere")
    scene.publish("here")
    scene.rooms.reserve(reserved)
    own = Stream(1, "r", "own", "u", "u")
    scene.rooms.reserve(own)
    scene.rooms.publish(own)
    with member(scene) as socket:
        socket.receive_json()
        names = {
            "there": True,
            "own": True,
            "here": False,
            "reserved": False,
            "none": False,
            "s" * 129: False,
            "": False,
        }
        for name, live in names.items():
            socket.send_json({"type": "find", "streamID": name})
            assert socket.receive_json() == {"event": "found", "streamID": name, "live": live}
        socket.send_json({"type": "find", "streamID": 5})
        socket.send_json({"type": "ping"})
        assert socket.receive_json() == {"event": "pong"}


def test_refused_logins_never_reach_the_node(scene):
    with member(scene, token="bad") as socket:
        assert socket.receive_json()["code"] == 1102020
    assert scene.hall.asked == []


def test_watching_from_offer_to_goodbye(scene):
    scene.publish()
    reply = scene.http.post("/whep/1/s", content="v=0", headers=SDP)
    assert (reply.status_code, reply.text) == (201, "v=0 answer")
    assert reply.headers["link"] == '<stun:stun.example.com>; rel="ice-server"'
    assert reply.headers["location"].startswith("/whep/session/n.")
    assert scene.http.delete(reply.headers["location"]).status_code == 200
    assert scene.http.delete(reply.headers["location"]).status_code == 404


@pytest.mark.parametrize(
    ("path", "headers", "body", "status", "text"),
    [
        ("/whep/1/s", {"Authorization": "Bearer bad"}, "v=0", 401, "1102020 no"),
        ("/whep/1/s", {"Content-Type": "text/plain"}, "v=0", 415, "send application/sdp"),
        ("/whep/1/none", {}, "v=0", 404, "no such stream"),
        ("/whep/1/" + "s" * 129, {}, "v=0", 404, "no such stream"),
        ("/whep/1/s", {}, b"\xff", 400, "offer unreadable"),
        ("/whep/1/s", {}, "REFUSE", 400, "scripted"),
        ("/whip/1/r/s", {}, "v=0", 409, "stream id is taken"),
        ("/whip/1/r/m", {}, "REFUSE", 400, "scripted"),
        ("/whip/1/r/m", {"Authorization": ""}, "v=0", 401, "1102020 no"),
        ("/whip/1/r/" + "m" * 129, {}, "v=0", 400, "room and stream are 1 to 128 bytes without control characters"),
        ("/whip/1/r/m", {"Authorization": "Bearer expired u"}, "v=0", 401, "1102018 token expired"),
    ],
)  # fmt: skip
def test_refusals(scene, path, headers, body, status, text):
    scene.publish()
    reply = scene.http.post(path, content=body, headers=SDP | headers)
    assert (reply.status_code, reply.text) == (status, text)


def test_the_places_of_a_stream(scene):
    scene.publish()
    found = [scene.http.post("/whep/1/s", content="v=0", headers=SDP) for _ in range(3)]
    assert [r.status_code for r in found] == [201, 201, 503]
    assert found[2].text == "stream has its maximum of watchers"


def test_publishing_from_offer_to_goodbye(scene):
    with member(scene, "a") as a:
        a.receive_json()
        reply = scene.http.post("/whip/1/r/mic", content="v=0", headers=SDP)
        assert reply.status_code == 201
        scene.portal.call(scene.transport.sessions[0].connect)
        assert a.receive_json()["streams"][0]["streamID"] == "mic"
        assert scene.http.delete(reply.headers["location"]).status_code == 200
        assert a.receive_json()["update"] == "DELETE"


def test_strangers_have_a_budget_each_address_and_all(monkeypatch):
    monkeypatch.setattr(signaling, "MAX_STRANGERS", 3)
    monkeypatch.setattr(signaling, "MAX_STRANGERS_PER_ADDRESS", 2)
    strangers = signaling.Strangers()
    with contextlib.ExitStack() as stack:

        def comes(address):
            return stack.enter_context(strangers.admit(address))

        assert [comes("a"), comes("a"), comes("a"), comes("b"), comes("c")] == [
            True,
            True,
            False,
            True,
            False,
        ]
    with strangers.admit("a") as fits:
        assert fits
    assert len(strangers) == 0
