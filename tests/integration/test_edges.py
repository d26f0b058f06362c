"""Real Redis, real TLS, a real slow client."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import time

import httpx
import pytest

from bunraku.client import query
from bunraku.testing.server import APP_ID, SECRET, RunningServer
from bunraku.testing.voices import ToneVoices

from ..support.certificates import write_certificate


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@pytest.fixture
def redis(tmp_path):
    if not shutil.which("redis-server"):
        pytest.skip("no redis-server")
    port = free_port()
    process = subprocess.Popen(
        ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)],
        stdout=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            break
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    yield f"redis://127.0.0.1:{port}/0"
    process.terminate()
    process.wait()


def codes(server, count):
    params = [query("QueryDigitalHumanStreamTasks", APP_ID, SECRET) for _ in range(count)]
    return [httpx.post(server.base_url + "/", params=p, json={}).json()["Code"] for p in params]


def test_the_rate_limit_is_shared_through_redis(redis):
    limits = {"calls_per_second": 5, "storage": redis}
    with RunningServer(providers=[], limits=limits) as a, RunningServer(providers=[], limits=limits) as b:
        # Warm both, then wait for the window to pass.
        codes(a, 1), codes(b, 1)
        time.sleep(1.2)
        assert codes(a, 3) + codes(b, 4) == [0, 0, 0, 0, 0, 400010009, 400010009]


def test_calls_go_on_uncounted_while_redis_is_away():
    limits = {"calls_per_second": 1, "storage": f"redis://127.0.0.1:{free_port()}/0"}
    with RunningServer(providers=[], limits=limits) as server:
        assert codes(server, 3) == [0, 0, 0]
        assert httpx.post(server.base_url + "/").json()["Code"] == 100000006


def test_tls_serves_https_and_hands_out_wss(tmp_path):
    from bunraku.client import Client

    cert, key = write_certificate(tmp_path)
    with RunningServer(providers=[ToneVoices()], tls_cert=cert, tls_key=key) as s:
        context = ssl.create_default_context(cafile=str(cert))
        with Client(f"https://localhost:{s.port}", APP_ID, SECRET, verify=context) as api:
            human = api.digital_humans()[0]
            assert human["AvatarUrl"].startswith(f"https://localhost:{s.port}/")
            task = api.create(human["DigitalHumanId"], room_id="r", stream_id="s", size=(128, 128))
            assert api.speak(task, "x", timbre_id="tone-a")
            address = api.call("DriveByWsStream", TaskId=task)["WssAddress"]
            assert address.startswith(f"wss://localhost:{s.port}/ws?Token=")


def test_a_slow_client_is_let_go_and_holds_up_nobody(monkeypatch):
    from bunraku.front import http

    monkeypatch.setattr(http, "BODY_TIMEOUT", 0.5)
    with RunningServer(providers=[]) as s, socket.create_connection(("127.0.0.1", s.port)) as slow:
        target = httpx.URL(s.base_url + "/", params=query("GetTimbreList", APP_ID, SECRET)).raw_path.decode()
        slow.sendall(f"POST {target} HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{{".encode())
        begin = time.monotonic()
        assert codes(s, 1) == [0]
        assert time.monotonic() - begin < 0.5
        slow.settimeout(5)
        answer = b""
        while b"}" not in answer:
            answer += slow.recv(4096)
        assert b"100000012" in answer


def test_a_second_path_serves_the_rpc():
    with RunningServer(providers=[], rpc_prefix="/dh/") as s:
        params = query("QueryDigitalHumanStreamTasks", APP_ID, SECRET)
        for path in ("/dh/", "/dh", "/"):
            assert httpx.post(s.base_url + path, params=params).json()["Code"] == 0


def test_the_console_asks_for_the_operator_password():
    with RunningServer(providers=[], console={"password": "open sesame"}) as s:
        with httpx.Client(base_url=s.base_url) as http:
            assert http.get("/console/state").status_code == 401
            assert http.post("/console/login", json={"password": "wrong"}).status_code == 401
            assert http.post("/console/login", json={"password": "open sesame"}).status_code == 200
            assert http.get("/console/state").json()["apps"]
        assert httpx.get(s.base_url + "/metrics").text.count("bunraku_") > 10
        assert httpx.get(s.base_url + "/readyz").text == "ready"
