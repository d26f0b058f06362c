"""What a front says to callers while the database cannot be asked."""

import pytest

from bunraku.core.errors import SystemBusy, TaskNotFound
from bunraku.store.database import Database
from bunraku.store.directory import Directory
from bunraku.testing.clock import VirtualClock

QUESTIONS = {
    "live": (1,),
    "task": (1, "t"),
    "drives": (1, "t"),
    "drive": (1, "d"),
    "node_of_room": (1, "r"),
    "place_of_stream": (1, "s"),
}


@pytest.mark.parametrize("question", QUESTIONS)
async def test_a_database_that_is_away_is_to_be_asked_later(question, free_port):
    pytest.importorskip("asyncpg")
    directory = Directory(
        Database(f"postgresql+asyncpg://nobody@127.0.0.1:{free_port}/x"), VirtualClock(), 60.0
    )
    with pytest.raises(SystemBusy, match="database"):
        await getattr(directory, question)(*QUESTIONS[question])


async def test_what_is_not_there_is_no_outage(tmp_path):
    database = Database.of(None, tmp_path)
    await database.open()
    with pytest.raises(TaskNotFound):
        await Directory(database, VirtualClock(), 60.0).task(1, "t")
    await database.close()


@pytest.fixture
def free_port():
    from ..support.services import free_port

    return free_port()
