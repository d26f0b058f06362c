"""A load balancer as plain as one can be: connections go to the fronts in turn, bytes pass unread."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import threading

PIECE = 64 * 1024


class Balancer:
    """Runs on a thread of its own; ``ports`` may grow and shrink while it runs."""

    def __init__(self) -> None:
        self.ports: list[int] = []
        self.port = 0
        self._turn = itertools.count()
        self._loop = asyncio.new_event_loop()
        self._jobs: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, name="balancer", daemon=True)

    def start(self) -> None:
        self._thread.start()
        listening = asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=256)
        server = asyncio.run_coroutine_threadsafe(listening, self._loop).result(10)
        self.port = server.sockets[0].getsockname()[1]

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    async def _close(self) -> None:
        for job in tuple(self._jobs):
            job.cancel()
        await asyncio.gather(*self._jobs, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        job = asyncio.current_task()
        assert job is not None
        self._jobs.add(job)
        try:
            await self._pass_on(reader, writer)
        except asyncio.CancelledError:
            return
        finally:
            self._jobs.discard(job)
            writer.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ports = tuple(self.ports)
        first = next(self._turn)
        for i in range(len(ports)):
            with contextlib.suppress(OSError):  # a front that is away: the next
                there = await asyncio.open_connection("127.0.0.1", ports[(first + i) % len(ports)])
                break
        else:
            return
        ways = (_pour(reader, there[1]), _pour(there[0], writer))
        try:
            await asyncio.gather(*ways)
        finally:
            there[1].close()


async def _pour(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    """Until the end, which is passed on too; a break on either side breaks the other."""
    try:
        while piece := await source.read(PIECE):
            target.write(piece)
            await target.drain()
        if target.can_write_eof():
            target.write_eof()
    except OSError:
        target.transport.abort()
