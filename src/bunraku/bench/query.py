"""Our Query route against the framework's bare JSON route, in one run.

Both servers are processes of their own and are asked in turns by the same client over kept
connections, so that what disturbs one disturbs the other. CPU time of the server per request is
the figure; requests a second stand beside it.
"""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bunraku.bench.system import cpu_seconds

BARE = """
import sys, uvicorn
from fastapi import FastAPI
app = FastAPI()
@app.post("/")
async def bare(body: dict) -> dict:
    return {"Code": 0, "Message": "success", "RequestId": "1", "Data": {"StreamTasks": []}}
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=False, log_level="warning")
"""
CONNECTIONS = 4


@contextmanager
def bare_server() -> Iterator[tuple[int, int]]:
    """Port and pid of a FastAPI application with one route."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = int(s.getsockname()[1])
    process = subprocess.Popen([sys.executable, "-c", BARE, str(port)])  # noqa: S603 - our own text
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError("bare server did not start") from None
                time.sleep(0.05)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(10)


async def _ask(port: int, target: Callable[[], str], count: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    body = b"{}"
    for _ in range(count):
        writer.write(
            f"POST {target()} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(x.split(b":")[1]) for x in head.split(b"\r\n") if x.lower().startswith(b"content-length")
        )
        answer = json.loads(await reader.readexactly(length))
        if answer["Code"] != 0:
            raise RuntimeError(str(answer))
    writer.close()


async def load(port: int, pid: int, target: Callable[[], str], count: int) -> tuple[float, float]:
    """(CPU ms per request, requests a second)."""
    cpu, begin = cpu_seconds(pid), time.monotonic()
    await asyncio.gather(*(_ask(port, target, count // CONNECTIONS) for _ in range(CONNECTIONS)))
    wall = time.monotonic() - begin
    return (cpu_seconds(pid) - cpu) / count * 1e3, count / wall
