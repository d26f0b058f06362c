"""The server's side of workers: starts the zygote, asks it for jobs, cuts them off."""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from bunraku.core.clock import patience
from bunraku.node.workers import blocks
from bunraku.node.workers.zygote import KILL, MESSAGE, READY, START

log = logging.getLogger(__name__)

START_TIMEOUT = 20.0
WALL_GRACE = 1.0
READ_AHEAD = 128 * 1024  # bytes of a worker's answers that wait here; then it has to


class JobFailed(Exception):
    """The job did not come to its end. The text is for the log."""


class JobLost(JobFailed):
    """The worker was killed, most often by one of its limits."""


class JobSilent(JobLost):
    """Nothing came for as long as the caller would wait."""


class Job:
    """One worker, at the end of a socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.over = False

    def send(self, head: dict[str, Any], body: bytes = b"") -> None:
        """Does not wait. A worker that is gone is found out by ``receive``."""
        self._writer.write(blocks.pack(head, body))

    async def drain(self) -> None:
        """Wait until the worker has taken most of what was sent. Raises ``OSError`` when it is gone."""
        await self._writer.drain()

    async def receive(self, silence: float) -> blocks.Block | None:
        """The next block, None at the end. Raises ``JobFailed``; ``JobSilent`` after ``silence`` s."""
        try:
            async with patience(silence):
                block = await blocks.receive(self._reader)
        except TimeoutError:
            raise JobSilent("no answer") from None
        except (OSError, asyncio.IncompleteReadError) as error:
            raise JobLost("worker ended") from error
        if block is None:
            self.over = True
        elif "error" in block[0]:
            raise JobFailed(str(block[0]["error"]))
        return block


class Workers:
    """Owns the zygote, which is started when the first job comes if not before.

    It and all workers end when this object is closed, or with this process.
    """

    def __init__(self) -> None:
        self._zygote: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._starting = asyncio.Lock()
        self._numbers = itertools.count(1)
        self.running = 0

    @property
    def pid(self) -> int | None:
        return self._zygote.pid if self._zygote else None

    async def start(self) -> None:
        """Raises ``JobFailed`` when the zygote does not come up."""
        async with self._starting:
            if self._zygote is not None and self._zygote.poll() is None:
                return
            self._drop()
            ours, theirs = socket.socketpair()
            ours.setblocking(False)
            try:
                self._zygote = await asyncio.to_thread(_spawn, theirs)
                self._control = ours
                async with patience(START_TIMEOUT):
                    ready = await asyncio.get_running_loop().sock_recv(ours, 1)
            except (OSError, TimeoutError) as error:
                self._drop()
                ours.close()
                raise JobFailed("workers did not start") from error
            finally:
                theirs.close()
            if ready != READY:
                self._drop()
                raise JobFailed("workers did not start")

    async def warm(self) -> None:
        """Start now what the first job would have to wait for; a failure shows then."""
        try:
            await self.start()
        except JobFailed as error:
            log.error("%s", error)

    def _drop(self) -> None:
        control, self._control = self._control, None
        zygote, self._zygote = self._zygote, None
        if control is not None:
            control.close()
        if zygote is not None and zygote.poll() is None:
            zygote.kill()
            zygote.wait()

    async def close(self) -> None:
        control, self._control = self._control, None
        zygote, self._zygote = self._zygote, None
        if control is None or zygote is None:
            return
        control.close()
        try:
            await asyncio.to_thread(zygote.wait, 5.0)
        except subprocess.TimeoutExpired:
            zygote.kill()
            await asyncio.to_thread(zygote.wait)

    @asynccontextmanager
    async def job(self, kind: str, request: dict[str, Any], wall: float | None) -> AsyncIterator[Job]:
        """A worker that does ``request``; killed on leaving, and when ``wall`` seconds are over.

        Raises ``JobFailed``, also from what the job is asked.
        """
        await self.start()
        assert self._control is not None
        number = next(self._numbers)
        ours, theirs = socket.socketpair()
        try:
            socket.send_fds(self._control, [MESSAGE.pack(START, number)], [theirs.fileno()])
        except OSError as error:  # the zygote is gone or hangs: the next job starts another
            ours.close()
            self._drop()
            raise JobFailed("workers are gone") from error
        finally:
            theirs.close()
        reader, writer = await asyncio.open_connection(sock=ours, limit=READ_AHEAD)
        job = Job(reader, writer)
        timer = None
        if wall is not None:  # the kernel does it a little earlier, unless the worker is lost
            loop = asyncio.get_running_loop()
            timer = loop.call_later(wall + WALL_GRACE, self._kill, number)
        self.running += 1
        try:
            job.send(request | {"kind": kind, "wall": wall})
            yield job
        finally:
            self.running -= 1
            if timer is not None:
                timer.cancel()
            if not job.over:
                self._kill(number)
            writer.transport.abort()

    def _kill(self, number: int) -> None:
        if self._control is not None:
            with suppress(OSError):  # a zygote that is gone has taken its workers with it
                self._control.send(MESSAGE.pack(KILL, number))


def _spawn(control: socket.socket) -> subprocess.Popen[bytes]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("BUNRAKU_")}
    # One thread, so that it may fork; and no arenas that count as mapped memory.
    environment |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
    return subprocess.Popen(  # noqa: S603 - our own module
        [sys.executable, "-m", "bunraku.node.workers.zygote", str(control.fileno())],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        pass_fds=(control.fileno(),),
        env=environment,
        # Ctrl-C goes to the server, which ends its helpers in order.
        start_new_session=True,
    )
