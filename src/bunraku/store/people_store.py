"""Digital humans of single apps, in the database: their rows are the truth about them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from bunraku.core.errors import DigitalHumanNotFound, InvalidParams, NoResources, SystemBusy
from bunraku.core.own_human import OwnHuman, State
from bunraku.core.settings_people import PeopleSettings
from bunraku.store.database import PLAIN, Database
from bunraku.store.lives import UNFINISHED
from bunraku.store.rows import own_human, person_row
from bunraku.store.tables import NodeRow, PersonRow, TaskRow

SHOWN = (State.MAKING.value, State.READY.value, State.FAILED.value)
FAILED_KEPT = 50  # of an app, the newest


class PeopleStore:
    """Fronts ask and delete, nodes add and make. Whatever answers a caller raises ``SystemBusy`` while the
    database is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[AsyncSession]:
        try:
            async with self._database.reads() as session:
                yield session
        except (DBAPIError, OSError) as error:
            raise SystemBusy("the database is away") from error

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[AsyncSession]:
        try:
            async with self._database.sessions.begin() as session:
                yield session
        except (DBAPIError, OSError) as error:
            raise SystemBusy("the database is away") from error

    async def of(self, app_id: int) -> tuple[OwnHuman, ...]:
        """Of an app, oldest first."""
        async with self._reading() as session:
            theirs = select(PersonRow).where(PersonRow.app_id == app_id, PersonRow.state.in_(SHOWN))
            rows = await session.scalars(theirs.order_by(PersonRow.created_at, PersonRow.id))
            return tuple(own_human(row) for row in rows)

    async def get(self, app_id: int, human_id: str) -> OwnHuman:
        """Raises ``DigitalHumanNotFound``, for another app's too."""
        async with self._reading() as session:
            row = await session.get(PersonRow, human_id)
            if row is None or row.app_id != app_id or row.state not in SHOWN:
                raise DigitalHumanNotFound(human_id[:64])
            return own_human(row)

    async def add(self, human: OwnHuman, limits: PeopleSettings) -> None:
        """One that is being made. Raises ``NoResources`` or ``SystemBusy`` where the app has what it may
        have, also when the life of the node that would make it is over."""
        async with self._writing() as session:
            # It is the first statement, so that SQLite counts what is there when it writes.
            session.add(person_row(human))
            await session.flush()
            await self._database.one_at_a_time(session, human.app_id)
            await self._still_there(session, human)
            await self._within(session, human.app_id, limits)
            await self._forget_failures(session, human.app_id)

    async def _still_there(self, session: AsyncSession, human: OwnHuman) -> None:
        """Whoever ends what a lost life left must find this."""
        query = select(NodeRow.epoch).where(NodeRow.id == human.owner.node_id)
        if not self._database.sqlite:
            query = query.with_for_update(read=True)
        if await session.scalar(query) != human.owner.epoch:
            raise SystemBusy("the node is ending")

    async def _within(self, session: AsyncSession, app_id: int, limits: PeopleSettings) -> None:
        theirs = select(PersonRow.state, func.count(), func.sum(PersonRow.bytes))
        rows = await session.execute(theirs.where(PersonRow.app_id == app_id).group_by(PersonRow.state))
        found = {state: (int(count), int(size or 0)) for state, count, size in rows}
        making, ready = (found.get(s.value, (0, 0)) for s in (State.MAKING, State.READY))
        if making[0] > limits.most_making:
            raise SystemBusy(f"an app may have {limits.most_making} made at once")
        if making[0] + ready[0] > limits.most:
            raise NoResources(f"an app may have {limits.most} digital humans of its own")
        if ready[1] >= limits.most_bytes:
            raise NoResources(f"an app's digital humans may take {limits.most_bytes} bytes")

    async def _forget_failures(self, session: AsyncSession, app_id: int) -> None:
        failed = (PersonRow.app_id == app_id, PersonRow.state == State.FAILED.value)
        old = select(PersonRow.id).where(*failed).order_by(PersonRow.created_at.desc()).offset(FAILED_KEPT)
        ids = list(await session.scalars(old.limit(500)))
        if ids:
            await session.execute(delete(PersonRow).where(PersonRow.id.in_(ids)), execution_options=PLAIN)

    async def bytes_of(self, app_id: int) -> int:
        """What those of an app take that are ready."""
        async with self._reading() as session:
            ready = (PersonRow.app_id == app_id, PersonRow.state == State.READY.value)
            return int(await session.scalar(select(func.sum(PersonRow.bytes)).where(*ready)) or 0)

    async def progress(self, human: OwnHuman) -> None:
        """How far it is. Raises what the database raises; what was lost is said with the next."""
        making = (PersonRow.id == human.id, PersonRow.state == State.MAKING.value)
        news: dict[str, Any] = {"progress": human.progress, "step": human.step, "marks": human.marks}
        async with self._database.sessions.begin() as session:
            await session.execute(update(PersonRow).where(*making).values(**news), execution_options=PLAIN)

    async def change(self, app_id: int, human_id: str, **news: str | None) -> None:
        """``name`` and ``timbre_id``. Raises ``DigitalHumanNotFound``."""
        which = (PersonRow.id == human_id, PersonRow.app_id == app_id, PersonRow.state.in_(SHOWN))
        async with self._writing() as session:
            done: Any = await session.execute(
                update(PersonRow).where(*which).values(**news), execution_options=PLAIN
            )
        if done.rowcount == 0:
            raise DigitalHumanNotFound(human_id[:64])

    # --- the end

    async def begin_deleting(self, app_id: int, human_id: str) -> None:
        """From now on nobody finds it and no stream task begins with it. Can be repeated.

        Raises ``InvalidParams`` while it is on a stage, ``DigitalHumanNotFound``.
        """
        async with self._writing() as session:
            which = (PersonRow.id == human_id, PersonRow.app_id == app_id)
            # First: from here on tasks that would begin with it wait, and then find it gone.
            done: Any = await session.execute(
                update(PersonRow).where(*which).values(state=State.DELETING.value, marks=None),
                execution_options=PLAIN,
            )
            if done.rowcount == 0:
                raise DigitalHumanNotFound(human_id[:64])
            shown = (TaskRow.app_id == app_id, TaskRow.digital_human_id == human_id)
            count = select(func.count()).where(*shown, TaskRow.status.in_(UNFINISHED))
            tasks = await session.scalar(count) or 0
            if tasks:
                many = "a stream task shows it" if tasks == 1 else f"{tasks} stream tasks show it"
                raise InvalidParams(f"DigitalHumanId {many}")

    async def deleted(self, app_id: int, human_id: str) -> None:
        """Nothing is left of it."""
        which = (PersonRow.id == human_id, PersonRow.app_id == app_id)
        which = (*which, PersonRow.state == State.DELETING.value)
        async with self._writing() as session:
            await session.execute(delete(PersonRow).where(*which), execution_options=PLAIN)

    async def there(self) -> dict[tuple[int, str], State]:
        """All there are, for whoever sweeps what is left of others. Raises what the database raises."""
        async with self._database.reads() as session:
            rows = await session.execute(select(PersonRow.app_id, PersonRow.id, PersonRow.state))
            return {(app_id, human_id): State(state) for app_id, human_id, state in rows}
