"""Who is served next: the helpers of the neural voices, shared by everybody who speaks.

A sentence needs a place before it begins, and there are as many as the helpers can keep up with. So who
has begun a sentence comes to its end without a break, however many wait; who waits is silent, between
sentences. Those who have nothing to say meanwhile come first, the apps among them in turn.

A sentence is synthesised in stretches, and the stretch that will be heard soonest is made first.
"""

from __future__ import annotations

import asyncio
import contextvars
import heapq
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from bunraku.core.clock import Clock, timeout
from bunraku.core.report import VoiceLoad
from bunraku.node.speech.base import SpeechFailed, VoicesBusy
from bunraku.node.speech.helper import Helper
from bunraku.node.speech.kokoro.model import CONTEXT, FRAME, RATE
from bunraku.node.speech.tally import Tally

MOST, MOST_IN_A_CROWD = 160, 40  # frames of the longest stretch
Block = tuple[dict[str, Any], bytes]
MEMORY = 0.1  # share of the newest stretch in the measured speed
RESERVE = 0.7  # share of the helpers' time that is promised to sentences
PATIENCE = 0.3  # s by which who begins lets those go first who are being heard


@dataclass(eq=False)
class _Turn:
    """A sentence that waits for its place."""

    due: float
    tenant: int
    granted: asyncio.Future[None]


@dataclass(order=True)
class _Job:
    due: float
    """When its sound is needed, in seconds of the clock."""
    number: int
    request: dict[str, Any] = field(compare=False)
    answer: asyncio.Future[Block] = field(compare=False)
    context: contextvars.Context = field(compare=False, default_factory=contextvars.copy_context)
    """Of who asked: a helper goes on to the next from within the one before."""


class Pool:
    """A bounded number of helpers. The second and later ones start when they are first needed."""

    def __init__(self, make: Callable[[], Helper], helpers: int, clock: Clock, *, timeout: float) -> None:
        self._make, self._count, self._clock, self._timeout = make, helpers, clock, timeout
        self._jobs: list[_Job] = []
        self._turns: list[_Turn] = []
        self._speaking: Counter[int] = Counter()
        self._served: dict[int, int] = {}
        """When a tenant was last given a place, in places given."""
        self._tally = Tally()
        self._numbers = count()
        self._idle: list[Helper] = []
        self._helpers: list[Helper] = []
        self._running: set[asyncio.Task[None]] = set()
        self.pace = 0.0
        """Seconds of a helper's work a second of sound, also of that which is thrown away: what a stretch
        costs."""

    async def start(self) -> None:
        """Raises ``SpeechFailed`` when a helper does not start."""
        helper = self._make()
        try:
            await helper.start()
        except SpeechFailed:  # a machine that is busy starting may take longer than a helper may
            await helper.start()
        self._helpers.append(helper)
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
    def started(self) -> int:
        """Helpers that were started."""
        return len(self._helpers)

    @property
    def waiting(self) -> int:
        """Sentences without a place, and stretches that nobody makes yet."""
        return len(self._jobs) + len(self._turns)

    @property
    def places(self) -> int:
        """Sentences that the helpers can keep up with at once."""
        factor = self._tally.real_time_factor
        return self._count if not factor else max(self._count, int(RESERVE * self._count / factor))

    @property
    def speaking(self) -> int:
        """Sentences that have a place."""
        return self._speaking.total()

    @property
    def real_time_factor(self) -> float:
        """Seconds of a helper's work a second of sound that is heard, lately."""
        return self._tally.real_time_factor

    @property
    def crowd(self) -> float:
        """Sentences that share a helper; 1 where each has its own."""
        return max(1.0, self.speaking / self._count)

    @property
    def longest(self) -> int:
        """Frames that a stretch may have: others must not wait long for its end."""
        return MOST if self.speaking <= self._count else MOST_IN_A_CROWD

    @property
    def blocked(self) -> float:
        """Seconds for which all helpers may be busy with stretches of others."""
        return 2 * self.longest * self.pace * FRAME / RATE if self.crowd > 1 else 0.0

    def load(self, provider: str) -> VoiceLoad:
        return self._tally.load(
            provider,
            helpers=self._count,
            busy=self.busy,
            waiting=self.waiting,
            restarts=sum(h.restarts for h in self._helpers),
        )

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

    @asynccontextmanager
    async def place(self, tenant: int, due: float) -> AsyncIterator[None]:
        """A sentence may be made; its speaker falls silent at ``due``. Raises ``VoicesBusy`` when it
        would have to wait longer than the pool's timeout."""
        turn = _Turn(due, tenant, asyncio.get_running_loop().create_future())
        self._turns.append(turn)
        self._admit()
        begun = self._clock.monotonic()
        try:
            async with timeout(self._clock, max(due - begun, 0) + self._timeout):
                await turn.granted
        except TimeoutError:
            self._leave(turn)
            raise self._busy_for_too_long() from None
        except asyncio.CancelledError:
            self._leave(turn)
            raise
        finally:
            self._tally.waited(self._clock.monotonic() - begun)
        try:
            yield
        finally:
            self._leave(turn)

    def _busy_for_too_long(self) -> VoicesBusy:
        return VoicesBusy(f"no voice was free for {self._timeout:g} s")

    def _leave(self, turn: _Turn) -> None:
        if turn in self._turns:
            self._turns.remove(turn)
        else:
            self._speaking[turn.tenant] -= 1
            self._speaking += Counter()  # without those who have none
            self._admit()

    def _admit(self) -> None:
        now = self._clock.monotonic()
        while self._turns and self.speaking < self.places:
            silent = [t for t in self._turns if t.due <= now]
            turn = min(silent, key=self._share) if silent else min(self._turns, key=lambda t: t.due)
            self._turns.remove(turn)
            self._speaking[turn.tenant] += 1
            self._served[turn.tenant] = next(self._numbers)
            waiting = {t.tenant for t in self._turns} | set(self._speaking)
            self._served = {t: n for t, n in self._served.items() if t in waiting}
            turn.granted.set_result(None)

    def _share(self, turn: _Turn) -> tuple[int, int, float]:
        return self._speaking[turn.tenant], self._served.get(turn.tenant, -1), turn.due

    async def ask(self, request: dict[str, Any], due: float) -> Block:
        """One stretch, needed at ``due``. Raises ``SpeechFailed``, also when no helper is free for
        longer than the pool's timeout."""
        answer: asyncio.Future[Block] = asyncio.get_running_loop().create_future()
        job = _Job(due, next(self._numbers), request, answer)
        heapq.heappush(self._jobs, job)
        self._serve()
        try:
            async with timeout(self._clock, self._timeout):
                return await answer
        except TimeoutError:
            raise self._busy_for_too_long() from None
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
            task = asyncio.create_task(self._work(self._idle.pop(), job), context=job.context)
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    def _measure(self, worked: float, seconds: float) -> None:
        if seconds <= 0:
            return
        self._tally.made(seconds, worked)
        share = MEMORY if self.pace else 1.0
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
                    self._admit()
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
