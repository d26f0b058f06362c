"""One output from its beginning to its end: attempts, pauses between them, and what is told of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress

from bunraku.core.clock import Clock, timeout
from bunraku.core.output import Output, OutputFile, OutputStatus
from bunraku.node.outputs.base import Feed, OutputFailed, OutputLost, Sender

log = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0  # s between attempts, doubled each time it was not ACTIVE
NOTED_EVERY = 5.0  # s between two notes of files
STEADY = 10.0  # s of being ACTIVE after which the next pause is the first again


class Supervisor:
    """Owns an ``Output`` record; nobody else writes it. A ``Told`` of its sender's attempts.

    While it pauses it has no feed, so that a target which is away keeps no stream awake.
    """

    def __init__(
        self,
        record: Output,
        sender: Sender,
        attach: Callable[[Sender], AbstractContextManager[Feed]],
        clock: Clock,
        changed: Callable[[Output, bool], None],
        *,
        patience: float,
        end_timeout: float,
    ) -> None:
        """``changed`` hears of every new status, with True, and now and then of new files; ``patience``:
        seconds without ACTIVE after which it gives up; ``end_timeout``: seconds an ending attempt may take.
        """
        self._record, self._sender, self._attach = record, sender, attach
        self._clock, self._changed = clock, changed
        self._patience, self._end_timeout = patience, end_timeout
        self._feed: Feed | None = None
        self._ending = asyncio.Event()
        self._good = clock.monotonic()
        self._active_since: float | None = None
        self._silent = False
        self._noted = -NOTED_EVERY

    @property
    def record(self) -> Output:
        return self._record

    @property
    def feed(self) -> Feed | None:
        """Where its units wait, while an attempt is made."""
        return self._feed

    def end(self) -> None:
        """Finish in order; ``run`` returns when that is done."""
        if not self._ending.is_set() and not self._record.status.final:
            self._ending.set()
            self._change(OutputStatus.ENDING)
            if self._feed is not None:
                self._feed.end()

    def fail(self, reason: str) -> None:
        """It never began."""
        if not self._record.status.final:
            self._over(reason)

    def fall_silent(self) -> None:
        """Nobody is told any more."""
        self._silent = True

    # --- Told

    def active(self) -> None:
        now = self._clock.monotonic()
        self._good = now
        if self._record.status in (OutputStatus.STARTING, OutputStatus.RETRYING):
            self._active_since = now
            self._change(OutputStatus.ACTIVE)

    def sent(self, count: int) -> None:
        self._record = self._record.grown(count)

    def file(self, file: OutputFile) -> None:
        self._record = self._record.with_file(file)
        now = self._clock.monotonic()
        if now - self._noted >= NOTED_EVERY and not self._silent:
            self._noted = now
            self._changed(self._record, False)

    # --- life

    async def run(self) -> None:
        """Until it is complete, has failed, or is cancelled. Never raises but for that."""
        pause = FIRST_PAUSE
        self._good = self._clock.monotonic()
        while not self._ending.is_set():
            self._active_since = None
            try:
                await self._attempt()
            except OutputFailed as error:
                return self._over(str(error))
            except OutputLost as error:
                reason = str(error)
            except Exception as error:
                log.exception("output broke", extra={"output": self._record.id})
                reason = f"failed ({type(error).__name__})"
            else:
                break
            now = self._clock.monotonic()
            if self._ending.is_set():
                return self._over(reason)
            if now - self._good >= self._patience:
                return self._over(reason)
            if self._active_since is not None and now - self._active_since >= STEADY:
                pause = FIRST_PAUSE
            log.info("output retries: %s", reason, extra={"output": self._record.id})
            self._change(OutputStatus.RETRYING, reason)
            with suppress(TimeoutError):
                async with timeout(self._clock, pause):
                    await self._ending.wait()
            pause = min(LONGEST_PAUSE, pause * 2)
        return self._over(None)

    async def _attempt(self) -> None:
        with self._attach(self._sender) as feed:
            self._feed = feed
            work = asyncio.create_task(self._sender.run(feed, self))
            ending = asyncio.create_task(self._ending.wait())
            try:
                await asyncio.wait([work, ending], return_when=asyncio.FIRST_COMPLETED)
                if not work.done():
                    with suppress(TimeoutError):
                        async with timeout(self._clock, self._end_timeout):
                            await asyncio.wait([work])
                    if not work.done():
                        raise OutputLost("it did not end in time")
                work.result()
            finally:
                self._feed = None
                for job in (work, ending):
                    job.cancel()
                await asyncio.gather(work, ending, return_exceptions=True)

    def _over(self, reason: str | None) -> None:
        status = OutputStatus.COMPLETE if reason is None else OutputStatus.FAILED
        self._change(status, reason, ended_at=self._clock.wall())

    def _change(
        self, status: OutputStatus, reason: str | None = None, *, ended_at: float | None = None
    ) -> None:
        if self._record.status is status:
            return
        self._record = self._record.evolve(status, fail_reason=reason, ended_at=ended_at)
        log.info("output %s", status.lower(), extra={"output": self._record.id})
        if not self._silent:
            self._changed(self._record, True)
