"""The examples of uses (examples/uses) as their readers run them, against a real server with real voices."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bunraku.testing.server import APP_ID, SECRET, RunningServer

USES = Path(__file__).parents[2] / "examples" / "uses"
FEED = """<rss version="2.0"><channel>
<item><title>Puppets are popular</title></item><item><title>Rain tomorrow</title></item>
</channel></rss>"""
pytestmark = pytest.mark.voices


class Host(BaseHTTPRequestHandler):
    """A feed, and a language model with a script."""

    def do_GET(self) -> None:
        self._answer("application/rss+xml", FEED)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        pieces = ("We open ", "at nine. ", "Come ", "in!")
        lines = [f"data: {json.dumps({'choices': [{'delta': {'content': p}}]})}\n\n" for p in pieces]
        self._answer("text/event-stream", "".join(lines) + "data: [DONE]\n\n")

    def _answer(self, kind: str, body: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None: ...


@pytest.fixture(scope="module")
def world():
    host = ThreadingHTTPServer(("127.0.0.1", 0), Host)
    threading.Thread(target=host.serve_forever, daemon=True).start()
    with RunningServer() as server:
        url = f"http://127.0.0.1:{host.server_port}"
        yield server, url
    host.shutdown()
    host.server_close()


def run(world, name, *arguments, said=""):
    server, url = world
    env = os.environ | {
        "BUNRAKU_URL": server.base_url,
        "BUNRAKU_APP_ID": str(APP_ID),
        "BUNRAKU_SERVER_SECRET": SECRET,
        "BUNRAKU_TIMBRE": "en-us-ava",
        "OPENAI_BASE_URL": url,
        "OPENAI_API_KEY": "none",
    }
    done = subprocess.run(
        [sys.executable, USES / name, *arguments],
        input=said, capture_output=True, text=True, timeout=60, env=env,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    assert server.client().running() == []
    return done.stdout


def test_a_desk_answers_from_facts(world, tmp_path):
    (tmp_path / "facts.txt").write_text("Open from nine to five.")
    out = run(world, "faq.py", tmp_path / "facts.txt", said="When do you open?\n")
    assert out.splitlines()[-1] == "We open at nine. Come in!"


def test_a_reader_leaves_a_film(world):
    out = run(world, "news.py", f"{world[1]}/feed.xml")
    assert ".mp4" in out
    assert "http://" in out


def test_a_shop_tells_its_script_and_answers(world, tmp_path):
    products = [{"name": "puppet", "pitch": "A puppet of wood, carved by hand."}]
    (tmp_path / "products.json").write_text(json.dumps(products))
    out = run(world, "commerce.py", tmp_path / "products.json", said="Is it heavy?\n")
    assert "puppet: said" in out


def test_a_kiosk_greets_who_comes(world):
    out = run(world, "kiosk.py", said="somebody\n")
    assert "greeted: Welcome! How may I help you?" in out
