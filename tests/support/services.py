"""Real services of Debian's packages for tests: PostgreSQL and Redis, on sockets of their own."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def postgresql_binaries() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


@dataclass
class Service:
    """``stop`` is sudden, as in a crash."""

    url: str
    _start: Callable[[], None]
    _stop: Callable[[], None]
    running: bool = False

    def start(self) -> None:
        self._start()
        self.running = True

    def stop(self) -> None:
        self._stop()
        self.running = False


def postgresql(folder: Path) -> Service:
    """A server reached by a socket in ``folder``; not started yet."""
    binaries = postgresql_binaries()
    assert binaries is not None
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)
    root = os.geteuid() == 0  # PostgreSQL refuses to run as root
    user = "postgres" if root else pwd.getpwuid(os.geteuid()).pw_name
    if root:
        for parent in (folder, *folder.parents):
            if parent.stat().st_uid == 0 and parent != Path("/"):
                parent.chmod(parent.stat().st_mode | 0o055)
        shutil.chown(folder, user)
    before = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"] if root else []

    def run(*command: str) -> None:
        subprocess.run([*before, *command], check=True, capture_output=True, cwd=folder)

    run(str(binaries / "initdb"), "-D", str(folder / "data"), "-U", "bunraku", "-A", "trust", "--no-sync")
    options = f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off -c max_connections=300"
    control = [str(binaries / "pg_ctl"), "-D", str(folder / "data"), "-w"]
    return Service(
        f"postgresql+asyncpg://bunraku@/postgres?host={folder}",
        lambda: run(*control, "-o", options, "-l", str(folder / "log"), "start"),
        lambda: run(*control, "-m", "immediate", "stop"),
    )


def redis(folder: Path) -> Service:
    """A server on a port of its own; not started yet."""
    port = free_port()
    running: list[subprocess.Popen[bytes]] = []

    def start() -> None:
        command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
        running.append(subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL))
        deadline = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 0.2).close()
                return
            except OSError:
                assert time.monotonic() < deadline, "redis-server did not start"
                time.sleep(0.02)

    def stop() -> None:
        process = running.pop()
        process.send_signal(signal.SIGKILL)
        process.wait()

    return Service(f"redis://127.0.0.1:{port}/0", start, stop)
