"""A PostgreSQL for a while, from Debian's binaries: reached by a socket in a folder of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CONNECTIONS = 300


class NoServer(Exception):
    """No binaries of PostgreSQL are installed here."""


def binaries() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


@contextmanager
def throwaway(*options: str) -> Iterator[str]:
    """Its URL. It keeps what it commits, as a real one does, unless ``options`` (``name=value``) say
    otherwise. Raises ``NoServer``."""
    programs = binaries()
    if programs is None:
        raise NoServer("no PostgreSQL here: name one with --database-url, or apt install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="bunraku-pg-"))
    before: list[str] = []
    if os.geteuid() == 0:  # it refuses to run as root
        shutil.chown(folder, "postgres")
        before = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]

    def run(program: str, *arguments: str) -> None:
        command = [*before, str(programs / program), "-D", str(folder / "data"), *arguments]
        subprocess.run(command, check=True, capture_output=True, cwd=folder)  # noqa: S603 - our own words

    try:
        run("initdb", "-U", "bunraku", "-A", "trust", "--no-sync")
        settings = (
            "listen_addresses=",
            f"unix_socket_directories={folder}",
            f"max_connections={CONNECTIONS}",
        )
        words = " ".join(f"-c {s}" for s in (*settings, *options))
        run("pg_ctl", "-w", "-o", words, "-l", str(folder / "log"), "start")
        try:
            yield f"postgresql+asyncpg://bunraku@/postgres?host={folder}"
        finally:
            run("pg_ctl", "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
