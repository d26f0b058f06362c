"""Deleting an app: what runs ends with its callbacks, and nothing of the AppId is left in any table."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing

import httpx
import pytest
from click.testing import CliRunner
from sqlalchemy import BigInteger, Boolean, Float, Integer

from bunraku.apps_cli import apps
from bunraku.core.errors import ApiError, AppUnknown
from bunraku.node.outputs import storage
from bunraku.store import erasure
from bunraku.store.erasure import NOT_OF_APPS, Erasure, condition
from bunraku.store.tables import AppRow, AuditRow, Base, DriveRow, NodeRow, TaskRow
from bunraku.testing.server import APP_ID, OTHER_APP_ID, OTHER_SECRET, RunningServer, test_apps
from bunraku.testing.voices import ToneVoices

from ..support.apps import made, post, values
from ..support.databases import database, database_urls
from ..support.members import Member
from ..support.waiting import wait_for

__all__ = ["database", "database_urls"]  # fixtures


def test_every_table_says_whose_its_rows_are():
    """A table that is added must be erased by app, or be said to hold nothing of apps."""
    unclear = {t.name for t in Base.metadata.sorted_tables if condition(t) is None}
    assert unclear == NOT_OF_APPS


def values_of(table, app_id: int, n: int) -> dict[str, object]:
    """A row that fits, of whatever columns there are."""

    def value(column):
        if column.name == "app_id" or (table is AppRow.__table__ and column.name == "id"):
            return app_id
        if column.name == "task_id" or (table is TaskRow.__table__ and column.name == "id"):
            return f"task-{app_id}-{n}"
        if column.name == "slot":
            return None
        kind = type(column.type)
        if issubclass(kind, Boolean):
            return True
        if issubclass(kind, Integer | BigInteger):
            return app_id * 100 + n
        if issubclass(kind, Float):
            return 0.0
        return {} if kind.__name__ == "JSON" else f"{app_id}-{n}"

    return {column.name: value(column) for column in table.columns}


async def test_nothing_of_an_app_is_left_in_any_table_and_all_of_another(database, monkeypatch):
    monkeypatch.setattr(erasure, "BATCH", 2)
    tables = Base.metadata.sorted_tables
    async with database.sessions.begin() as session:
        for table in tables:
            for app_id in (7, 8):
                # One app has but one row of itself.
                for n in range(1 if table is AppRow.__table__ else 5):
                    await session.execute(table.insert().values(values_of(table, app_id, n)))
    deleted = await Erasure(database).erase(7)
    assert set(deleted) == {t.name for t in tables} - NOT_OF_APPS
    async with database.sessions() as session:
        for table in tables:
            rows = [tuple(row) for row in await session.execute(table.select())]
            if table.name in NOT_OF_APPS:
                assert len(rows) == 10
                continue
            assert len(rows) == (1 if table is AppRow.__table__ else 5), table.name
            found = [value for row in rows for value in row]
            assert 7 not in found
            assert not any("task-7" in str(value) or str(value).startswith("7-") for value in found)
    assert await Erasure(database).erase(7) == {}
    assert {DriveRow.__tablename__, TaskRow.__tablename__} <= set(deleted)
    assert NodeRow.__tablename__ in NOT_OF_APPS


def everywhere(folder, needle: str) -> list[str]:
    """Tables of a SQLite file that hold this text or number in any column."""
    found = []
    with closing(sqlite3.connect(folder / "bunraku.db")) as connection:
        names = [n for (n,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        names.remove(AuditRow.__tablename__)  # what operators did, that they deleted the app among it
        for name in names:
            rows = connection.execute(f'SELECT * FROM "{name}"').fetchall()
            if any(needle in json.dumps(row, default=str) for row in rows):
                found.append(name)
    return found


async def test_an_app_with_a_running_task_ends_with_its_callbacks(tmp_path, human_id, receivers):
    receiver = receivers()
    settings = {"fetch": {"allow_private": True}, "limits": {"strict_nonce": True}}
    with RunningServer(data_dir=tmp_path, providers=[ToneVoices(word_seconds=5.0)], **settings) as server:
        app_id, secret, _ = made(server, "Night desk")
        post(server, f"/{app_id}", **values(name="Night desk", callbackUrl=receiver.url))
        client, other = server.client(app_id, secret), server.client(OTHER_APP_ID, OTHER_SECRET)
        kept = other.create(human_id, room_id="r", stream_id="kept", size=(256, 256))
        over = client.create(human_id, room_id="r", stream_id="over", size=(256, 256))
        client.stop(over)
        task = client.create(human_id, room_id="r", stream_id="s", size=(256, 256))
        wait_for(lambda: client.status(task)["Status"] == 3)
        drive = client.speak(task, "one two", timbre_id="tone-a")
        wait_for(lambda: client.drives(task)[0]["Status"] == 2)
        async with Member(server, "r", "viewer", app_id, secret) as viewer:
            assert viewer.events("login")
            assert len(everywhere(tmp_path, str(app_id))) >= 4
            asked = {"data": True, "wait": 10}
            answer = await asyncio.to_thread(lambda: post(server, f"/{app_id}/delete", **asked))
            await viewer.until(lambda: viewer.events("kickout"))
        assert answer.status_code == 200, answer.text
        assert answer.json()["undelivered"] == 0
        assert {"stream_tasks", "drives", "nonces"} <= set(answer.json()["rows"])

        heard = [(b["Detail"]["Status"], b["EventType"]) for b in receiver.heard if b["TaskId"] == task]
        assert heard == [(1, 3), (3, 3), (1, 4), (2, 4), (3, 4), (4, 3), (5, 3)] or heard[-2:] == [
            (4, 3),
            (5, 3),
        ]
        assert any(drive in str(b) for b in receiver.heard)
        with pytest.raises(ApiError) as failed:
            client.running()
        assert failed.value.code == AppUnknown.code
        assert server.parts.ended.find(app_id, over) is None
        assert app_id not in [o.app_id for o in server.parts.delivery.outcomes]
        assert str(app_id) not in httpx.get(f"{server.base_url}/console/state").text
        assert other.status(kept)["Status"] == 3
        for needle in (str(app_id), task, over, drive, secret, "Night desk"):
            assert everywhere(tmp_path, needle) == [], needle
    # Nothing that was still under way wrote a row anew.
    assert everywhere(tmp_path, str(app_id)) == everywhere(tmp_path, task) == []


def test_what_cannot_be_deleted_says_why(tmp_path, human_id):
    """An app of the file: callers would bring it back. One that is only in the database: its data goes."""
    with RunningServer(data_dir=tmp_path, providers=[]) as server:
        assert post(server, f"/{APP_ID}/delete").status_code == 409
        refused = post(server, f"/{APP_ID}/delete", data=True)
        assert (refused.status_code, "enabled = false" in refused.json()["error"]) == (409, True)
        assert post(server, "/4/delete").status_code == 404
        assert post(server, "/4/delete", data=True).json()["rows"] == {}
        assert post(server, "/4/delete", data="yes").status_code == 422
        assert post(server, "/4/delete", wait=1e9).status_code == 422
        with server.client() as client:
            task = client.create(human_id, room_id="r", stream_id="s", size=(256, 256))
    (_, other) = test_apps()
    for apps_now in ((other,), test_apps(enabled=False)):
        with RunningServer(data_dir=tmp_path, providers=[], apps=apps_now) as server:
            rows = post(server, f"/{APP_ID}/delete", data=True).json()["rows"]
            assert rows == ({"stream_tasks": 1} if apps_now == (other,) else {})
    assert everywhere(tmp_path, task) == []


def recorded(client, human_id: str) -> str:
    """An ended task that left a recording and a playlist."""
    task = client.create(human_id, room_id="r", stream_id="s", size=(256, 256))
    for protocol in ("file", "hls"):
        client.call("AddStreamOutput", TaskId=task, Output={"Protocol": protocol, "Name": protocol})

    def outputs() -> list[dict]:
        return client.call("QueryStreamOutputs", TaskId=task)["Outputs"]

    wait_for(lambda: all(o["Status"] == "ACTIVE" and o["Bytes"] for o in outputs()), 30)
    client.stop(task)
    wait_for(lambda: all(o["Status"] == "COMPLETE" for o in outputs()), 30)
    return outputs()[0]["Files"][0]["Url"]


def test_files_of_outputs_go_with_their_app_and_no_other_s(tmp_path, human_id):
    with RunningServer(data_dir=tmp_path, providers=[]) as server:
        app_id, secret, _ = made(server)
        with server.client(app_id, secret) as mine, server.client() as other:
            film, kept = recorded(mine, human_id), recorded(other, human_id)
        assert httpx.get(film).status_code == httpx.get(kept).status_code == 200
        folders = {tmp_path / "outputs" / str(a): a for a in (app_id, APP_ID)}
        before = {a: [p for p in f.rglob("*") if p.is_file()] for f, a in folders.items()}
        for files in before.values():
            assert {".mp4", ".m3u8", ".m4s"} <= {p.suffix for p in files}
        answer = post(server, f"/{app_id}/delete", data=True).json()
        assert (answer["files"], answer["filesLeft"]) == (len(before[app_id]), "")
        assert [p.name for p in (tmp_path / "outputs").iterdir()] == [str(APP_ID)]
        assert all(path.exists() for path in before[APP_ID])
        assert (httpx.get(film).status_code, httpx.get(kept).status_code) == (404, 200)


def test_files_that_cannot_be_deleted_now_are_told_of_and_go_when_asked_again(tmp_path, monkeypatch):
    """The folder is here, the storage away; nothing else is held up by that."""
    monkeypatch.setattr(storage, "ERASING", 2.0)
    monkeypatch.setattr(storage, "PAUSE", 0.1)
    s3 = {"s3_url": "s3://films/all", "s3_endpoint": "http://127.0.0.1:9", "s3_region": "us-east-1"}
    s3 |= {"s3_access_key": "key", "s3_secret_key": "secret"}

    def delete(server, app_id):
        options = ["--yes", "--base-url", server.base_url]
        return CliRunner().invoke(apps, ["delete", str(app_id), "--data", *options])

    with RunningServer(data_dir=tmp_path, providers=[], outputs=s3) as server:
        app_id, _, _ = made(server)
        film = tmp_path / "outputs" / str(app_id) / "task" / "take" / "a.mp4"
        film.parent.mkdir(parents=True)
        film.write_bytes(b"film")
        told = delete(server, app_id)
        assert (told.exit_code, "run this again" in told.output) == (1, True), told.output
        assert "the storage is away or slow" in told.output
        assert "1  files" in told.output
        assert not film.exists()
        assert everywhere(tmp_path, str(app_id)) == []
    with RunningServer(data_dir=tmp_path, providers=[]) as server:
        again = delete(server, app_id)
        assert again.exit_code == 0, again.output


def test_a_receiver_that_is_away_is_waited_for_as_long_as_asked(human_id):
    with RunningServer(providers=[], fetch={"allow_private": True}) as server:
        app_id, secret, _ = made(server)
        post(server, f"/{app_id}", **values(callbackUrl="http://127.0.0.1:9/"))
        client = server.client(app_id, secret)
        client.create(human_id, room_id="r", stream_id="s", size=(256, 256))
        answer = post(server, f"/{app_id}/delete", data=True, wait=0.5).json()
        assert answer["undelivered"] >= 1
        assert answer["rows"]["callbacks"] == answer["undelivered"]


def test_by_command(tmp_path):
    password = "long enough to keep"
    with RunningServer(data_dir=tmp_path, providers=[], console={"password": password}) as server:
        options = ["--base-url", server.base_url]
        run = CliRunner().invoke

        def login(client):
            assert client.post("/console/login", json={"password": password}).status_code == 200

        with httpx.Client(base_url=server.base_url) as client:
            login(client)
            app_id = client.post("/console/apps", json={"name": "Desk"}).json()["appId"]
        refused = run(apps, ["list", *options])
        assert (refused.exit_code, "login required" in refused.output) == (1, True)
        given = {"BUNRAKU_CONSOLE__PASSWORD": password}
        listed = run(apps, ["list", *options], env=given).output
        assert f"{app_id}  Desk" in listed
        assert f"{APP_ID}  App {APP_ID}  in the file" in listed
        kept = run(apps, ["delete", str(app_id), "--data", *options], env=given, input="n\n")
        assert kept.exit_code == 1
        done = run(apps, ["delete", str(app_id), "--data", "--yes", *options], env=given)
        assert done.exit_code == 0, done.output
        assert f"app {app_id} is gone" in done.output
        assert str(app_id) not in run(apps, ["list", *options], env=given).output
    away = run(apps, ["list", *options], env=given)
    assert (away.exit_code, away.output.count("\n")) == (1, 1)
