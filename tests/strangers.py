"""A file server and callback receiver that misbehaves: ``python tests/strangers.py``.

A process of its own, which gives way, for strangers burn cores of their own. Prints its port. The first word of
the path says how it answers; none of them ends by itself before ``SECONDS``.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

SECONDS = 20.0
OK = b"HTTP/1.1 200 OK\r\nContent-Type: audio/wav\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


def flood(connection: socket.socket, begin: bytes, again: bytes, pause: float = 0.0) -> None:
    end = time.monotonic() + SECONDS
    connection.sendall(begin)
    while time.monotonic() < end:
        connection.sendall(again)
        time.sleep(pause)


def answer(connection: socket.socket) -> None:
    with contextlib.suppress(OSError), connection:
        asked = b""
        while b"\r\n\r\n" not in asked:
            asked += connection.recv(65536)
        how = asked.split(b" ")[1].strip(b"/").split(b"/")[0].decode()
        if how == "crumbs":  # one byte a chunk
            flood(connection, CHUNKED, b"1\r\nR\r\n" * 10_000)
        elif how == "continue":
            flood(connection, b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 3_000)
        elif how == "headers":
            flood(connection, OK, b"X-A: b\r\n" * 8_000)
        elif how == "drip":  # a header byte now and then
            flood(connection, OK + b"X-", b"a", 0.2)
        elif how == "trickle":  # a body byte now and then
            flood(connection, OK + b"Content-Length: 9999999\r\n\r\nRIFF\0\0\0\0WAVE", b"j", 0.2)
        elif how == "silent":
            time.sleep(SECONDS)


def serve() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=answer, args=(connection,), daemon=True).start()


@contextlib.contextmanager
def strangers():
    """The base URL of one, started and ended here."""
    process = subprocess.Popen([sys.executable, str(Path(__file__))], stdout=subprocess.PIPE, text=True)
    try:
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
    finally:
        process.kill()
        process.wait()


if __name__ == "__main__":
    os.nice(15)
    serve()
