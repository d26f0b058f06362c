"""Contract section 12's switches, time-outs that end things, and the order of checks in Create."""

from __future__ import annotations

import asyncio
import json
import time

import pytest

from bunraku.core import errors
from bunraku.core.token import generate
from bunraku.testing.server import APP_ID, SECRET, RunningServer, test_apps
from bunraku.testing.voices import ToneVoices

from ..support.inside import performance
from ..support.members import Member
from ..support.sockets import connect, ended, start
from ..support.waiting import drive_status, wait_for

LONG = "a b c d e f g h i j"


def human(api):
    return api.digital_humans()[0]["DigitalHumanId"]


@pytest.mark.parametrize(("switch", "status"), [(False, 4), (True, 5)])
def test_section_6_3_how_an_interrupt_is_called_back(receivers, switch, status):
    receiver = receivers()
    settings = {
        "apps": test_apps(callback_url=receiver.url, callback_secret="s" * 32),
        "callbacks": {"interrupted_as_5": switch},
        "fetch": {"allow_private": True},
    }
    with RunningServer(providers=[ToneVoices()], **settings) as server, server.client() as api:
        task = api.create(human(api), room_id="r", stream_id="s", size=(128, 128))
        drive = api.speak(task, LONG, timbre_id="tone-a")
        wait_for(lambda: drive_status(api, drive) == 2)
        api.interrupt(task)

        def told():
            return [e["Detail"]["Status"] for e in receiver.heard if e["Detail"].get("DriveId") == drive]

        wait_for(lambda: told() == [1, 2, status])
        assert drive_status(api, drive) == 5


def test_section_13_1_the_end_of_a_drive_says_how_much_was_heard(receivers):
    receiver = receivers()
    settings = {
        "apps": test_apps(callback_url=receiver.url, callback_secret="s" * 32),
        "callbacks": {"extended": True},
    }
    with RunningServer(providers=[ToneVoices()], **settings) as server, server.client() as api:
        task = api.create(human(api), room_id="r", stream_id="s", size=(128, 128))
        cut = api.speak(task, LONG, timbre_id="tone-a")
        wait_for(lambda: drive_status(api, cut) == 2)
        whole = api.speak(task, "a", timbre_id="tone-a", interrupt=True)

        def told(drive):
            return [e["Detail"] for e in receiver.heard if e["Detail"].get("DriveId") == drive]

        wait_for(lambda: [len(told(d)) for d in (cut, whole)] == [3, 3])
        for drive, interrupted in ((cut, True), (whole, False)):
            *before, end = told(drive)
            assert all(set(detail) == {"DriveId", "Status"} for detail in before)
            (state,) = api.call("GetDriveStatus", DriveId=drive)["DriveList"]
            assert end == {
                "DriveId": drive,
                "Status": 4,
                "PlayedMs": state["PlayedMs"],
                "Interrupted": interrupted,
            }


@pytest.mark.parametrize(("switch", "status"), [(False, 1), (True, 5)])
def test_section_5_5_what_interrupt_mode_1_does_to_the_queue(switch, status):
    settings = {"tasks": {"interrupt_drops_queue": switch}}
    with RunningServer(providers=[ToneVoices()], **settings) as server, server.client() as api:
        task = api.create(human(api), room_id="r", stream_id="s", size=(128, 128))
        first = api.speak(task, LONG, timbre_id="tone-a")
        wait_for(lambda: drive_status(api, first) == 2)
        queued = api.speak(task, LONG, timbre_id="tone-a")
        new = api.speak(task, LONG, timbre_id="tone-a", interrupt=True)
        wait_for(lambda: drive_status(api, new) == 2)
        assert drive_status(api, first) == 5
        assert drive_status(api, queued) == status


def test_section_5_4_the_first_check_that_fails_is_named():
    settings = {"apps": test_apps(max_tasks=1), "limits": {"tasks": 1}}
    with RunningServer(providers=[], **settings) as server, server.client() as api:
        known = human(api)
        api.create(known, room_id="r", stream_id="taken", size=(128, 128))
        for digital_human, stream_id, size, expected in (
            ("nobody", "taken!", (128, 128), errors.InvalidParams),
            ("nobody", "taken", (128, 128), errors.DigitalHumanNotFound),
            (known, "taken", (128, 128), errors.StreamIdExists),
            (known, "free", (128, 128), errors.StreamConcurrencyLimit),
        ):
            with pytest.raises(expected):
                api.create(digital_human, room_id="r", stream_id=stream_id, size=size)
        assert len(api.running()) == 1
    with (
        RunningServer(providers=[], apps=test_apps(max_tasks=2), limits={"tasks": 1}) as server,
        server.client() as api,
    ):
        api.create(human(api), room_id="r", stream_id="one", size=(128, 128))
        with pytest.raises(errors.NoResources):
            api.create(human(api), room_id="r", stream_id="two", size=(128, 128))


def test_section_6_1_a_start_that_takes_too_long_fails_and_says_so(monkeypatch):
    with (
        RunningServer(providers=[ToneVoices()], tasks={"init_timeout": 0.3, "grace_wait": 5}) as server,
        server.client() as api,
    ):

        async def never(*_):
            await asyncio.sleep(60)

        monkeypatch.setattr(server.parts.stage, "make", never)
        task = api.create(human(api), room_id="r", stream_id="s", size=(128, 128))
        with pytest.raises(errors.StreamNotStarted):  # it waits, and hears that it failed
            api.speak(task, "one", timbre_id="tone-a")
        assert api.status(task)["Status"] == 2
        assert "timed out" in api.status(task)["FailReason"]
        monkeypatch.undo()
        again = api.create(human(api), room_id="r", stream_id="s", size=(128, 128))
        wait_for(lambda: api.status(again)["Status"] == 3)


def test_section_6_4_a_drive_waits_no_longer_than_the_grace(monkeypatch):
    with (
        RunningServer(providers=[ToneVoices()], tasks={"grace_wait": 0.3}) as server,
        server.client() as api,
    ):

        async def never(*_):
            await asyncio.sleep(60)

        monkeypatch.setattr(server.parts.stage, "make", never)
        task = api.create(human(api), room_id="r", stream_id="s", size=(128, 128))
        with pytest.raises(errors.StreamNotStarted):
            api.speak(task, "one", timbre_id="tone-a")
        assert api.status(task)["Status"] == 1
        api.stop(task)
        wait_for(lambda: api.status(task)["Status"] == 5)


def test_section_6_1_a_stop_that_hangs_ends_all_the_same(monkeypatch):
    with RunningServer(providers=[], tasks={"stop_timeout": 0.3}) as server, server.client() as api:
        task = api.create(human(api), room_id="r", stream_id="s", size=(128, 128))
        wait_for(lambda: api.status(task)["Status"] == 3)
        played = performance(server, task)

        async def hang():
            await asyncio.sleep(60)

        monkeypatch.setattr(played, "stop", hang)
        api.stop(task)
        wait_for(lambda: api.status(task)["Status"] == 5, 3)
        assert server.parts.manager.all() == []


@pytest.mark.embedded("a time-out is shortened in this process")
async def test_7_5_a_start_without_audio_ends_in_time(stage, monkeypatch):
    from bunraku.node.tasks import drive_socket

    monkeypatch.setattr(drive_socket, "FIRST_AUDIO_TIMEOUT", 0.3)
    data = stage.open()
    async with connect(data["WssAddress"]) as ws:
        await ws.send(start(data["DriveId"]))
        await ended(stage, data["DriveId"])


async def test_section_9_a_drive_that_fails_while_it_speaks_has_an_audible_end(server, api, create):
    task = create(room_id="fails", stream_id="fails-1")
    async with Member(server, "fails", "a") as member:
        drive = api.speak(task, "one two FAIL", timbre_id="tone-a")
        await member.until(lambda: len(member.messages(1001)) == 2)
        assert [m["Data"]["Status"] for m in member.messages(1001)] == [2, 4]
        await member.until(lambda: drive_status(api, drive) == 3)


async def test_section_11_4_expiry_is_announced_and_renewed(server):
    soon = generate(APP_ID, "u", SECRET, time.time(), 31)
    async with Member(server, "expiry", "u", token=soon) as member:
        await member.socket.send(json.dumps({"type": "renew", "token": "04bad"}))
        await member.until(lambda: member.events("error"))
        assert member.events("error")[0]["code"] == 1102016
        await member.until(lambda: member.events("expiring"))
        fresh = generate(APP_ID, "u", SECRET, time.time(), 31)
        await member.socket.send(json.dumps({"type": "renew", "token": fresh}))
        await member.until(lambda: len(member.events("expiring")) == 2)
