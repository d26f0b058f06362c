"""Synthesizers in processes of their own, and the pool that shares them out.

A helper reads requests, one JSON object a line, and answers on standard output in blocks: two
little-endian uint32 (length of the JSON head, length of the PCM), the head, the PCM (int16,
little-endian, mono). A block of two zeros ends a reply. The first block after start-up is a head
with at least ``sample_rate``; a failed request is answered by ``{"error": "..."}`` and the end.
A helper ends when its standard input does.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import struct
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Any

from bunraku.node.speech.base import SpeechFailed

log = logging.getLogger(__name__)

REPLY_TIMEOUT = 10.0


class HelperDied(SpeechFailed):
    """The helper process ended or went silent; a new one is started for the next sentence."""


class Helper:
    """One helper process, ``python -m module arguments``. One request at a time.

    ``hello`` is the head of its first block.
    """

    def __init__(self, module: str, *arguments: str) -> None:
        self._module, self._arguments = module, arguments
        self._process: asyncio.subprocess.Process | None = None
        self.hello: dict[str, Any] = {}

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    async def _ensure(self) -> asyncio.subprocess.Process:
        if self._process is None or self._process.returncode is not None:
            environment = {k: v for k, v in os.environ.items() if not k.startswith("BUNRAKU_")}
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
            head, _ = await self._block(self._process)
            self.hello = head
        return self._process

    async def start(self) -> None:
        try:
            await self._ensure()
        except (OSError, asyncio.IncompleteReadError, TimeoutError) as error:
            await self.close()
            raise HelperDied(f"{self._module} did not start") from error

    async def _block(self, process: asyncio.subprocess.Process) -> tuple[dict[str, Any], bytes]:
        assert process.stdout is not None
        async with asyncio.timeout(REPLY_TIMEOUT):
            lengths = await process.stdout.readexactly(8)
            head_length, pcm_length = struct.unpack("<II", lengths)
            head = await process.stdout.readexactly(head_length)
            pcm = await process.stdout.readexactly(pcm_length)
        return (json.loads(head) if head else {}), pcm

    async def request(self, request: dict[str, Any]) -> AsyncGenerator[tuple[dict[str, Any], bytes]]:
        """Blocks of the reply, without the empty one that ends it.

        A process that died before it said anything is replaced once, unnoticed.
        """
        for last in (False, True):
            begun = False
            try:
                async with aclosing(self._attempt(request)) as blocks:
                    async for block in blocks:
                        begun = True
                        yield block
                return
            except HelperDied:
                if begun or last:
                    raise
                log.warning("%s ended; starting another", self._module)

    async def _attempt(self, request: dict[str, Any]) -> AsyncGenerator[tuple[dict[str, Any], bytes]]:
        done = False
        try:
            process = await self._ensure()
            assert process.stdin is not None
            process.stdin.write(json.dumps(request).encode() + b"\n")
            await process.stdin.drain()
            while True:
                head, pcm = await self._block(process)
                if not head and not pcm:
                    done = True
                    return
                if "error" in head:
                    raise SpeechFailed(head["error"])
                yield head, pcm
        except (OSError, asyncio.IncompleteReadError, TimeoutError) as error:
            raise HelperDied(f"{self._module} ended") from error
        finally:
            if not done:  # the rest of the reply is still in the pipe: the process is unusable
                await self.close()

    async def close(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
        await process.wait()


class HelperPool:
    """Helpers of one kind; requests queue for a free one, so one long text holds up nobody."""

    def __init__(self, module: str, count: int) -> None:
        self._helpers = [Helper(module) for _ in range(count)]
        self._free: asyncio.Queue[Helper] = asyncio.Queue()

    async def start(self) -> None:
        await asyncio.gather(*(h.start() for h in self._helpers))
        for helper in self._helpers:
            self._free.put_nowait(helper)

    async def close(self) -> None:
        await asyncio.gather(*(h.close() for h in self._helpers))

    @property
    def pids(self) -> list[int]:
        return [h.pid for h in self._helpers if h.pid is not None]

    @property
    def hello(self) -> dict[str, Any]:
        return self._helpers[0].hello

    @asynccontextmanager
    async def _helper(self) -> AsyncGenerator[Helper]:
        helper = await self._free.get()
        try:
            yield helper
        finally:
            self._free.put_nowait(helper)

    async def ask(self, request: dict[str, Any]) -> AsyncGenerator[tuple[dict[str, Any], bytes]]:
        """Blocks of the reply. Raises ``SpeechFailed``.

        The reply is read as fast as it comes and the helper freed, whatever the pace of playing.
        """
        blocks: asyncio.Queue[tuple[dict[str, Any], bytes] | BaseException | None] = asyncio.Queue()

        async def read() -> None:
            try:
                async with self._helper() as helper, aclosing(helper.request(request)) as reply:
                    async for block in reply:
                        blocks.put_nowait(block)
            except SpeechFailed as error:
                blocks.put_nowait(error)
            else:
                blocks.put_nowait(None)

        reader = asyncio.create_task(read())
        try:
            while (block := await blocks.get()) is not None:
                if isinstance(block, BaseException):
                    raise block
                yield block
        finally:
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)
