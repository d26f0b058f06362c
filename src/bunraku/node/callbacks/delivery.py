"""Delivery of callbacks (contract section 8.4).

First attempts go out one at a time and in order per stream task; retries of a failing event
run beside them and hold nothing back. Each stream task has a line of its own, so a slow
receiver delays nobody else. What is undelivered is in the outbox and survives a restart.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import uuid
from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, Protocol

from bunraku.core.apps import App, Apps
from bunraku.core.callback_signature import sign
from bunraku.core.calls import Call, current, during
from bunraku.core.clock import Clock
from bunraku.core.report import Outcome
from bunraku.core.settings import CallbackSettings
from bunraku.core.urls import FetchFailed
from bunraku.node.callbacks.couriers import Couriers
from bunraku.node.workers.pool import Workers

log = logging.getLogger(__name__)

RETRY_AFTER = (2.0, 4.0, 8.0, 16.0, 32.0)  # s from the start of the attempt before
OUTCOMES = 200  # remembered for the console
LINE = 2000  # callbacks of one task that may wait their turn
TASK_EVENT, DRIVE_EVENT, OUTPUT_EVENT, PEOPLE_EVENT = 3, 4, 101, 102


@dataclass(slots=True)
class Callback:
    """One event for one receiver. ``task_id`` is the digital human's where the event is about no task.
    ``receipt`` is what the outbox knows it by, ``call`` what came to it."""

    app_id: int
    task_id: str
    event_type: int
    event_time_ms: int
    detail: dict[str, Any]
    receipt: object | None = None
    attempts: int = 0
    call: Call = field(default_factory=current)


class Receipts(Protocol):
    """Where undelivered callbacks are kept; ``store.journal.Journal`` is one."""

    def callback_attempted(self, receipt: object, attempts: int, *, over: bool) -> None:
        """Delivered, or given up, when ``over``. Neither blocks nor raises."""
        ...


class Delivery:
    """Owns the couriers and every attempt in flight."""

    def __init__(
        self,
        apps: Apps,
        receipts: Receipts,
        clock: Clock,
        workers: Workers,
        *,
        timeout: float,
        timestamp_seconds: bool,
        allow_private: bool = False,
    ) -> None:
        """``allow_private``: also addresses set in the console may be private; the file's may be."""
        self._allow_private = allow_private
        self._apps, self._receipts, self._clock = apps, receipts, clock
        self.couriers = Couriers(workers, timeout)
        self._seconds = timestamp_seconds
        self._lines: dict[tuple[int, str], deque[Callback]] = {}
        self._jobs: set[asyncio.Task[None]] = set()
        self.outcomes: deque[Outcome] = deque(maxlen=OUTCOMES)
        self._attempted = 0
        self.delivered = 0
        self.given_up = 0

    def change(self, settings: CallbackSettings) -> None:
        """For attempts from now on."""
        self.couriers.change(settings.timeout)
        self._seconds = settings.timestamp_seconds

    async def close(self) -> None:
        """Give attempts in flight one timeout; what is left waits in the outbox."""
        if self._jobs:
            await asyncio.wait(self._jobs, timeout=1.0)
        await self.abandon()
        await self.couriers.close()

    async def abandon(self) -> None:
        """Attempt nothing of this again: it is another's to tell."""
        jobs, self._jobs = self._jobs, set()
        self._lines.clear()
        for job in jobs:
            job.cancel()
        await asyncio.gather(*jobs, return_exceptions=True)

    @property
    def waiting(self) -> int:
        """Callbacks whose first attempt is still to come."""
        return sum(len(line) for line in self._lines.values())

    def send(self, callback: Callback) -> None:
        """Queue for delivery; never waits."""
        key = (callback.app_id, callback.task_id)
        line = self._lines.get(key)
        if line is not None:
            if len(line) >= LINE:
                self.given_up += 1
                log.warning("callback given up: too many wait", extra={"task": callback.task_id})
                self._settle(callback, delivered=False)
                return
            line.append(callback)
            return
        self._lines[key] = deque([callback])
        self._spawn(self._drain(key))

    def _spawn(self, job: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(job)
        self._jobs.add(task)
        task.add_done_callback(self._jobs.discard)

    async def _drain(self, key: tuple[int, str]) -> None:
        line = self._lines[key]
        while line:
            with during(line[0].call):
                await self._first(line[0])
            line.popleft()
        if self._lines.get(key) is line:
            del self._lines[key]

    async def _first(self, callback: Callback) -> None:
        begun = self._clock.monotonic()
        if callback.attempts:  # a retry left over from before a restart
            self._spawn(self._retry(callback, begun))
        elif await self._attempt(callback):
            self._settle(callback)
        else:
            self._spawn(self._retry(callback, begun))

    async def _retry(self, callback: Callback, begun: float) -> None:
        while callback.attempts <= len(RETRY_AFTER):
            due = begun + RETRY_AFTER[callback.attempts - 1]
            await self._clock.sleep_until(due)
            begun = self._clock.monotonic()
            if await self._attempt(callback):
                self._settle(callback)
                return
        self.given_up += 1
        log.warning("callback given up", extra={"task": callback.task_id})
        self._settle(callback, delivered=False)

    def _settle(self, callback: Callback, *, delivered: bool = True) -> None:
        self.delivered += delivered
        if callback.receipt is not None:
            self._receipts.callback_attempted(callback.receipt, callback.attempts, over=True)

    async def _attempt(self, callback: Callback) -> bool:
        callback.attempts += 1
        app = self._apps.receiver(callback.app_id)
        if app is None or app.callback_url is None:
            return True
        ok, _ = await self._post(app, app.callback_url, callback)
        self._attempted += 1
        status = callback.detail.get("Status", 0)
        self.outcomes.append(
            Outcome(
                self._attempted,
                callback.app_id,
                callback.task_id,
                callback.event_type,
                status,
                callback.attempts,
                ok,
            )
        )
        if not ok and callback.receipt is not None:
            self._receipts.callback_attempted(callback.receipt, callback.attempts, over=False)
        return ok

    def forget_app(self, app_id: int) -> None:
        """What became of its callbacks."""
        kept = [o for o in self.outcomes if o.app_id != app_id]
        self.outcomes = deque(kept, maxlen=OUTCOMES)

    async def test(self, app: App) -> tuple[bool, str]:
        """One event to an app's receiver, signed as any other, about a task that is none."""
        if app.callback_url is None:
            return False, "no callback_url is configured"
        detail = {"Status": 1, "RoomId": "callback-test", "StreamId": "callback-test"}
        callback = Callback(app.id, str(uuid.UUID(int=0)), TASK_EVENT, int(self._clock.wall() * 1000), detail)
        return await self._post(app, app.callback_url, callback)

    async def _post(self, app: App, url: str, callback: Callback) -> tuple[bool, str]:
        """Whether the receiver took it, and what it answered or why it could not."""
        body = json.dumps(self._body(app, callback), ensure_ascii=False).encode()
        # Only addresses from the operator's own file go unguarded (decision D11).
        guarded = app.editable and not self._allow_private
        try:
            status = await self.couriers.post(app.id, url, body, guarded=guarded)
        except FetchFailed as error:
            return False, str(error)
        return 200 <= status < 300, f"HTTP {status}"

    def _body(self, app: App, callback: Callback) -> dict[str, Any]:
        """Fresh nonce, timestamp and signature for each attempt; EventTime stays."""
        now = self._clock.wall()
        timestamp = str(int(now) if self._seconds else int(now * 1000))
        nonce = secrets.token_hex(8)
        return {
            "AppId": callback.app_id,
            "EventType": callback.event_type,
            "Nonce": nonce,
            "Timestamp": timestamp,
            "Signature": sign(app.callback_secret, timestamp, nonce),
            "EventTime": callback.event_time_ms,
            "TaskId": "" if callback.event_type == PEOPLE_EVENT else callback.task_id,
            "Detail": callback.detail,
        }
