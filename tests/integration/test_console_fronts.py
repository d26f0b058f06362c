"""The console behind a load balancer: which front answers makes no difference."""

from __future__ import annotations

import httpx
import pytest

from bunraku.testing.server import RunningServer
from bunraku.testing.voices import ToneVoices

from ..support.services import postgresql, postgresql_binaries


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request, tmp_path_factory, tmp_path):
    if request.param == "sqlite":
        yield f"sqlite+aiosqlite:///{tmp_path}/shared.db"
        return
    if postgresql_binaries() is None:
        pytest.skip("no PostgreSQL server here")
    service = postgresql(tmp_path_factory.mktemp("postgresql"))
    service.start()
    yield service.url
    service.stop()


def front(url, folder, password="open sesame"):
    return RunningServer(
        data_dir=folder, database_url=url, providers=[ToneVoices()], console={"password": password}
    )


def test_a_login_at_one_front_holds_at_the_other(database_url, tmp_path):
    with (
        front(database_url, tmp_path / "one") as one,
        front(database_url, tmp_path / "two") as two,
        httpx.Client() as browser,
    ):
        for server in (one, two):
            assert browser.get(f"{server.base_url}/console/state").status_code == 401
        login = browser.post(f"{one.base_url}/console/login", json={"password": "open sesame"})
        assert login.status_code == 200
        cookie = login.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        for server in (one, two, one):
            assert browser.get(f"{server.base_url}/console/state").status_code == 200
            assert browser.get(f"{server.base_url}/console/nodes").status_code == 200
    # A restart keeps the operator in; another password does not.
    kept = {"cookie": cookie.split(";")[0]}
    with front(database_url, tmp_path / "one") as one:
        assert httpx.get(f"{one.base_url}/console/state", headers=kept).status_code == 200
    with front(database_url, tmp_path / "one", password="another") as one:
        assert httpx.get(f"{one.base_url}/console/state", headers=kept).status_code == 401


def test_the_console_lists_the_one_node_there_is(server, create):
    create()
    [node] = httpx.get(f"{server.base_url}/console/nodes").json()["nodes"]
    assert node["state"] == "up"
    assert node["id"] == server.parts.journal.owner.node_id
    assert node["load"]["tasks"] == node["load"]["rooms"] == 1
    assert 50e6 < node["load"]["memory"] < 4e9
    refused = httpx.get(f"{server.base_url}/console/nodes", headers={"Host": "evil.example"})
    assert refused.status_code == 403
