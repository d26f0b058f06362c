"""Senders whose work is done by a worker (``sink_job``): the server's side of them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from bunraku.core.media import EncodedUnit
from bunraku.core.output import OutputFile
from bunraku.node.outputs.base import Feed, OutputFailed, OutputLost, Told, Wants
from bunraku.node.workers.pool import Job, JobFailed, JobSilent, Workers

Finish = Callable[[OutputFile, Feed, Told], Awaitable[None]]

log = logging.getLogger(__name__)


class SinkSender:
    """A ``Sender``. ``sink`` is the module whose ``open_sink`` the worker calls with the request; files that
    it says are whole go through ``finish``, one after the other, while it works on."""

    def __init__(
        self,
        workers: Workers,
        wants: Wants,
        sink: str,
        request: dict[str, Any],
        timeout: float,
        finish: Finish | None = None,
    ) -> None:
        self.wants = wants
        self._workers, self._timeout, self._finish = workers, timeout, finish
        self._request = {"sink": sink} | request

    async def run(self, feed: Feed, told: Told) -> None:
        whole: asyncio.Queue[OutputFile | None] = asyncio.Queue()
        work = asyncio.create_task(self._work(feed, told, whole))
        try:
            while (file := await whole.get()) is not None:
                assert self._finish is not None
                await self._finish(file, feed, told)
            await work
        finally:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)

    async def _work(self, feed: Feed, told: Told, whole: asyncio.Queue[OutputFile | None]) -> None:
        try:
            async with self._workers.job("output", self._request, None) as job:
                pump = asyncio.create_task(_pump(feed, job))
                try:
                    await self._listen(job, told, whole)
                finally:
                    pump.cancel()
                    await asyncio.gather(pump, return_exceptions=True)
        except JobSilent:
            raise OutputLost("the target takes nothing") from None
        except JobFailed as error:
            raise OutputLost(str(error)) from None
        finally:
            whole.put_nowait(None)

    async def _listen(self, job: Job, told: Told, whole: asyncio.Queue[OutputFile | None]) -> None:
        taken = 0
        while (block := await job.receive(self._timeout)) is not None:
            head, _ = block
            if "gone" in head:
                kind = OutputFailed if head["final"] else OutputLost
                raise kind(str(head["gone"]))
            if "file" in head:
                told.file(OutputFile(**head["file"]))
            if "whole" in head:
                whole.put_nowait(OutputFile(**head["whole"]))
            if "bytes" in head:
                told.active()
                told.sent(head["bytes"] - taken)
                taken = head["bytes"]


async def _pump(feed: Feed, job: Job) -> None:
    """What the worker does not take waits in the feed, which is bounded."""
    try:
        async for unit in feed:
            if isinstance(unit, EncodedUnit):
                job.send({"c": unit.codec.value, "t": unit.time_us, "k": unit.keyframe}, unit.data)
            else:
                job.send({"word": unit.text, "t": unit.start_us, "e": unit.end_us})
            await job.drain()
        job.send({"end": True})
    except OSError:
        log.debug("worker gone")  # found out by who listens to it
