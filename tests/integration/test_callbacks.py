"""Callbacks, contract section 8: order, signatures, retries, isolation."""

from __future__ import annotations

import asyncio
import time

import pytest

from bunraku.client import callback_is_genuine
from bunraku.core.apps import App, Apps
from bunraku.node.callbacks.couriers import Couriers
from bunraku.node.callbacks.delivery import Callback, Delivery
from bunraku.node.workers.pool import Workers
from bunraku.testing.clock import VirtualClock
from bunraku.testing.server import RunningServer, test_apps
from bunraku.testing.voices import ToneVoices

from ..support.waiting import drive_status, wait_for

SECRET = "demo_callback_secret"


def told(receiver, task):
    return [(e["EventType"], e["Detail"]["Status"]) for e in receiver.heard if e["TaskId"] == task]


def test_section_8_5_sequence_and_every_signature(receivers):
    receiver = receivers()
    apps = test_apps(callback_url=receiver.url, callback_secret=SECRET)
    with RunningServer(providers=[ToneVoices()], apps=apps) as s, s.client() as api:
        human = api.digital_humans()[0]["DigitalHumanId"]
        task = api.create(human, room_id="room-7", stream_id="s", size=(128, 128))
        first = api.speak(task, "a b c d e f g h", timbre_id="tone-a")
        wait_for(lambda: drive_status(api, first) == 2)
        queued = api.speak(task, "later", timbre_id="tone-a")
        now = api.speak(task, "now", timbre_id="tone-a", interrupt=True)
        wait_for(lambda: drive_status(api, queued) == 4)
        api.stop(task)
        wait_for(lambda: (3, 5) in told(receiver, task))
    drives = {first: "first", queued: "queued", now: "now"}
    story = [(drives.get(e["Detail"].get("DriveId"), "task"), e["Detail"]["Status"]) for e in receiver.heard]
    assert story == [
        ("task", 1), ("task", 3),
        ("first", 1), ("first", 2), ("queued", 1),
        ("now", 1), ("first", 4), ("now", 2), ("now", 4),
        ("queued", 2), ("queued", 4),
        ("task", 4), ("task", 5),
    ]  # fmt: skip
    for event in receiver.heard:
        assert callback_is_genuine(event, SECRET)
        assert not callback_is_genuine(event, "another")
        assert set(event) == {
            "AppId", "EventType", "Nonce", "Timestamp", "Signature", "EventTime", "TaskId", "Detail",
        }  # fmt: skip
        assert event["AppId"] == 12345
        assert len(event["Timestamp"]) == 13
        assert len(event["Nonce"]) == 16
        if event["EventType"] == 3:
            assert event["Detail"]["RoomId"] == "room-7"
            assert "FailReason" not in event["Detail"]
    times = [e["EventTime"] for e in receiver.heard]
    assert times == sorted(times)
    nonces = [e["Nonce"] for e in receiver.heard]
    assert len(set(nonces)) == len(nonces)


def test_section_6_3_discarded_and_failed_drives_are_told(receivers):
    receiver = receivers()
    apps = test_apps(callback_url=receiver.url)
    with RunningServer(providers=[ToneVoices()], apps=apps) as s, s.client() as api:
        human = api.digital_humans()[0]["DigitalHumanId"]
        task = api.create(human, room_id="r", stream_id="s", size=(128, 128))
        failing = api.speak(task, "FAIL", timbre_id="tone-a")
        wait_for(lambda: drive_status(api, failing) == 3)
        speaking = api.speak(task, "a b c d e f g", timbre_id="tone-a")
        queued = api.speak(task, "never heard", timbre_id="tone-a")
        wait_for(lambda: drive_status(api, speaking) == 2)
        api.interrupt(task)
        api.stop(task)
        wait_for(lambda: (3, 5) in told(receiver, task))

    def of(drive):
        return [e["Detail"]["Status"] for e in receiver.heard if e["Detail"].get("DriveId") == drive]

    assert of(failing) == [1, 3]
    assert of(speaking) == [1, 2, 4]
    assert of(queued) == [1, 4]


def test_section_8_4_a_slow_receiver_delays_no_answer_and_no_other_task(receivers):
    slow_task = []
    receiver = receivers(lambda e: None if e["TaskId"] in slow_task else 200)
    apps = test_apps(callback_url=receiver.url)
    with RunningServer(providers=[], apps=apps) as s, s.client() as api:
        human = api.digital_humans()[0]["DigitalHumanId"]
        slow = api.create(human, room_id="r", stream_id="slow", size=(128, 128))
        slow_task.append(slow)
        wait_for(lambda: api.status(slow)["Status"] == 3)
        quick = api.create(human, room_id="r", stream_id="quick", size=(128, 128))
        wait_for(lambda: (3, 3) in told(receiver, quick), 3)
        receiver.gate.set()


class Ledger:
    def __init__(self):
        self.done, self.attempts = [], []

    def callback_attempted(self, receipt, attempts, *, over):
        if over:
            self.done.append(receipt)
        else:
            self.attempts.append((receipt, attempts))


async def run(clock, delivery, seconds):
    """Advance virtual time in steps; it stands still while an attempt is on its way."""
    for _ in range(int(seconds * 4)):
        await settled(delivery)
        await clock.advance(0.25)
    await settled(delivery)


async def settled(delivery):
    for _ in range(5):  # turns of the loop until what is due has been sent
        await asyncio.sleep(0)
        while delivery.couriers.carrying:
            await asyncio.sleep(0.002)


class Counted(Couriers):
    carrying = 0

    async def post(self, *args, **options):
        self.carrying += 1
        try:
            return await super().post(*args, **options)
        finally:
            self.carrying -= 1


@pytest.fixture
async def workers():
    made = Workers()
    await made.start()
    yield made
    await made.close()


def delivery(clock, ledger, workers, url, **changes):
    apps = Apps([App(1, "s" * 32, SECRET, callback_url=url)])
    made = Delivery(apps, ledger, clock, workers, **({"timeout": 5.0, "timestamp_seconds": False} | changes))
    made.couriers = Counted(workers, 5.0)
    return made


def test_section_8_4_what_is_under_way_when_the_server_ends_is_not_sent_again(receivers, tmp_path):
    def slowly(_):
        time.sleep(0.3)
        return 200

    receiver = receivers(slowly)
    apps = test_apps(callback_url=receiver.url, callback_secret="s" * 32)
    with (
        RunningServer(data_dir=tmp_path, apps=apps, providers=[ToneVoices()]) as server,
        server.client() as api,
    ):
        human = api.digital_humans()[0]["DigitalHumanId"]
        task = api.create(human, room_id="r", stream_id="s", size=(128, 128))
        wait_for(lambda: len(receiver.heard) == 2)
        api.stop(task)
        wait_for(lambda: len(receiver.heard) == 4)  # the last one has come, and is not answered
    with RunningServer(data_dir=tmp_path, apps=apps, providers=[ToneVoices()]):
        time.sleep(1.0)  # what was left would come at once
    assert [e["Detail"]["Status"] for e in receiver.heard] == [1, 3, 4, 5]


async def test_more_than_a_line_holds_is_given_up_and_said_so(receivers, monkeypatch, workers):
    """Also when a start finds that many left over: it must not fail."""
    monkeypatch.setattr("bunraku.node.callbacks.delivery.LINE", 2)
    clock, ledger = VirtualClock(), Ledger()
    receiver = receivers()
    sender = delivery(clock, ledger, workers, receiver.url)
    for i in range(4):
        sender.send(Callback(1, "task", 3, i, {"Status": 3}, receipt=i))
    assert (ledger.done, sender.given_up) == ([2, 3], 2)
    await run(clock, sender, 1)
    assert sorted(ledger.done) == [0, 1, 2, 3]
    assert [e["EventTime"] for e in receiver.heard] == [0, 1]
    await sender.close()


@pytest.mark.parametrize("status", [500, 404, 301])
async def test_section_8_4_six_attempts_at_0_2_6_14_30_62(receivers, status, workers):
    clock, ledger, times = VirtualClock(), Ledger(), []

    def script(_):
        times.append(clock.monotonic() - 1000)
        return status

    receiver = receivers(script)
    d = delivery(clock, ledger, workers, receiver.url)
    d.send(Callback(1, "t", 3, 1700000000100, {"Status": 3}, receipt=7))
    await run(clock, d, 70)
    assert [round(t) for t in times] == [0, 2, 6, 14, 30, 62]
    assert ledger.done == [7]
    assert d.given_up == 1
    assert {e["EventTime"] for e in receiver.heard} == {1700000000100}
    assert len({e["Nonce"] for e in receiver.heard}) == 6
    assert len({e["Timestamp"] for e in receiver.heard}) == 6
    assert all(callback_is_genuine(e, SECRET) for e in receiver.heard)
    await d.close()


async def test_section_8_4_retries_hold_back_nothing_later(receivers, workers):
    receiver = receivers(lambda e: 500 if e["Detail"]["Status"] == 1 else 204)
    clock, ledger = VirtualClock(), Ledger()
    d = delivery(clock, ledger, workers, receiver.url, timestamp_seconds=True)
    for i, status in enumerate((1, 3, 4)):
        d.send(Callback(1, "t", 3, i, {"Status": status}, receipt=i))
    await run(clock, d, 1)
    assert [e["Detail"]["Status"] for e in receiver.heard] == [1, 3, 4]
    assert sorted(ledger.done) == [1, 2]
    assert all(len(e["Timestamp"]) == 10 for e in receiver.heard)
    await d.close()


async def test_section_8_4_what_was_tried_before_a_restart_goes_on_counting(receivers, workers):
    receiver = receivers(lambda _: 500)
    clock, ledger = VirtualClock(), Ledger()
    d = delivery(clock, ledger, workers, receiver.url)
    d.send(Callback(1, "t", 3, 0, {"Status": 3}, receipt=1, attempts=5))
    await run(clock, d, 40)
    assert len(receiver.heard) == 1
    assert ledger.done == [1]
    await d.close()


async def test_what_is_anothers_to_tell_is_not_tried_again(receivers, workers):
    """Neither what failed and waits for its time nor what waits its turn; what comes after it is told."""
    refused = ["former", "queued"]
    receiver = receivers(lambda e: 500 if e["TaskId"] in refused else None if e["TaskId"] == "held" else 200)
    clock, ledger = VirtualClock(), Ledger()
    d = delivery(clock, ledger, workers, receiver.url)
    d.send(Callback(1, "former", 3, 0, {"Status": 3}, receipt=1))
    await run(clock, d, 1)
    d.send(Callback(1, "held", 3, 1, {"Status": 3}, receipt=2))
    d.send(Callback(1, "held", 3, 2, {"Status": 4}, receipt=3))
    while len(receiver.heard) < 2:
        await asyncio.sleep(0.002)
    refused.clear()
    await d.abandon()
    receiver.gate.set()
    d.send(Callback(1, "held", 3, 3, {"Status": 5}, receipt=4))
    await run(clock, d, 10)
    assert [(e["TaskId"], e["EventTime"]) for e in receiver.heard] == [
        ("former", 0),
        ("held", 1),
        ("held", 3),
    ]
    assert ledger.done == [4]
    await d.close()
