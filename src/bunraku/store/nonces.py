"""Used signatures, in strict-nonce mode (contract section 3.4)."""

from __future__ import annotations

from collections import deque

from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError

from bunraku.core.clock import Clock
from bunraku.store.database import Database
from bunraku.store.tables import NonceRow

KEPT = 3 * 3600.0  # s: a clock that is set forward, and back within that, replays nothing


class Nonces:
    """A row each, under a primary key: two processes never both take the same."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock
        self._horizons: deque[tuple[float, int]] = deque()

    async def use_nonce(self, app_id: int, nonce: str, timestamp: int) -> bool:
        """False when this (app, nonce, timestamp) was used before."""
        try:
            async with self._database.sessions.begin() as session:
                session.add(NonceRow(app_id=app_id, nonce=nonce, timestamp=timestamp))
        except IntegrityError:
            return False
        return True

    async def forget_before(self, timestamp: int) -> None:
        """Delete what was before ``timestamp`` throughout the last ``KEPT`` seconds.

        ``timestamp`` comes from a clock that may be set; time that only goes on decides besides.
        """
        now = self._clock.monotonic()
        self._horizons.append((now, timestamp))
        while len(self._horizons) > 1 and self._horizons[1][0] <= now - KEPT:
            self._horizons.popleft()
        if self._horizons[0][0] > now - KEPT:
            return
        timestamp = min(horizon for _, horizon in self._horizons)
        async with self._database.sessions.begin() as session:
            await session.execute(delete(NonceRow).where(NonceRow.timestamp < timestamp))
