"""Used signatures, in strict-nonce mode (contract section 3.4)."""

from __future__ import annotations

from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError

from bunraku.store.database import Database
from bunraku.store.tables import NonceRow


class Nonces:
    """A row each, under a primary key: two processes never both take the same."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def use_nonce(self, app_id: int, nonce: str, timestamp: int) -> bool:
        """False when this (app, nonce, timestamp) was used before."""
        try:
            async with self._database.sessions.begin() as session:
                session.add(NonceRow(app_id=app_id, nonce=nonce, timestamp=timestamp))
        except IntegrityError:
            return False
        return True

    async def forget_before(self, timestamp: int) -> None:
        async with self._database.sessions.begin() as session:
            await session.execute(delete(NonceRow).where(NonceRow.timestamp < timestamp))
