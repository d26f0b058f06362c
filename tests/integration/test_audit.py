"""Who did what in the console is written down, and stays."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import subprocess
import sys

import httpx
import pytest
from sqlalchemy import select

from bunraku.store.audit import COUNTED, REFUSALS, AuditLog
from bunraku.store.database import Database
from bunraku.store.tables import AuditRow
from bunraku.testing.clock import VirtualClock
from bunraku.testing.server import APP_ID, RunningServer
from bunraku.testing.voices import ToneVoices


def test_the_console_is_audited_and_strangers_are_bounded():
    with (
        RunningServer(providers=[ToneVoices()], console={"password": "hush"}) as s,
        httpx.Client(base_url=s.base_url) as page,
    ):
        for _ in range(REFUSALS + 5):
            assert page.post("/console/call/DriveByText", json={}).status_code == 401
        assert page.post("/console/login", json={"password": "hush"}).status_code == 200
        human = page.post("/console/call/GetDigitalHumanList", json={"appId": APP_ID}).json()
        human = human["Data"]["DigitalHumans"][0]["DigitalHumanId"]
        params = {
            "DigitalHumanConfig": {"DigitalHumanId": human},
            "RTCConfig": {"RoomId": "r", "StreamId": "s"},
        }
        made = page.post(
            "/console/call/CreateDigitalHumanStreamTask", json={"appId": APP_ID, "params": params}
        ).json()
        task = made["Data"]["TaskId"]
        said = {"TaskId": task, "Text": "Xylophone", "TTSConfig": {"TimbreId": "tone-a"}}
        page.post("/console/call/DriveByText", json={"appId": APP_ID, "params": said})
        counted, *rows = page.get("/console/audit").json()["audit"]
        assert (counted["who"], counted["action"], counted["times"]) == ("stranger", "refused", 5)
        assert [(r["action"], r["app"], r["target"], r["result"]) for r in rows[:3]] == [
            ("call/DriveByText", APP_ID, task, "0"),
            ("call/CreateDigitalHumanStreamTask", APP_ID, task, "0"),
            ("login", None, "", "200"),
        ]
        assert rows[0]["who"].startswith("session ")
        assert (rows[0]["address"], "Xylophone" in str(rows), "hush" in str(rows)) == (
            "127.0.0.1",
            False,
            False,
        )
        refused = [r for r in rows if r["who"] == "stranger"]
        assert [(r["result"], r["times"]) for r in refused] == [("401", 1)] * REFUSALS

        def found(**wanted):
            return [r["action"] for r in page.get("/console/audit", params=wanted).json()["audit"]]

        assert found(app=APP_ID, action="drivebyt") == ["call/DriveByText"]
        assert found(app=APP_ID) == ["call/DriveByText", "call/CreateDigitalHumanStreamTask"]
        assert (found(action="%"), found(app=1), found(app=1, action="login")) == ([], [], [])
        assert found(before=rows[1]["id"], action="call")[0] == "call/DriveByText"  # a stranger's
        assert httpx.get(f"{s.base_url}/console/audit").status_code == 401
        command = [sys.executable, "-m", "bunraku", "audit", "--tail", "1"]
        done = subprocess.run([*command, "--data-dir", str(s.settings.data_dir)], capture_output=True)
        assert json.loads(done.stdout) == counted
        with sqlite3.connect(s.settings.data_dir / "bunraku.db") as db:
            for change in ("UPDATE audit SET who = 'nobody'", "DELETE FROM audit"):
                with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                    db.execute(change)
            db.execute("INSERT INTO audit VALUES (999, 1.0, 'w', 'a', 'x', NULL, '', '200', 1)")
            assert db.execute("DELETE FROM audit WHERE at < 2").rowcount == 1


def test_what_is_refused_before_anybody_knows_who_asks_is_a_strangers():
    """A body that is none, and a path that is none, were the operator's, and made rows without end."""
    cookie = {"Cookie": "bunraku_session=made-up"}
    with (
        RunningServer(providers=[], console={"password": "hush"}) as s,
        httpx.Client(base_url=s.base_url) as page,
    ):
        for path in ("/console/login", "/console/nowhere", "/console/apps", "/console/token"):
            for content in (b"[", b"\xff", b"{}"):
                headers = {"Content-Type": "application/json", **cookie}
                assert page.post(path, content=content, headers=headers).status_code >= 400
        assert page.post("/console/login", json={"password": "hush"}).status_code == 200
        assert page.post("/console/apps", json={"name": 7}).status_code == 422
        assert page.post("/console/call/Nothing", json={}).status_code == 404
        rows = page.get("/console/audit").json()["audit"]
    assert [(r["action"], r["result"], r["who"].split()[0]) for r in rows[:3]] == [
        ("call/Nothing", "404", "session"),
        ("apps", "422", "session"),
        ("login", "200", "operator"),
    ]
    assert {r["who"] for r in rows[3:]} == {"stranger"}


async def test_refusals_that_have_no_row_are_counted_within_a_minute(tmp_path):
    clock, database = VirtualClock(), Database.of(None, tmp_path)
    await database.open()
    audit = AuditLog(database, clock)
    try:
        for _ in range(REFUSALS + 7):
            await audit.add(
                who="stranger", address="a", action="x", app=None, target="", result="401", refused=True
            )
        await clock.advance(COUNTED + 1)

        async def written():
            async with database.reads() as session:
                return list(await session.scalars(select(AuditRow.times).where(AuditRow.action == "refused")))

        async with asyncio.timeout(5):
            while not (found := await written()):
                await asyncio.sleep(0.01)
        assert found == [7]
    finally:
        await database.close()


def test_a_row_says_who_did_what_to_whose_and_a_look_makes_none():
    """What the page asks for by itself beside each call, and rows that named nobody."""
    with (
        RunningServer(providers=[ToneVoices()], console={"password": "hush"}) as s,
        httpx.Client(base_url=s.base_url) as page,
    ):

        def post(path, **body):
            answer = page.post(f"/console/{path}", json=body)
            assert answer.status_code == 200, (path, answer.text)
            return answer.json()

        assert page.post("/console/code", json={}).status_code == 401
        post("login", password="hush")
        for action, params in (("InterruptDriveTask", {"TaskId": "none"}), ("GetTimbreList", {})):
            post(f"call/{action}", appId=APP_ID, params=params)
            post("code", appId=APP_ID, action=action, params=params)
            post("figures", appId=APP_ID, taskId="none")
        post("token", appId=APP_ID)
        post("share", appId=APP_ID, roomId="r", streamId="s", seconds=60)
        made = post("apps", name="Mine")["appId"]
        post(f"apps/{made}", name="Ours", callbackUrl=None, maxTasks=3, enabled=True)
        post(f"apps/{made}/rotate", which="callback")
        rows = page.get("/console/audit").json()["audit"]
        assert [(r["action"], r["app"]) for r in reversed(rows)] == [
            ("code", None),
            ("login", None),
            ("call/InterruptDriveTask", APP_ID),
            ("token", APP_ID),
            ("share", APP_ID),
            ("apps", made),
            (f"apps/{made}", made),
            (f"apps/{made}/rotate", made),
        ]
        assert [r["who"].split()[0] for r in reversed(rows)][:3] == ["stranger", "operator", "session"]
        mine = page.get("/console/audit", params={"app": made}).json()["audit"]
        assert len(mine) == 3
