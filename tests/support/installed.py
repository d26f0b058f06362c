"""What an installed ``bunraku`` must do, whoever installed it: serve, check, render, demo."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from .services import free_port

APP_ID, SECRET = 1234567890, "0123456789abcdef0123456789abcdef"
START, STOP = 60.0, 20.0  # s
PAGES = ("/", "/console/static/main.js", "/player/index.js", "/share", "/readyz")


def bare_environment() -> dict[str, str]:
    """Nothing of the tree that is tested may be found by accident."""
    hidden = ("PYTHONPATH", "VIRTUAL_ENV")
    return {k: v for k, v in os.environ.items() if k not in hidden and not k.startswith("BUNRAKU_")}


def run(*command: object, timeout: float = 500, cwd: Path | None = None) -> str:
    words = [str(c) for c in command]
    done = subprocess.run(
        words, capture_output=True, text=True, timeout=timeout, env=bare_environment(), cwd=cwd
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@contextmanager
def running(program: Path, folder: Path, *arguments: str) -> Iterator[str]:
    """A server's base URL, once it answers; it must end well, and log no traceback."""
    port = free_port()
    log = folder / f"{arguments[0]}.log"
    with log.open("w") as file:
        process = subprocess.Popen(
            [program, *arguments, "--port", str(port), "--data-dir", folder / arguments[0]],
            cwd=folder,
            stdout=file,
            stderr=subprocess.STDOUT,
            env=bare_environment(),
        )
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + START
        while True:
            try:
                assert httpx.get(f"{url}/healthz", timeout=5).text == "ok"
                break
            except httpx.TransportError:
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline
                time.sleep(0.1)
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(STOP) in (0, -signal.SIGTERM), log.read_text()
    told = log.read_text()
    assert "Traceback" not in told, told


def demo(program: Path, folder: Path) -> None:
    with running(program, folder, "demo") as url, httpx.Client(base_url=url, timeout=5) as http:
        for path in PAGES:
            assert http.get(path).status_code == 200, path


def serve_and_check(program: Path, folder: Path) -> None:
    config = folder / "bunraku.toml"
    config.write_text(
        f'[[apps]]\napp_id = {APP_ID}\nserver_secret = "{SECRET}"\n[limits]\ncalls_per_second = 0\n'
    )
    with running(program, folder, "serve", "--config", str(config)) as url:
        told = run(
            program,
            "check",
            "--base-url",
            url,
            "--app-id",
            APP_ID,
            "--secret",
            SECRET,
            cwd=folder,
            timeout=120,
        )
    assert "ok" in told
    assert "FAIL" not in told


def render(program: Path, folder: Path) -> None:
    film = folder / "film.mp4"
    run(program, "render", "--text", "Good evening.", "--size", "256x256", "-o", film, cwd=folder)
    assert film.stat().st_size > 10_000
