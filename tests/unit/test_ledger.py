"""How a batch is written: by few statements, however much is in it."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
from sqlalchemy import event, select
from sqlalchemy.engine import Engine

from bunraku.core.owner import Owner
from bunraku.store.database import Database
from bunraku.store.ledger import Attempted, DatabaseLedger
from bunraku.store.lives import Ending, Lives
from bunraku.store.tables import CallbackRow


@contextmanager
def statements():
    seen = []

    def note(_connection, _cursor, statement, *_):
        seen.append(statement.split()[0])

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", note)


@pytest.fixture
async def database(tmp_path):
    made = Database.of(None, tmp_path)
    await made.open()
    yield made
    await made.close()


async def test_attempts_at_callbacks_are_written_by_how_many_they_were(database):
    """A receiver that is shut leaves hundreds at once, and each round trip would take its share of the time
    that a transaction has."""
    owner, _ = await Lives(database).begin("n1", "machine", "1", 0.0, lambda *_: Ending())
    ledger = DatabaseLedger(database)
    rows = [
        CallbackRow(node_id="n1", app_id=1, task_id="t", event_type=2, event_time_ms=i, detail={}, attempts=0)
        for i in range(200)
    ]
    await ledger.save(owner, rows)
    over = set(range(0, 200, 7))
    attempted = [Attempted(row, 1 + i % 3, i in over) for i, row in enumerate(rows)]
    with statements() as seen:
        await ledger.save(owner, attempted)
    assert (seen.count("UPDATE"), seen.count("DELETE")) == (3, 1)
    async with database.sessions() as session:
        left = (await session.scalars(select(CallbackRow))).all()
    assert {r.event_time_ms: r.attempts for r in left} == {i: 1 + i % 3 for i in range(200) if i not in over}
    assert owner == Owner("n1", owner.epoch)
