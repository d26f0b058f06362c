"""Pages while one of several nodes has just died and nobody knows it yet."""

import httpx
import pytest
from fastapi import FastAPI

from bunraku.core.apps import App, Apps
from bunraku.core.clock import SystemClock
from bunraku.core.meter import Histogram
from bunraku.core.report import WAITS, Outcome, Report, VoiceLoad
from bunraku.front.web.assets import Assets
from bunraku.front.web.backstage import Backstage
from bunraku.front.web.metrics import Metrics
from bunraku.front.web.share_pass import SharePasses
from bunraku.nodes.base import NodeAway


class Dead:
    def __getattr__(self, name):
        async def ask(*_):
            raise NodeAway("node is away")

        return ask


class Living:
    async def asset(self, human, name):
        return b"picture" if name == "avatar.png" else None

    async def outcomes(self, app_id):
        return (Outcome(1, app_id, "task", 1, 3, 1, True),)

    async def report(self):
        waits = Histogram(WAITS)
        waits.observe(200.0)
        kokoro = VoiceLoad("kokoro", 2, busy=1, waiting=3, restarts=4, real_time_factor=0.25, waits=waits)
        return Report("living", True, watchers=7, voices=(kokoro,))

    async def test_callback(self, app_id):
        return True, "HTTP 200"


class SomeNodes:
    def __init__(self, *nodes):
        self.nodes = nodes

    async def any(self):
        if not self.nodes:
            raise NodeAway("no node is there")
        return self.nodes[0]

    async def all(self):
        return self.nodes

    async def of_task(self, app_id, task_id):
        return await self.any()


class Open:
    def refusal(self, request):
        return None


@pytest.fixture
def browse():
    def made(*nodes):
        some = SomeNodes(*nodes)
        app = FastAPI()
        apps = Apps([App(id=1, server_secret="s" * 32, callback_secret="s" * 32, name="A")])
        app.include_router(Assets(some).routes())
        app.include_router(Metrics(some).routes())
        app.include_router(Backstage(Open(), apps, some, SharePasses(apps, SystemClock())).routes())
        return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here")

    return made


async def test_a_picture_comes_from_another_node(browse):
    async with browse(Dead(), Living()) as http:
        assert (await http.get("/assets/anna/avatar.png")).content == b"picture"
        assert (await http.get("/assets/anna/nothing.png")).status_code == 404


@pytest.mark.parametrize("nodes", [(), (Dead(), Dead())])
async def test_a_picture_nobody_has_now_is_to_be_asked_for_later(browse, nodes):
    async with browse(*nodes) as http:
        answer = await http.get("/assets/anna/avatar.png")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    assert "cache-control" not in answer.headers


async def test_callbacks_of_the_other_nodes_are_told(browse):
    async with browse(Dead(), Living()) as http:
        answer = await http.post("/console/figures", json={"appId": 1, "taskId": "t"})
        assert answer.status_code == 200
        assert answer.json()["figures"] is None
        assert [c["TaskId"] for c in answer.json()["callbacks"]] == ["task"]


async def test_a_callback_test_that_cannot_be_made_says_so(browse):
    async with browse(Dead()) as http:
        answer = await http.post("/console/callback", json={"appId": 1})
    assert answer.json() == {"ok": False, "detail": "system busy, retry later: node is away"}


async def test_metrics_are_of_the_nodes_that_are_there(browse):
    async with browse(Dead(), Living()) as http:
        answer = await http.get("/metrics")
    assert answer.status_code == 200
    assert 'bunraku_watchers{node="living"} 7.0' in answer.text
    voice = '{node="living",provider="kokoro"}'
    for line in (
        "helpers%s 2.0",
        "busy%s 1.0",
        "waiting%s 3.0",
        "restarts_total%s 4.0",
        "real_time_factor%s 0.25",
    ):
        assert f"bunraku_voice_{line % voice}" in answer.text
    assert 'bunraku_voice_wait_ms_bucket{le="250.0",node="living",provider="kokoro"} 1.0' in answer.text
