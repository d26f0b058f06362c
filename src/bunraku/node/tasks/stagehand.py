"""What is done around a stage, for any stream task: the figure is brought on, its stream sent elsewhere,
the room listened to, and all of it taken down."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import suppress
from typing import Any

from bunraku.core.clock import Clock, timeout
from bunraku.core.commission import Commission, Role
from bunraku.core.output import Output
from bunraku.core.settings import TaskSettings
from bunraku.core.stream_task import StreamTask
from bunraku.node.outputs.outputs import OutputMeans, Outputs, check
from bunraku.node.performance.performance import Audience, Performance
from bunraku.node.performance.stage import StagingFailed
from bunraku.node.streams.attention import Attention
from bunraku.node.streams.stream import Stream
from bunraku.node.streams.voice_activity import Loudness
from bunraku.node.tasks.base import Staging

log = logging.getLogger(__name__)


class Stagehand:
    """Holds nothing of any task, and knows no state of one: whoever asks decides what comes of it."""

    def __init__(
        self,
        staging: Staging,
        outputs: OutputMeans,
        attention: Attention,
        clock: Clock,
        settings: TaskSettings,
    ) -> None:
        self._staging, self._outputs, self._attention = staging, outputs, attention
        self._clock = clock
        self._start_within, self._stop_within = settings.init_timeout, settings.stop_timeout

    def cast(self, commission: Commission) -> Role:
        """Who plays it. Raises what is wrong with its outputs, ``DigitalHumanNotFound``, or what makes
        the digital human unusable."""
        check(commission.outputs, self._outputs.means)
        return self._staging.cast(commission.app_id, commission.digital_human_id)

    async def bring(
        self, record: StreamTask, background_url: str | None, stream: Stream, audience: Audience
    ) -> Performance:
        """A performance that can run, within ``init_timeout``.

        Raises ``StagingFailed`` and nothing else; its text is for FailReason.
        """
        try:
            async with timeout(self._clock, self._start_within):
                return await self._staging.make(record, background_url, stream, audience)
        except TimeoutError as error:
            raise StagingFailed("initialization timed out") from error
        except StagingFailed:
            raise
        except Exception as error:
            log.exception("stream task did not start", extra={"task": record.id})
            reason = f"digital human could not be staged ({type(error).__name__})"
            raise StagingFailed(reason) from error

    def outputs(self, record: StreamTask, stream: Stream, changed: Callable[[Output, bool], None]) -> Outputs:
        """A task's outputs; none yet."""
        return Outputs(record.app_id, record.id, stream, self._outputs, changed)

    def onsets(self, record: StreamTask, stream_id: str, own: Loudness) -> AsyncGenerator[None]:
        """Each time somebody begins to speak on this stream of the task's room. Never ends."""
        return self._attention.onsets(record.app_id, record.room_id, stream_id, own)

    async def strike(self, record: StreamTask, *ends: Coroutine[Any, Any, None]) -> None:
        """Let these come to their ends side by side, so that one that hangs keeps no other; what is not
        over within ``stop_timeout`` is cut off. Never raises."""
        jobs = [asyncio.create_task(end) for end in ends]
        with suppress(TimeoutError):
            async with timeout(self._clock, self._stop_within):
                await asyncio.wait(jobs)
        hanging = [job for job in jobs if not job.done()]
        faults = [e for job in jobs if job.done() and (e := job.exception()) is not None]
        if hanging or faults:
            log.error("stream task was stopped by force: %s", faults, extra={"task": record.id})
        for job in hanging:
            job.cancel()
