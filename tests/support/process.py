"""``bunraku serve`` as a process of its own."""

from __future__ import annotations

import subprocess
import sys
import time

import httpx

from bunraku.client import Client
from bunraku.testing.server import APP_ID, SECRET


class Process:
    def __init__(self, folder, port, extra=""):
        self.folder, self.port = folder, port
        config = folder / "bunraku.toml"
        config.write_text(
            f'[[apps]]\napp_id = {APP_ID}\nserver_secret = "{SECRET}"\n{extra}\n'
            "[limits]\ncalls_per_second = 0\n"
        )
        self.log = open(folder / "log.txt", "a")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "bunraku", "serve", "--host", "127.0.0.1", "--port", str(port)]
            + ["--config", str(config), "--data-dir", str(folder / "data")],
            stdout=self.log,
            stderr=subprocess.STDOUT,
        )
        deadline = time.monotonic() + 30
        while True:
            try:
                httpx.head(f"http://127.0.0.1:{port}/")
                break
            except httpx.TransportError:
                assert self.process.poll() is None, (folder / "log.txt").read_text()
                assert time.monotonic() < deadline
                time.sleep(0.05)

    def api(self):
        return Client(f"http://127.0.0.1:{self.port}", APP_ID, SECRET)

    def end(self, how):
        self.process.send_signal(how)
        code = self.process.wait(20)
        self.log.close()
        return code


def statuses(heard, task):
    return [(e["EventType"], e["Detail"]["Status"]) for e in heard if e["TaskId"] == task]
