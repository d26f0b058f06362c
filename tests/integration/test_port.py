"""The single-port transport against real peers: aiortc, and strangers."""

from __future__ import annotations

import asyncio
import os
import socket
import time

import httpx
import pytest
from aioice import stun

from bunraku.bench.receiver import Receiver
from bunraku.core.media import Kind
from bunraku.core.token import generate
from bunraku.testing.network import LossyPath, Weather
from bunraku.testing.server import APP_ID, SECRET, RunningServer
from bunraku.testing.voices import ToneVoices

from ..support.waiting import wait_for


@pytest.fixture(scope="module", params=["port", "aiortc"])
def served(request):
    with RunningServer(
        providers=[ToneVoices(word_seconds=0.3)], rtc={"transport": request.param, "watcher_timeout": 3.0}
    ) as s:
        yield s


@pytest.fixture
def scene(served):
    class Scene:
        pass

    with served.client() as api:
        x = Scene()
        x.server, x.api = served, api
        x.stream_id = f"s{time.monotonic_ns()}"
        human = api.digital_humans()[0]["DigitalHumanId"]
        x.task = api.create(human, room_id="r", stream_id=x.stream_id, size=(256, 256))
        wait_for(lambda: api.status(x.task)["Status"] == 3)
        x.stream = served.parts.rooms.stream(APP_ID, x.stream_id)
        x.url = f"{served.base_url}/whep/{APP_ID}/{x.stream_id}"
        x.token = generate(APP_ID, "u", SECRET, time.time())
        yield x
        if any(t["TaskId"] == x.task for t in api.running()):
            api.stop(x.task)


async def until(condition, timeout=10):
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


async def play(scene, path=None):
    receiver = Receiver()
    await receiver.play(scene.url, scene.token, path)
    await until(lambda: receiver.last_frame)
    return receiver


def received(receiver, kind):
    for r in receiver.connection.getReceivers():
        if r.track.kind == kind:
            return r
    raise AssertionError


async def test_sound_and_pictures_arrive_and_silence_is_silent(scene):
    receiver = await play(scene)
    assert not receiver.voiced.is_set()
    scene.api.speak(scene.task, "one two", timbre_id="tone-a")
    await asyncio.wait_for(receiver.voiced.wait(), 5)
    track = received(receiver, "video").track
    frames = [await asyncio.wait_for(track.recv(), 5) for _ in range(10)]
    assert {(f.width, f.height) for f in frames} == {(256, 256)}
    await receiver.close()
    await until(lambda: not scene.stream.watchers)


async def test_several_watchers_and_a_late_one(scene):
    receivers = [await play(scene) for _ in range(3)]
    await asyncio.sleep(0.5)
    receivers.append(await play(scene))
    for r in receivers:
        frame = await asyncio.wait_for(received(r, "video").track.recv(), 5)
        assert frame.width == 256
    assert len(scene.stream.watchers) == 4
    await asyncio.gather(*(r.close() for r in receivers))
    await until(lambda: not scene.stream.watchers)


async def test_a_silent_peer_is_reaped(scene):
    receiver = await play(scene)
    ice = received(receiver, "audio").transport.transport
    # The peer vanishes without a word: its socket is gone, no BYE, no close.
    ice._connection.send_bye = None  # noqa: SLF001 - aiortc's
    for protocol in list(ice._connection._protocols):  # noqa: SLF001 - aiortc's
        protocol.transport.abort()
    ice._connection._query_consent_task.cancel()  # noqa: SLF001 - aiortc's
    begin = time.monotonic()
    await until(lambda: not scene.stream.watchers, 12)
    assert time.monotonic() - begin < 9
    await asyncio.wait_for(receiver.close(), 10)


async def test_stop_ends_every_watcher(scene):
    receivers = [await play(scene) for _ in range(2)]
    scene.api.stop(scene.task)
    await until(lambda: not scene.stream.watchers)
    async with httpx.AsyncClient() as http:
        headers = {"Authorization": f"Bearer {scene.token}", "Content-Type": "application/sdp"}
        assert (await http.post(scene.url, content="v=0", headers=headers)).status_code == 404
    await asyncio.gather(*(r.close() for r in receivers))


async def test_loss_is_repaired(scene):
    """One packet in eight is lost on its way: pictures go on."""
    async with LossyPath() as path:
        receiver = await play(scene, path)
        lost = []
        path.down = Weather(lose=lambda n: n % 8 == 3 and not lost.append(n))
        scene.api.speak(scene.task, "a b c d e f g h i j", timbre_id="tone-a")
        track = received(receiver, "video").track
        begin = time.monotonic()
        for _ in range(40):
            await asyncio.wait_for(track.recv(), 5)
        assert time.monotonic() - begin < 6
        assert len(lost) > 10
        await receiver.close()


async def test_packets_out_of_order_are_put_right(scene):
    """Every fourth packet comes after the two that follow it."""
    async with LossyPath() as path:
        receiver = await play(scene, path)
        path.down = Weather(behind=lambda n: 2 if n % 4 == 0 else 0)
        receiver.voiced.clear()
        scene.api.speak(scene.task, "a b c d e f g h i j", timbre_id="tone-a")
        await asyncio.wait_for(receiver.voiced.wait(), 5)
        track = received(receiver, "video").track
        begin = time.monotonic()
        stamps = [(await asyncio.wait_for(track.recv(), 5)).pts for _ in range(40)]
        assert time.monotonic() - begin < 6
        assert stamps == sorted(stamps)
        await receiver.close()


async def test_keyframe_storms_cost_two_a_second(scene):
    receiver = await play(scene)
    keyframes = []

    class Counter:
        video_limit = None
        video_codec = next(iter(scene.stream.watchers)).video_codec

        def push(self, unit):
            if unit.kind is Kind.VIDEO and unit.keyframe:
                keyframes.append(unit.time_us)

        async def close(self):
            return

    counter = Counter()
    scene.stream.watchers.add(counter)
    video = received(receiver, "video")
    for _ in range(60):
        await video._send_rtcp_pli(  # noqa: SLF001 - aiortc's
            video._RTCRtpReceiver__active_ssrc and next(iter(video._RTCRtpReceiver__active_ssrc))  # noqa: SLF001 - aiortc's
        )
        await asyncio.sleep(0.03)
    scene.stream.watchers.discard(counter)
    assert 2 <= len(keyframes) <= 6
    await receiver.close()


async def test_a_wrong_fingerprint_gets_nothing(scene):
    if scene.server.settings.rtc.transport != "port":
        pytest.skip("aiortc checks this by itself")
    receiver = Receiver()
    connection = receiver.connection
    connection.addTransceiver("audio", direction="recvonly")
    await connection.setLocalDescription(await connection.createOffer())
    sdp = connection.localDescription.sdp
    line = next(x for x in sdp.split("\r\n") if x.startswith("a=fingerprint:sha-256"))
    forged = sdp.replace(line, line[:-2] + ("00" if line[-2:] != "00" else "11"))
    headers = {"Authorization": f"Bearer {scene.token}", "Content-Type": "application/sdp"}
    async with httpx.AsyncClient() as http:
        answer = await http.post(scene.url, content=forged, headers=headers)
    assert answer.status_code == 201
    from aiortc import RTCSessionDescription

    await connection.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
    await asyncio.sleep(2)
    assert not scene.stream.watchers
    await receiver.close()


async def test_strangers_get_no_answer(scene):
    if scene.server.settings.rtc.transport != "port":
        pytest.skip("only the port transport has one port")
    receiver = await play(scene)
    (watcher,) = scene.stream.watchers
    port = scene.server.parts.transport.port
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(0.3)
    s.bind(("127.0.0.1", 0))
    request = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)
    request.attributes["USERNAME"] = f"{watcher.identity.ufrag}:peer"
    wrong = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)
    wrong.attributes["USERNAME"] = f"{watcher.identity.ufrag}:peer"
    wrong.add_message_integrity(b"not the password")
    for datagram in (
        bytes(request),
        bytes(wrong),
        b"",
        b"\0" * 20,
        os.urandom(200),
        bytes([22]) + os.urandom(100),
        bytes([128, 200]) + os.urandom(100),
        *(os.urandom(n) for n in range(1, 60)),
    ):
        s.sendto(datagram, ("127.0.0.1", port))
    with pytest.raises(TimeoutError):
        s.recvfrom(2048)
    assert watcher.address != s.getsockname()
    receiver.voiced.clear()
    scene.api.speak(scene.task, "still here", timbre_id="tone-a")
    await asyncio.wait_for(receiver.voiced.wait(), 5)
    await receiver.close()


async def test_forged_checks_end_nobody_and_send_nothing_elsewhere(scene):
    """With one's own password and another's address a packet ended that one's session, or had megabytes
    sent to a third address."""
    if scene.server.settings.rtc.transport != "port":
        pytest.skip("only the port transport has one port")
    receiver, forger = await play(scene), await play(scene)
    home, own = sorted(scene.stream.watchers, key=lambda w: w.heard)
    transport = scene.server.parts.transport

    def forged(peer):
        request = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)
        request.attributes["USERNAME"] = f"{peer.identity.ufrag}:{peer.offer.ufrag}"
        request.attributes["USE-CANDIDATE"] = None
        request.add_message_integrity(peer.identity.password.encode())
        return bytes(request)

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as victim:
        victim.bind(("127.0.0.1", 0))
        victim.settimeout(0.1)
        places = home.address, own.address
        scene.server.call(lambda: transport.on_datagram(forged(own), home.address))
        for _ in range(10):  # from the third address, as it were
            victim.sendto(forged(own), ("127.0.0.1", transport.port))
        receiver.voiced.clear()
        scene.api.speak(scene.task, "still here", timbre_id="tone-a")
        await asyncio.wait_for(receiver.voiced.wait(), 5)
        assert (home.address, own.address) == places
        assert scene.stream.watchers == {home, own}
        came = []
        with pytest.raises(TimeoutError):
            while True:
                came.append(victim.recv(2048))
        assert {d[0] for d in came} <= {0, 1}, "only STUN"
        assert sum(map(len, came)) < 3000
    await asyncio.gather(receiver.close(), forger.close())


async def test_advertised_addresses_and_ice_servers():
    rtc = {
        "advertise": ("203.0.113.7", "2001:db8::7"),
        "ice_servers": (
            "stun:stun.example.com:3478",
            {"url": "turn:turn.example.com", "username": "u", "credential": 'a"b'},
        ),
    }
    with RunningServer(providers=[], rtc=rtc) as s, s.client() as api:
        human = api.digital_humans()[0]["DigitalHumanId"]
        task = api.create(human, room_id="r", stream_id="s", size=(128, 128))
        wait_for(lambda: api.status(task)["Status"] == 3)
        receiver = Receiver()
        connection = receiver.connection
        connection.addTransceiver("audio", direction="recvonly")
        await connection.setLocalDescription(await connection.createOffer())
        headers = {
            "Authorization": f"Bearer {generate(APP_ID, 'u', SECRET, time.time())}",
            "Content-Type": "application/sdp",
        }
        async with httpx.AsyncClient() as http:
            answer = await http.post(
                f"{s.base_url}/whep/{APP_ID}/s", content=connection.localDescription.sdp, headers=headers
            )
            assert answer.headers["link"] == (
                '<stun:stun.example.com:3478>; rel="ice-server", <turn:turn.example.com>; rel="ice-server"; '
                'username="u"; credential="a\\"b"; credential-type="password"'
            )
            assert " 203.0.113.7 " in answer.text
            assert " 2001:db8::7 " in answer.text
            assert "127.0.0.1 " not in answer.text.split("a=candidate", 1)[1]
            location = s.base_url + answer.headers["location"]
            assert (await http.patch(location)).status_code == 405
            assert (await http.delete(location)).status_code == 200
            assert (await http.delete(location)).status_code == 404
        await receiver.close()
