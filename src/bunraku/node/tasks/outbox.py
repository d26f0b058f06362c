"""Callbacks on their way out: each once its row is durable, in the order of its task's events
(contract section 8.4), and none of a task that never came into being."""

from __future__ import annotations

import asyncio

from bunraku.node.callbacks.delivery import Callback, Delivery
from bunraku.store.journal import Journal
from bunraku.store.tables import CallbackRow


class Outbox:
    """Used on the event loop only."""

    def __init__(self, journal: Journal, delivery: Delivery) -> None:
        self._journal, self._delivery = journal, delivery
        self._last: dict[str, asyncio.Future[bool]] = {}
        """By task: what its next callback waits for; False when nothing of it may leave."""
        self._jobs: set[asyncio.Future[bool]] = set()

    async def resume(self) -> None:
        """Hand over what a former run of the server left undelivered."""
        for row in await self._journal.callbacks():
            self._delivery.send(_callback(row))

    def expect(self, task_id: str) -> asyncio.Future[bool]:
        """A task about to be born: its callbacks wait for the result, whether it was."""
        born: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._follow(task_id, born)
        return born

    def send(self, row: CallbackRow) -> None:
        """Never blocks and never raises."""
        job = asyncio.create_task(self._deliver(row, self._last.get(row.task_id)))
        self._jobs.add(job)
        job.add_done_callback(self._jobs.discard)
        self._follow(row.task_id, job)

    async def emptied(self) -> None:
        """Return when everything sent so far was handed to delivery."""
        while self._jobs:
            await asyncio.gather(*self._jobs, return_exceptions=True)

    def _follow(self, task_id: str, turn: asyncio.Future[bool]) -> None:
        self._last[task_id] = turn

        def over(_: asyncio.Future[bool]) -> None:
            if self._last.get(task_id) is turn:
                del self._last[task_id]

        turn.add_done_callback(over)

    async def _deliver(self, row: CallbackRow, former: asyncio.Future[bool] | None) -> bool:
        if former is not None:
            await asyncio.wait([former])
            # A fault of one does not take along those after it.
            if former.cancelled() or (former.exception() is None and not former.result()):
                return False
        await self._journal.settle()
        self._delivery.send(_callback(row))
        return True


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
