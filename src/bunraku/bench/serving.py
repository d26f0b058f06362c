"""A server to measure, in a process of its own."""

from __future__ import annotations

import secrets
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

APP_ID = 4242


@contextmanager
def serving(
    folder: Path,
    top: str = "",
    *more: str,
    app: str = "",
    trust: ssl.SSLContext | None = None,
    neural: bool = False,
) -> Iterator[tuple[int, str, int]]:
    """A server process: its port, secret and pid. ``top`` goes before the rest of its configuration,
    ``app`` to its app's, ``more`` to its command; ``trust``: it speaks TLS. ``neural``: its data directory
    holds neural voices; else it has none, for making them would be part of the figures."""
    folder.mkdir(exist_ok=True)
    secret = secrets.token_hex(16)
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = int(s.getsockname()[1])
    config = folder / "bench.toml"
    config.write_text(
        f'{top}\n[[apps]]\napp_id = {APP_ID}\nserver_secret = "{secret}"\nmax_tasks = 100\n{app}'
        "[limits]\ncalls_per_second = 0\naddress_calls_per_second = 0\n"
        f"[speech]\nkokoro_helpers = {2 if neural else 0}\n"
    )
    command = [sys.executable, "-m", "bunraku", "serve", "--port", str(port), "--host", "127.0.0.1"]
    command += ["--config", str(config), "--data-dir", str(folder / "data"), "--log-level", "WARNING", *more]
    process = subprocess.Popen(command)  # noqa: S603 - our own interpreter and module
    try:
        deadline = time.monotonic() + 90
        while not _ready(port, trust):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("server did not start")
            time.sleep(0.05)
        yield port, secret, process.pid
    finally:
        process.terminate()
        process.wait(30)


def _ready(port: int, trust: ssl.SSLContext | None) -> bool:
    url = f"{'https' if trust else 'http'}://127.0.0.1:{port}/readyz"
    try:
        return httpx.get(url, trust_env=False, verify=trust or True).status_code == 200
    except httpx.TransportError:
        return False
