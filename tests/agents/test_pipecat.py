"""Our own Pipecat service (integrations/pipecat) in a real pipeline."""

from __future__ import annotations

import pytest

from bunraku.testing.server import APP_ID, SECRET, RunningServer

from .conftest import ANNA, PACKAGES, check, run_pipeline


@pytest.fixture(scope="module")
def server():
    with RunningServer() as running:
        yield running


def test_it_idles_speaks_is_cut_short_and_says_how_much_was_heard(server, speech):
    options = {
        "base_url": server.base_url,
        "app_id": APP_ID,
        "server_secret": SECRET,
        "digital_human_id": ANNA,
    }
    run = run_pipeline(server, "pipecat_bunraku.BunrakuVideoService", options, speech, *PACKAGES)
    check(run, speech[1])
    assert len(run.mouth(run.told["first"] - 0.8, run.told["first"])) > 10, "it idles before it speaks"
    whole, cut = run.playback
    assert not whole["interrupted"]
    assert whole["played_ms"] == pytest.approx(1000 * speech[1], abs=40)
    assert cut["interrupted"]
    assert 900 < cut["played_ms"] < 1600
    assert not len(run.loud(run.told["cut"] + 0.05, run.told["end"])), "nothing comes after the interruption"
    assert run.ttfb, "Pipecat's own metrics"
    assert server.client().running() == []
