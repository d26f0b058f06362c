"""A backup made while calls go on is restored elsewhere, and a server starts on it."""

from __future__ import annotations

import asyncio
import io
import subprocess
import tarfile
from threading import Event, Thread

import asyncpg
import httpx
import pytest
from click.testing import CliRunner

from bunraku.cli import main
from bunraku.core.errors import SignatureMismatch
from bunraku.process import owned
from bunraku.testing.server import RunningServer, test_apps
from bunraku.testing.voices import ToneVoices

from ..support.services import postgresql, postgresql_binaries
from ..support.waiting import wait_for


def bunraku(*words):
    return CliRunner().invoke(main, [str(w) for w in words])


class Callers:
    """Create and stop tasks until they are told to leave; ``made`` are acknowledged."""

    def __init__(self, server, human):
        self.made, self.failed, self._over = [], [], Event()
        self._thread = Thread(target=self._run, args=(server, human))

    def _run(self, server, human):
        with server.client() as api:
            number = 0
            while not self._over.is_set():
                number += 1
                try:
                    task = api.create(human, room_id="r", stream_id=f"s-{number}", size=(64, 64))
                    self.made.append(task)
                    api.stop(task)
                except Exception as error:
                    self.failed.append(error)

    def __enter__(self):
        self._thread.start()
        wait_for(lambda: len(self.made) > 3)
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()


def used_server(**settings):
    return RunningServer(providers=[ToneVoices(word_seconds=0.1)], **settings)


def test_a_backup_made_while_calls_go_on_is_a_server_elsewhere(tmp_path, receivers):
    receiver = receivers(lambda body: 500)  # nothing is delivered before
    settings = {"apps": test_apps(callback_url=receiver.url), "fetch": {"allow_private": True}}
    data, out = tmp_path / "data", tmp_path / "out.tar.gz"
    with owned(data), used_server(data_dir=data, **settings) as server, server.client() as api:
        human = api.digital_humans()[0]["DigitalHumanId"]
        httpx.get(f"{server.base_url}/assets/avatars/{human}/avatar.png")
        app = httpx.post(f"{server.base_url}/console/apps", json={"name": "Kept"}).json()
        running = api.create(human, room_id="r", stream_id="running", size=(64, 64))
        wait_for(lambda: api.status(running)["Status"] == 3)
        (data / "demo.json").write_text("{}")
        with Callers(server, human) as callers:
            for round_ in range(3):
                before = list(callers.made)
                out.unlink(missing_ok=True)
                done = bunraku("backup", out, "--data-dir", data)
                assert done.exit_code == 0, done.output
                wait_for(lambda n=len(before), r=round_: len(callers.made) > n + r)
        assert callers.failed == []
        assert bunraku("backup", out, "--data-dir", data).output.endswith("is there already\n")
        # Where a server runs, nothing is restored, whoever asks.
        refused = bunraku("restore", out, "--data-dir", data, "--force")
        assert refused.exit_code == 1
        assert "in use by another Bunraku server" in refused.output
        assert api.status(running)["Status"] == 3
    assert out.stat().st_mode & 0o777 == 0o600
    with tarfile.open(out) as archive:
        names = archive.getnames()
    assert names == ["bunraku-backup.json", "bunraku.db", "demo.json", "node"]

    other = tmp_path / "other" / "data"
    assert bunraku("restore", out, "--data-dir", other).exit_code == 0
    assert other.stat().st_mode & 0o777 == 0o700
    assert {p.name: p.stat().st_mode & 0o777 for p in other.iterdir()} == dict.fromkeys(
        ("bunraku.db", "demo.json", "node", "bunraku.lock"), 384
    )
    receiver.heard.clear()
    with used_server(data_dir=other, **settings) as server, server.client() as api:
        # All that was acknowledged before the backup began is there, and over.
        assert {api.status(task)["Status"] for task in [running, *before]} == {5}
        assert api.running() == []
        with server.client(app["appId"], app["serverSecret"]) as theirs:
            assert theirs.running() == []
        with server.client(app["appId"], "0" * 32) as stranger, pytest.raises(SignatureMismatch):
            stranger.running()
        told = {(3, 4), (3, 5)}
        wait_for(
            lambda: (
                told
                <= {(e["EventType"], e["Detail"]["Status"]) for e in receiver.heard if e["TaskId"] == running}
            )
        )
        assert api.create(human, room_id="r", stream_id="running", size=(64, 64))
    # Not over something else, unless told.
    refused = bunraku("restore", out, "--data-dir", other)
    assert (refused.exit_code, refused.output) == (1, f"Error: {other} is not empty\n")
    assert bunraku("restore", out, "--data-dir", other, "--force").exit_code == 0
    with used_server(data_dir=other, **settings) as server, server.client() as api:
        assert api.status(running)["Status"] == 5
        assert api.running() == []


def test_what_is_no_backup_changes_nothing(tmp_path):
    data, out = tmp_path / "data", tmp_path / "made.tar.gz"
    with RunningServer(data_dir=data, providers=[]):
        pass
    node = (data / "node").read_text()
    assert bunraku("backup", out, "--data-dir", data).exit_code == 0

    def forged(name, *entries):
        path = tmp_path / name
        with tarfile.open(path, "w:gz") as archive:
            for entry, content in entries:
                info = entry if isinstance(entry, tarfile.TarInfo) else tarfile.TarInfo(entry)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
        return path

    manifest = ("bunraku-backup.json", b'{"format": 1}')
    link = tarfile.TarInfo("node")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    wrong = [
        tmp_path / "text.tar.gz",
        tmp_path / "half.tar.gz",
        forged("empty"),
        forged("later", ("bunraku-backup.json", b'{"format": 2}'), ("bunraku.db", b"")),
        forged("outside", manifest, ("../escaped", b"x")),
        forged("absolute", manifest, (str(tmp_path / "escaped"), b"x")),
        forged("link", manifest, (link, b"")),
        forged("no-database", manifest, ("node", b"forged")),
        forged("garbage", manifest, ("node", b"forged"), ("bunraku.db", b"not a database" * 99)),
    ]
    wrong[0].write_text("no archive")
    wrong[1].write_bytes(out.read_bytes()[: out.stat().st_size // 2])
    for archive in wrong:
        done = bunraku("restore", archive, "--data-dir", data, "--force")
        assert done.exit_code == 1, archive
        assert done.output.startswith("Error: "), done.output
        assert done.output.count("\n") == 1, done.output
        assert (data / "node").read_text() == node
    assert not (tmp_path / "escaped").exists()
    assert bunraku("backup", tmp_path / "x", "--data-dir", tmp_path / "nothing").exit_code == 1
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("inside", [True, False], ids=["in the data directory", "elsewhere"])
def test_a_database_of_sqlite_with_a_name_of_its_own_is_backed_up_too(tmp_path, inside):
    out, data = tmp_path / "out.tar.gz", tmp_path / "data"

    def config(name):
        place = tmp_path / name / "kept.sqlite" if inside else tmp_path / f"db-{name}" / "kept.sqlite"
        file = tmp_path / f"{name}.toml"
        file.write_text(f'data_dir = "{tmp_path / name}"\ndatabase_url = "sqlite+aiosqlite:///{place}"\n')
        return file, place

    (file, place), (again, target) = config("data"), config("again")
    place.parent.mkdir(exist_ok=True)
    with used_server(data_dir=data, database_url=f"sqlite+aiosqlite:///{place}") as server:
        app = httpx.post(f"{server.base_url}/console/apps", json={"name": "Kept"}).json()
        done = bunraku("backup", out, "--config", file)
        assert done.exit_code == 0, done.output
    with tarfile.open(out) as archive:
        assert archive.getnames() == ["bunraku-backup.json", "bunraku.db", "node"]
    done = bunraku("restore", out, "--config", again)
    assert done.exit_code == 0, done.output
    assert target.stat().st_mode & 0o777 == 0o600
    url = f"sqlite+aiosqlite:///{target}"
    with (
        used_server(data_dir=tmp_path / "again", database_url=url) as server,
        server.client(app["appId"], app["serverSecret"]) as theirs,
    ):
        assert theirs.running() == []
    refused = bunraku("restore", out, "--config", again)
    assert refused.exit_code == 1
    assert bunraku("restore", out, "--config", again, "--force").exit_code == 0


@pytest.mark.skipif(postgresql_binaries() is None, reason="no PostgreSQL server here")
def test_a_dump_of_postgresql_is_a_server_elsewhere(tmp_path, tmp_path_factory, human_id):
    """By the commands of docs/operating.md."""
    folder = tmp_path_factory.mktemp("pg")  # the name of a socket is short
    service = postgresql(folder)
    service.start()
    binaries, at = postgresql_binaries(), ["-h", str(folder), "-U", "bunraku"]
    try:
        dump = tmp_path / "bunraku.dump"
        with used_server(data_dir=tmp_path / "one", database_url=service.url) as server:
            with server.client() as api:
                running = api.create(human_id, room_id="r", stream_id="running", size=(64, 64))
                wait_for(lambda: api.status(running)["Status"] == 3)
                with Callers(server, human_id) as callers:
                    before = list(callers.made)
                    subprocess.run([binaries / "pg_dump", *at, "-Fc", "-f", dump, "postgres"], check=True)
            assert callers.failed == []

        async def make():
            connection = await asyncpg.connect(host=str(folder), user="bunraku", database="postgres")
            await connection.execute("CREATE DATABASE again")
            await connection.close()

        asyncio.run(make())
        subprocess.run([binaries / "pg_restore", *at, "-d", "again", dump], check=True)
        (tmp_path / "two").mkdir()
        (tmp_path / "two" / "node").write_text((tmp_path / "one" / "node").read_text())
        again = service.url.replace("/postgres?", "/again?")
        with used_server(data_dir=tmp_path / "two", database_url=again) as server, server.client() as api:
            assert {api.status(task)["Status"] for task in [running, *before]} == {5}
            assert api.running() == []
        config = tmp_path / "bunraku.toml"
        config.write_text(f'database_url = "{again}"\n')
        refused = bunraku("backup", tmp_path / "out", "--config", config)
        assert (refused.exit_code, "docs/operating.md" in refused.output) == (1, True)
    finally:
        service.stop()
