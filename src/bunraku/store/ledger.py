"""Where a journal's changes become durable, and the database as such a place.

The journal keeps order and patience; a ledger knows how one transaction is written.
``bunraku.testing.journal`` has one in memory.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bunraku.core.clock import patience
from bunraku.core.drive import Drive
from bunraku.core.output import Output
from bunraku.core.own_human import OwnHuman, State
from bunraku.core.owner import Owner
from bunraku.core.stream_task import StreamTask
from bunraku.store.claims import Claims
from bunraku.store.database import ATTEMPT, PLAIN, Database
from bunraku.store.rows import drive_row, output_row, person_changes, task_row, values
from bunraku.store.tables import CallbackRow, DriveRow, NodeRow, OutputRow, PersonRow, StreamRow, TaskRow


class Fenced(Exception):
    """This life of the node was declared over by another: it may write nothing any more."""


@dataclass(frozen=True, slots=True)
class Unborn:
    """Takes the place of what was noted of a task that never came into being."""

    task_id: str


@dataclass(frozen=True, slots=True)
class Attempted:
    """A callback was attempted so often; delivered or given up when ``over``."""

    row: CallbackRow
    attempts: int
    over: bool


Entry = StreamTask | Drive | Output | OwnHuman | CallbackRow | Unborn | Attempted
"""What has happened, and cannot be refused."""


@dataclass(frozen=True, slots=True)
class Birth:
    """A task with its room, the name of its stream and one of its app's ``places``. ``own``: its digital
    human is the app's own, and must not have been deleted."""

    task: StreamTask
    places: int
    callbacks: tuple[CallbackRow, ...] = ()
    own: bool = False


@dataclass(frozen=True, slots=True)
class ClaimRoom:
    app_id: int
    room_id: str


@dataclass(frozen=True, slots=True)
class LeaveRoom:
    app_id: int
    room_id: str


@dataclass(frozen=True, slots=True)
class ClaimStream:
    """For what a participant publishes."""

    app_id: int
    room_id: str
    stream_id: str


@dataclass(frozen=True, slots=True)
class LeaveStream:
    app_id: int
    stream_id: str


Question = Birth | ClaimRoom | LeaveRoom | ClaimStream | LeaveStream
"""What may be refused."""


class Ledger(Protocol):
    """Each call is one transaction: what it raises for, it has not written any of."""

    async def writable(self) -> bool:
        """Whether a change could be written now. Never raises."""
        ...

    async def save(self, owner: Owner, changes: Sequence[Entry]) -> None:
        """Raises ``Fenced``, or whatever keeps them from being written."""
        ...

    async def ask(self, owner: Owner, question: Question) -> StreamTask | None:
        """The task in its place for a ``Birth``.

        Raises ``Fenced``, ``store.claims.NameTaken``, ``NoSlot`` or ``Elsewhere``, or whatever keeps it
        from being written.
        """
        ...

    async def callbacks(self, node_id: str) -> Sequence[CallbackRow]:
        """A node's undelivered callbacks in the order they were written."""
        ...


class DatabaseLedger:
    """Takes no longer than ``database.ATTEMPT`` for a transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._claims = Claims(database)
        self._tasks, self._drives = database.upsert(TaskRow), database.upsert(DriveRow)
        self._outputs = database.upsert(OutputRow)

    async def writable(self) -> bool:
        return await self._database.writable()

    async def save(self, owner: Owner, changes: Sequence[Entry]) -> None:
        async with patience(ATTEMPT), self._database.sessions.begin() as session:
            await self._still_mine(session, owner)
            await self._put(session, changes)

    async def ask(self, owner: Owner, question: Question) -> StreamTask | None:
        async with patience(ATTEMPT), self._database.sessions.begin() as session:
            await self._still_mine(session, owner)
            return await self._try(session, owner, question)

    async def callbacks(self, node_id: str) -> Sequence[CallbackRow]:
        async with self._database.reads() as session:
            mine = select(CallbackRow).where(CallbackRow.node_id == node_id)
            return (await session.scalars(mine.order_by(CallbackRow.id))).all()

    async def _still_mine(self, session: AsyncSession, owner: Owner) -> None:
        """Raises ``Fenced`` when somebody took over what this life of the node owned."""
        query = select(NodeRow.epoch).where(NodeRow.id == owner.node_id)
        if not self._database.sqlite:
            query = query.with_for_update(read=True)  # nobody takes over while this is written
        if await session.scalar(query) != owner.epoch:
            raise Fenced

    async def _put(self, session: AsyncSession, changes: Sequence[Entry]) -> None:
        """By kind, a few statements for each: what happened to one record is in order all the same,
        because a batch has one state of it."""
        tasks = [c for c in changes if isinstance(c, StreamTask)]
        drives = [c for c in changes if isinstance(c, Drive)]
        outputs = [c for c in changes if isinstance(c, Output)]
        attempted = [c for c in changes if isinstance(c, Attempted)]
        if tasks:
            await session.execute(self._tasks, [values(task_row(t)) for t in tasks])
            await self._claims.end_of(session, tasks)
        if drives:
            await session.execute(self._drives, [values(drive_row(d)) for d in drives])
        for human in (c for c in changes if isinstance(c, OwnHuman)):
            await self._made(session, human)
        if outputs:
            await session.execute(self._outputs, [values(output_row(o)) for o in outputs])
        session.add_all([c for c in changes if isinstance(c, CallbackRow)])
        if attempted:
            await session.flush()  # gives those of this batch their ids
            await self._attempt(session, attempted)
        for change in changes:
            if isinstance(change, Unborn):
                await session.flush()
                await self._unborn(session, change.task_id)

    async def _made(self, session: AsyncSession, human: OwnHuman) -> None:
        """Nothing, where it was deleted meanwhile."""
        row = (PersonRow.id == human.id, PersonRow.state == State.MAKING.value)
        await session.execute(
            update(PersonRow).where(*row).values(**person_changes(human)), execution_options=PLAIN
        )

    async def _attempt(self, session: AsyncSession, attempted: Sequence[Attempted]) -> None:
        over = [a.row.id for a in attempted if a.over]
        if over:
            these = self._database.among(CallbackRow.id, over)
            await session.execute(delete(CallbackRow).where(these), execution_options=PLAIN)
        again: defaultdict[int, list[int]] = defaultdict(list)
        for one in attempted:
            if not one.over:
                again[one.attempts].append(one.row.id)
        for attempts, ids in again.items():
            those = update(CallbackRow).where(self._database.among(CallbackRow.id, ids))
            await session.execute(those.values(attempts=attempts), execution_options=PLAIN)

    async def _unborn(self, session: AsyncSession, task_id: str) -> None:
        for table in (CallbackRow, DriveRow, OutputRow, StreamRow):
            await session.execute(delete(table).where(table.task_id == task_id), execution_options=PLAIN)
        await session.execute(delete(TaskRow).where(TaskRow.id == task_id), execution_options=PLAIN)

    async def _try(self, session: AsyncSession, owner: Owner, question: Question) -> StreamTask | None:
        claims = self._claims
        match question:
            case Birth(task, places, callbacks, own):
                await claims.room(session, owner, task.app_id, task.room_id)
                if own:
                    await claims.human(session, task.app_id, task.digital_human_id)
                await claims.stream(session, owner, task.app_id, task.room_id, task.stream_id, task.id)
                placed = replace(task, slot=await claims.slot(session, task.app_id, places))
                session.add(task_row(placed))
                for callback in callbacks:
                    session.add(callback)
                await session.flush()
                return placed
            case ClaimRoom(app_id, room_id):
                await claims.room(session, owner, app_id, room_id)
            case LeaveRoom(app_id, room_id):
                await claims.leave_room(session, owner, app_id, room_id)
            case ClaimStream(app_id, room_id, stream_id):
                await claims.room(session, owner, app_id, room_id)
                await claims.stream(session, owner, app_id, room_id, stream_id, "")
            case LeaveStream(app_id, stream_id):
                await claims.leave_stream(session, owner, app_id, stream_id)
        return None
