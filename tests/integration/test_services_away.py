"""Redis dies and comes back while calls go on: what docs/operating.md promises of it."""

from __future__ import annotations

import logging
import shutil
import time
from urllib.parse import urlencode

import httpx
import pytest

from bunraku.client import query
from bunraku.core.errors import RateLimited
from bunraku.testing.server import APP_ID, SECRET, RunningServer
from bunraku.testing.voices import ToneVoices

from ..support.services import redis
from ..support.waiting import wait_for

PER_SECOND = 5


def burst(api, count=12):
    """How many of so many calls at once were refused."""
    refused = 0
    for _ in range(count):
        try:
            api.running()
        except RateLimited:
            refused += 1
    return refused


@pytest.mark.skipif(shutil.which("redis-server") is None, reason="no redis-server here")
def test_while_redis_is_away_calls_go_on_uncounted_and_are_counted_again_after(tmp_path, caplog, human_id):
    service = redis(tmp_path)
    service.start()
    limits = {"calls_per_second": PER_SECOND, "storage": service.url, "strict_nonce": True}
    with RunningServer(providers=[ToneVoices()], limits=limits, console={"password": "hush"}) as s:
        page = httpx.Client(base_url=s.base_url)
        assert page.post("/console/login", json={"password": "hush"}).status_code == 200
        with s.client() as api, caplog.at_level(logging.WARNING):
            assert burst(api) > 0
            task = api.create(human_id, room_id="r", stream_id="s", size=(64, 64))
            time.sleep(1.0)  # the window of what was counted
            wait_for(lambda: s.parts.rooms.stream(APP_ID, "s").live)
            for away in range(2):
                caplog.clear()
                service.stop()
                begun = time.monotonic()
                assert burst(api) == 0
                assert time.monotonic() - begun < 6, "each call waited for what is not there"
                said = [r for r in caplog.records if "storage is away" in r.getMessage()]
                assert len(said) == 1, away
                # Nonces and sessions are the database's: neither is looser or lost for it.
                signed = f"{s.base_url}/?{urlencode(query('QueryDigitalHumanStreamTasks', APP_ID, SECRET))}"
                assert [httpx.post(signed).json()["Code"] for _ in range(2)] == [0, 100000005]
                assert page.get("/console/state").status_code == 200
                service.start()
                wait_for(lambda: burst(api) > 0, 10)
            time.sleep(1.0)
            assert api.status(task)["Status"] == 3
        page.close()
    service.stop()
