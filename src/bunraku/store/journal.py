"""The journal: state changes written in order, in batches, off the caller's path.

``note`` never waits, so the performance can report from its tick; ``commit`` returns when all
that was noted before it is durable, which is what an API answer waits for. A state change and
the callback it causes are noted together and land in one transaction.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path

import alembic.command
import alembic.config
from sqlalchemy import Connection, delete, event, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

from bunraku.store.tables import CallbackRow, DriveRow, NonceRow, TaskRow

log = logging.getLogger(__name__)

Row = TaskRow | DriveRow | CallbackRow
BACKLOG = 20_000  # rows; beyond it the server sheds load


class Journal:
    """Owns the database engine and the one writer."""

    def __init__(self, url: str) -> None:
        self._engine: AsyncEngine = create_async_engine(url)
        if url.startswith("sqlite"):
            event.listen(self._engine.sync_engine, "connect", _tune_sqlite)
        self._sessions = async_sessionmaker(self._engine, expire_on_commit=False)
        self._pending: list[Row] = []
        self._waiters: list[asyncio.Future[None]] = []
        self._wake = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Migrate to the newest schema and start writing."""
        async with self._engine.begin() as connection:
            await connection.run_sync(_migrate)
        self._writer = asyncio.create_task(self._write(), name="journal")

    async def close(self) -> None:
        if self._writer is not None:
            await self.commit()
            self._writer.cancel()
            await asyncio.gather(self._writer, return_exceptions=True)
        await self._engine.dispose()

    @property
    def sessions(self) -> async_sessionmaker[AsyncSession]:
        """For what is written rarely and waited for."""
        return self._sessions

    @property
    def overloaded(self) -> bool:
        return len(self._pending) > BACKLOG

    def note(self, *rows: Row) -> None:
        self._pending.extend(rows)
        self._wake.set()

    async def commit(self) -> None:
        """Until everything noted so far is durable. Raises what the database raised."""
        if self._writer is None or self._writer.done():
            raise RuntimeError("journal is not open")
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        self._wake.set()
        await waiter

    async def _write(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            rows, self._pending = self._pending, []
            waiters, self._waiters = self._waiters, []
            try:
                if rows:
                    await self._save(rows)
            except Exception as error:
                log.exception("journal: %d rows not written", len(rows))
                for waiter in waiters:
                    if not waiter.done():
                        waiter.set_exception(error)
                continue
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_result(None)

    async def _save(self, rows: list[Row]) -> None:
        # Only the last state of a row matters; callbacks are all new.
        latest: dict[tuple[type, object], Row] = {}
        for i, row in enumerate(rows):
            latest[(type(row), row.id if not isinstance(row, CallbackRow) else i)] = row
        async with self._sessions.begin() as session:
            for row in latest.values():
                if isinstance(row, CallbackRow):
                    session.add(row)
                else:
                    await session.merge(row)

    # --- reading, at start-up

    async def unfinished(self) -> tuple[Sequence[TaskRow], Sequence[DriveRow]]:
        """Tasks that were live when the process ended, and their unfinished drives."""
        async with self._sessions() as session:
            tasks = (await session.scalars(select(TaskRow).where(TaskRow.status.in_((1, 3, 4))))).all()
            ids = [t.id for t in tasks]
            drives = await self._drives(session, ids)
            return tasks, [d for d in drives if d.status in (1, 2)]

    async def ended_since(self, when: float) -> tuple[Sequence[TaskRow], Sequence[DriveRow]]:
        """Ended tasks still within retention, and all their drives."""
        async with self._sessions() as session:
            query = select(TaskRow).where(TaskRow.status.in_((2, 5)), TaskRow.ended_at >= when)
            tasks = (await session.scalars(query)).all()
            return tasks, await self._drives(session, [t.id for t in tasks])

    async def _drives(self, session: AsyncSession, task_ids: list[str]) -> Sequence[DriveRow]:
        out: list[DriveRow] = []
        for i in range(0, len(task_ids), 500):
            query = select(DriveRow).where(DriveRow.task_id.in_(task_ids[i : i + 500]))
            out.extend((await session.scalars(query.order_by(DriveRow.sequence))).all())
        return out

    async def forget_before(self, when: float) -> None:
        """Delete ended tasks and their drives."""
        async with self._sessions.begin() as session:
            old = select(TaskRow.id).where(TaskRow.status.in_((2, 5)), TaskRow.ended_at < when)
            await session.execute(delete(DriveRow).where(DriveRow.task_id.in_(old)))
            await session.execute(delete(TaskRow).where(TaskRow.status.in_((2, 5)), TaskRow.ended_at < when))

    # --- callback outbox

    async def callbacks(self) -> Sequence[CallbackRow]:
        """Undelivered callbacks in the order they were noted."""
        async with self._sessions() as session:
            return (await session.scalars(select(CallbackRow).order_by(CallbackRow.id))).all()

    async def callback_attempted(self, callback_id: int, attempts: int) -> None:
        async with self._sessions.begin() as session:
            await session.execute(
                update(CallbackRow).where(CallbackRow.id == callback_id).values(attempts=attempts)
            )

    async def callback_done(self, callback_id: int) -> None:
        async with self._sessions.begin() as session:
            await session.execute(delete(CallbackRow).where(CallbackRow.id == callback_id))

    # --- nonces

    async def use_nonce(self, app_id: int, nonce: str, timestamp: int) -> bool:
        """False when this (app, nonce, timestamp) was used before."""
        try:
            async with self._sessions.begin() as session:
                session.add(NonceRow(app_id=app_id, nonce=nonce, timestamp=timestamp))
        except IntegrityError:
            return False
        return True

    async def forget_nonces_before(self, timestamp: int) -> None:
        async with self._sessions.begin() as session:
            await session.execute(delete(NonceRow).where(NonceRow.timestamp < timestamp))


def _tune_sqlite(connection: object, _record: object) -> None:
    cursor = connection.cursor()  # type: ignore[attr-defined]
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute("PRAGMA busy_timeout=5000")
    cursor.close()


def _migrate(connection: Connection) -> None:
    config = alembic.config.Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    alembic.command.upgrade(config, "head")
