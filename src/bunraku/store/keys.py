"""Keys that sign what one process gives out and another must believe: one of each in a database."""

from __future__ import annotations

import base64
import secrets

from bunraku.store.database import Database
from bunraku.store.tables import KeyRow

BYTES = 32


class Keys:
    """A row each, made by whoever comes first."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, name: str) -> bytes:
        """The 32 bytes kept under this name, the same for everybody who asks. Raises what the database
        raises."""
        made = base64.b64encode(secrets.token_bytes(BYTES)).decode()
        async with self._database.sessions.begin() as session:
            await session.execute(self._database.insert_new(KeyRow, name=name, value=made))
            row = await session.get_one(KeyRow, name)
            return base64.b64decode(row.value)
