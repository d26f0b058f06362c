"""WHIP push, against our own ingest behind a front that redirects."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from bunraku.core.output import OutputStatus, Protocol
from bunraku.core.token import generate
from bunraku.testing.server import APP_ID, SECRET, RunningServer
from bunraku.testing.voices import ToneVoices


@pytest.fixture(scope="module")
def served() -> Iterator[RunningServer]:
    with RunningServer(providers=[ToneVoices()]) as server:
        yield server


class Front:
    """Answers 307 to /in, and passes what comes to /there on to the server."""

    def __init__(self, served: RunningServer) -> None:
        front, self.seen = self, []

        class Handler(BaseHTTPRequestHandler):
            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                front.seen.append((self.command, self.path, self.headers.get("Authorization", "")))
                if self.path == "/in?secret=1":
                    self.send_response(307)
                    self.send_header("Location", f"/there/whip/{APP_ID}/r/mic")
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                sent = {"Authorization": self.headers.get("Authorization", "")}
                if self.headers.get("Content-Type"):
                    sent["Content-Type"] = self.headers["Content-Type"]
                url = served.base_url + self.path.removeprefix("/there")
                answer = httpx.request(self.command, url, content=body, headers=sent)
                self.send_response(answer.status_code)
                if "Location" in answer.headers:
                    self.send_header("Location", "/there" + answer.headers["Location"])
                self.send_header("Content-Length", str(len(answer.content)))
                self.end_headers()
                self.wfile.write(answer.content)

            do_POST = do_DELETE = handle_any

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/in?secret=1"


async def test_a_stream_is_published_behind_a_redirect_and_ends_with_delete(desk, served):
    front = Front(served)
    payload = {"room_id": "r", "privilege": {"1": 1, "2": 1}, "stream_id_list": ["mic"]}
    token = generate(APP_ID, "pusher", SECRET, time.time(), 600, json.dumps(payload))
    rooms = served.parts.rooms
    output = desk.add(Protocol.WHIP, url=front.url, bearer_token=token)
    await desk.status(output, OutputStatus.ACTIVE)
    await desk.until(lambda: (s := rooms.stream(APP_ID, "mic")) is not None and s.live)
    await desk.until(lambda: desk.record(output).bytes > 5000)
    assert desk.record(output).url == f"http://127.0.0.1:{front.server.server_address[1]}/…"
    assert token not in repr(desk.record(output))
    await desk.close()
    assert desk.record(output).status is OutputStatus.COMPLETE
    methods = [(method, path.partition("?")[0].split("/")[1]) for method, path, _ in front.seen]
    assert methods == [("POST", "in"), ("POST", "there"), ("DELETE", "there")]
    assert {sent for _, _, sent in front.seen} == {f"Bearer {token}"}
    assert rooms.stream(APP_ID, "mic") is None
    front.server.shutdown()


async def test_a_refusal_is_told_without_the_secret(desk, served):
    url = f"{served.base_url}/whip/{APP_ID}/r/mic"
    output = desk.add(Protocol.WHIP, url=url, bearer_token="wrong-secret")
    record = await desk.status(output, OutputStatus.RETRYING)
    assert record.fail_reason == "the target answered 401"
