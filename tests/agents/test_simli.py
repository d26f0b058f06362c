"""Simli's own clients against our endpoint, unmodified: in Pipecat's service, and a newer one alone."""

from __future__ import annotations

import pytest

from bunraku.testing.server import APP_ID, RunningServer

from .conftest import ANNA, NEWEST_SIMLI, check, run_pipeline, run_script

KEY = "a-key-of-sixteen-and-more"


@pytest.fixture(scope="module")
def server():
    with RunningServer(compat={"simli": {"keys": [{"key": KEY, "app_id": APP_ID}]}}) as running:
        yield running


def test_pipecats_own_service_speaks_through_us(server, speech):
    options = {"api_key": KEY, "face_id": ANNA, "simli_url": server.base_url}
    run = run_pipeline(server, "pipecat.services.simli.video.SimliVideoService", options, speech)
    check(run, speech[1])
    assert server.client().running() == []


def test_the_newest_client_starts_speaks_is_cut_short_and_leaves(server, speech):
    order = {"key": KEY, "face": ANNA, "url": server.base_url, "wav": str(speech[0])}
    found = run_script("newest_simli.py", order, NEWEST_SIMLI)
    assert found["pictures"] > 40
    assert found["loud"] > 20
    assert found["late"] == 0, "it spoke on after SKIP"
    assert found["said"][-3:] == ["speak", "silent", "ack"]
    assert server.client().running() == []
