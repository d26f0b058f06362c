"""The journal: state changes written in order, in batches, off the caller's path.

``note`` never waits, so the performance can report from its tick; ``commit`` returns when all
that was noted before it is durable, which is what an API answer waits for. A state change and
the callback it causes are noted together and land in one transaction.

While the database is away, rows wait here and are written when it is back.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import alembic.command
import alembic.config
from sqlalchemy import Connection, delete, event, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

from bunraku.core.clock import Clock
from bunraku.store.tables import CallbackRow, DriveRow, NonceRow, TaskRow

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Unborn:
    """Takes the place of rows of a task that never came into being."""

    id: str

    @property
    def task_id(self) -> str:
        return self.id


@dataclass(frozen=True, slots=True)
class Attempted:
    """A callback was attempted so often; delivered or given up when ``over``."""

    row: CallbackRow
    attempts: int
    over: bool

    @property
    def task_id(self) -> str:
        return self.row.task_id


Row = TaskRow | DriveRow | CallbackRow | Unborn | Attempted
BACKLOG = 20_000  # rows; beyond it the server sheds load
BUSY_MS = 5000  # SQLite waits so long for another process's lock
ATTEMPT = 5.0  # s: a database that says nothing is away
SETTLE = 2.0  # s a call waits at most
RETRY = 0.5  # s between attempts while the database is away
NONCES_KEPT = 3 * 3600.0  # s: a clock that is set forward, and back within that, replays nothing


class Journal:
    """Owns the database engine and the one writer."""

    def __init__(self, url: str, clock: Clock) -> None:
        # A pooled connection may be older than the server at its other end. Errors of the database
        # are logged, and its rows hold secrets.
        self._engine: AsyncEngine = create_async_engine(url, pool_pre_ping=True, hide_parameters=True)
        self._clock = clock
        if url.startswith("sqlite"):
            event.listen(self._engine.sync_engine, "connect", _tune_sqlite)
        self._sessions = async_sessionmaker(self._engine, expire_on_commit=False)
        self._pending: list[Row] = []
        self._waiters: list[asyncio.Future[None]] = []
        self._wake = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None
        self._away = self._retrying = False
        self._horizons: deque[tuple[float, int]] = deque()

    async def open(self) -> None:
        """Migrate to the newest schema and start writing."""
        async with self._engine.begin() as connection:
            await connection.run_sync(_migrate)
        self._writer = asyncio.create_task(self._write(), name="journal")

    async def close(self) -> None:
        if self._writer is not None:
            try:
                await self.commit()
            except Exception:  # logged by the writer, and shutting down must go on
                log.error("journal: %d rows lost", len(self._pending))
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

    @property
    def away(self) -> bool:
        """The last attempt found no database that could be written to."""
        return self._away

    @property
    def waiting(self) -> int:
        """Rows that are noted and not written."""
        return len(self._pending)

    def note(self, *rows: Row) -> None:
        self._pending.extend(rows)
        if not self._away:
            self._wake.set()

    def forget(self, task_id: str) -> None:
        """Let nothing be left of a task that never came into being."""
        self._pending = [r for r in self._pending if _task_of(r) != task_id]
        self.note(Unborn(task_id))  # some of it may be on its way at this moment

    async def settle(self) -> None:
        """``commit`` for what has taken effect already: it is true whatever the database says.

        Returns at once while the database is away, and after ``SETTLE`` seconds at the latest.
        """
        if self._away:
            return
        try:
            async with asyncio.timeout(SETTLE):
                await self.commit()
        except Exception as error:
            log.warning("journal: answered before it was written (%s)", type(error).__name__)

    async def commit(self) -> None:
        """Until everything noted so far is durable. Raises what the database raised.

        States are written later all the same, unless ``forget`` is told of their task.
        """
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
            error = await self._attempt(_latest(rows)) if rows or waiters or self._away else None
            for waiter in waiters:
                if waiter.done():
                    continue
                if error is None:
                    waiter.set_result(None)
                else:
                    waiter.set_exception(error)

    async def _attempt(self, rows: list[Row]) -> Exception | None:
        """Write, or keep for later; gives the error that remains."""
        if self._away:
            if not await self._writable():
                return self._keep(rows, ConnectionError("database is away"))
            log.info("journal: the database is back")
            self._away = False
        try:
            if rows:
                await self._save(rows)
        except Exception as error:
            return await self._save_each(rows, error)
        return None

    async def _save(self, rows: list[Row]) -> None:
        async with asyncio.timeout(ATTEMPT), self._sessions.begin() as session:
            for row in rows:
                if isinstance(row, CallbackRow):
                    session.add(row)
                elif isinstance(row, Unborn):
                    await session.execute(delete(CallbackRow).where(CallbackRow.task_id == row.id))
                    await session.execute(delete(DriveRow).where(DriveRow.task_id == row.id))
                    await session.execute(delete(TaskRow).where(TaskRow.id == row.id))
                elif isinstance(row, Attempted):
                    # Written in order: what is attempted here was added before, or could not be.
                    await session.flush()  # gives those of this batch their ids
                    mine = CallbackRow.id == row.row.id
                    await session.execute(
                        delete(CallbackRow).where(mine)
                        if row.over
                        else update(CallbackRow).where(mine).values(attempts=row.attempts)
                    )
                else:
                    await session.merge(row)

    async def _save_each(self, rows: list[Row], error: Exception) -> Exception | None:
        """After ``error``: a row that can never be written must not keep the others from it."""
        remains: Exception | None = None
        for i, row in enumerate(rows):
            if not await self._writable():
                return self._keep(rows[i:], error)
            try:
                await self._save([row])
            except Exception as raised:
                log.exception("journal: %s not written", type(row).__name__)
                remains = raised
        return remains

    async def _writable(self) -> bool:
        try:
            async with (
                asyncio.timeout(ATTEMPT),
                self._sessions.begin() as session,
            ):  # touches no row, but takes what a write needs
                await session.execute(update(TaskRow).where(TaskRow.id == "").values(status=0))
        except Exception:
            return False
        return True

    def _keep(self, rows: list[Row], error: Exception) -> Exception:
        """Put states back, before those noted meanwhile, and try again in a while."""
        self._pending = _latest([*rows, *self._pending])
        if not self._away:
            log.error("journal: the database is away, %d rows wait", len(rows), exc_info=error)
        self._away = True
        if not self._retrying:
            self._retrying = True
            self._clock.call_at(self._clock.monotonic() + RETRY, self._retry)
        return error

    def _retry(self) -> None:
        self._retrying = False
        self._wake.set()

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

    def callback_attempted(self, receipt: object, attempts: int, *, over: bool) -> None:
        """``receipt`` is the row; one that was not written yet and is over never will be."""
        assert isinstance(receipt, CallbackRow)
        waits = any(r is receipt for r in self._pending)
        if waits and over:
            self._pending = [r for r in self._pending if r is not receipt]
        elif waits:
            receipt.attempts = attempts
        else:
            self.note(Attempted(receipt, attempts, over))

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
        """Delete what was before ``timestamp`` throughout the last ``NONCES_KEPT`` seconds.

        ``timestamp`` comes from a clock that may be set; time that only goes on decides besides.
        """
        now = self._clock.monotonic()
        self._horizons.append((now, timestamp))
        while len(self._horizons) > 1 and self._horizons[1][0] <= now - NONCES_KEPT:
            self._horizons.popleft()
        if self._horizons[0][0] > now - NONCES_KEPT:
            return
        timestamp = min(horizon for _, horizon in self._horizons)
        async with self._sessions.begin() as session:
            await session.execute(delete(NonceRow).where(NonceRow.timestamp < timestamp))


def _task_of(row: Row) -> str:
    return row.id if isinstance(row, TaskRow) else row.task_id


def _latest(rows: list[Row]) -> list[Row]:
    """Only the last state of a row matters, at the place of its first; callbacks are each their own."""
    latest: dict[tuple[type, object], Row] = {}
    for i, row in enumerate(rows):
        once = isinstance(row, CallbackRow | Attempted)
        latest[(type(row), i if once else row.id)] = row
    return list(latest.values())


def _tune_sqlite(connection: object, _record: object) -> None:
    cursor = connection.cursor()  # type: ignore[attr-defined]
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute(f"PRAGMA busy_timeout={BUSY_MS}")
    cursor.close()


def _migrate(connection: Connection) -> None:
    config = alembic.config.Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    alembic.command.upgrade(config, "head")
