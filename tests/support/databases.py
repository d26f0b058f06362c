"""Real databases for tests: a file of SQLite, and PostgreSQL where there is one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from bunraku.store.database import Database
from bunraku.store.tables import Base

from .services import Service, postgresql, postgresql_binaries


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A PostgreSQL of a module's own, running, for servers that share it."""
    service = postgresql(tmp_path_factory.mktemp("postgresql"))
    service.start()
    yield service
    service.stop()


@pytest.fixture(scope="module")
def database_urls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    folder = tmp_path_factory.mktemp("retention")
    urls = {"sqlite": f"sqlite+aiosqlite:///{folder}/bunraku.db"}
    if postgresql_binaries() is None:
        yield urls
        return
    service = postgresql(folder / "postgresql")
    service.start()
    yield urls | {"postgresql": service.url}
    service.stop()


@pytest.fixture(params=["sqlite", "postgresql"])
async def database(request: pytest.FixtureRequest, database_urls: dict[str, str]) -> AsyncIterator[Database]:
    if request.param not in database_urls:
        pytest.skip("no PostgreSQL server here")
    database = Database(database_urls[request.param])
    await database.open()
    yield database
    async with database.sessions.begin() as session:
        for table in reversed(Base.metadata.sorted_tables):
            if table.name != "audit":  # it is append-only
                await session.execute(table.delete())
    await database.close()
