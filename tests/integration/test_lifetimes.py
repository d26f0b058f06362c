"""TTL and MaxIdleTime on the injected clock: contract section 6.2."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from bunraku.app import build
from bunraku.client import query
from bunraku.core.settings import load
from bunraku.testing.clock import VirtualClock
from bunraku.testing.server import APP_ID, SECRET, test_apps
from bunraku.testing.voices import ToneVoices


@pytest.fixture
async def world(tmp_path):
    clock = VirtualClock()
    settings = load(None, data_dir=tmp_path, apps=test_apps(), limits={"calls_per_second": 0})
    app = build(settings, clock, [ToneVoices()])

    class World:
        pass

    w = World()
    w.clock = clock

    async def call(action, **body):
        params = query(action, APP_ID, SECRET, clock.wall())
        envelope = (await http.post("/", params=params, json=body)).json()
        assert envelope["Code"] == 0, envelope
        return envelope.get("Data")

    w.call = call
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://t") as http:
            w.human = (await call("GetDigitalHumanList"))["DigitalHumans"][0]["DigitalHumanId"]
            yield w
            stop = asyncio.create_task(pump(clock))
        await asyncio.sleep(0)
    stop.cancel()


async def pump(clock):
    while True:
        await clock.advance(0.1)
        await asyncio.sleep(0.01)


async def create(w, **life):
    place = {"RoomId": "r", "StreamId": f"s{len(life)}{sum(life.values())}"}
    body = {
        "DigitalHumanConfig": {"DigitalHumanId": w.human},
        "RTCConfig": place,
        "VideoConfig": {"Width": 128, "Height": 128},
    }
    task = (await w.call("CreateDigitalHumanStreamTask", **body, **life))["TaskId"]
    for _ in range(1000):
        if await status(w, task) == 3:
            return task
        await asyncio.sleep(0.01)
    raise AssertionError("did not start")


async def status(w, task):
    return (await w.call("GetDigitalHumanStreamTaskStatus", TaskId=task))["Status"]


async def settle(w, task, wanted):
    for _ in range(200):
        if await status(w, task) == wanted:
            return
        await asyncio.sleep(0.01)
    assert await status(w, task) == wanted


async def go(w, seconds):
    """Advance in ticks, so that whoever is due runs in order; voices work in real time meanwhile."""
    for _ in range(round(seconds / 0.25)):
        await w.clock.advance(0.25)
        await asyncio.sleep(0.002)


async def heard(w, drive):
    """Advance until it is being said: what begins late on a busy machine ends late too."""
    for _ in range(1000):
        listed = (await w.call("GetDriveStatus", DriveId=drive["DriveId"]))["DriveList"]
        if listed[0]["Status"] == 2:
            return
        await go(w, 0.25)
    raise AssertionError("was not said")


async def test_section_6_2_ttl_ends_even_a_busy_task(world):
    task = await create(world, TTL=10)
    drive = await world.call("DriveByText", TaskId=task, Text="word " * 100, TTSConfig={"TimbreId": "tone-a"})
    await go(world, 9.5)
    assert await status(world, task) == 3
    await go(world, 1.25)
    await settle(world, task, 5)
    drives = (await world.call("GetDriveStatus", DriveId=drive["DriveId"]))["DriveList"]
    assert drives[0]["Status"] == 5


async def test_section_6_2_an_idle_task_ends_and_a_speaking_one_does_not(world):
    busy = await create(world, MaxIdleTime=31)
    text = {"Text": "word " * 150, "TTSConfig": {"TimbreId": "tone-a"}}
    await heard(world, await world.call("DriveByText", TaskId=busy, **text))
    idle = await create(world, MaxIdleTime=30)
    await go(world, 29)
    assert await status(world, idle) == 3
    await go(world, 2)
    await settle(world, idle, 5)
    await go(world, 10)
    assert await status(world, busy) == 3, "45 s of speech are not idle"
    await go(world, 30)
    assert await status(world, busy) == 3, "the idle time starts when the last drive ends"
    await go(world, 10)
    await settle(world, busy, 5)


async def test_section_6_2_a_gesture_restarts_the_idle_time(world):
    task = await create(world, MaxIdleTime=30)
    await go(world, 25)
    await world.call("DoAction", TaskId=task, Action="nod")
    await go(world, 25)
    assert await status(world, task) == 3
    await go(world, 6)
    await settle(world, task, 5)


async def test_section_6_1_ended_tasks_are_forgotten_after_their_retention(world):
    task = await create(world, TTL=10)
    await go(world, 12)
    await settle(world, task, 5)
    await world.clock.advance(3500)
    assert await status(world, task) == 5
    for _ in range(20):
        await world.clock.advance(20)
        await asyncio.sleep(0.02)
    params = query("GetDigitalHumanStreamTaskStatus", APP_ID, SECRET, world.clock.wall())
    assert params
    with pytest.raises(AssertionError, match="400000005"):
        await status(world, task)
