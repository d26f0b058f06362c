"""Small things that were found to be wrong at the edge, each as it was tried."""

from __future__ import annotations

import json
import re

import httpx
import pytest

from bunraku.client import query
from bunraku.store import journal
from bunraku.store.database import Database
from bunraku.store.nonces import Nonces
from bunraku.testing.clock import VirtualClock
from bunraku.testing.server import APP_ID, SECRET, RunningServer
from bunraku.testing.voices import ToneVoices


@pytest.fixture(scope="module")
def served():
    with RunningServer(providers=[ToneVoices()], console={"password": "open sesame"}) as s:
        yield s


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_what_is_not_json_is_not_json_in_a_query_either(served, constant):
    for name, field in (("VideoConfig", "Width"), ("RTCConfig", "RoomId"), ("Nothing", "Known")):
        params = query("CreateDigitalHumanStreamTask", APP_ID, SECRET)
        params[name] = f'{{"{field}": {constant}}}'
        assert httpx.post(served.base_url + "/", params=params).json()["Code"] == 400000001


def test_half_a_character_is_no_password(served):
    answer = httpx.post(
        served.base_url + "/console/login",
        content=b'{"password": "\\ud800"}',
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code == 401


@pytest.mark.parametrize(
    "header", ["X-Forwarded-For", "X-Forwarded-Host", "Forwarded", "X-Real-IP", "Via", "X-Forwarded-Proto"]
)
def test_strangers_behind_a_proxy_see_no_metrics(served, header):
    url = served.base_url + "/metrics"
    assert httpx.get(url).status_code == 200
    assert httpx.get(url, headers={header: "192.0.2.1"}).status_code == 404


@pytest.mark.parametrize(("public", "secure"), [("https://dh.example.com", True), (None, False)])
def test_the_session_cookie_is_for_https_where_the_public_url_is(public, secure):
    with RunningServer(providers=[], console={"password": "open sesame"}, public_url=public) as s:
        answer = httpx.post(s.base_url + "/console/login", json={"password": "open sesame"})
        assert answer.status_code == 200
        assert ("secure" in answer.headers["set-cookie"].lower()) is secure


def test_pages_and_pictures_answer_head(served):
    human = served.parts.catalog.list()[0].id
    for path in (
        f"/assets/{human}/avatar.png",
        "/console/static/main.js",
        "/console/api",
        "/player/index.js",
        "/share",
        "/healthz",
        "/readyz",
        "/favicon.ico",
    ):
        head, get = httpx.head(served.base_url + path), httpx.get(served.base_url + path)
        assert (head.status_code, head.content) == (get.status_code, b"") == (200, b""), path
        assert head.headers["content-length"] == str(len(get.content))
        assert head.headers["content-type"] == get.headers["content-type"]


def test_every_picture_the_pages_name_is_there(served):
    for page in ("/", "/console/api", "/share"):
        text = httpx.get(served.base_url + page).text
        for path in re.findall(r'(?:src|href)="(/[^"#]+)"', text):
            assert httpx.get(served.base_url + path).status_code == 200, path


def test_readiness_says_no_while_create_is_refused(served, monkeypatch):
    """An overload refuses tasks as a database does that is away."""
    url = served.base_url + "/readyz"
    with served.client() as api:
        human = api.digital_humans()[0]["DigitalHumanId"]
        body = {
            "DigitalHumanConfig": {"DigitalHumanId": human},
            "RTCConfig": {"RoomId": "r", "StreamId": "s"},
        }
        assert httpx.get(url).status_code == 200
        monkeypatch.setattr(journal, "BACKLOG", -1)
        params = query("CreateDigitalHumanStreamTask", APP_ID, SECRET)
        refused = httpx.post(served.base_url + "/", params=params, content=json.dumps(body)).json()
        assert refused["Code"] == 400010002
        answer = httpx.get(url)
        assert (answer.status_code, answer.text) == (503, "not ready")
        monkeypatch.undo()
        assert httpx.get(url).status_code == 200


class Jumping(VirtualClock):
    """Wall time that an operator, or a broken time server, sets."""

    def jump(self, seconds):
        self._wall += seconds


@pytest.mark.parametrize("order", [(7200, -7200), (-7200, 7200, -7200)])
async def test_a_nonce_is_remembered_through_jumps_of_the_clock(tmp_path, order):
    clock = Jumping()
    database = Database.of(None, tmp_path)
    await database.open()
    ledger = Nonces(database, clock)
    try:
        for jump in order:
            stamp = int(clock.wall())
            assert await ledger.use_nonce(1, f"n{jump}{stamp}", stamp)
            clock.jump(jump)
            for _ in range(3):
                await clock.advance(60)
                await ledger.forget_before(int(clock.wall()) - 1300)
            assert not await ledger.use_nonce(1, f"n{jump}{stamp}", stamp)
        for _ in range(600):  # ten quiet hours: it is not kept for ever
            await clock.advance(60)
            await ledger.forget_before(int(clock.wall()) - 1300)
        assert await ledger.use_nonce(1, f"n{jump}{stamp}", stamp)
    finally:
        await database.close()
