"""The Python client, sync and async."""

from __future__ import annotations

import asyncio
import inspect

import httpx
import numpy as np
import pytest

from bunraku import client as module
from bunraku.client import AsyncClient, BadAnswer, Client
from bunraku.core import errors
from bunraku.front.rpc.actions import background
from bunraku.testing.server import APP_ID, SECRET

from ..support.waiting import drive_status, wait_for


async def test_pcm_streams_as_it_comes(server, api, create):
    task = create()
    wave = (np.sin(np.arange(8000) / 6) * 9000).astype("<i2").tobytes()

    async def pieces():
        for i in range(0, len(wave), 3200):
            yield wave[i : i + 3200]
            await asyncio.sleep(0.02)

    async with AsyncClient(server.base_url, APP_ID, SECRET) as api2:
        drive = await api2.stream_pcm(task, pieces(), sample_rate=16000)
    await asyncio.to_thread(wait_for, lambda: drive_status(api, drive) == 4)


def test_only_reading_calls_are_tried_again(monkeypatch):
    calls = []

    def post(url, *, params, json):
        calls.append(params["Action"])
        raise httpx.ConnectError("scripted")

    monkeypatch.setattr(module.time, "sleep", lambda _: None)
    api = Client("http://t", APP_ID, SECRET)
    monkeypatch.setattr(api.http, "post", post)
    for action in ("QueryDigitalHumanStreamTasks", "StopDigitalHumanStreamTask"):
        with pytest.raises(httpx.ConnectError):
            api.call(action, TaskId="x")
    assert calls == ["QueryDigitalHumanStreamTasks"] * 3 + ["StopDigitalHumanStreamTask"]


@pytest.mark.parametrize(
    "kind", [k for k in vars(errors).values() if isinstance(k, type) and k.__module__ == errors.__name__]
)
def test_each_code_raises_its_own_class(kind):
    answer = httpx.Response(200, json={"Code": kind.code, "Message": "words", "RequestId": "x"})
    with pytest.raises(errors.ApiError) as raised:
        module.unwrap(answer)
    assert raised.value.code == kind.code
    assert str(raised.value) == "words"
    if kind.code != errors.SystemFault.code:
        assert type(raised.value) is kind


def test_unknown_codes_and_other_answers():
    with pytest.raises(errors.ApiError) as raised:
        module.unwrap(httpx.Response(200, json={"Code": 400010008, "Message": "m"}))
    assert raised.value.code == 400010008
    with pytest.raises(BadAnswer):
        module.unwrap(httpx.Response(502, text="<html>"))


@pytest.mark.parametrize(
    ("colour", "expected"),
    [
        (None, (0, 0, 0)),
        ("#1e1e2E", (30, 30, 46)),
        ("#00000000", (0, 0, 0)),
        ("#00ffffff", (0, 0, 0)),
        ("#80ff0000", (128, 0, 0)),
        ("#FF0080FF", (0, 128, 255)),
    ],
)
def test_section_5_4_background_colours(colour, expected):
    assert background(colour) == expected


def test_section_5_4_size_bitrate_and_background_are_honoured(server, api, human_id):
    import cv2

    task = api.create(human_id, room_id="r", stream_id="look", size=(300, 200), background="#3060c0")
    wait_for(lambda: api.status(task)["Status"] == 3)
    live = server.parts.manager.get(APP_ID, task)
    picture = live.picture()
    assert (picture.width, picture.height) == (300, 200)
    corner = cv2.cvtColor(picture.buffer, cv2.COLOR_YUV2RGB_I420)[4, 4].astype(int)
    assert np.abs(corner - (0x30, 0x60, 0xC0)).max() < 6


def test_section_13_transparent_streams_are_twice_as_wide(server, api, human_id):
    task = api.call(
        "CreateDigitalHumanStreamTask",
        DigitalHumanConfig={"DigitalHumanId": human_id},
        RTCConfig={"RoomId": "r", "StreamId": "clear"},
        VideoConfig={"Width": 200, "Height": 200},
        ExtraConfig={"Transparent": True},
    )["TaskId"]
    wait_for(lambda: api.status(task)["Status"] == 3)
    assert server.parts.manager.get(APP_ID, task).picture().width == 400


def test_both_clients_offer_the_same():
    def offered(kind):
        methods = inspect.getmembers(kind, lambda m: inspect.isfunction(m) or isinstance(m, property))
        return {
            name: None if isinstance(m, property) else [*inspect.signature(m).parameters]
            for name, m in methods
            if not name.startswith("_")
        }

    extra = offered(AsyncClient)
    for name in ("stream_pcm", "perform"):  # what goes on while others do is for asyncio
        assert extra.pop(name)
    assert extra == offered(Client)


async def test_the_asyncio_client_does_all_of_it(server, human_id):
    async with AsyncClient(server.base_url, APP_ID, SECRET) as api:
        assert human_id in [h["DigitalHumanId"] for h in await api.digital_humans()]
        voice = (await api.timbres())[0]["TimbreId"]
        task = await api.create(human_id, room_id="r", stream_id="asyncio", size=(256, 256))
        while (await api.status(task))["Status"] != 3:
            await asyncio.sleep(0.01)
        drive = await api.speak(task, "Hello there.", timbre_id=voice)
        await api.gesture(task, "nod")
        assert drive in [d["DriveId"] for d in await api.drives(task)]
        assert task in [t["TaskId"] for t in await api.running()]
        await api.interrupt(task)
        await api.stop(task)
        with pytest.raises(errors.StreamAlreadyStopped):
            await api.stop(task)
