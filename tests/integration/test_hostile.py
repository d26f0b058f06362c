"""What a hostile peer may try: each of these once cost memory, time, or somebody else's show."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import http.server
import json
import logging
import threading
import time

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, ConnectionClosedError

from bunraku.bench.receiver import Receiver
from bunraku.core.token import generate
from bunraku.core.urls import FetchFailed
from bunraku.front.edge import signaling
from bunraku.front.rpc.limits import WindowsInMemory
from bunraku.node.rooms.room import Room, Rooms
from bunraku.node.speech.pcm_stream import Format, PcmReader
from bunraku.testing.clock import VirtualClock
from bunraku.testing.server import APP_ID, SECRET, RunningServer
from bunraku.testing.voices import ToneVoices

from ..support.files import get
from ..support.waiting import wait_for


@pytest.fixture(scope="module")
def served():
    with RunningServer(providers=[ToneVoices()], rtc={"max_watchers": 3}) as s:
        yield s


@pytest.fixture
def answering():
    """A web server that answers with given headers and body."""
    reply = {"headers": {}, "body": b""}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            reply["asked"] = self.headers.get("Accept-Encoding")
            self.send_response(200)
            for name, value in reply["headers"].items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply["body"])))
            self.end_headers()
            self.wfile.write(reply["body"])

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    reply["url"] = f"http://127.0.0.1:{server.server_port}/a.wav"
    yield reply
    server.shutdown()


def test_a_compressed_body_is_refused_unopened(answering):
    answering["headers"] = {"Content-Encoding": "gzip, gzip"}
    answering["body"] = gzip.compress(gzip.compress(bytes(1 << 20)))
    with pytest.raises(FetchFailed, match="compressed"):
        get(answering["url"])
    assert answering["asked"] == "identity"


async def test_windows_in_memory_admit_so_many_a_second_and_forget():
    clock = VirtualClock()
    windows = WindowsInMemory(clock)
    admitted = [await windows.hit(3, "call", "x") for _ in range(5)]
    assert admitted == [True, True, True, False, False]
    assert await windows.hit(3, "call", "y")
    await clock.advance(1.01)
    assert await windows.hit(3, "call", "x")
    await clock.advance(2.0)
    await windows.hit(3, "call", "z")
    assert len(windows) == 1


def of_room(served):
    return served.base_url.replace("http", "ws") + "/rtc/room"


async def test_a_huge_login_is_refused_unparsed(served):
    uri = served.base_url.replace("http", "ws") + "/rtc/room"
    async with connect(uri, max_size=None) as socket:
        assert "permessage-deflate" not in socket.response.headers.get("Sec-WebSocket-Extensions", "")
        with pytest.raises(ConnectionClosedError) as closed:  # by its length, before it is there
            await socket.send("[" + "[]," * 3_000_000 + "[]]")
            await asyncio.wait_for(socket.recv(), 5)
        assert closed.value.rcvd.code == 1009
    async with connect(uri, max_size=None) as socket:
        await socket.send("[" + "[]," * 15_000 + "[]]")
        reply = json.loads(await asyncio.wait_for(socket.recv(), 5))
        assert reply["event"] == "error"


async def test_connections_that_never_log_in_have_a_budget(served, monkeypatch):
    monkeypatch.setattr(signaling, "MAX_STRANGERS_PER_ADDRESS", 3)
    token = generate(APP_ID, "late", SECRET, time.time())
    login = {"type": "login", "appID": APP_ID, "roomID": "budget", "token": token, "userID": "late"}
    async with contextlib.AsyncExitStack() as stack:

        async def another():
            return await stack.enter_async_context(connect(of_room(served)))

        silent = [await another() for _ in range(3)]
        await asyncio.sleep(0.1)
        one_more = await another()
        with pytest.raises(ConnectionClosed) as closed:
            await asyncio.wait_for(one_more.recv(), 5)
        assert closed.value.rcvd.code == 1013
        # Who has logged in counts no longer.
        await silent[0].send(json.dumps(login))
        assert json.loads(await asyncio.wait_for(silent[0].recv(), 5))["event"] == "login"
        fourth = await another()
        await fourth.send(json.dumps(login | {"userID": "other"}))
        assert json.loads(await asyncio.wait_for(fourth.recv(), 5))["event"] == "error"


async def test_a_member_who_reads_nothing_is_let_go(served):
    """Its outbox fills, and the room is rid of it though its socket never drains."""
    uri = served.base_url.replace("http", "ws") + "/rtc/room"
    token = generate(APP_ID, "deaf", SECRET, time.time())
    login = {"type": "login", "appID": APP_ID, "roomID": "deaf", "token": token, "userID": "deaf"}
    async with connect(uri, max_queue=1, compression=None) as socket:
        await socket.send(json.dumps(login))
        rooms = served.parts.rooms
        deadline = time.monotonic() + 20
        text = "x" * 60_000
        wait_for(lambda: rooms.find(APP_ID, "deaf") is not None)
        room = rooms.find(APP_ID, "deaf")
        while room.members:
            assert time.monotonic() < deadline
            served.call(lambda: room.broadcast({"event": "message", "content": text}))
            await asyncio.sleep(0.005)


def test_a_later_room_of_the_same_name_survives_the_sweep_of_the_former():
    rooms = Rooms()
    former = rooms.room(1, "r")
    rooms.sweep(former)
    later = rooms.room(1, "r")
    rooms.sweep(former)
    assert rooms.find(1, "r") is later
    assert isinstance(later, Room)


async def test_sessions_that_never_connect_count_as_watchers_and_end(served):
    with served.client() as api:
        human = api.digital_humans()[0]["DigitalHumanId"]
        task = api.create(human, room_id="cap", stream_id="cap", size=(256, 256))
        wait_for(lambda: api.status(task)["Status"] == 3)
        token = generate(APP_ID, "u", SECRET, time.time())
        url = f"{served.base_url}/whep/{APP_ID}/cap"
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/sdp"}
        offer = await some_offer()
        statuses = [httpx.post(url, content=offer, headers=headers).status_code for _ in range(5)]
        assert statuses == [201, 201, 201, 503, 503]
        broken = offer.replace("UDP/TLS/RTP/SAVPF", "UDP/TLS/RTP/SAVPF ²")
        assert httpx.post(url, content=broken.encode(), headers=headers).status_code in (400, 503)
        api.stop(task)


async def test_a_publisher_that_never_connected_gives_its_name_to_its_own_user_only(served):
    """A page that is loaded again need not wait for its former self to be given up."""
    offer = await some_offer("audio", direction="sendonly")

    def publish(user):
        token = generate(APP_ID, user, SECRET, time.time())
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/sdp"}
        return httpx.post(f"{served.base_url}/whip/{APP_ID}/r/again", content=offer, headers=headers)

    first = publish("host")
    assert [first.status_code, publish("guest").status_code] == [201, 409]
    second = publish("host")
    assert second.status_code == 201
    assert httpx.delete(served.base_url + first.headers["location"]).status_code == 404
    assert httpx.delete(served.base_url + second.headers["location"]).status_code == 200
    assert served.parts.rooms.stream(APP_ID, "again") is None


async def test_a_room_name_with_slashes_takes_a_published_stream(served):
    """In a path it could not be told from what follows; so it may come as a parameter."""
    offer = await some_offer("audio", direction="sendonly")
    token = generate(APP_ID, "host", SECRET, time.time())
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/sdp"}
    url = f"{served.base_url}/whip/{APP_ID}/mic-of-it"
    answer = httpx.post(url, params={"room_id": "a/b/../c d"}, content=offer, headers=headers)
    assert answer.status_code == 201
    assert served.parts.rooms.stream(APP_ID, "mic-of-it").room_id == "a/b/../c d"
    assert httpx.delete(served.base_url + answer.headers["location"]).status_code == 200
    assert httpx.post(served.base_url + "/whip/session/x").status_code == 405


async def some_offer(*kinds, direction="recvonly"):
    receiver = Receiver()
    connection = receiver.connection
    for kind in kinds or ("video", "audio"):
        connection.addTransceiver(kind, direction=direction)
    await connection.setLocalDescription(await connection.createOffer())
    sdp = connection.localDescription.sdp
    await receiver.close()
    return sdp


@pytest.mark.parametrize(
    "frame",
    [
        b"RIFF\0\0\0\0WAVE" + b"junk\0\0\0\0" * 200_000,
        b"RIFF\0\0\0\0WAVE" + (b"fmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0") * 100_000,
    ],
    ids=["empty chunks", "formats"],
)
def test_a_header_that_never_ends_is_given_up_early(frame):
    reader = PcmReader(Format(16000, 1, 0))
    for at in range(0, len(frame), 64 * 1024):
        reader.push(frame[at : at + 64 * 1024])
    assert not reader.heading


def test_odd_headers_of_a_browser_are_refused_not_crashed_on(served):
    for headers in ({"Host": "["}, {"Origin": "http://["}):
        assert httpx.get(served.base_url + "/console/state", headers=headers).status_code == 403
    assert httpx.get(served.base_url + "/console/static/%00").status_code == 404


async def test_no_socket_token_in_the_log(served, caplog):
    with caplog.at_level(logging.INFO):
        uri = served.base_url.replace("http", "ws") + "/ws?Token=SECRETTOKEN"
        with pytest.raises(Exception, match="401"):
            async with connect(uri):
                pass
    assert logging.getLogger("uvicorn.error").getEffectiveLevel() >= logging.INFO
    from bunraku.core import logs

    logs.configure()
    assert logging.getLogger("uvicorn.error").getEffectiveLevel() >= logging.WARNING


def test_a_console_behind_a_proxy_needs_a_password():
    with RunningServer(providers=[], public_url="https://dh.example.com") as s:
        assert httpx.get(s.base_url + "/console/state").status_code == 401
