"""What is over and past its time is deleted: ended stream tasks and their drives, and what was said
before that: however long a drive is kept, its text goes when callers cannot ask for it any more; digital
humans of apps that could not be made.

Nothing that runs and no callback that waits is ever touched: the statements name the two final states
alone, and the outbox empties itself.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bunraku.core.clock import Clock
from bunraku.core.own_human import State
from bunraku.core.settings import RetentionSettings
from bunraku.store.database import Database
from bunraku.store.tables import AuditRow, DriveRow, OutputRow, PersonRow, TaskRow

DAY = 86_400.0
ENDED = (2, 5)
BATCH = 500  # rows in a transaction: who wants to write waits for one
BATCHES = 200  # in a sweep, so that a long backlog goes over several
PAUSE = 0.02  # s between them
FAILED = 7 * DAY  # s that a digital human which could not be made is told of
LATE = DAY  # s that the end of a task may be written after it was


class Retention:
    """Any number of processes may sweep the same database: what one deletes the others pass over."""

    def __init__(
        self, database: Database, clock: Clock, settings: RetentionSettings, queryable: float
    ) -> None:
        """``queryable``: seconds an ended task must be there, whatever the settings say."""
        self._database, self._clock = database, clock
        self._tasks = _seconds(settings.tasks_days, queryable)
        self._drives = _seconds(settings.drives_days, queryable)
        self._audit = max(settings.audit_days * DAY, LATE) if settings.audit_days else None
        self._queryable = queryable
        self._silent = self._swept = 0.0
        """Unix seconds: of tasks that ended before, the drives' texts, and the drives, are gone."""

    async def sweep(self) -> int:
        """Delete what is past its time; how many rows that were. Raises what the database raises."""
        rows, now = 0, self._clock.wall()
        for _ in range(BATCHES):
            done = await self._batch(now)
            rows += done
            if done == 0:
                break
            await self._clock.sleep_until(self._clock.monotonic() + PAUSE)
        return rows

    async def _batch(self, now: float) -> int:
        async with self._database.sessions.begin() as session:
            if self._tasks is not None and (done := await self._old_tasks(session, now - self._tasks)):
                return done
            if done := await self._old_texts(session, now - self._queryable):
                return done
            if self._drives is not None and (done := await self._old_drives(session, now - self._drives)):
                return done
            if self._audit is not None and (done := await self._old_audit(session, now - self._audit)):
                return done
            return await self._old_failures(session, now - FAILED)

    async def _old_tasks(self, session: AsyncSession, horizon: float) -> int:
        over = (TaskRow.status.in_(ENDED), TaskRow.ended_at < horizon)
        query = select(TaskRow.id).where(*over).order_by(TaskRow.ended_at)
        ids = list(await session.scalars(self._passing_over(query)))
        if not ids:
            return 0
        # A task is one row, its drives may be many: they go first. Here none may be passed over, for
        # nobody would find it again.
        drives = await _delete(session, select(DriveRow.id).where(DriveRow.task_id.in_(ids)).limit(BATCH))
        if drives < BATCH:
            await session.execute(delete(OutputRow).where(OutputRow.task_id.in_(ids)))
            await session.execute(delete(TaskRow).where(TaskRow.id.in_(ids)))
        return len(ids) + drives

    async def _old_texts(self, session: AsyncSession, horizon: float) -> int:
        said = select(DriveRow.id).where(_of_ended(self._silent, horizon), DriveRow.spoken_text != "")
        ids = list(await session.scalars(self._passing_over(said)))
        if ids:
            await session.execute(update(DriveRow).where(DriveRow.id.in_(ids)).values(spoken_text=""))
        else:
            self._silent = horizon - LATE
        return len(ids)

    async def _old_drives(self, session: AsyncSession, horizon: float) -> int:
        old = self._passing_over(select(DriveRow.id).where(_of_ended(self._swept, horizon)))
        done = await _delete(session, old)
        if done == 0:
            self._swept = horizon - LATE
        return done

    async def _old_audit(self, session: AsyncSession, horizon: float) -> int:
        old = select(AuditRow.id).where(AuditRow.at < horizon)
        ids = list(await session.scalars(self._passing_over(old)))
        if ids:
            await session.execute(delete(AuditRow).where(AuditRow.id.in_(ids)))
        return len(ids)

    async def _old_failures(self, session: AsyncSession, horizon: float) -> int:
        old = (PersonRow.state == State.FAILED.value, PersonRow.ended_at < horizon)
        ids = list(await session.scalars(self._passing_over(select(PersonRow.id).where(*old))))
        if ids:
            await session.execute(delete(PersonRow).where(PersonRow.id.in_(ids)))
        return len(ids)

    def _passing_over(self, query: Any) -> Any:
        """A batch of what no other process is at."""
        query = query.limit(BATCH)
        return query if self._database.sqlite else query.with_for_update(skip_locked=True)


def _of_ended(since: float, until: float) -> Any:
    """Drives of tasks that ended in this time."""
    ended = (TaskRow.status.in_(ENDED), TaskRow.ended_at < until, TaskRow.ended_at >= since)
    return DriveRow.task_id.in_(select(TaskRow.id).where(*ended))


async def _delete(session: AsyncSession, query: Any) -> int:
    ids = list(await session.scalars(query))
    if ids:
        await session.execute(delete(DriveRow).where(DriveRow.id.in_(ids)))
    return len(ids)


def _seconds(days: float | None, least: float) -> float | None:
    """None: for ever."""
    if days is None:
        return least
    return max(days * DAY, least) if days else None
