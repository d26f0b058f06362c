"""Connections in number: who says nothing, who never ends, and few descriptors; a real process."""

from __future__ import annotations

import contextlib
import resource
import signal
import socket
import subprocess
import time

import httpx
import psutil
import pytest

from bunraku.front.connections import HEAD_TIMEOUT, OWN_BURST, OWN_RATE, Allowance, Intake
from bunraku.testing.clock import VirtualClock

from ..support.process import Process
from ..support.services import free_port


@contextlib.contextmanager
def few_files(count):
    """For processes that start in it: their limit of open files, the hard one too."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def process(folder, extra=""):
    p = Process(folder, free_port(), extra)
    p.running = psutil.Process(p.process.pid)
    return p


def silent(port, count, source):
    """Connections that say nothing, from an address of this machine."""
    made = []
    for _ in range(count):
        s = socket.socket()
        s.settimeout(1.0)
        try:
            s.bind((source, 0))
            s.connect(("127.0.0.1", port))
        except OSError:
            s.close()
            break
        made.append(s)
    return made


def settled(running):
    """What starting is followed by, such as art that is decoded for the next task, is done."""
    deadline, quiet = time.monotonic() + 60, 0
    while quiet < 3:
        assert time.monotonic() < deadline
        before = running.cpu_times()
        time.sleep(0.5)
        after = running.cpu_times()
        quiet = quiet + 1 if after.user + after.system - before.user - before.system < 0.15 else 0


def test_a_crowd_that_says_nothing_shuts_nobody_out(tmp_path):
    """With 300 descriptors, as they were found to be too few."""
    p = started_with_few(tmp_path)
    with p.api() as api:
        human = api.digital_humans()[0]["DigitalHumanId"]
        task = api.create(human, room_id="r", stream_id="s", size=(128, 128))
        while api.status(task)["Status"] != 3:
            time.sleep(0.05)
    settled(p.running)
    crowd = [*silent(p.port, 200, "127.0.0.1"), *silent(p.port, 200, "127.0.0.3")]
    try:
        time.sleep(1.0)
        before, log = p.running.cpu_times(), (tmp_path / "log.txt").stat().st_size
        # A tenant of another address comes in, calls and even starts a stream.
        transport = httpx.HTTPTransport(local_address="127.0.0.2", retries=3)
        with httpx.Client(transport=transport, base_url=f"http://127.0.0.1:{p.port}", timeout=5) as http:
            for _ in range(5):
                assert http.get("/healthz").text == "ok"
                time.sleep(0.2)
            assert http.get("/readyz").text == "ready"
        time.sleep(2.0)
        after = p.running.cpu_times()
        assert after.user + after.system - before.user - before.system < 1.5  # of three seconds
        assert (tmp_path / "log.txt").stat().st_size - log < 20_000
        assert p.running.num_fds() < 300 * 2 / 3 + 10
        # Those that stay silent are let go.
        deadline = time.monotonic() + HEAD_TIMEOUT + 5
        while p.running.num_fds() > 100:
            assert time.monotonic() < deadline
            time.sleep(0.2)
    finally:
        for s in crowd:
            s.close()
        p.end(signal.SIGTERM)


def started_with_few(folder):
    """300 descriptors, soft and hard: a shell lowers them, for no test could lift its own again."""
    popen = subprocess.Popen

    def limited(command, **options):
        quoted = " ".join(f"'{c}'" for c in command)
        return popen(["sh", "-c", f"ulimit -n 300; exec {quoted}"], **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subprocess, "Popen", limited)
        return process(folder)


def test_the_soft_limit_of_files_is_raised(tmp_path):
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with few_files(256):
        p = process(tmp_path)
    assert resource.prlimit(p.process.pid, resource.RLIMIT_NOFILE)[0] == min(hard, 65_536)
    p.end(signal.SIGTERM)


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    p = process(tmp_path_factory.mktemp("served"))
    yield p
    p.end(signal.SIGTERM)


def gone_after(s, limit, send=b""):
    """Seconds until the server closes, sending on meanwhile."""
    begin = time.monotonic()
    s.settimeout(0.25)
    while time.monotonic() - begin < limit:
        try:
            if send:
                s.sendall(send)
            if not s.recv(65536):
                break
        except TimeoutError:
            continue
        except OSError:
            break
    return time.monotonic() - begin


@pytest.mark.parametrize(
    ("head", "drip", "seconds"),
    [
        (b"", b"", 10),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: ", b"x", 10),
        (b"POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n", b"x", 2),
        (
            b"POST /console/login HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"1\r\nx\r\n",
            17,
        ),
    ],
    ids=["silence", "a head in drips", "a body nobody reads", "a body in drips"],
)
def test_nobody_keeps_a_connection_by_saying_little(served, head, drip, seconds):
    with socket.create_connection(("127.0.0.1", served.port)) as s:
        s.sendall(head)
        assert seconds - 1 <= gone_after(s, seconds + 8, drip) < seconds + 4


def test_a_body_in_too_many_pieces_is_refused(served):
    with socket.create_connection(("127.0.0.1", served.port)) as s:
        s.sendall(b"POST /console/login HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n")
        s.settimeout(10)
        with contextlib.suppress(OSError):
            s.sendall(b"1\r\nx\r\n" * 6000)
        with contextlib.suppress(ConnectionResetError):
            assert b" 400 " in s.recv(4096)


def asked(served, head):
    """The first line of the answer to a GET with these lines in its head."""
    with socket.create_connection(("127.0.0.1", served.port)) as s:
        s.settimeout(10)
        s.sendall(b"GET /console/state" + head + b"\r\n")
        return s.recv(4096).partition(b"\r\n")[0]


@pytest.mark.parametrize(
    "head",
    [
        b" HTTP/1.1\r\nHost: 127.0.0.1\r\n" + b"a:\r\n" * 15_000,
        b" HTTP/1.1\nHost: 127.0.0.1\n" + b"a:\n" * 15_000,
        b"?" + b"a&" * 30_000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n",
        b" HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: " + b"a;" * 30_000 + b"\r\n",
        b" HTTP/1.1\r\nHost: 127.0.0.1\r\n" + (b"Cookie: " + b"a;" * 20 + b"\r\n") * 100,
    ],
    ids=["lines", "bare lines", "query", "cookie", "cookies"],
)
def test_a_head_that_is_dear_to_parse_is_refused_unparsed(served, head):
    """Each was 8 to 75 ms in which no stream went on."""
    assert asked(served, head) == b"HTTP/1.1 400 Bad Request"


def test_a_head_as_browsers_and_proxies_send_it_is_read(served):
    lines = b"".join(b"X-Forwarded-%d: %s\r\n" % (i, b"v" * 400) for i in range(100))
    fields = b"&".join(b"f%d=1" % i for i in range(200))
    head = b"?" + fields + b" HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: " + b"; ".join([b"a=b"] * 60)
    assert asked(served, head + b"\r\n" + lines) in (b"HTTP/1.1 401 Unauthorized", b"HTTP/1.1 200 OK")


def test_heads_in_a_row_are_counted_one_by_one(served):
    """Many small requests at once have many lines together."""
    with socket.create_connection(("127.0.0.1", served.port)) as s:
        s.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 200)
        s.settimeout(10)
        seen = b""
        while seen.count(b"\r\n\r\nok") < 200:
            got = s.recv(65536)
            assert got, seen[-300:]
            seen += got
        assert b" 400 " not in seen


def test_one_connection_may_ask_again_and_again(served):
    with httpx.Client(base_url=f"http://127.0.0.1:{served.port}") as http:
        begin = time.monotonic()
        for _ in range(300):
            assert http.get("/healthz").text == "ok"
        assert time.monotonic() - begin < 10


def test_a_large_body_and_pipelined_requests_arrive_whole(served):
    with socket.create_connection(("127.0.0.1", served.port)) as s:
        body = b'{"password": "' + b"x" * 900_000 + b'"}'
        head = f"POST /console/login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n\r\n"
        s.sendall(head.encode() + body + b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 3)
        s.settimeout(5)
        seen = b""
        while seen.count(b"\r\n\r\nok") < 3:
            got = s.recv(65536)
            assert got, seen
            seen += got
        assert b"401" in seen


async def test_an_allowance_fills_with_time_and_lends_only_what_it_has():
    clock = VirtualClock()
    own, shared = Allowance(10, 20, clock.monotonic), Allowance(100, 50, clock.monotonic)
    own.spend(60)  # 40 too many
    assert own.borrow(shared) == 0
    own.spend(60)
    assert own.borrow(shared) == pytest.approx(60 - 9)  # that was all there was
    await clock.advance(0.1)
    assert own.borrow(shared) == pytest.approx(60 - 9 - 1 - 10)
    assert OWN_BURST > OWN_RATE


def test_after_a_dense_piece_streams_have_their_turn():
    intake = Intake(VirtualClock().monotonic)
    intake.parsed_dense(10.0, 0.004)
    assert intake.busy(10.0, dense=False) == pytest.approx(0.004)
    assert intake.busy(10.0, dense=True) == pytest.approx(0.016)
    assert intake.busy(10.02, dense=True) == 0
