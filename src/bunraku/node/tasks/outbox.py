"""Callbacks on their way out: each once its row is durable, in the order of its task's events
(contract section 8.4)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Protocol

from bunraku.core.owner import Owner
from bunraku.node.callbacks.delivery import Callback
from bunraku.store.tables import CallbackRow


class Settling(Protocol):
    @property
    def owner(self) -> Owner:
        """The life that callbacks are told in the name of."""
        ...

    @property
    def fenced(self) -> bool:
        """Another tells of these tasks now."""
        ...

    async def settle(self) -> None: ...


class Outbox:
    """Used on the event loop only."""

    def __init__(self, journal: Settling, deliver: Callable[[Callback], None]) -> None:
        self._journal, self._hand_over = journal, deliver
        self._last: dict[str, asyncio.Task[None]] = {}
        """By task: the callback that its next one waits for."""
        self._jobs: set[asyncio.Task[None]] = set()

    def resume(self, rows: Iterable[CallbackRow]) -> None:
        """Hand over what is durable already: left by a former run, or by a node that is lost."""
        for row in rows:
            self._hand_over(_callback(row))

    def send(self, row: CallbackRow) -> None:
        """Never blocks and never raises."""
        job = asyncio.create_task(self._deliver(row, self._journal.owner, self._last.get(row.task_id)))
        self._jobs.add(job)
        job.add_done_callback(self._jobs.discard)
        self._last[row.task_id] = job

        def over(_: asyncio.Task[None]) -> None:
            if self._last.get(row.task_id) is job:
                del self._last[row.task_id]

        job.add_done_callback(over)

    def __len__(self) -> int:
        """Tasks whose next callback would wait."""
        return len(self._last)

    async def emptied(self) -> None:
        """Return when everything sent so far was handed to delivery."""
        while self._jobs:
            # Not gather: of jobs that are all over it gives way to nobody, so they are never discarded.
            await asyncio.wait(self._jobs)

    async def _deliver(self, row: CallbackRow, life: Owner, former: asyncio.Task[None] | None) -> None:
        if former is not None:
            await asyncio.wait([former])  # a fault of one does not take along those after it
        await self._journal.settle()
        if self._journal.fenced or self._journal.owner != life:
            return
        self._hand_over(_callback(row))


def _callback(row: CallbackRow) -> Callback:
    return Callback(
        row.app_id,
        row.task_id,
        row.event_type,
        row.event_time_ms,
        dict(row.detail),
        row,
        row.attempts,
    )
