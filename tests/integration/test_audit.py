"""Who did what in the console is written down, and stays."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys

import httpx
import pytest

from bunraku.store.audit import REFUSALS
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
        rows = page.get("/console/audit").json()["audit"]
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
        assert [r["result"] for r in refused] == ["401"] * REFUSALS
        assert httpx.get(f"{s.base_url}/console/audit").status_code == 401
        command = [sys.executable, "-m", "bunraku", "audit", "--tail", "1"]
        done = subprocess.run([*command, "--data-dir", str(s.settings.data_dir)], capture_output=True)
        assert json.loads(done.stdout) == rows[0]
        with sqlite3.connect(s.settings.data_dir / "bunraku.db") as db:
            for change in ("UPDATE audit SET who = 'nobody'", "DELETE FROM audit"):
                with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                    db.execute(change)
            db.execute("INSERT INTO audit VALUES (999, 1.0, 'w', 'a', 'x', NULL, '', '200', 1)")
            assert db.execute("DELETE FROM audit WHERE at < 2").rowcount == 1
