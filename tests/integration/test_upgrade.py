"""Databases of another release: an older one's is upgraded, a newer one's refused."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import subprocess
import sys
from collections import Counter
from pathlib import Path

import asyncpg
import pytest

from bunraku.core.errors import SignatureMismatch
from bunraku.node.callbacks import delivery
from bunraku.store.migrations import versions
from bunraku.testing.server import APP_ID, RunningServer, test_apps
from bunraku.testing.voices import ToneVoices

from ..support.services import free_port, postgresql, postgresql_binaries
from ..support.waiting import wait_for

RELEASES = Path(__file__).parents[1] / "support" / "releases"
LONG = 1e9  # s, so that what ended when it was made is still known


class Sqlite:
    def __init__(self, folder):
        self.settings = {}
        self.path = folder / "data" / "bunraku.db"
        self.path.parent.mkdir()

    def execute(self, script):
        with sqlite3.connect(self.path) as connection:
            connection.executescript(script)
        connection.close()

    def close(self):
        pass


class Postgresql:
    def __init__(self, folder):
        self._service = postgresql(folder / "postgresql")
        self._service.start()
        self.settings = {"database_url": self._service.url}
        self._host = folder / "postgresql"

    def execute(self, script):
        async def run():
            connection = await asyncpg.connect(host=str(self._host), user="bunraku", database="postgres")
            try:
                await connection.execute(script)
            finally:
                await connection.close()

        asyncio.run(run())

    def close(self):
        self._service.stop()


@pytest.fixture(params=["sqlite", "postgresql"])
def kind(request):
    if request.param == "postgresql" and postgresql_binaries() is None:
        pytest.skip("no PostgreSQL server here")
    return request.param


@pytest.fixture
def database(kind, tmp_path):
    made = {"sqlite": Sqlite, "postgresql": Postgresql}[kind](tmp_path)
    made.execute((RELEASES / f"0002-{kind}.sql").read_text())
    yield made
    made.close()


def test_what_the_previous_release_left_is_ended_told_and_kept(
    kind, database, tmp_path, receivers, monkeypatch
):
    monkeypatch.setattr(delivery, "RETRY_AFTER", (0.1,) * 5)  # what was tried before waits its turn
    made = json.loads((RELEASES / f"0002-{kind}.json").read_text())
    receiver = receivers()
    # Somebody listens now, and the secret before lasts on.
    database.execute(f"UPDATE apps SET callback_url = '{receiver.url}', previous_until = 4000000000")
    settings = database.settings | {
        "data_dir": tmp_path / "data",
        "providers": [ToneVoices()],
        "apps": test_apps(callback_url=receiver.url, callback_secret="s" * 32),
        "fetch": {"allow_private": True},
        "tasks": {"retention": LONG},
    }
    with RunningServer(**settings) as server, server.client() as api:
        # What ran is over, and said to be.
        assert api.status(made["speaking"])["Status"] == 5
        assert api.running() == []
        drives = [(d["DriveId"], d["Status"]) for d in api.drives(made["speaking"])]
        assert drives == [(made["drives"][0], 5), (made["drives"][1], 5)]
        assert api.status(made["over"])["Status"] == 5
        # The console's app signs, by its secret and by the one before.
        for secret in (made["now"], made["before"]):
            with server.client(made["app"], secret) as theirs:
                assert theirs.status(made["theirs"])["Status"] == 5
        with server.client(made["app"], "0" * 32) as stranger, pytest.raises(SignatureMismatch):
            stranger.running()
        # Names that were held are free.
        human = api.digital_humans()[0]["DigitalHumanId"]
        again = api.create(human, room_id="r", stream_id="speaking", size=(128, 128))
        wait_for(lambda: api.status(again)["Status"] == 3)
        api.stop(again)

        def told(task):
            return Counter(
                (b["EventType"], b["Detail"].get("DriveId"), b["Detail"]["Status"])
                for b in receiver.heard
                if b["TaskId"] == task
            )

        whole = Counter({(3, None, status): 1 for status in (1, 3, 4, 5)})
        first, second = made["drives"]
        spoken = Counter({(4, first, s): 1 for s in (1, 2, 4)} | {(4, second, s): 1 for s in (1, 4)})
        wait_for(lambda: told(made["over"]) == whole)
        wait_for(lambda: told(made["speaking"]) == whole + spoken)
        wait_for(lambda: told(made["theirs"]) == whole)
        wait_for(lambda: told(again) == whole)
        assert {b["AppId"] for b in receiver.heard if b["TaskId"] == made["theirs"]} == {made["app"]}
        heard = len(receiver.heard)
    # And the next start finds nothing left to do.
    with RunningServer(**settings) as server, server.client() as api:
        assert api.status(made["speaking"])["Status"] == 5
        assert not server.parts.delivery.waiting
    assert len(receiver.heard) == heard


def test_a_database_of_a_newer_release_is_refused_in_a_line(database, tmp_path):
    with RunningServer(data_dir=tmp_path / "data", providers=[], **database.settings):
        pass  # ours, of this release
    database.execute("UPDATE alembic_version SET version_num = '9017'")
    config = tmp_path / "bunraku.toml"
    url = database.settings.get("database_url")
    config.write_text(
        (f'database_url = "{url}"\n' if url else "")
        + f'[[apps]]\napp_id = {APP_ID}\nserver_secret = "{"x" * 32}"\n'
    )
    command = [sys.executable, "-m", "bunraku", "serve", "--config", str(config)]
    done = subprocess.run(
        [*command, "--port", str(free_port()), "--data-dir", str(tmp_path / "data")],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert "newer release" in done.stderr
    assert "9017" in done.stderr
    newest = max(file.name[:4] for file in Path(versions.__file__).parent.glob("[0-9]*.py"))
    assert newest in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
