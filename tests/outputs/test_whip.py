"""WHIP push, against our own ingest behind a front that redirects."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from bunraku.core.output import OutputStatus, Protocol
from bunraku.core.token import generate
from bunraku.core.urls import FetchRefused, Guard
from bunraku.node.outputs.whip.sender import guarded
from bunraku.node.workers.download import exchange
from bunraku.testing.server import APP_ID, SECRET, RunningServer
from bunraku.testing.voices import ToneVoices


@pytest.fixture(scope="module")
def served() -> Iterator[RunningServer]:
    with RunningServer(providers=[ToneVoices()]) as server:
        yield server


class Front:
    """Answers 307 to /in, and passes what comes to /there on to the server."""

    def __init__(self, served: RunningServer) -> None:
        front, self.seen, self.located = self, [], []

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
                    front.located.append(served.base_url + answer.headers["Location"])
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


async def test_a_session_that_the_server_ends_is_replaced_by_a_new_one(desk, served):
    front = Front(served)
    payload = {"room_id": "r", "privilege": {"1": 1, "2": 1}, "stream_id_list": ["mic"]}
    token = generate(APP_ID, "pusher", SECRET, time.time(), 600, json.dumps(payload))
    output = desk.add(Protocol.WHIP, url=front.url, bearer_token=token)
    await desk.status(output, OutputStatus.ACTIVE)
    httpx.delete(front.located[0], headers={"Authorization": f"Bearer {token}"}).raise_for_status()
    lost = await desk.status(output, OutputStatus.RETRYING)
    assert lost.fail_reason == "the connection is lost"
    before = (await desk.status(output, OutputStatus.ACTIVE)).bytes
    await desk.until(lambda: desk.record(output).bytes > before + 5000)
    assert len(set(front.located)) == 2, "a resource of its own"
    assert served.parts.rooms.stream(APP_ID, "mic").live
    await desk.close()
    assert desk.record(output).status is OutputStatus.COMPLETE
    front.server.shutdown()


async def test_a_refusal_is_told_without_the_secret(desk, served):
    url = f"{served.base_url}/whip/{APP_ID}/r/mic"
    output = desk.add(Protocol.WHIP, url=url, bearer_token="wrong-secret")
    record = await desk.status(output, OutputStatus.RETRYING)
    assert record.fail_reason == "the target answered 401"


@contextlib.contextmanager
def answering(status: int, **headers: str) -> Iterator[tuple[str, list[str | None]]]:
    """A server's address, and the Authorization of each request to it."""
    heard: list[str | None] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            heard.append(self.headers.get("Authorization"))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/a", heard
    server.shutdown()


def test_a_redirect_to_another_host_does_not_get_the_token_and_none_leads_past_the_guard():
    guard, sent = (
        Guard(listed=("127.0.0.1",)),
        {"Authorization": "Bearer t", "Content-Type": "application/sdp"},
    )
    limits = {"max_body": 100, "max_redirects": 2}
    with (
        answering(201, Location="made/1") as (end, got),
        answering(307, Location=end) as (url, first),
        answering(307, Location="http://127.0.0.2/") as (astray, _),
    ):
        done = exchange("POST", url, b"v=0", sent, 5.0, guard, **limits)
        with pytest.raises(FetchRefused):
            exchange("POST", astray, b"v=0", sent, 5.0, guard, **limits)
    assert (first, got) == (["Bearer t"], [None])
    assert (done.status, done.location) == (201, end.replace("/a", "/made/1"))


def test_an_answer_s_candidates_lead_nowhere_that_the_guard_forbids():
    guard = Guard(listed=("10.1.0.0/16", "media.internal"))
    known = ["10.1.2.3", "10.2.2.3", "127.0.0.1", "169.254.169.254", "1.1.1.1", "a.local", "192.168.7.7"]
    lines = [f"a=candidate:1 1 udp 1 {address} 9000 typ host" for address in known]
    given = "\r\n".join(["v=0", *lines, "a=mid:0"])
    answer = guarded(given, guard, "media.internal", "192.168.7.7")
    left = [line.split(" ")[4] for line in answer.split("\r\n") if "candidate" in line]
    assert left == ["10.1.2.3", "1.1.1.1", "192.168.7.7"]
    assert answer.split("\r\n")[-1] == "a=mid:0"
