"""What fronts read: where things are, and the records of stream tasks and drives."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from bunraku.core.clock import Clock
from bunraku.core.drive import Drive
from bunraku.core.errors import SystemBusy, TaskNotFound
from bunraku.core.output import Output
from bunraku.core.stream_task import StreamTask, TaskStatus
from bunraku.store.database import Database
from bunraku.store.rows import DRIVE_COLUMNS, OUTPUT_COLUMNS, TASK_COLUMNS, drive, output, stream_task
from bunraku.store.tables import DriveRow, OutputRow, RoomRow, StreamRow, TaskRow

LIVE = tuple(int(s) for s in TaskStatus if s.live)
ENDED = tuple(int(s) for s in TaskStatus if s.final)


class Directory:
    """Reads only rows that are durable. Every question is one statement, or two."""

    def __init__(self, database: Database, clock: Clock, retention: float) -> None:
        """``retention`` in seconds after the end of a task."""
        self._database, self._clock, self._retention = database, clock, retention

    @property
    def horizon(self) -> float:
        """Unix seconds: what ended before is not known any more."""
        return self._clock.wall() - self._retention

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[AsyncSession]:
        """A session to answer a caller from. Raises ``SystemBusy`` while the database is away."""
        try:
            async with self._database.reads() as session:
                yield session
        except (DBAPIError, OSError) as error:  # asyncpg raises the system's own when it cannot connect
            raise SystemBusy("the database is away") from error

    # --- records

    async def live(self, app_id: int) -> list[StreamTask]:
        """This app's tasks in status 1 or 3: ascending CreateTime, then TaskId (contract section 5.13)."""
        async with self._reading() as session:
            query = select(*TASK_COLUMNS).where(TaskRow.app_id == app_id, TaskRow.status.in_(LIVE))
            records = [stream_task(r) for r in await session.execute(query)]
        return sorted(records, key=lambda r: (int(r.created_at), r.id))

    async def places_taken(self, app_id: int) -> int:
        """How many of its places this app's tasks hold."""
        async with self._reading() as session:
            query = select(func.count()).where(TaskRow.app_id == app_id, TaskRow.slot.is_not(None))
            return (await session.scalar(query)) or 0

    async def task(self, app_id: int, task_id: str) -> StreamTask:
        """Raises ``TaskNotFound``."""
        async with self._reading() as session:
            return await self._task(session, app_id, task_id, "TaskId")

    async def _task(self, session: AsyncSession, app_id: int, task_id: str, field: str) -> StreamTask:
        row = await session.get(TaskRow, task_id)
        if row is None or row.app_id != app_id:
            raise TaskNotFound(field)
        if row.status in ENDED and (row.ended_at or 0.0) < self.horizon:
            raise TaskNotFound(field)
        return stream_task(row)

    async def drives(self, app_id: int, task_id: str) -> list[Drive]:
        """Oldest first. Raises ``TaskNotFound``."""
        async with self._reading() as session:
            await self._task(session, app_id, task_id, "TaskId")
            query = select(DriveRow).where(DriveRow.task_id == task_id).order_by(DriveRow.sequence)
            return [drive(r) for r in await session.scalars(query)]

    async def drive(self, app_id: int, drive_id: str) -> Drive:
        """Raises ``TaskNotFound``."""
        async with self._reading() as session:
            row = await session.get(DriveRow, drive_id)
            if row is None:
                raise TaskNotFound("DriveId")
            await self._task(session, app_id, row.task_id, "DriveId")
            return drive(row)

    async def outputs(self, app_id: int, task_id: str) -> list[Output]:
        """In the order they were added; those that a lost node left unfinished have failed. Raises
        ``TaskNotFound``."""
        async with self._reading() as session:
            task = await self._task(session, app_id, task_id, "TaskId")
            query = select(OutputRow).where(OutputRow.task_id == task_id).order_by(OutputRow.sequence)
            found = [output(r) for r in await session.scalars(query)]
            return [o.lost(task.ended_at) if task.status.final else o for o in found]

    # --- places

    async def node_of_room(self, app_id: int, room_id: str) -> str | None:
        async with self._reading() as session:
            row = await session.get(RoomRow, (app_id, room_id))
            return None if row is None else row.node_id

    async def place_of_stream(self, app_id: int, stream_id: str) -> tuple[str, str] | None:
        """Node and room of a stream; None when the app has none of that name."""
        async with self._reading() as session:
            row = await session.get(StreamRow, (app_id, stream_id))
            return None if row is None else (row.node_id, row.room_id)

    # --- at start-up

    async def ended(self) -> Sequence[tuple[StreamTask, tuple[Drive, ...], tuple[Output, ...]]]:
        """Ended tasks still within retention, with all their drives and outputs."""
        async with self._database.reads() as session:
            query = select(*TASK_COLUMNS).where(TaskRow.status.in_(ENDED), TaskRow.ended_at >= self.horizon)
            tasks = [stream_task(r) for r in await session.execute(query)]
            by_task: dict[str, list[Drive]] = {}
            sent: dict[str, list[Output]] = {}
            ended_at = {t.id: t.ended_at for t in tasks}
            for i in range(0, len(tasks), 500):
                ids = [t.id for t in tasks[i : i + 500]]
                rows = select(*DRIVE_COLUMNS).where(DriveRow.task_id.in_(ids)).order_by(DriveRow.sequence)
                for row in await session.execute(rows):
                    by_task.setdefault(row.task_id, []).append(drive(row))
                rows = select(*OUTPUT_COLUMNS).where(OutputRow.task_id.in_(ids)).order_by(OutputRow.sequence)
                for row in await session.execute(rows):
                    sent.setdefault(row.task_id, []).append(output(row).lost(ended_at[row.task_id]))
            return [(t, tuple(by_task.get(t.id, ())), tuple(sent.get(t.id, ()))) for t in tasks]
