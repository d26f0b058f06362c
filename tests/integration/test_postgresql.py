"""The same life on PostgreSQL: a real server of Debian's package, where there is one."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlencode

import httpx
import pytest

from bunraku.client import query
from bunraku.core.errors import SystemBusy
from bunraku.testing.server import APP_ID, SECRET, RunningServer, test_apps
from bunraku.testing.voices import ToneVoices

from ..support.services import Service, postgresql, postgresql_binaries
from ..support.waiting import wait_for

pytestmark = pytest.mark.skipif(postgresql_binaries() is None, reason="no PostgreSQL server here")


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    service = postgresql(tmp_path_factory.mktemp("postgresql"))
    service.start()
    yield service
    service.stop()


def test_tasks_apps_and_nonces_survive_in_postgresql(database, tmp_path, human_id):
    settings = {
        "database_url": database.url,
        "providers": [ToneVoices(word_seconds=0.2)],
        "limits": {"strict_nonce": True},
    }
    with RunningServer(data_dir=tmp_path / "one", **settings) as server, server.client() as api:
        task = api.create(human_id, room_id="r", stream_id="s", size=(256, 256))
        wait_for(lambda: api.status(task)["Status"] == 3)
        drive = api.speak(task, "one two three", timbre_id=server.parts.voices.list()[0].id)
        wait_for(lambda: api.drives(task)[0]["Status"] == 4)
        app = httpx.post(f"{server.base_url}/console/apps", json={"name": "Kept"}).json()
        api.stop(task)
        wait_for(lambda: api.status(task)["Status"] == 5)
    with RunningServer(data_dir=tmp_path / "two", **settings) as server, server.client() as api:
        assert api.status(task)["Status"] == 5
        assert [d["DriveId"] for d in api.drives(task)] == [drive]
        assert server.client(app["appId"], app["serverSecret"]).running() == []
        signed = f"{server.base_url}/?{urlencode(query('QueryDigitalHumanStreamTasks', APP_ID, SECRET))}"
        codes = [httpx.post(signed).json()["Code"] for _ in range(2)]
        assert codes == [0, 100000005]


def test_what_happens_while_the_database_is_away_is_written_when_it_is_back(
    database, tmp_path, human_id, receivers
):
    """Streams go on, calls that need it fail, nothing is half created, and nothing is forgotten."""
    receiver = receivers()
    settings = {
        "database_url": database.url,
        "providers": [ToneVoices(word_seconds=0.1)],
        "apps": test_apps(callback_url=receiver.url, callback_secret="s" * 32),
        "fetch": {"allow_private": True},
    }
    with RunningServer(data_dir=tmp_path / "one", **settings) as server, server.client() as api:
        task = api.create(human_id, room_id="r", stream_id="kept", size=(256, 256))
        wait_for(lambda: api.status(task)["Status"] == 3)
        voice = server.parts.voices.list()[0].id
        database.stop()
        try:
            for _ in range(2):  # found out, and known
                with pytest.raises(SystemBusy, match="database"):
                    api.create(human_id, room_id="r", stream_id="never", size=(256, 256))
            assert httpx.get(f"{server.base_url}/readyz").status_code == 503
            assert server.parts.rooms.stream(APP_ID, "never") is None
            drive = api.speak(task, "one", timbre_id=voice)
            wait_for(lambda: api.drives(task)[0]["Status"] == 4)
            wait_for(lambda: {2, 4} <= {b["Detail"]["Status"] for b in receiver.heard if drive in str(b)})
        finally:
            database.start()
        wait_for(lambda: httpx.get(f"{server.base_url}/readyz").status_code == 200)
        later = api.create(human_id, room_id="r", stream_id="never", size=(256, 256))
        wait_for(lambda: api.status(later)["Status"] == 3)
    ended = {body["TaskId"] for body in receiver.heard}
    assert ended == {task, later}
    with RunningServer(data_dir=tmp_path / "two", **settings) as server, server.client() as api:
        assert api.status(task)["Status"] == api.status(later)["Status"] == 5
        assert [(d["DriveId"], d["Status"]) for d in api.drives(task)] == [(drive, 4)]
