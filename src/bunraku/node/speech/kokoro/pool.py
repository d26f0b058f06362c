"""Who is served next: the helpers of the neural voices, shared by everybody who speaks.

A sentence is synthesised in stretches, and the stretch that will be heard soonest is made first. So a
speaker who has seconds in hand waits for one who has nothing, each gets as much as it plays, and no
text, however long, holds up another.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from bunraku.core.clock import Clock
from bunraku.node.speech.base import SpeechFailed
from bunraku.node.speech.helper import Helper
from bunraku.node.speech.kokoro.model import CONTEXT, FRAME, RATE

Block = tuple[dict[str, Any], bytes]
MEMORY = 0.1  # share of the newest stretch in the measured speed


@dataclass(order=True)
class _Job:
    due: float
    """When its sound is needed, in seconds of the clock."""
    number: int
    request: dict[str, Any] = field(compare=False)
    answer: asyncio.Future[Block] = field(compare=False)


class Pool:
    """A bounded number of helpers. The second and later ones start when they are first needed."""

    def __init__(self, make: Callable[[], Helper], helpers: int, clock: Clock, *, timeout: float) -> None:
        self._make, self._count, self._clock, self._timeout = make, helpers, clock, timeout
        self._jobs: list[_Job] = []
        self._numbers = count()
        self._idle: list[Helper] = []
        self._helpers: list[Helper] = []
        self._running: set[asyncio.Task[None]] = set()
        self.real_time_factor = 0.0
        """Seconds of a helper's work a second of sound that is heard, lately."""
        self.pace = 0.0
        """The same with the sound that is made and thrown away: what a stretch costs."""

    async def start(self) -> None:
        """Raises ``SpeechFailed`` when a helper does not start."""
        helper = self._make()
        self._helpers.append(helper)
        try:
            await helper.start()
        except SpeechFailed:  # a machine that is busy starting may take longer than a helper may
            await helper.start()
        self._idle.append(helper)

    async def restart(self) -> None:
        """Before anybody speaks: the helper anew, which reads its files again."""
        await self._helpers[0].close()
        await self._helpers[0].start()

    async def close(self) -> None:
        for job in self._jobs:
            job.answer.cancel()
        self._jobs.clear()
        for task in list(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        await asyncio.gather(*(h.close() for h in self._helpers))

    @property
    def waiting(self) -> int:
        """Stretches that nobody makes yet."""
        return len(self._jobs)

    @property
    def busy(self) -> int:
        """Helpers at work."""
        return len(self._running)

    @property
    def pids(self) -> list[int]:
        return [h.pid for h in self._helpers if h.pid is not None]

    @property
    def hello(self) -> dict[str, Any]:
        return self._helpers[0].hello

    async def ask(self, request: dict[str, Any], due: float) -> Block:
        """One stretch, needed at ``due``. Raises ``SpeechFailed``, also when no helper is free for
        longer than the pool's timeout."""
        answer: asyncio.Future[Block] = asyncio.get_running_loop().create_future()
        job = _Job(due, next(self._numbers), request, answer)
        heapq.heappush(self._jobs, job)
        self._serve()
        try:
            async with asyncio.timeout(self._timeout):
                return await answer
        except TimeoutError:
            raise SpeechFailed(f"no voice was free for {self._timeout:g} s") from None
        finally:
            if job in self._jobs:
                self._jobs.remove(job)
                heapq.heapify(self._jobs)

    def _serve(self) -> None:
        while self._jobs:
            if not self._idle:
                if len(self._helpers) >= self._count:
                    return
                self._helpers.append(self._make())
                self._idle.append(self._helpers[-1])
            job = heapq.heappop(self._jobs)
            task = asyncio.create_task(self._work(self._idle.pop(), job))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    def _measure(self, worked: float, seconds: float) -> None:
        if seconds <= 0:
            return
        share = MEMORY if self.pace else 1.0
        self.real_time_factor += (worked / seconds - self.real_time_factor) * share
        self.pace += (worked / (seconds + 2 * CONTEXT * FRAME / RATE) - self.pace) * share

    async def _work(self, helper: Helper, job: _Job) -> None:
        """To its end even when nobody waits any more: a helper that is cut off must start anew, which
        takes longer than a stretch."""
        begun = self._clock.monotonic()
        try:
            async with aclosing(helper.request(job.request)) as blocks:
                async for head, pcm in blocks:
                    seconds = len(pcm) / 2 / helper.hello["sample_rate"]
                    self._measure(self._clock.monotonic() - begun, seconds)
                    if not job.answer.done():
                        job.answer.set_result((head, pcm))
            if not job.answer.done():
                job.answer.set_exception(SpeechFailed("the helper said nothing"))
        except SpeechFailed as error:
            if not job.answer.done():
                job.answer.set_exception(error)
        finally:
            self._idle.append(helper)
            self._serve()
