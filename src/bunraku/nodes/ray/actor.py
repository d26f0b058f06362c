"""A node inside a Ray actor: named, detached, restarted when its process dies.

Ray creates the object on the event loop of an asyncio actor, so a restarted actor comes to life
without being asked. A life that was declared over ends the process; the next one begins empty.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from bunraku.core import logs
from bunraku.core.calls import Call, during
from bunraku.core.clock import Clock, SystemClock, patience
from bunraku.core.errors import SystemBusy
from bunraku.core.settings import Settings
from bunraku.node.clustered import ClusteredNode
from bunraku.node.speech.base import SpeechProvider
from bunraku.nodes.ray.answer import QUESTIONS, Answer
from bunraku.nodes.ray.kept import KeptSettings
from bunraku.nodes.ray.remote import named
from bunraku.telemetry import tracer as tracer_of

log = logging.getLogger(__name__)

START_PATIENCE = 20.0  # s a question waits for a node that comes to life
AGAIN = 1.0  # s until it ends
FAILED = 70  # exit status of a node that could not start (sysexits.h EX_SOFTWARE)


class NodeActor:
    """Made by ``nodes.ray.cluster``; asked by ``nodes.ray.remote.RemoteNode``."""

    def __init__(
        self,
        node_id: str,
        settings: Settings,
        log_level: str,
        providers: Sequence[SpeechProvider] | None = None,
    ) -> None:
        """``providers`` replaces the installed voices, for tests; Ray pickles them."""
        logs.configure(log_level, settings.log_format)
        self._node_id, clock = node_id, SystemClock()
        self._kept = KeptSettings(settings.data_dir, node_id, clock)
        settings = self._kept.of(settings)
        tracer = tracer_of(settings, clock, node_id)
        self._node = ClusteredNode(settings, clock, node_id, self._die, providers, tracer, others=named)
        self._started = asyncio.Event()
        self._closing = asyncio.Event()
        self._life = asyncio.get_running_loop().create_task(self._live(clock), name=f"node-{node_id}")

    async def _live(self, clock: Clock) -> None:
        try:
            async with self._node.running():
                self._started.set()
                await self._closing.wait()
        except Exception:
            log.exception("node")
            await clock.sleep_until(clock.monotonic() + AGAIN)  # Ray starts it again at once
            os._exit(FAILED)

    def _die(self) -> None:
        os._exit(FAILED)

    async def ask(self, question: str, call: Call, *arguments: Any) -> Answer:
        """One question of the hall, as part of a call."""
        with during(replace(call, node=self._node_id)):
            return await self._ask(question, *arguments)

    async def _ask(self, question: str, *arguments: Any) -> Answer:
        if question not in QUESTIONS:
            return Answer.of(ValueError(question))
        try:
            async with patience(START_PATIENCE):
                await self._started.wait()
            return Answer(await self._node.answer(question)(*arguments))
        except TimeoutError:
            return Answer.of(SystemBusy("node is starting"))
        except Exception as error:
            answer = Answer.of(error)
            if answer.error is not error:
                log.exception("question failed", extra={"action": question})
            return answer

    async def started(self) -> int:
        """The process id, once the node lives."""
        await self._started.wait()
        return os.getpid()

    async def apply(self, settings: Settings) -> None:
        """Apps, limits and callbacks from now on, and in the lives that follow."""
        await self._started.wait()
        await self._node.apply(settings)
        try:
            await asyncio.to_thread(self._kept.keep, settings)
        except OSError as error:
            log.error("not kept for the node's next life: %s", error.strerror)

    async def drain(self, deadline: float) -> None:
        """Take no new rooms; return when no task is left, at the latest ``deadline`` seconds later."""
        await self._started.wait()
        await self._node.drain(deadline)

    async def close(self, *, last: bool = False) -> None:
        """End this life in order: tasks are stopped, callbacks sent. ``last``: none follows."""
        self._closing.set()
        await asyncio.gather(self._life, return_exceptions=True)
        if last:
            await asyncio.to_thread(self._kept.forget)
