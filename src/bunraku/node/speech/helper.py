"""Synthesizers in processes of their own, and the pool that shares them out.

A helper reads requests, one JSON object a line, and answers on standard output in blocks
(``workers.blocks``) of a head and PCM (int16, little-endian, mono); a block of two zeros ends a reply.
The first block after start-up is a head with at least ``sample_rate``; a failed request is answered
by ``{"error": "..."}`` and the end. ``{"abort": true}`` instead of a request says that nobody waits
for the reply any more: it may be cut short, but it is ended all the same; a helper that looks
out for it says ``"abort": true`` in its first block. One that has not ended a reply a while after
is killed and replaced. A helper ends when its standard input does. ``helper_side`` does the helper's
part of this.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from bunraku.core.clock import Clock, SystemClock, patience
from bunraku.core.media import SAMPLE_RATE
from bunraku.core.report import VoiceLoad
from bunraku.node.speech.base import SpeechFailed
from bunraku.node.speech.tally import Tally
from bunraku.node.workers import blocks
from bunraku.node.workers.fair import FairSlots

log = logging.getLogger(__name__)

REPLY_TIMEOUT = 10.0
PATIENCE = 0.5  # s that a helper may go on with what nobody waits for

TENANT: ContextVar[int] = ContextVar("tenant", default=0)
"""The app on whose behalf this asyncio task asks; helpers are shared out among apps."""


class HelperDied(SpeechFailed):
    """The helper process ended or went silent; a new one is started for the next sentence."""


class Helper:
    """One helper process, ``python -m module arguments``. One request at a time.

    ``hello`` is the head of its first block.
    """

    def __init__(self, module: str, *arguments: str) -> None:
        self._module, self._arguments = module, arguments
        self._process: asyncio.subprocess.Process | None = None
        self._killed: list[asyncio.subprocess.Process] = []
        self._unwanted = False
        self._patience: asyncio.TimerHandle | None = None
        self._starts = 0
        self.hello: dict[str, Any] = {}

    @property
    def restarts(self) -> int:
        """How often another process took the place of one that ended."""
        return max(0, self._starts - 1)

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    async def _ensure(self) -> asyncio.subprocess.Process:
        if self._process is None or self._process.returncode is not None:
            environment = {k: v for k, v in os.environ.items() if not k.startswith("BUNRAKU_")}
            self._starts += 1
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                self._module,
                *self._arguments,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                env=environment,
                # Ctrl-C goes to the server, which ends its helpers in order.
                start_new_session=True,
            )
            head = await self._block(self._process)
            if head is None:
                raise blocks.MalformedBlock("no hello")
            self.hello = head[0]
        return self._process

    async def start(self) -> None:
        """Raises ``HelperDied``. Nothing happens when it runs."""
        try:
            await self._ensure()
        except (OSError, asyncio.IncompleteReadError, TimeoutError) as error:
            await self.close()
            raise HelperDied(f"{self._module} did not start") from error

    async def _block(self, process: asyncio.subprocess.Process) -> blocks.Block | None:
        assert process.stdout is not None
        async with patience(REPLY_TIMEOUT):
            return await blocks.receive(process.stdout)

    async def request(self, request: dict[str, Any]) -> AsyncGenerator[blocks.Block]:
        """Blocks of the reply. To be read to its end: ``abandon`` brings that about.

        A process that died before it said anything is replaced once, unnoticed.
        """
        self._unwanted = False
        try:
            for last in (False, True):
                begun = False
                try:
                    async with aclosing(self._attempt(request)) as reply:
                        async for block in reply:
                            begun = True
                            yield block
                    return
                except HelperDied:
                    if begun or last or self._unwanted:
                        raise
                    log.warning("%s ended; starting another", self._module)
        finally:
            if self._patience is not None:
                self._patience.cancel()
                self._patience = None

    async def _attempt(self, request: dict[str, Any]) -> AsyncGenerator[blocks.Block]:
        done = False
        try:
            process = await self._ensure()
            if self._unwanted:  # given up while it started
                done = True
                return
            assert process.stdin is not None
            process.stdin.write(json.dumps(request).encode() + b"\n")
            await process.stdin.drain()
            refusal: str | None = None
            while (block := await self._block(process)) is not None:
                if "error" in block[0]:
                    refusal = str(block[0]["error"])
                else:
                    yield block
            done = True
            if refusal is not None:
                raise SpeechFailed(refusal)
        except (OSError, asyncio.IncompleteReadError, TimeoutError) as error:
            raise HelperDied(f"{self._module} ended") from error
        finally:
            if not done:  # the rest of the reply is still in the pipe: the process is unusable
                self._kill()

    def abandon(self) -> None:
        """Nobody waits for the reply any more: it comes to its end soon, or the process does."""
        process = self._process
        if self._unwanted:
            return
        self._unwanted = True
        if process is not None and process.stdin is not None and self.hello.get("abort"):
            process.stdin.write(b'{"abort": true}\n')
        self._patience = asyncio.get_running_loop().call_later(PATIENCE, self._kill)

    def _kill(self) -> None:
        """Whoever reads from it finds its end; the next request starts another."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
        self._killed = [p for p in (*self._killed, process) if p.returncode is None]

    async def close(self) -> None:
        self._kill()
        await asyncio.gather(*(p.wait() for p in self._killed))


@dataclass(eq=False)
class _Reply:
    """What one asker gets, and the helper that gives it while it does."""

    blocks: asyncio.Queue[blocks.Block | SpeechFailed | None] = field(
        default_factory=lambda: asyncio.Queue[blocks.Block | SpeechFailed | None]()
    )
    helper: Helper | None = None
    waiting: bool = True  # for its turn


class HelperPool:
    """Helpers of one kind. Requests of apps take turns for a free one, so one long text holds up
    nobody, nor do many of one app (``TENANT``)."""

    def __init__(self, module: str, count: int, clock: Clock | None = None) -> None:
        self._clock, self._tally = clock or SystemClock(), Tally()
        self._waiting = 0
        self._helpers = [Helper(module) for _ in range(count)]
        self._free = list(self._helpers)
        self._slots = FairSlots(count)
        self._readers: set[asyncio.Task[None]] = set()

    def load(self, provider: str) -> VoiceLoad:
        """How busy they are, under the provider's name."""
        return self._tally.load(
            provider,
            helpers=len(self._helpers),
            busy=len(self._helpers) - len(self._free),
            waiting=self._waiting,
            restarts=sum(h.restarts for h in self._helpers),
        )

    @property
    def crowded(self) -> bool:
        """Nobody is free, so that more work for one makes others wait."""
        return not self._free

    async def start(self) -> None:
        await asyncio.gather(*(h.start() for h in self._helpers))

    async def close(self) -> None:
        for reader in self._readers:
            reader.cancel()
        await asyncio.gather(*self._readers, return_exceptions=True)
        await asyncio.gather(*(h.close() for h in self._helpers))

    @property
    def pids(self) -> list[int]:
        return [h.pid for h in self._helpers if h.pid is not None]

    @property
    def hello(self) -> dict[str, Any]:
        return next((h.hello for h in self._helpers if h.hello), {})

    async def ask(self, request: dict[str, Any]) -> AsyncGenerator[blocks.Block]:
        """Blocks of the reply. Raises ``SpeechFailed``.

        The reply is read as fast as it comes and the helper freed, whatever the pace of playing.
        Closing or cancelling this abandons it, at once.
        """
        reply = _Reply()
        reader = asyncio.create_task(self._read(request, TENANT.get(), reply))
        self._readers.add(reader)
        reader.add_done_callback(self._readers.discard)
        try:
            while (block := await reply.blocks.get()) is not None:
                if isinstance(block, SpeechFailed):
                    raise block
                yield block
        finally:
            if reply.helper is not None:
                reply.helper.abandon()
            elif reply.waiting:
                reader.cancel()

    async def _read(self, request: dict[str, Any], tenant: int, reply: _Reply) -> None:
        """Nobody cancels this while a helper speaks: what is left of a reply would be in its pipe."""
        asked, size = self._clock.monotonic(), 0
        self._waiting += 1
        async with AsyncExitStack() as place:
            try:
                await place.enter_async_context(self._slots.of(tenant))
            finally:
                self._waiting -= 1
                self._tally.waited(self._clock.monotonic() - asked)
            reply.waiting = False
            helper = reply.helper = self._free.pop(0)
            begun = self._clock.monotonic()
            try:
                ended: SpeechFailed | None = None
                try:
                    async with aclosing(helper.request(request)) as said:
                        async for block in said:
                            size += len(block[1])
                            reply.blocks.put_nowait(block)
                    rate = helper.hello.get("sample_rate", SAMPLE_RATE)
                    self._tally.made(size / 2 / rate, self._clock.monotonic() - begun)
                except SpeechFailed as error:
                    ended = error
                reply.helper = None
                reply.blocks.put_nowait(ended)
                with suppress(SpeechFailed):  # the next sentence tries again, and says so
                    await helper.start()
            finally:
                self._free.append(helper)
