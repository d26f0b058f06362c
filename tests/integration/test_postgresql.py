"""The same life on PostgreSQL: a real server of Debian's package, where there is one."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest

from bunraku.client import query
from bunraku.testing.server import APP_ID, SECRET, RunningServer
from bunraku.testing.voices import ToneVoices

from ..conformance.test_actions import wait_for


def _binaries() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


BIN = _binaries()
pytestmark = pytest.mark.skipif(BIN is None, reason="no PostgreSQL server here")


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of its own, reached by a socket in a folder of its own."""
    assert BIN is not None
    folder = tmp_path_factory.mktemp("postgresql")
    folder.chmod(0o755)
    root = os.geteuid() == 0  # PostgreSQL refuses to run as root
    user = "postgres" if root else pwd.getpwuid(os.geteuid()).pw_name
    if root:
        for parent in (folder, *folder.parents):
            if parent.stat().st_uid == 0 and parent != Path("/"):
                parent.chmod(parent.stat().st_mode | 0o055)
        shutil.chown(folder, user)
    before = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"] if root else []

    def run(*command: str) -> None:
        subprocess.run([*before, *command], check=True, capture_output=True, cwd=folder)

    run(str(BIN / "initdb"), "-D", str(folder / "data"), "-U", "bunraku", "-A", "trust", "--no-sync")
    options = f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off"
    control = [str(BIN / "pg_ctl"), "-D", str(folder / "data"), "-w"]
    run(*control, "-o", options, "-l", str(folder / "log"), "start")
    yield f"postgresql+asyncpg://bunraku@/postgres?host={folder}"
    run(*control, "-m", "immediate", "stop")


def test_tasks_apps_and_nonces_survive_in_postgresql(database, tmp_path, human_id):
    settings = {
        "database_url": database,
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
