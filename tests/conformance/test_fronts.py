"""What must hold whichever front is asked: calls to all of them at once, and one after the other."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
import websockets
from click.testing import CliRunner

from bunraku.cli import main
from bunraku.client import Client, query
from bunraku.core import errors
from bunraku.core.clock import SystemClock
from bunraku.core.token import generate
from bunraku.store.database import Database
from bunraku.store.directory import Directory
from bunraku.store.erasure import Erasure
from bunraku.testing.server import APP_ID, OTHER_APP_ID, OTHER_SECRET, SECRET

from ..support.cluster import BROKEN, FEW, FEW_APP_ID, FEW_SECRET, RunningCluster
from ..support.ear import WHISPER, OuterEar, watchers
from ..support.members import Member
from ..support.piper import tiny_voice
from ..support.waiting import drive_status, wait_for


@pytest.fixture
def fronts(cluster: RunningCluster):
    """A client of each front."""
    clients = [Client(f.base_url, APP_ID, SECRET) for f in cluster.fronts[:2]]
    yield clients
    for client in clients:
        for task in client.running():
            client.stop(task["TaskId"])
        client.close()


@pytest.fixture
def human(fronts):
    return fronts[0].digital_humans()[0]["DigitalHumanId"]


def at_once(calls: list[Callable[[], Any]]) -> list[Any]:
    """What each returned, or which ``ApiError`` it raised; all begin at the same moment."""
    gate, out = threading.Barrier(len(calls)), [None] * len(calls)

    def run(i: int) -> None:
        gate.wait(20)
        try:
            out[i] = calls[i]()
        except errors.ApiError as error:
            out[i] = type(error)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(len(calls))]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
    return out


def test_each_front_passes_the_check(cluster):
    """Both at once, each for an app of its own."""
    apps = ((FEW_APP_ID, FEW_SECRET), (OTHER_APP_ID, OTHER_SECRET))
    checks = [
        subprocess.Popen(
            [sys.executable, "-m", "bunraku", "check", "--base-url", front.base_url, "--app-id", str(app_id)],
            env=os.environ | {"BUNRAKU_SERVER_SECRET": secret},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for front, (app_id, secret) in zip(cluster.fronts, apps, strict=False)
    ]
    assert len(checks) == 2
    for check in checks:
        said, _ = check.communicate(timeout=90)
        assert check.returncode == 0, said
        assert said.count("ok  ") >= 13


@pytest.mark.parametrize("rooms", [1, 40])
def test_section_5_4_of_many_who_want_a_stream_id_one_gets_it(fronts, human, rooms):
    """In one room, and in rooms that would be placed on any node."""

    def create(i: int) -> str:
        room = f"crowd-{i % rooms}"
        return fronts[i % 2].create(human, room_id=room, stream_id="crowd", size=(128, 128))

    found = at_once([lambda i=i: create(i) for i in range(40)])
    won = [x for x in found if isinstance(x, str)]
    assert len(won) == 1, Counter(map(str, found))
    assert Counter(x for x in found if x not in won) == {errors.StreamIdExists: 39}
    assert [t["TaskId"] for t in fronts[1].running()] == won


def test_section_4_1_the_limit_of_an_app_holds_over_all_nodes(cluster, human):
    clients = [Client(f.base_url, FEW_APP_ID, FEW_SECRET) for f in cluster.fronts[:2]]

    def create(i: int) -> str:
        return clients[i % 2].create(human, room_id=f"few-{i}", stream_id=f"few-{i}", size=(128, 128))

    try:
        found = at_once([lambda i=i: create(i) for i in range(20)])
        won = [x for x in found if isinstance(x, str)]
        assert len(won) == FEW, Counter(map(str, found))
        assert Counter(x for x in found if x not in won) == {errors.StreamConcurrencyLimit: 20 - FEW}
        assert sorted(t["TaskId"] for t in clients[1].running()) == sorted(won)
    finally:
        for task in clients[0].running():
            clients[0].stop(task["TaskId"])
        for client in clients:
            client.close()


def test_section_5_11_of_two_stops_one_succeeds(fronts, human):
    for i in range(8):
        task = fronts[0].create(human, room_id=f"stops-{i}", stream_id=f"stops-{i}", size=(128, 128))
        found = at_once([lambda f=f, t=task: f.stop(t) for f in fronts])
        assert Counter(found) == {None: 1, errors.StreamAlreadyStopped: 1}


def test_section_5_13_what_one_front_answered_every_front_knows(fronts, human):
    a, b = fronts
    for i in range(8):
        a, b = b, a
        task = a.create(human, room_id=f"known-{i}", stream_id=f"known-{i}", size=(128, 128))
        assert task in [t["TaskId"] for t in b.running()]
        drives = [a.speak(task, "a b c d e f g h", timbre_id="tone-a") for _ in range(2)]
        assert [d["DriveId"] for d in b.drives(task)] == drives
        assert b.status(task)["Status"] == 3
        b.interrupt(task)
        assert [d["Status"] for d in a.drives(task)] == [5, 5]
        a.stop(task)
        assert task not in [t["TaskId"] for t in b.running()]
        assert b.status(task)["Status"] in (4, 5)
        with pytest.raises(errors.StreamAlreadyStopped):
            b.speak(task, "x", timbre_id="tone-a")


def test_the_first_check_that_fails_is_named_of_an_ended_task_too(fronts, human):
    """As in one process (test_section_5_5_unknown_timbre and its neighbours)."""
    task = fronts[0].create(human, room_id="order", stream_id="order", size=(128, 128))
    fronts[0].stop(task)
    wait_for(lambda: fronts[1].status(task)["Status"] == 5)
    for front in fronts:
        with pytest.raises(errors.TimbreNotFound):
            front.speak(task, "x", timbre_id="nobody")
        with pytest.raises(errors.InvalidParams):  # the task's own stream
            own = {"RoomId": "order", "StreamId": "order"}
            front.call("DriveByRTCStream", TaskId=task, RTCConfig=own)
        with pytest.raises(errors.StreamAlreadyStopped):
            front.gesture(task, "moonwalk")


def test_section_6_4_a_failed_start_has_its_codes(fronts):
    task = fronts[0].create(BROKEN, room_id="fails", stream_id="fails", size=(128, 128))
    wait_for(lambda: fronts[1].status(task)["Status"] == 2)
    for front in fronts:
        assert front.status(task)["FailReason"]
        with pytest.raises(errors.StreamNotStarted):
            front.speak(task, "x", timbre_id="tone-a")
        with pytest.raises(errors.StreamNotStarted):
            front.interrupt(task)
        with pytest.raises(errors.StreamAlreadyStopped):
            front.stop(task)
    again = fronts[1].create(BROKEN, room_id="other", stream_id="fails", size=(128, 128))
    assert again != task
    wait_for(lambda: fronts[0].status(again)["Status"] == 2)


def test_section_5_8_a_digital_human_repeats_one_of_another_node(cluster, fronts, human):
    def home(stream_id: str) -> str:
        async def ask() -> tuple[str, str] | None:
            database = Database(cluster.postgresql.url)
            try:
                return await Directory(database, SystemClock(), 3600.0).place_of_stream(APP_ID, stream_id)
            finally:
                await database.close()

        place = asyncio.run(ask())
        assert place is not None
        return place[0]

    def born(name: str) -> str:
        return fronts[0].create(human, room_id=name, stream_id=name, size=(128, 128))

    speaker, echo, name = born("stage"), "", ""
    for i in range(12):  # the first of them, unless other tests left one node much fuller
        name = f"hall-{i}"
        echo = born(name)
        if home(name) != home("stage"):
            break
        fronts[0].stop(echo)
    else:
        pytest.fail("all rooms are on one node")
    wait_for(lambda: [fronts[1].status(t)["Status"] for t in (speaker, echo)] == [3, 3])
    ear = OuterEar(cluster.fronts[1], name)
    source = {"RoomId": "stage", "StreamId": "stage"}
    drive = fronts[0].call("DriveByRTCStream", TaskId=echo, RTCConfig=source)["DriveId"]
    wait_for(lambda: drive_status(fronts[1], drive) == 2)
    assert ear.voiced == 0
    fronts[1].speak(speaker, "one two three", timbre_id="tone-a")
    wait_for(lambda: ear.voiced > 0.7)
    fronts[1].stop(speaker)
    wait_for(lambda: drive_status(fronts[0], drive) == 4)
    assert fronts[0].status(echo)["Status"] == 3
    ear.leave()


def test_section_5_2_a_picture_that_cannot_be_made_is_not_found(cluster):
    for front in cluster.fronts[:2]:
        url = f"{front.base_url}/assets/{BROKEN}/avatar.png"
        assert httpx.get(url, trust_env=False, timeout=60).status_code == 404


async def test_a_drive_socket_works_through_the_other_front_and_once_only(cluster, fronts, human):
    task = fronts[0].create(human, room_id="pcm", stream_id="pcm", size=(128, 128))
    wait_for(lambda: fronts[0].status(task)["Status"] == 3)
    data = fronts[0].call("DriveByWsStream", TaskId=task)
    own, other = (str(f.port) for f in cluster.fronts[:2])
    ear = await asyncio.to_thread(OuterEar, cluster, "pcm")
    try:
        async with websockets.connect(data["WssAddress"].replace(own, other), proxy=None) as ws:
            # 100 small frames, each a tone of its own loudness: their order can be heard.
            await ws.send(json.dumps({"Action": "Start", "Payload": {"SampleRate": 16000, "Channel": 1}}))
            for i in range(100):
                await ws.send(_tone(0.03, 800 + 160 * i))
            await ws.send(json.dumps({"Action": "Stop", "Payload": {}}))
            await asyncio.to_thread(wait_for, lambda: drive_status(fronts[1], data["DriveId"]) == 4)
            fronts[1].stop(task)
            with pytest.raises(websockets.ConnectionClosed) as closed:
                async with asyncio.timeout(5):
                    await ws.recv()
        assert closed.value.rcvd.code in (1000, 1001)
        heard = [level for _, level in ear.levels if level > WHISPER]
        assert abs(len(heard) * 0.02 - 3.0) < 0.15
        smooth = [sum(heard[i : i + 10]) for i in range(0, len(heard) - 10, 10)]
        assert smooth == sorted(smooth)
    finally:
        await asyncio.to_thread(ear.leave)
    with pytest.raises(websockets.InvalidStatus) as refused:
        async with websockets.connect(data["WssAddress"], proxy=None):
            pass
    assert refused.value.response.status_code == 401


def _tone(seconds: float, level: int) -> bytes:
    import numpy as np

    wave = np.sin(np.arange(int(seconds * 16000)) * 2 * np.pi * 500 / 16000) * level
    return wave.astype("<i2").tobytes()


async def test_section_11_5_a_second_login_through_another_front_kicks_the_first(cluster):
    a, b = cluster.fronts[:2]
    async with (
        Member(a, "doors", "other") as other,
        Member(a, "doors", "same") as first,
        Member(b, "doors", "same") as second,
    ):
        assert second.heard[0]["count"] == 2
        await first.until(lambda: first.events("kickout"))
        assert first.events("kickout")[0]["code"] == 1002050
        await other.until(lambda: len(other.events("users")) >= 3)
        assert [e["update"] for e in other.events("users")][:3] == ["ADD", "DELETE", "ADD"]


async def test_section_9_members_behind_different_fronts_hear_the_same_in_the_same_order(
    cluster, fronts, human
):
    task = fronts[0].create(human, room_id="same", stream_id="same", size=(128, 128))
    a, b = cluster.fronts[:2]
    async with Member(a, "same", "a") as one, Member(b, "same", "b") as two:
        for i in range(6):
            fronts[i % 2].speak(task, f"word-{i} x", timbre_id="tone-a")
        for member in (one, two):
            await member.until(lambda m=member: len(m.messages(1001)) == 12)

        def told(member):
            return [json.loads(e["content"]) for e in member.events("message")]

        assert told(one) == told(two)


async def test_a_watcher_enters_by_one_front_and_leaves_by_the_other(cluster, fronts, human):
    task = fronts[0].create(human, room_id="seat", stream_id="seat", size=(128, 128))
    wait_for(lambda: fronts[0].status(task)["Status"] == 3)
    ear = await asyncio.to_thread(OuterEar, cluster.fronts[0], "seat")
    assert watchers(cluster.fronts[1], task) == 1
    own, other = (f.base_url for f in cluster.fronts[:2])
    session = httpx.URL(own).join(ear.session)
    elsewhere = str(session).replace(own, other)
    assert httpx.delete(elsewhere, trust_env=False).status_code == 200
    assert watchers(cluster.fronts[0], task) == 0
    await asyncio.to_thread(ear.leave)


async def test_section_10_3_a_token_renewed_at_one_front_counts_at_the_other(cluster, fronts, human):
    task = fronts[0].create(human, room_id="fresh", stream_id="fresh", size=(128, 128))
    await asyncio.to_thread(wait_for, lambda: fronts[0].status(task)["Status"] == 3)
    short = [generate(APP_ID, "u", SECRET, time.time() - 7200, 7202 + i) for i in range(2)]
    a, b = cluster.fronts[:2]

    def status(token):
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/sdp"}
        url = f"{b.base_url}/whep/{APP_ID}/fresh"
        return httpx.post(url, content="v=0", headers=headers, trust_env=False).status_code

    async with Member(a, "fresh", "u", token=short[0]) as member:
        await member.socket.send(json.dumps({"type": "renew", "token": short[1]}))
        await asyncio.sleep(3.2)  # both are past their end now: only being in the room counts
        assert (status(short[0]), status(short[1])) == (401, 400)


def test_sections_3_4_and_3_7_nonces_and_calls_are_counted_over_all_fronts(cluster):
    limits = {"calls_per_second": 10, "strict_nonce": True}
    strict = [cluster.add_front(wait=False, limits=limits) for _ in range(2)]
    try:
        for front in strict:
            wait_for(lambda f=front: f.ready, 60)
        action = "QueryDigitalHumanStreamTasks"

        def code(i: int, signed: dict[str, str] | None = None) -> int:
            asked = signed or query(action, APP_ID, SECRET)
            return httpx.post(strict[i % 2].base_url, params=asked, json={}, trust_env=False).json()["Code"]

        replayed = query(action, APP_ID, SECRET)
        assert [code(0, replayed), code(1, replayed)] == [0, 100000005]
        for _ in range(8):
            time.sleep(1.1)  # a window of its own
            begin = time.monotonic()
            with ThreadPoolExecutor(7) as callers:
                codes = sorted(callers.map(code, range(14)))
            if time.monotonic() - begin < 1:  # else calls of another second may be among them
                break
        else:
            raise AssertionError("fourteen calls never fitted into a second")
        assert codes == [0] * 10 + [400010009] * 4
    finally:
        for front in strict:
            front.stop()


def test_ray_of_one_machine_listens_on_loopback_only(cluster):
    import psutil

    pids = [*cluster.node_pids().values()]
    mine = psutil.Process().children(recursive=True)
    pids += [p.pid for p in mine if p.name() in ("gcs_server", "raylet")]
    assert len(pids) >= 4
    found = {
        c.laddr.ip
        for p in pids
        for c in psutil.Process(p).net_connections("tcp")
        if c.status == psutil.CONN_LISTEN
    }
    assert found
    assert found <= {"127.0.0.1", "::ffff:127.0.0.1", "::1"}


def test_who_joins_a_ray_on_loopback_need_not_know_it(cluster):
    """Its token it must have, as every process that joins a Ray."""
    environment = {k: v for k, v in os.environ.items() if k != "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"}
    done = subprocess.run(
        [sys.executable, "-m", "bunraku", "node", "drain", "nobody-1", "--join", "auto"],
        env=environment | {"RAY_ADDRESS": cluster.ray_address},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert "no node nobody-1" in done.stderr


def test_an_app_is_deleted_on_every_front_and_node(cluster):
    """Made and deleted by one front, used by the other; nothing of it is left in the database."""
    one, two = (f.base_url for f in cluster.fronts[:2])
    app = httpx.post(f"{one}/console/apps", json={"name": "Passing"}).json()
    app_id, secret = app["appId"], app["serverSecret"]
    client = Client(two, app_id, secret)

    def known() -> bool:
        try:
            return client.running() == []
        except errors.AppUnknown:
            return False

    wait_for(known)
    human = client.digital_humans()[0]["DigitalHumanId"]
    tasks = [client.create(human, room_id=f"r{i}", stream_id=f"s{i}", size=(128, 128)) for i in range(4)]
    done = httpx.post(f"{one}/console/apps/{app_id}/delete", json={"data": True}, timeout=60)
    assert done.status_code == 200, done.text
    assert done.json()["rows"]["stream_tasks"] == len(tasks)
    with pytest.raises(errors.AppUnknown):
        client.running()
    for base_url in (one, two):
        assert str(app_id) not in httpx.get(f"{base_url}/console/state").text

    async def left() -> dict[str, int]:
        database = Database(cluster.postgresql.url)
        try:
            return await Erasure(database).erase(app_id)
        finally:
            await database.close()

    assert asyncio.run(left()) == {}


def test_an_apps_own_voice_is_known_to_every_node_and_to_no_other_app(cluster, fronts, human, tmp_path):
    """Made through one front, listed by all, spoken on the node that has the task; and gone everywhere."""
    tiny_voice(tmp_path)
    asked = ["--base-url", cluster.fronts[0].base_url, "--app", str(APP_ID)]
    made = CliRunner().invoke(
        main, ["voices", "add", "house", "--human", human, "--piper", str(tmp_path), *asked]
    )
    timbre = "own-house-en_GB-tiny-low"
    assert made.output.split() == [timbre]

    def listed(client):
        return [t["TimbreId"] for t in client.call("GetTimbreList", DigitalHumanId=human)["Timbres"]]

    def told(expected):  # whichever node answers
        return all(listed(client) == expected for client in fronts for _ in range(4))

    assert wait_for(lambda: told([timbre]))
    with Client(cluster.fronts[1].base_url, FEW_APP_ID, FEW_SECRET) as other:
        assert listed(other) == []
    tasks = [
        fronts[i % 2].create(human, room_id=f"own-{i}", stream_id=f"own-{i}", size=(128, 128))
        for i in range(4)
    ]
    drives = [fronts[1].speak(task, "Hello.", timbre_id=timbre) for task in tasks]
    assert wait_for(lambda: all(drive_status(fronts[0], d) == 4 for d in drives))
    assert CliRunner().invoke(main, ["voices", "remove", "house", *asked]).exit_code == 0
    assert wait_for(lambda: told([]))
    with pytest.raises(errors.TimbreNotFound):
        fronts[0].speak(tasks[0], "Hello.", timbre_id=timbre)


def test_an_output_is_added_watched_ended_and_fetched_through_any_front(fronts, human):
    one, other = fronts
    task = one.create(human, room_id="outputs", stream_id="outputs", size=(128, 128))
    film = {"Protocol": "file", "Name": "film"}
    added = one.call("AddStreamOutput", TaskId=task, Output=film)["OutputId"]

    def seen(front: Client) -> dict[str, Any]:
        (output,) = front.call("QueryStreamOutputs", TaskId=task)["Outputs"]
        return output

    with pytest.raises(errors.StreamIdExists):
        other.call("AddStreamOutput", TaskId=task, Output=film)
    wait_for(lambda: seen(other)["Status"] == "ACTIVE", 20)
    wait_for(lambda: seen(other)["Bytes"] > 5000, 20)
    other.call("RemoveStreamOutput", TaskId=task, OutputId=added)
    wait_for(lambda: seen(one)["Status"] == "COMPLETE", 20)
    for front in fronts:
        (file,) = seen(front)["Files"]
        answer = httpx.get(file["Url"])
        assert (answer.status_code, len(answer.content)) == (200, file["Bytes"])
        assert file["Url"].startswith(str(front.http.base_url).rstrip("/")), "of the front that was asked"
    one.stop(task)
    wait_for(lambda: other.status(task)["Status"] == 5)
    assert seen(other)["Status"] == "COMPLETE"
