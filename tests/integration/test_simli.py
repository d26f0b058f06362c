"""Simli's session protocol as its clients speak it (docs/agents.md), without media."""

from __future__ import annotations

import asyncio
import json
import time

import httpx
import numpy as np
import pytest
import websockets
from aiortc import RTCConfiguration, RTCPeerConnection
from websockets.exceptions import ConnectionClosed, InvalidStatus

from bunraku.core.stream_task import TaskStatus
from bunraku.testing.server import APP_ID, RunningServer, test_apps

ANNA = "6f0c3a52-9b1e-4c57-8d43-1f2a7be05c11"
KEY = "a-key-of-sixteen-and-more"
SETTINGS = {"compat": {"simli": {"keys": [{"key": KEY, "app_id": APP_ID}]}}}
PCM = (np.sin(np.arange(16000) / 10) * 9000).astype("<i2").tobytes()  # a second


@pytest.fixture(scope="module")
def server():
    with RunningServer(**SETTINGS, aliases={"their-face": ANNA}) as running:
        yield running


def token(server, key=KEY, **body):
    body = {"faceId": ANNA, "handleSilence": True, "model": "fasttalk", **body}
    return httpx.post(f"{server.base_url}/compose/token", json=body, headers={"x-simli-api-key": key})


def address(server, ticket):
    return f"ws://127.0.0.1:{server.port}/compose/webrtc/p2p?enableSFU=True&session_token={ticket}"


async def offer():
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    for kind in ("audio", "video"):
        peer.addTransceiver(kind, direction="recvonly")
    await peer.setLocalDescription(await peer.createOffer())
    return peer, json.dumps({"sdp": peer.localDescription.sdp, "type": "offer"})


async def word(socket, wait=20):
    return await asyncio.wait_for(socket.recv(), wait)


async def begun(server, socket):
    """The peer; the session has started."""
    peer, sdp = await offer()
    await socket.send(sdp)
    answer = await word(socket)
    assert answer.startswith('{"sdp":"')
    assert json.loads(answer)["type"] == "answer"
    assert await word(socket) == "START"
    return peer


def tasks(server):
    return server.client().running()


async def until(condition, wait=10):
    deadline = time.monotonic() + wait
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("changes", "status", "detail"),
    [
        ({"key": "wrong"}, 401, "INVALID_API_KEY"),
        ({"faceId": "nobody"}, 400, "INVALID_FACE_ID"),
        ({"faceId": f"{ANNA}/furious"}, 400, "INVALID_EMOTION"),
        ({"faceId": 7}, 422, "faceId is not valid"),
        ({"maxSessionLength": 0}, 422, "maxSessionLength is not valid"),
        ({"streaming_width": 513}, 422, "streaming_width is not valid"),
    ],
)
def test_refusals(server, changes, status, detail):
    answer = token(server, **changes)
    assert answer.status_code == status
    assert answer.json() == {"detail": detail, "session_token": ""}


def test_an_alias_and_an_emotion_are_a_face(server):
    assert token(server, faceId="their-face/happy").status_code == 200


def test_ice_servers_are_the_configured_ones():
    rtc = {"ice_servers": [{"url": "turn:t.example", "username": "u", "credential": "c"}]}
    with RunningServer(**SETTINGS, rtc=rtc) as running:
        url = f"{running.base_url}/compose/ice"
        assert httpx.get(url).status_code == 401
        servers = httpx.get(url, headers={"x-simli-api-key": KEY}).json()
    assert servers == [{"urls": "turn:t.example", "username": "u", "credential": "c"}]


def test_without_keys_it_is_not_there():
    with RunningServer() as running:
        assert token(running).status_code == 404


@pytest.mark.parametrize("change", [lambda t: "", lambda t: t[:-4] + "AAAA", lambda t: f"1{t}"])
async def test_only_a_sealed_token_opens_a_session(server, change):
    ticket = token(server).json()["session_token"]
    with pytest.raises(InvalidStatus) as refused:
        await websockets.connect(address(server, change(ticket)))
    assert refused.value.response.status_code == 401


@pytest.mark.parametrize("first", ["no JSON", "{}", '{"type":"offer"}', '{"sdp":"v=0","type":"offer"}'])
async def test_an_offer_comes_first_and_is_one(server, first):
    async with websockets.connect(address(server, token(server).json()["session_token"])) as socket:
        await socket.send(first)
        assert (await word(socket)).startswith("ERROR ")
        with pytest.raises(ConnectionClosed):
            await word(socket)
    await until(lambda: tasks(server) == [])


async def test_a_session_speaks_is_cut_short_and_ends_with_its_task(server):
    async with websockets.connect(address(server, token(server).json()["session_token"])) as socket:
        peer = await begun(server, socket)
        (task,) = tasks(server)
        await socket.send("SKIP")  # nothing to cut short yet
        assert await word(socket) == "ACK"
        await socket.send(bytes(6000))
        await socket.send(PCM)
        assert await word(socket) == "SPEAK"
        assert await word(socket) == "SILENT"
        for _ in range(8):
            await socket.send(PCM)
        assert await word(socket) == "SPEAK"
        await socket.send(b"SKIP")
        assert [await word(socket), await word(socket)] == ["SILENT", "ACK"]
        await socket.send(b"PLAY_IMMEDIATE" + PCM)
        assert [await word(socket), await word(socket)] == ["SPEAK", "SILENT"]
        await socket.send(b"DONE")
        assert await word(socket) == "STOP"
        await peer.close()
    await until(lambda: tasks(server) == [])
    assert server.client().status(task["TaskId"])["Status"] == TaskStatus.STOPPED


async def test_a_client_that_breaks_off_takes_its_task_with_it(server):
    socket = await websockets.connect(address(server, token(server).json()["session_token"]))
    peer = await begun(server, socket)
    socket.transport.abort()
    await until(lambda: tasks(server) == [])
    await peer.close()


async def test_a_session_has_an_end(server):
    ticket = token(server, maxSessionLength=2).json()["session_token"]
    async with websockets.connect(address(server, ticket)) as socket:
        peer = await begun(server, socket)
        assert await word(socket) == "STOP"
        await peer.close()
    await until(lambda: tasks(server) == [])


async def test_an_app_has_no_more_sessions_than_tasks():
    (app, *_) = test_apps()
    one = app.model_copy(update={"max_tasks": 1})
    with RunningServer(**SETTINGS, apps=(one,)) as running:
        first = await websockets.connect(address(running, token(running).json()["session_token"]))
        peer = await begun(running, first)
        async with websockets.connect(address(running, token(running).json()["session_token"])) as second:
            other, sdp = await offer()
            await second.send(sdp)
            assert (await word(second)).startswith("ERROR ")
        for part in (peer, other, first):
            await part.close()
