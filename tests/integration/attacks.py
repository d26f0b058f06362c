"""Attackers, run as a process of their own: ``python attacks.py NAME PORT SECONDS``. Loopback only.

Each is bounded in time and in bytes; what is sent is cheap to make, and dear to parse.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
import time

CHUNK = b"1\r\nx\r\n"
BYTES = 6 << 20


def connect(port):
    s = socket.create_connection(("127.0.0.1", port), timeout=3)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s


def pour(s, data, until, total=BYTES):
    """Send ``data`` again and again; give the bytes that went out before the end or a refusal."""
    sent = 0
    try:
        while time.monotonic() < until and sent < total:
            sent += s.send(data)
    except OSError:
        pass
    return sent


def nothing(port, until):
    """To compare with."""
    time.sleep(max(0.0, until - time.monotonic()))
    return 0


def chunks(port, until, path="/console/login"):
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    sent = 0
    while time.monotonic() < until and sent < BYTES:
        with connect(port) as s:
            s.sendall(head)
            sent += pour(s, CHUNK * 10_000, until)
        time.sleep(0.01)
    return sent


def chunks_to_root(port, until):
    return chunks(port, until, "/?Action=DriveByText")


def upgraded(port, path):
    s = connect(port)
    s.sendall(
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
    )
    answer = s.recv(4096)
    assert b" 101 " in answer, answer
    return s


def frame(opcode, payload=b"", fin=True):
    """Masked with zeros (RFC 6455 section 5.2)."""
    return bytes([opcode | (0x80 if fin else 0), 0x80 | len(payload)]) + bytes(4) + payload


def frames(port, until, path, first, again):
    sent = 0
    while time.monotonic() < until and sent < BYTES:
        try:
            with upgraded(port, path) as s:
                sent += pour(s, first, until, len(first))
                sent += pour(s, again * 10_000, until)
        except (OSError, AssertionError):
            pass
        time.sleep(0.01)
    return sent


def fragments(port, until):
    return frames(port, until, "/rtc/room", frame(1, b"x", fin=False), frame(0, b"x", fin=False))


def pongs(port, until):
    return frames(port, until, "/rtc/room", b"", frame(10))


def pings(port, until):
    return frames(port, until, "/rtc/room", b"", frame(9, b"x"))


def socket_fragments(port, until):
    return frames(port, until, os.environ["DRIVE"], frame(2, b"x", fin=False), frame(0, b"x", fin=False))


def socket_messages(port, until):
    return frames(port, until, os.environ["DRIVE"], b"", frame(2, b"x"))


def crowd(port, until):
    """Sixteen of the first, from one address."""
    threads = [threading.Thread(target=chunks, args=(port, until)) for _ in range(16)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return 0


ALL = {
    f.__name__: f
    for f in (
        nothing,
        chunks,
        chunks_to_root,
        fragments,
        pongs,
        pings,
        socket_fragments,
        socket_messages,
        crowd,
    )
}

if __name__ == "__main__":
    print(ALL[sys.argv[1]](int(sys.argv[2]), time.monotonic() + float(sys.argv[3])))
