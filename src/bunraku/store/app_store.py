"""Apps made in the console: kept in the database, known to ``Apps`` as soon as they are durable."""

from __future__ import annotations

import asyncio
import logging
import secrets
from dataclasses import replace

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from bunraku.core.apps import App, Apps, new_secret
from bunraku.core.clock import Clock
from bunraku.store.tables import AppRow

log = logging.getLogger(__name__)

FOLLOW_EVERY = 2.0


class OverlapRunning(Exception):
    """The secret before is still good; a second one before it would be forgotten too early."""


class AppStore:
    """The one writer of editable apps."""

    def __init__(self, apps: Apps, sessions: async_sessionmaker[AsyncSession], clock: Clock) -> None:
        self._apps, self._sessions, self._clock = apps, sessions, clock
        self._writing = asyncio.Lock()
        self._followed = False

    @property
    def spreads_within(self) -> float:
        """Seconds until every process knows of a change."""
        return 2 * FOLLOW_EVERY if self._followed else 0.0

    async def load(self) -> None:
        """Make the stored apps known, and forget those that are not there any more; at start-up, once the
        schema is there."""
        async with self._writing, self._sessions() as session:  # not what a change here replaces
            stored = [_app(row) for row in await session.scalars(select(AppRow))]
            for app in stored:
                self._apps.put(app)
            ids = {app.id for app in stored}
            for app in self._apps.list():
                if app.id not in ids:
                    self._apps.drop(app.id)

    async def named(self, apps: list[App]) -> None:
        """The operator's file names these now; stored ones that it hid come to light."""
        self._apps.name(apps)
        try:
            await self.load()
        except Exception as error:
            log.warning("apps not read (%s)", type(error).__name__)

    async def follow(self) -> None:
        """Until cancelled: what other processes change is known here within ``FOLLOW_EVERY`` seconds."""
        self._followed = True
        while True:
            await self._clock.sleep_until(self._clock.monotonic() + FOLLOW_EVERY)
            try:
                await self.load()
            except Exception as error:
                log.info("apps not read (%s)", type(error).__name__)

    async def create(self, name: str) -> App:
        """A new tenant with fresh secrets and an id nobody has."""
        async with self._writing:
            while self._apps.get(app_id := 1_000_000_000 + secrets.randbelow(3_000_000_000)) is not None:
                pass
            app = App(
                id=app_id,
                server_secret=new_secret(),
                callback_secret=new_secret(),
                name=name,
                editable=True,
            )
            return await self._save(app)

    async def change(
        self, app_id: int, *, name: str, callback_url: str | None, max_tasks: int, enabled: bool
    ) -> App | None:
        """The app as it is now; None when it is unknown or the operator's file names it."""
        async with self._writing:
            app = self._editable(app_id)
            if app is None:
                return None
            return await self._save(
                replace(app, name=name, callback_url=callback_url, max_tasks=max_tasks, enabled=enabled)
            )

    async def close(self, app_id: int) -> None:
        """Let an editable app call no more."""
        async with self._writing:
            app = self._editable(app_id)
            if app is not None and app.enabled:
                await self._save(replace(app, enabled=False))

    async def delete(self, app_id: int) -> None:
        """Forget an editable app and its secrets."""
        async with self._writing:
            async with self._sessions.begin() as session:
                await session.execute(delete(AppRow).where(AppRow.id == app_id))
            self._apps.drop(app_id)

    async def rotate_server_secret(self, app_id: int, overlap: float) -> App | None:
        """A new server secret; the one before stays good for ``overlap`` seconds, or for none.

        Raises ``OverlapRunning`` for an overlap while another runs.
        """
        async with self._writing:
            app = self._editable(app_id)
            if app is None:
                return None
            if overlap and self._clock.wall() < app.previous_until:
                raise OverlapRunning
            return await self._save(
                replace(
                    app,
                    server_secret=new_secret(),
                    previous_secret=app.server_secret if overlap else None,
                    previous_until=self._clock.wall() + overlap if overlap else 0.0,
                )
            )

    async def rotate_callback_secret(self, app_id: int) -> App | None:
        """A new callback secret, at once: a callback has one signature."""
        async with self._writing:
            app = self._editable(app_id)
            return None if app is None else await self._save(replace(app, callback_secret=new_secret()))

    def _editable(self, app_id: int) -> App | None:
        app = self._apps.get(app_id)
        return app if app is not None and app.editable else None

    async def _save(self, app: App) -> App:
        row = AppRow(
            id=app.id,
            name=app.name,
            server_secret=app.server_secret,
            previous_secret=app.previous_secret,
            previous_until=app.previous_until,
            callback_secret=app.callback_secret,
            callback_url=app.callback_url,
            max_tasks=app.max_tasks,
            enabled=app.enabled,
        )
        async with self._sessions.begin() as session:
            await session.merge(row)
        self._apps.put(app)
        return app


def _app(row: AppRow) -> App:
    return App(
        id=row.id,
        server_secret=row.server_secret,
        callback_secret=row.callback_secret,
        name=row.name,
        callback_url=row.callback_url,
        max_tasks=row.max_tasks,
        enabled=row.enabled,
        previous_secret=row.previous_secret,
        previous_until=row.previous_until,
        editable=True,
    )
