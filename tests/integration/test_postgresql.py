"""The same life on PostgreSQL: a real server of Debian's package, where there is one."""

from __future__ import annotations

import itertools
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Event
from urllib.parse import urlencode

import httpx
import pytest

from bunraku.client import query
from bunraku.core.errors import ApiError, SystemBusy
from bunraku.testing.server import APP_ID, SECRET, RunningServer, test_apps
from bunraku.testing.voices import ToneVoices

from ..support.databases import server as database
from ..support.services import postgresql_binaries
from ..support.waiting import drive_status, wait_for

__all__ = ["database"]  # a fixture
pytestmark = pytest.mark.skipif(postgresql_binaries() is None, reason="no PostgreSQL server here")


def test_tasks_apps_and_nonces_survive_in_postgresql(database, tmp_path, human_id):
    settings = {
        "database_url": database.url,
        "providers": [ToneVoices(word_seconds=0.2)],
        "limits": {"strict_nonce": True},
    }
    with RunningServer(data_dir=tmp_path / "one", **settings) as server, server.client() as api:
        task = api.create(human_id, room_id="r", stream_id="s", size=(256, 256))
        wait_for(lambda: api.status(task)["Status"] == 3)
        drive = api.speak(task, "one two three", timbre_id=server.parts.voices.list()[0].id)
        wait_for(lambda: api.drives(task)[0]["Status"] == 4)
        app = httpx.post(f"{server.base_url}/console/apps", json={"name": "Kept"}).json()
        api.stop(task)
        wait_for(lambda: api.status(task)["Status"] == 5)
    with RunningServer(data_dir=tmp_path / "two", **settings) as server, server.client() as api:
        assert api.status(task)["Status"] == 5
        assert [d["DriveId"] for d in api.drives(task)] == [drive]
        assert server.client(app["appId"], app["serverSecret"]).running() == []
        signed = f"{server.base_url}/?{urlencode(query('QueryDigitalHumanStreamTasks', APP_ID, SECRET))}"
        codes = [httpx.post(signed).json()["Code"] for _ in range(2)]
        assert codes == [0, 100000005]


def test_what_happens_while_the_database_is_away_is_written_when_it_is_back(
    database, tmp_path, human_id, receivers
):
    """Streams go on, calls that need it fail, nothing is half created, and nothing is forgotten."""
    receiver = receivers()
    settings = {
        "database_url": database.url,
        "providers": [ToneVoices(word_seconds=0.1)],
        "apps": test_apps(callback_url=receiver.url, callback_secret="s" * 32),
        "fetch": {"allow_private": True},
    }
    with RunningServer(data_dir=tmp_path / "one", **settings) as server, server.client() as api:
        task = api.create(human_id, room_id="r", stream_id="kept", size=(256, 256))
        wait_for(lambda: api.status(task)["Status"] == 3)
        voice = server.parts.voices.list()[0].id
        database.stop()
        try:
            for _ in range(2):  # found out, and known
                with pytest.raises(SystemBusy, match="database"):
                    api.create(human_id, room_id="r", stream_id="never", size=(256, 256))
            assert httpx.get(f"{server.base_url}/readyz").status_code == 503
            assert server.parts.rooms.stream(APP_ID, "never") is None
            drive = api.speak(task, "one", timbre_id=voice)
            wait_for(lambda: api.drives(task)[0]["Status"] == 4)
            wait_for(lambda: {2, 4} <= {b["Detail"]["Status"] for b in receiver.heard if drive in str(b)})
        finally:
            database.start()
        wait_for(lambda: httpx.get(f"{server.base_url}/readyz").status_code == 200)
        later = api.create(human_id, room_id="r", stream_id="never", size=(256, 256))
        wait_for(lambda: api.status(later)["Status"] == 3)
    ended = {body["TaskId"] for body in receiver.heard}
    assert ended == {task, later}
    with RunningServer(data_dir=tmp_path / "two", **settings) as server, server.client() as api:
        assert api.status(task)["Status"] == api.status(later)["Status"] == 5
        assert [(d["DriveId"], d["Status"]) for d in api.drives(task)] == [(drive, 4)]


def test_twice_away_beside_calls_and_watchers_leaves_nothing_half_done(
    database, tmp_path, human_id, receivers
):
    """PostgreSQL stops twice, in the midst of calls: no stream stops, each call has an answer of the contract,
    what was refused is nowhere, and every callback of what was not comes once."""
    receiver = receivers()
    settings = {
        "database_url": database.url,
        "providers": [ToneVoices(word_seconds=0.1)],
        "apps": test_apps(callback_url=receiver.url, callback_secret="s" * 32),
        "fetch": {"allow_private": True},
        "limits": {"tasks": 100},
    }
    made, refused, drives, codes = {}, set(), {}, Counter()
    over = Event()
    with RunningServer(data_dir=tmp_path / "one", **settings) as server, server.client() as api:
        voice = server.parts.voices.list()[0].id
        kept = [
            api.create(human_id, room_id=f"kept-{i}", stream_id=f"kept-{i}", size=(128, 128))
            for i in range(2)
        ]
        wait_for(lambda: all(api.status(t)["Status"] == 3 for t in kept))

        def create():
            """New tasks, and their end, over and over."""
            with server.client() as own:
                for number in itertools.count():
                    if over.is_set():
                        return
                    name = f"new-{number}"
                    begun = time.monotonic()
                    try:
                        task = own.create(human_id, room_id=name, stream_id=name, size=(128, 128))
                    except ApiError as error:
                        refused.add(name)
                        codes[error.code] += 1
                    else:
                        made[name] = task
                        with suppress(ApiError):
                            own.stop(task)
                    assert time.monotonic() - begun < 10  # contract section 2.6, and the stop
                    time.sleep(0.1)

        def speak():
            with server.client() as own:
                while not over.is_set():
                    for task in kept:
                        try:
                            drives[own.speak(task, "one", timbre_id=voice)] = task
                        except ApiError as error:
                            codes[error.code] += 1
                    time.sleep(0.3)

        with ThreadPoolExecutor(2) as callers:
            work = [callers.submit(create), callers.submit(speak)]
            try:
                for _ in range(2):
                    wait_for(lambda n=len(made): len(made) > n + 1, 30)
                    turned = len(refused)
                    database.stop()
                    try:
                        wait_for(lambda: httpx.get(f"{server.base_url}/readyz").status_code == 503, 30)
                        wait_for(lambda n=turned: len(refused) > n + 2, 30)
                        asked = len(drives)
                        wait_for(lambda n=asked: len(drives) > n + 3, 30)
                        for drive in list(drives)[asked:][:3]:  # streams speak on
                            wait_for(lambda d=drive: drive_status(api, d) == 4, 30)
                    finally:
                        database.start()
                    wait_for(lambda: httpx.get(f"{server.base_url}/readyz").status_code == 200, 30)
            finally:
                over.set()
            for job in work:
                job.result(30)
        assert set(codes) <= {SystemBusy.code}, codes
        # What was refused is not there, and what it was called is free.
        live = {t["StreamId"] for t in api.running()}
        assert not live & refused
        assert all(server.parts.rooms.stream(APP_ID, name) is None for name in refused)
        name = sorted(refused)[0]
        made["again"] = api.create(human_id, room_id=name, stream_id=name, size=(128, 128))
        wait_for(lambda: api.status(made["again"])["Status"] == 3)
        assert all(api.status(t)["Status"] == 3 for t in kept)
        for task in (*kept, made["again"]):
            api.stop(task)
        wait_for(lambda: all(api.status(t)["Status"] == 5 for t in (*kept, *made.values())), 30)
        wait_for(lambda: not server.parts.journal.waiting)
        everything = {*kept, *made.values()}

        def told(task):
            return Counter(
                e["Detail"]["Status"] for e in receiver.heard if e["TaskId"] == task and e["EventType"] == 3
            )

        wait_for(lambda: all(told(t)[5] for t in everything), 60)
        wait_for(lambda: server.parts.delivery.waiting == 0)
    for task in everything:
        counts = told(task)
        assert set(counts.values()) == {1}, (task, counts)
        assert {1, 4, 5} <= set(counts)
    assert {e["TaskId"] for e in receiver.heard} == everything
    for drive, task in drives.items():
        mine = Counter(
            e["Detail"]["Status"]
            for e in receiver.heard
            if e["TaskId"] == task and e["Detail"].get("DriveId") == drive
        )
        assert set(mine.values()) == {1}, (drive, mine)
    with RunningServer(data_dir=tmp_path / "one", **settings) as server, server.client() as api:
        assert all(api.status(t)["Status"] == 5 for t in everything)
        assert api.running() == []
