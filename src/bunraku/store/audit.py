"""The audit log: who did what in the console. Rows are added, never changed (migration 0009)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from bunraku.core.clock import Clock, patience
from bunraku.store.database import Database
from bunraku.store.tables import AuditRow

log = logging.getLogger(__name__)

PERIOD = 600.0  # s
REFUSALS = 30  # rows of refused requests in a period; the rest are counted
COUNTED = 60.0  # s: how often what was counted becomes a row
WRITE = 2.0  # s an answer waits for its row


class AuditLog:
    """Strangers make at most ``REFUSALS`` rows in ``PERIOD``, whatever they send."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock
        self._since, self._refused, self._left_out = clock.monotonic(), 0, 0
        self._telling: asyncio.Task[None] | None = None

    async def add(
        self, *, who: str, address: str, action: str, app: int | None, target: str, result: str, refused: bool
    ) -> None:
        """Durable when this returns, unless the database is away: then the log has a line instead."""
        if refused:
            now = self._clock.monotonic()
            if now - self._since > PERIOD:
                self._since, self._refused = now, 0
            self._refused += 1
            if self._refused > REFUSALS:
                self._left_out += 1
                if self._telling is None or self._telling.done():
                    self._telling = asyncio.create_task(self._tell_at(self._clock.monotonic() + COUNTED))
                return
        await self._write(who, address, action, app, target, result, 1)

    async def _tell_at(self, when: float) -> None:
        await self._clock.sleep_until(when)
        await self._tell()

    async def _tell(self) -> None:
        """One row for all refusals that have none."""
        count, self._left_out = self._left_out, 0
        if count:
            await self._write("stranger", "", "refused", None, "", "", count)

    async def _write(
        self, who: str, address: str, action: str, app: int | None, target: str, result: str, times: int
    ) -> None:
        row = AuditRow(
            at=self._clock.wall(),
            who=who[:64],
            address=address[:64],
            action=action[:64],
            app=app,
            target=target[:64],
            result=result[:32],
            times=times,
        )
        try:
            async with patience(WRITE), self._database.sessions.begin() as session:
                session.add(row)
        except Exception as error:
            log.error("audit: not written: %s by %s (%s)", action[:64], who[:64], type(error).__name__)

    async def last(
        self, count: int, before: int | None = None, *, app: int | None = None, action: str = ""
    ) -> Sequence[dict[str, Any]]:
        """The newest, newest first; older than the row ``before``; of ``app`` alone; only actions that
        ``action`` is a part of, in whatever case."""
        await self._tell()
        which = select(AuditRow).order_by(AuditRow.id.desc()).limit(count)
        if app is not None:
            which = which.where(AuditRow.app == app)
        if action:
            which = which.where(AuditRow.action.icontains(action, autoescape=True))
        if before is not None:
            which = which.where(AuditRow.id < before)
        async with self._database.reads() as session:
            return [described(row) for row in await session.scalars(which)]


def described(row: AuditRow) -> dict[str, Any]:
    return {c.name: getattr(row, c.name) for c in AuditRow.__table__.columns}
