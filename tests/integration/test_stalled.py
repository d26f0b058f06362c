"""A process that stands still (SIGSTOP, swap, a busy machine) with PostgreSQL waiting for what it says next."""

from __future__ import annotations

import asyncio
import time

import pytest
from sqlalchemy import event, text
from sqlalchemy.engine import Engine

from bunraku.store import database as store
from bunraku.store.database import Database, passing
from bunraku.store.directory import Directory
from bunraku.store.ledger import DatabaseLedger
from bunraku.testing.clock import VirtualClock

from ..support.databases import database_urls

__all__ = ["database_urls"]  # a fixture

PATIENCE = 0.2  # s that the server waits here; else ``store.SERVER_SETTINGS``
STILL = 0.4


@pytest.fixture
async def postgresql(database_urls, monkeypatch):
    if "postgresql" not in database_urls:
        pytest.skip("no PostgreSQL server here")
    waits = {"idle_in_transaction_session_timeout": str(round(PATIENCE * 1000))}
    monkeypatch.setattr(store, "SERVER_SETTINGS", store.SERVER_SETTINGS | waits)
    database = Database(database_urls["postgresql"])
    await database.open()
    yield database
    await database.close()


@pytest.mark.parametrize("turns", range(5))
@pytest.mark.parametrize("what", ["execute", "commit"])
async def test_who_stood_still_in_a_transaction_may_try_again(postgresql, what, turns):
    """Its end is there: asyncpg may have read it, and the end of the connection too, or neither yet."""
    with pytest.raises(Exception) as raised:
        async with postgresql.sessions() as session:
            await session.execute(text("SELECT 1"))
            time.sleep(STILL)
            for _ in range(turns):
                await asyncio.sleep(0)
            await (session.commit() if what == "commit" else session.execute(text("SELECT 2")))
    assert passing(raised.value)
    async with postgresql.sessions.begin() as session:
        assert await session.scalar(text("SELECT 3")) == 3


@pytest.mark.parametrize("question", ["live", "places_taken", "node_of_room", "ended", "callbacks"])
async def test_what_is_only_read_is_not_lost_by_standing_still_after_the_answer(postgresql, question):
    directory, ledger = Directory(postgresql, VirtualClock(), 3600.0), DatabaseLedger(postgresql)
    asks = {
        "live": lambda: directory.live(1),
        "places_taken": lambda: directory.places_taken(1),
        "node_of_room": lambda: directory.node_of_room(1, "r"),
        "ended": directory.ended,
        "callbacks": lambda: ledger.callbacks("n"),
    }

    def stand(*_):
        time.sleep(STILL)

    event.listen(Engine, "after_cursor_execute", stand)
    try:
        assert not await asks[question]()
    finally:
        event.remove(Engine, "after_cursor_execute", stand)
