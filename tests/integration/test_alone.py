"""Servers in no cluster that share PostgreSQL: what one that comes no more left is ended by another, once."""

from __future__ import annotations

import asyncio
import secrets
import signal

import asyncpg
import httpx
import pytest

from bunraku.core.errors import TaskNotFound
from bunraku.node import alone
from bunraku.testing.server import APP_ID, SECRET, RunningServer, test_apps
from bunraku.testing.voices import ToneVoices

from ..support.databases import server as database
from ..support.process import Process, statuses
from ..support.services import free_port, postgresql_binaries
from ..support.waiting import wait_for

__all__ = ["database"]  # a fixture
pytestmark = pytest.mark.skipif(postgresql_binaries() is None, reason="no PostgreSQL server here")

BEAT, LEASE = 0.25, 6.0
QUICK = (
    "-c",
    f"from bunraku.node import alone; alone.BEAT_EVERY, alone.LEASE = {BEAT}, {LEASE};"
    "from bunraku.cli import main; main()",
)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(alone, "BEAT_EVERY", BEAT)
    monkeypatch.setattr(alone, "LEASE", LEASE)


@pytest.fixture
def former(tmp_path, database):
    """Makes the one process of a test; it does not outlive it, since it would take over what others left."""
    made = []
    yield lambda receiver: made.append(_former(tmp_path, database, receiver)) or made[-1]
    for process in made:
        process.process.kill()
        process.process.wait()


def _former(folder, database, receiver):
    text = (
        f'database_url = "{database.url}"\n[[apps]]\napp_id = {APP_ID}\nserver_secret = "{SECRET}"\n'
        f'callback_url = "{receiver.url}"\n[fetch]\nallow_private = true\n[limits]\ncalls_per_second = 0\n'
    )
    return Process(folder, free_port(), text=text, program=QUICK)


def settings(database, receiver, **more):
    return {
        "database_url": database.url,
        "providers": [ToneVoices()],
        "apps": test_apps(callback_url=receiver.url),
        "fetch": {"allow_private": True},
    } | more


def known(api, task):
    """Its status, where it is known."""
    try:
        return api.status(task)["Status"]
    except TaskNotFound:
        return None


def live(api):
    human = api.digital_humans()[0]["DigitalHumanId"]
    room = secrets.token_hex(4)
    task = api.create(human, room_id=room, stream_id="s", size=(128, 128))
    wait_for(lambda: api.status(task)["Status"] == 3, 60)
    return task


def delivered(database):
    """Nothing waits to be told, by anybody."""

    async def waiting():
        connection = await asyncpg.connect(database.url.replace("+asyncpg", ""))
        try:
            return await connection.fetchval("select count(*) from callbacks")
        finally:
            await connection.close()

    return asyncio.run(waiting()) == 0


def beats(server):
    """Of this server's own life, and of nobody else's."""
    owner = server.parts.journal.owner
    infos = server.begin(server.parts.lives.list()).result(10)
    return next(n.beat for n in infos if n.id == owner.node_id)


def test_a_new_data_directory_ends_what_the_former_left_and_leaves_what_lives(
    database, tmp_path, receivers, former
):
    receiver = receivers()
    first = former(receiver)
    with first.api() as there:
        task = live(there)
    with (
        RunningServer(data_dir=tmp_path / "new", **settings(database, receiver)) as second,
        second.client() as api,
    ):
        begun = beats(second)
        wait_for(lambda: beats(second) - begun > 2 * LEASE / BEAT, 60)  # it would have had the time
        with first.api() as there:
            assert there.status(task)["Status"] == 3
        first.end(signal.SIGKILL)
        wait_for(lambda: (3, 5) in statuses(receiver.heard, task), 60)
        wait_for(lambda: known(api, task) == 5)
        again = live(api)  # the name of a stream is free again, and so is the app's place
        api.stop(again)
        wait_for(lambda: (3, 5) in statuses(receiver.heard, again), 60)
    assert sorted(statuses(receiver.heard, task)) == [(3, 1), (3, 3), (3, 4), (3, 5)]


def test_what_an_orderly_end_could_not_deliver_is_delivered_by_another(database, tmp_path, receivers, former):
    deaf, taken = [], []
    receiver = receivers(lambda body: 500 if deaf else taken.append(body) or 200)
    first = former(receiver)
    with first.api() as there:
        task = live(there)
    wait_for(lambda: (3, 3) in statuses(taken, task))
    deaf.append(True)
    first.end(signal.SIGTERM)
    deaf.clear()
    with RunningServer(data_dir=tmp_path / "new", **settings(database, receiver)):
        wait_for(lambda: (3, 5) in statuses(taken, task), 60)
    assert sorted(statuses(taken, task)) == [(3, 1), (3, 3), (3, 4), (3, 5)]


def test_who_was_stopped_too_long_goes_on_without_what_was_ended(database, tmp_path, receivers, former):
    receiver = receivers()
    first = former(receiver)
    with first.api() as there:
        task = live(there)
    with (
        RunningServer(data_dir=tmp_path / "new", **settings(database, receiver)) as second,
        second.client() as api,
    ):
        # One that was told, and not noted as told, would be told again.
        wait_for(lambda: (3, 3) in statuses(receiver.heard, task) and delivered(database))
        first.process.send_signal(signal.SIGSTOP)
        wait_for(lambda: known(api, task) == 5, 60)
        first.process.send_signal(signal.SIGCONT)
        wait_for(lambda: "begins anew" in first.logged(), 60)
        with first.api() as there:
            wait_for(lambda: there.running() == [], 60)
        with first.api() as there:
            again = live(there)
            there.stop(again)
            wait_for(lambda: there.status(again)["Status"] == 5, 60)
        wait_for(lambda: (3, 5) in statuses(receiver.heard, again) and delivered(database), 60)
        first.end(signal.SIGTERM)
    for whose in (task, again):
        assert sorted(statuses(receiver.heard, whose)) == [(3, 1), (3, 3), (3, 4), (3, 5)]


def test_tasks_of_apps_that_are_unknown_here_are_left_to_who_knows_them(
    database, tmp_path, receivers, former, caplog
):
    receiver = receivers()
    first = former(receiver)
    with first.api() as there:
        task = live(there)
    first.end(signal.SIGKILL)
    stranger = test_apps()[1:]
    with RunningServer(data_dir=tmp_path / "new", **settings(database, receiver, apps=stranger)):
        wait_for(lambda: any("unknown here" in r.getMessage() for r in caplog.records), 60)
    assert (3, 5) not in statuses(receiver.heard, task)
    with RunningServer(data_dir=tmp_path / "newer", **settings(database, receiver)) as server:
        with server.client() as api:
            wait_for(lambda: known(api, task) == 5, 60)
            assert httpx.get(f"{server.base_url}/readyz").status_code == 200
        wait_for(lambda: (3, 5) in statuses(receiver.heard, task))
