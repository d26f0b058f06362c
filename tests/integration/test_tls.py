"""TLS in the hands of those who mean it badly: half handshakes, other protocols, none at all."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import socket
import ssl
import time

import httpx
import pytest

from bunraku.front import acceptor
from bunraku.testing.server import RunningServer

from ..support.certificates import write_certificate
from ..support.waiting import wait_for

PLACES = 12  # connections of one address
HANDSHAKE = 3.0  # s, shortened


@pytest.fixture
def served(tmp_path, monkeypatch):
    monkeypatch.setattr(acceptor, "HANDSHAKE_TIMEOUT", HANDSHAKE)
    cert, key = write_certificate(tmp_path)
    limits = {"address_connections": PLACES, "connections": 64}
    with RunningServer(providers=[], tls_cert=cert, tls_key=key, limits=limits) as s:
        s.trust = ssl.create_default_context(cafile=str(cert))
        yield s


def connect(served, source="127.0.0.1"):
    s = socket.socket()
    s.settimeout(10)
    s.bind((source, 0))
    s.connect(("127.0.0.1", served.port))
    return s


def asked(served, source="127.0.0.1"):
    """Seconds until a caller of that address was answered."""
    begun = time.monotonic()
    transport = httpx.HTTPTransport(local_address=source, verify=served.trust)
    with httpx.Client(transport=transport, timeout=5) as client:
        assert client.get(f"https://localhost:{served.port}/healthz").status_code == 200
    return time.monotonic() - begun


def hello():
    """What a client says first."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname="localhost").do_handshake()
    return outgoing.read()


def over(s):
    """Whether the other side has closed it, now."""
    s.settimeout(0.01)
    try:
        while s.recv(4096):
            pass
    except TimeoutError:
        return False
    except OSError:
        return True
    return True


def test_half_handshakes_make_room_and_end(served):
    """Who stops within a handshake asks for nothing: it held its place against all others of its address."""
    first = hello()
    said = [b"", first[:1], first[:5], first[: len(first) // 2], first]
    held = [connect(served) for _ in range(PLACES)]
    for i, s in enumerate(held):
        s.sendall(said[i % len(said)])
    begun = time.monotonic()
    assert asked(served, "127.0.0.2") < 1
    time.sleep(acceptor.FRESH + 0.1)
    assert asked(served) < 1
    assert time.monotonic() - begun < HANDSHAKE
    wait_for(lambda: all(over(s) for s in held), HANDSHAKE + 2)
    for s in held:
        s.close()


def test_a_handshake_in_crumbs_has_its_time_and_no_more(served):
    first = hello()
    with connect(served) as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        begun = time.monotonic()
        with pytest.raises(OSError):
            for byte in first:
                s.sendall(bytes([byte]))
                time.sleep(0.05)
        assert HANDSHAKE - 1 < time.monotonic() - begun < HANDSHAKE + 3
    assert asked(served) < 1


def test_handshakes_are_made_one_after_the_other_and_addresses_take_turns(served, monkeypatch):
    """A thousand that came together were calculated together: no stream went on meanwhile."""
    first, made, turns = hello(), [], []
    wrap = ssl.SSLContext.wrap_bio

    def counted(self, *arguments, **options):
        if options.get("server_side"):
            made.append(len(turns))
            asyncio.get_running_loop().call_soon(turns.append, None)  # not before those of this turn
        return wrap(self, *arguments, **options)

    monkeypatch.setattr(ssl.SSLContext, "wrap_bio", counted)
    held = [connect(served) for _ in range(PLACES - 2)]
    for s in held:
        s.sendall(first[:-1])
    time.sleep(0.3)
    assert made == [], "nothing is made for a greeting that is not whole"
    for s in held:
        s.sendall(first[-1:])
    assert asked(served, "127.0.0.2") < 1
    wait_for(lambda: len(made) == len(held) + 1)
    assert made == sorted(set(made)), "each had a turn of its own"
    for s in held:
        s.close()


def test_what_is_no_tls_is_closed_and_said_once(served, caplog):
    rng, first = random.Random(16), hello()
    wrong = [
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\x80\x2e\x01\x00\x02",
        b"SSH-2.0-x\r\n",
        bytes(3000),
    ]
    for _ in range(60):
        mutated = bytearray(first)
        for _ in range(rng.randrange(1, 6)):
            mutated[rng.randrange(len(mutated))] = rng.randrange(256)
        wrong.append(bytes(mutated))
    wrong += [rng.randbytes(rng.randrange(6, 500)) for _ in range(30)]
    with caplog.at_level(logging.INFO):
        for data in wrong:
            with connect(served, f"127.0.0.{rng.randrange(3, 200)}") as s, contextlib.suppress(OSError):
                s.sendall(data)
                s.shutdown(socket.SHUT_WR)
                while s.recv(4096):
                    pass
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
        old.set_ciphers("ALL:@SECLEVEL=0")
        with connect(served) as s, pytest.raises((ssl.SSLError, ConnectionError)):
            old.wrap_socket(s)
        assert asked(served) < 1
    assert not [r.getMessage()[:200] for r in caplog.records if r.levelno >= logging.WARNING]
    answered = httpx.get(f"https://localhost:{served.port}/readyz", verify=served.trust)
    assert answered.status_code == 200
