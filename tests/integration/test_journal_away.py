"""Calls while another process holds the database: SQLite's write lock is held for real."""

from __future__ import annotations

import sqlite3
import time
from contextlib import contextmanager

import pytest

from bunraku.core.errors import SystemBusy
from bunraku.testing.server import APP_ID, RunningServer, test_apps
from bunraku.testing.voices import ToneVoices

from ..support.stage import Listener
from ..support.waiting import wait_for


@contextmanager
def locked(server):
    """Nobody else can write to the server's database."""
    other = sqlite3.connect(server.settings.data_dir / "bunraku.db")
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.rollback()
        other.close()


def test_section_5_4_a_task_that_cannot_be_remembered_never_was(tmp_path, receivers):
    receiver = receivers()
    apps = test_apps(callback_url=receiver.url, callback_secret="s" * 32)
    with (
        RunningServer(
            data_dir=tmp_path, providers=[ToneVoices()], apps=apps, fetch={"allow_private": True}
        ) as server,
        server.client() as api,
    ):
        human = api.digital_humans()[0]["DigitalHumanId"]
        told = []
        server.call(lambda: server.parts.rooms.room(APP_ID, "r").join(Listener(told)))
        with locked(server):
            begin = time.monotonic()
            with pytest.raises(SystemBusy):
                api.create(human, room_id="r", stream_id="s", size=(128, 128))
            assert time.monotonic() - begin < 5  # section 2.6
            assert api.running() == []
            assert server.parts.rooms.stream(APP_ID, "s") is None
        wait_for(lambda: not server.parts.journal.away and not server.parts.journal.waiting)
        assert told == []
        assert receiver.heard == []
        task = api.create(human, room_id="r", stream_id="s", size=(128, 128))
        wait_for(lambda: api.status(task)["Status"] == 3)
        assert told == [("stream", "ADD")]
    assert {event["TaskId"] for event in receiver.heard} == {task}


def test_errors_of_the_database_hold_no_secret(tmp_path, caplog):
    """Decision D11: the rows of apps hold secrets, and errors are logged."""
    import httpx

    with RunningServer(data_dir=tmp_path, providers=[]) as server, locked(server):
        answer = httpx.post(f"{server.base_url}/console/apps", json={"name": "Kept"}, timeout=20)
        assert answer.status_code >= 500
    texts = [r.getMessage() + (r.exc_text or "") + str(r.exc_info) for r in caplog.records]
    failure = next(t for t in texts if "INSERT INTO apps" in t)
    assert "hidden" in failure


def test_section_6_1_after_retention_a_task_is_not_found():
    with RunningServer(providers=[], tasks={"retention": 0.5}) as server, server.client() as api:
        human = api.digital_humans()[0]["DigitalHumanId"]
        task = api.create(human, room_id="r", stream_id="s", size=(128, 128))
        api.stop(task)
        wait_for(lambda: server.parts.manager.all() == [])
        from bunraku.core.errors import TaskNotFound

        time.sleep(0.7)  # the retention itself
        with pytest.raises(TaskNotFound):
            api.status(task)
