"""The database: its engine, its schema, and whether it can be written to."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import (
    ARRAY,
    JSON,
    ColumnElement,
    Integer,
    String,
    Text,
    any_,
    bindparam,
    column,
    delete,
    event,
    func,
    insert,
    literal,
    literal_column,
    select,
    text,
)
from sqlalchemy import exc as exceptions
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import (
    AsyncConnection,
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)

from bunraku.core.clock import patience
from bunraku.store.schema import migrate
from bunraku.store.tables import Base, CallbackRow, KeyRow

FILE = "bunraku.db"  # in the data directory
BUSY_MS = 5000  # SQLite waits so long for another process's lock
ATTEMPT = 5.0  # s: a database that says nothing is away
APPLICATION = "bunraku"
HELD = 2.0  # s for which a process that says no more may hold what others wait for
SERVER_SETTINGS = {
    "application_name": APPLICATION,
    # A process that is stopped in the midst of a transaction must not keep its rows from those who end
    # what it left: PostgreSQL lets go of them before it is missed (``node.neighbours.LOST_AFTER``).
    "idle_in_transaction_session_timeout": f"{HELD * 1000:.0f}",  # ms
}
_CUT_OFF = text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
    "AND usename = current_user AND application_name = :name AND state = 'active' "
    "AND wait_event = 'ClientRead' AND query_start < clock_timestamp() - make_interval(secs => :seconds)"
)
PLAIN = {"synchronize_session": False}
"""Execution options of a statement about rows that its session does not hold."""
MIGRATING = 0x42554E52  # names the advisory lock under which the schema is changed
PROBE = "probe"  # the row that ``writable`` writes
PASSING = frozenset(
    getattr(sqlite3, f"SQLITE_{name}")
    for name in ("BUSY", "CANTOPEN", "FULL", "IOERR", "LOCKED", "NOMEM", "PERM", "PROTOCOL", "READONLY")
)
"""Results of SQLite that say nothing about the statement."""
PASSING_STATES = ("08", "25", "40", "53", "55", "57", "58")
"""Classes of PostgreSQL's error codes that say nothing about it either: connection, read-only, rolled
back, resources, locks, shut down, disk (its documentation, appendix A)."""


def _added() -> Any:
    table: Any = CallbackRow.__table__
    columns = [c for c in table.columns if not c.primary_key]
    said = func.json_to_recordset(bindparam("rows", type_=JSON)).table_valued(
        column("n", Integer), *(column(c.name, c.type) for c in columns)
    )
    given = said.render_derived(name="given", with_types=True)
    rows = select(*(given.c[c.name] for c in columns)).order_by(given.c.n)
    return insert(table).from_select([c.name for c in columns], rows).returning(table.c.id)


_ADDED = _added()


class Database:
    """Owns the engine. ``sessions`` is for whoever reads or writes rows."""

    def __init__(self, url: str) -> None:
        # A pooled connection may be older than the server at its other end. asyncpg knows that without
        # asking; a ping would be three round trips before each statement. Errors of the database are
        # logged, and its rows hold secrets.
        knows = url.startswith("postgresql+asyncpg")
        self._engine: AsyncEngine = create_async_engine(
            url,
            pool_pre_ping=not knows,
            hide_parameters=True,
            connect_args={"server_settings": SERVER_SETTINGS} if knows else {},
        )
        if knows:
            event.listen(self._engine.sync_engine, "checkout", _refuse_closed)
        self.sqlite = url.startswith("sqlite")
        if self.sqlite:
            event.listen(self._engine.sync_engine, "connect", _tune_sqlite)
        self.sessions: async_sessionmaker[AsyncSession] = async_sessionmaker(
            self._engine, expire_on_commit=False
        )
        self.reads = self.sessions if self.sqlite else async_sessionmaker(self._alone)
        """Sessions for whoever only reads: each statement sees what is durable when it begins. There is no
        transaction that PostgreSQL could end, for what was read, when this process stands still after it."""

    @classmethod
    def of(cls, url: str | None, data_dir: Path) -> Database:
        """The one of the settings; SQLite in the data directory when they name none."""
        if url is None:
            path = data_dir / FILE
            # It holds secrets of apps. SQLite gives its other files the same mode.
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            url = f"sqlite+aiosqlite:///{path}"
        return cls(url)

    async def open(self) -> None:
        """Migrate to the newest schema; one process at a time.

        Raises ``CannotStart`` when a newer release has migrated it further.
        """
        async with self._engine.begin() as connection:
            if not self.sqlite:
                await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATING})
            await connection.run_sync(migrate)

    async def close(self) -> None:
        await self._engine.dispose()

    async def writable(self) -> bool:
        """Writes a row and takes it away again: a full disk takes locks, but no pages."""
        try:
            async with patience(ATTEMPT), self.sessions.begin() as session:
                await session.execute(self.insert_new(KeyRow, name=PROBE, value=""))
                await session.execute(delete(KeyRow).where(KeyRow.name == PROBE))
        except Exception:
            return False
        return True

    @property
    def _alone(self) -> AsyncEngine:
        return self._engine.execution_options(isolation_level="AUTOCOMMIT")

    def alone(self) -> AsyncConnection:
        """For single statements that come often: each is a transaction, without words around it."""
        return self._alone.connect()

    @property
    def now(self) -> ColumnElement[Any]:
        """Unix seconds of the database's own clock, within a statement."""
        if self.sqlite:
            return literal_column("(julianday('now') - 2440587.5) * 86400.0")
        return func.extract("epoch", func.clock_timestamp())

    def among(self, column: Any, values: Sequence[str | int]) -> ColumnElement[bool]:
        """That a column holds one of these. In PostgreSQL they are one parameter: a statement that is the
        same however many there are is parsed and planned once in a connection."""
        if self.sqlite:
            return column.in_(values)
        one = Text if isinstance(column.type, String) else column.type  # a cast to VARCHAR(n) would cut
        return column == any_(literal(list(values), ARRAY(one)))

    async def cut_off(self) -> int:
        """End sessions of PostgreSQL that wait for the parameters of what was parsed, as those of a process
        do that was stopped there; how many. They are not idle but active, so that its own timeout (see
        ``SERVER_SETTINGS``) leaves them what they hold."""
        if self.sqlite:
            return 0
        async with self.alone() as connection:
            found = await connection.execute(_CUT_OFF, {"name": APPLICATION, "seconds": HELD})
            return len(found.all())

    async def add(self, session: AsyncSession, rows: Sequence[CallbackRow]) -> None:
        """Insert them, whose ids are ascending then. In PostgreSQL they are one parameter, too."""
        if self.sqlite or not rows:
            session.add_all(rows)
            await session.flush()
            return
        names = [c.name for c in CallbackRow.__table__.columns if not c.primary_key]
        given = [{"n": n, **{name: getattr(row, name) for name in names}} for n, row in enumerate(rows)]
        # PostgreSQL draws ids in the order that rows are inserted in, which is that of the array.
        for row, number in zip(rows, sorted(await session.scalars(_ADDED, {"rows": given})), strict=True):
            row.id = number

    def insert_new(self, table: type[Base], **values: Any) -> Any:
        """An INSERT that leaves a row of the same key as it is."""
        dialect = sqlite if self.sqlite else postgresql
        return dialect.insert(table).values(**values).on_conflict_do_nothing()

    def upsert(self, table: type[Base]) -> Any:
        """An INSERT of whole rows, each in the place of one of the same key."""
        dialect = sqlite if self.sqlite else postgresql
        insert = dialect.insert(table)
        columns = table.__table__.columns
        changes = {c.key: insert.excluded[c.key] for c in columns if not c.primary_key}
        return insert.on_conflict_do_update(
            index_elements=[c.key for c in columns if c.primary_key], set_=changes
        )

    async def one_at_a_time(self, session: AsyncSession, app_id: int) -> None:
        """Until the transaction ends, no other process counts this app's tasks."""
        if not self.sqlite:
            await session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": app_id})


def _refuse_closed(connection: Any, _record: object, _proxy: object) -> None:
    """The others of its time are closed too."""
    if connection.driver_connection.is_closed():
        raise exceptions.InvalidatePoolError


def _tune_sqlite(connection: object, _record: object) -> None:
    cursor = connection.cursor()  # type: ignore[attr-defined]
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute(f"PRAGMA busy_timeout={BUSY_MS}")
    cursor.close()


def passing(error: BaseException) -> bool:
    """Whether the database's state raised this, not what it was asked: asked again later, it may succeed."""
    if isinstance(error, OSError | TimeoutError | exceptions.TimeoutError):
        return True
    if not isinstance(error, exceptions.DBAPIError):
        return False
    if error.connection_invalidated or isinstance(error.orig, OSError):
        return True
    code = getattr(error.orig, "sqlite_errorcode", None)
    if code is not None:
        return code & 0xFF in PASSING  # the rest is detail
    return str(getattr(error.orig, "sqlstate", None) or "").startswith(PASSING_STATES)
