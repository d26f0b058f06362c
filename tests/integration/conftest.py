"""Fixtures of integration tests."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from aiortc import rtcrtpreceiver


@pytest.fixture(autouse=True)
def decoders():
    """A bench that spares itself the decoding of pictures spares it in this process only while it runs."""
    original = rtcrtpreceiver.get_decoder
    yield
    rtcrtpreceiver.get_decoder = original


@pytest.fixture
def receiver():
    """A callback receiver that keeps what it is sent."""
    heard = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            heard.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            return

    server = HTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    server.heard = heard
    yield server
    server.shutdown()
