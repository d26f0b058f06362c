"""``bunraku serve`` as a process of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import httpx

from bunraku.client import Client
from bunraku.testing.server import APP_ID, SECRET

from .waiting import wait_for


class Process:
    def __init__(
        self,
        folder,
        port,
        extra="",
        *,
        text=None,
        verify=None,
        options=(),
        program=("-m", "bunraku"),
        patience=30,
    ):
        """``text``: all of the configuration. ``verify``: it serves HTTPS, and this trusts it. ``options``:
        more words of the command. ``program``: what Python runs; ``patience``: s
        it may take to serve."""
        self.folder, self.port, self.verify = folder, port, verify
        self.base_url = f"https://localhost:{port}" if verify else f"http://127.0.0.1:{port}"
        self.config = config = folder / "bunraku.toml"
        config.write_text(
            text
            or f'[[apps]]\napp_id = {APP_ID}\nserver_secret = "{SECRET}"\n{extra}\n'
            "[limits]\ncalls_per_second = 0\n"
        )
        self.log = open(folder / "log.txt", "a")
        self.process = subprocess.Popen(
            [sys.executable, *program, "serve", "--host", "127.0.0.1", "--port", str(port)]
            + ["--config", str(config), "--data-dir", str(folder / "data"), *options],
            stdout=self.log,
            stderr=subprocess.STDOUT,
        )
        deadline = time.monotonic() + patience
        while True:
            try:
                httpx.head(f"{self.base_url}/", verify=verify or True)
                break
            except httpx.TransportError:
                assert self.process.poll() is None, (folder / "log.txt").read_text()
                assert time.monotonic() < deadline
                time.sleep(0.05)

    def api(self, app_id=APP_ID, secret=SECRET):
        return Client(self.base_url, app_id, secret, **({"verify": self.verify} if self.verify else {}))

    def logged(self):
        return (self.folder / "log.txt").read_text()

    def reload(self, text):
        """Have it read this configuration; gives what it said to it."""
        before = len(self.logged())
        self.config.write_text(text)
        self.process.send_signal(signal.SIGHUP)
        last = (" bunraku.reload reloaded: ", "what stood before stands\n")
        wait_for(lambda: any(words in self.logged()[before:] for words in last), 30)
        return self.logged()[before:]

    def end(self, how):
        self.process.send_signal(how)
        code = self.process.wait(20)
        self.log.close()
        return code


def statuses(heard, task):
    return [(e["EventType"], e["Detail"]["Status"]) for e in heard if e["TaskId"] == task]
