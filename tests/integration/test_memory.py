"""What a server holds in memory, alone and beside another one (``docs/operating.md``)."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from bunraku.client import Client
from bunraku.testing.server import APP_ID, SECRET

pytestmark = pytest.mark.skipif(not Path("/proc/self/smaps_rollup").is_file(), reason="Linux tells")

ALONE, BESIDE = 300, 200  # MB: resident at start; what one more costs
WARM = 4  # files: two people in two sizes are decoded at start


class Served:
    def __init__(self, folder, cache):
        folder.mkdir()
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        config = folder / "bunraku.toml"
        config.write_text(
            f'cache_dir = "{cache}"\n[[apps]]\napp_id = {APP_ID}\nserver_secret = "{SECRET}"\n'
            "[limits]\ncalls_per_second = 0\n"
        )
        arguments = ["serve", "--config", config, "--port", port, "--data-dir", folder / "data"]
        environment = {k: v for k, v in os.environ.items() if k != "BUNRAKU_CACHE_DIR"}
        command = [sys.executable, "-m", "bunraku", *map(str, arguments)]
        self.process = subprocess.Popen(command, env=environment)
        self.url = f"http://127.0.0.1:{port}"
        self.wait(lambda: httpx.get(f"{self.url}/readyz").status_code == 200)

    def wait(self, there):
        deadline = time.monotonic() + 60
        while True:
            try:
                if there():
                    return
            except httpx.TransportError:
                pass
            assert self.process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def megabytes(self, *names):
        lines = Path(f"/proc/{self.process.pid}/smaps_rollup").read_text().splitlines()
        sizes = dict(line.split(":") for line in lines[1:])
        return sum(int(sizes[name].split()[0]) for name in names) / 1000

    def mapped(self):
        """Files of decoded art."""
        lines = Path(f"/proc/{self.process.pid}/maps").read_text().splitlines()
        return {line.split()[-1] for line in lines if line.endswith(".map")}

    def close(self):
        self.process.terminate()
        self.process.wait(20)


@pytest.fixture
def serve(tmp_path):
    running = []

    def start(name):
        running.append(Served(tmp_path / name, tmp_path / "cache"))
        return running[-1]

    yield start
    for served in running:
        served.close()


def test_a_server_is_small_and_another_beside_it_shares_the_art(serve, tmp_path):
    first = serve("first")  # decodes
    first.wait(lambda: len(first.mapped()) == WARM)
    assert first.megabytes("Rss") <= ALONE
    second = serve("second")  # finds
    second.wait(lambda: len(second.mapped()) == WARM)
    assert second.megabytes("Rss") <= ALONE
    for served in (first, second):
        with Client(served.url, APP_ID, SECRET) as api:
            humans = api.digital_humans()
            for i, human in enumerate((humans[0], humans[-1])):
                task = api.create(human["DigitalHumanId"], room_id="r", stream_id=f"s{i}", size=(720, 1280))
                served.wait(lambda api=api, task=task: api.status(task)["Status"] == 3)
    assert first.mapped() == second.mapped()
    assert len(first.mapped()) == WARM + 1
    assert {os.path.dirname(path) for path in first.mapped()} == {str(tmp_path / "cache" / "art")}
    assert second.megabytes("Private_Clean", "Private_Dirty") <= BESIDE
    assert second.megabytes("Shared_Clean") > 20
