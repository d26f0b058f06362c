"""Erasing all that is stored of an app, whatever tables there are.

A row is an app's when it has its ``app_id``, or the ``task_id`` of one of its tasks. Every table must
have one of the two or be named in ``NOT_OF_APPS``; a test reads the schema.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Table, delete, func, select, tuple_

from bunraku.store.database import Database
from bunraku.store.lives import UNFINISHED
from bunraku.store.tables import AppRow, AuditRow, Base, CallbackRow, KeyRow, NodeRow, TaskRow

NOT_OF_APPS = frozenset({AuditRow.__tablename__, NodeRow.__tablename__, KeyRow.__tablename__})
BATCH = 500  # rows in a transaction: who wants to write waits for one


def condition(table: Table) -> Callable[[int], Any] | None:
    """Which rows are an app's; None for a table that holds nothing of apps."""
    columns = table.c
    if table is AppRow.__table__:
        return lambda app_id: columns.id == app_id
    if "app_id" in columns:
        return lambda app_id: columns.app_id == app_id
    if "task_id" in columns:
        return lambda app_id: columns.task_id.in_(select(TaskRow.id).where(TaskRow.app_id == app_id))
    return None


class Erasure:
    """Of what was ended before: running tasks would write their rows anew."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def unfinished(self, app_id: int) -> int:
        """Stream tasks that are not over."""
        return await self._count(TaskRow, TaskRow.app_id == app_id, TaskRow.status.in_(UNFINISHED))

    async def undelivered(self, app_id: int) -> int:
        """Callbacks that still wait."""
        return await self._count(CallbackRow, CallbackRow.app_id == app_id)

    async def erase(self, app_id: int) -> dict[str, int]:
        """Rows deleted, by table. Can be repeated when it broke off."""
        # What belongs to tasks goes before them, or nobody would know whose it was.
        tables = sorted(Base.metadata.sorted_tables, key=lambda t: "app_id" in t.c or t is AppRow.__table__)
        return {t.name: n for t in tables if (n := await self._erase(t, app_id))}

    async def _erase(self, table: Table, app_id: int) -> int:
        theirs = condition(table)
        if theirs is None:
            return 0
        key = tuple_(*table.primary_key.columns)
        rows = 0
        while True:
            async with self._database.sessions.begin() as session:
                some = (await session.execute(select(*key).where(theirs(app_id)).limit(BATCH))).all()
                if some:
                    await session.execute(delete(table).where(key.in_([tuple(row) for row in some])))
            rows += len(some)
            if len(some) < BATCH:
                return rows

    async def _count(self, table: type[Base], *which: Any) -> int:
        async with self._database.reads() as session:
            return await session.scalar(select(func.count()).select_from(table).where(*which)) or 0
