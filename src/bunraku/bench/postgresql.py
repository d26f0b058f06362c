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


class Postgresql:
    """``url``, and a server that can be stopped and started; what was committed is there again."""

    def __init__(self, programs: Path, folder: Path, options: tuple[str, ...]) -> None:
        self._programs, self._folder = programs, folder
        self._before: list[str] = []
        if os.geteuid() == 0:  # it refuses to run as root
            shutil.chown(folder, "postgres")
            self._before = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        settings = (
            "listen_addresses=",
            f"unix_socket_directories={folder}",
            f"max_connections={CONNECTIONS}",
        )
        self._words = " ".join(f"-c {s}" for s in (*settings, *options))
        self.url = f"postgresql+asyncpg://bunraku@/postgres?host={folder}"
        self._run("initdb", "-U", "bunraku", "-A", "trust", "--no-sync")

    def _run(self, program: str, *arguments: str) -> None:
        command = [*self._before, str(self._programs / program), "-D", str(self._folder / "data"), *arguments]
        # Its own children keep what it inherits: pipes would never close.
        with (self._folder / "output").open("ab") as output:
            subprocess.run(  # noqa: S603 - our own words
                command, check=True, stdout=output, stderr=output, cwd=self._folder
            )

    def start(self) -> None:
        self._run("pg_ctl", "-w", "-o", self._words, "-l", str(self._folder / "log"), "start")

    def stop(self) -> None:
        """At once, as by a power cut; it recovers when it starts."""
        self._run("pg_ctl", "-w", "-m", "immediate", "stop")


@contextmanager
def throwaway(*options: str) -> Iterator[Postgresql]:
    """It keeps what it commits, as a real one does, unless ``options`` (``name=value``) say otherwise.
    Raises ``NoServer``."""
    programs = binaries()
    if programs is None:
        raise NoServer("no PostgreSQL here: name one with --database-url, or apt install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="bunraku-pg-"))
    try:
        server = Postgresql(programs, folder, options)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
