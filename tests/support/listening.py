"""What several suites here listen with."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread

import pytest


class Receiver:
    """Answers as scripted: ``script`` maps a callback body to an HTTP status, or None to hang."""

    def __init__(self, script=lambda _: 200):
        self.heard, self.gate = [], Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                assert self.headers["content-type"] == "application/json"
                outer.heard.append(body)
                status = script(body)
                if status is None:
                    outer.gate.wait(10)
                    status = 200
                self.send_response(status)
                if status in (301, 302):
                    self.send_header("Location", "/elsewhere")
                self.end_headers()

            def log_message(self, *_):
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.gate.set()
        self.server.shutdown()


@pytest.fixture
def receivers():
    made = []

    def make(script=lambda _: 200):
        made.append(Receiver(script))
        return made[-1]

    yield make
    for r in made:
        r.close()
