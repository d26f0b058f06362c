"""The LiveKit worker (integrations/livekit) against LiveKit's own classes; no LiveKit server takes part."""

from __future__ import annotations

import pytest

from bunraku.testing.server import APP_ID, SECRET, RunningServer

from .conftest import ANNA, PACKAGES, run_script


def test_every_segment_is_finished_exactly_once_whatever_happens():
    found = run_script("livekit_orders.py", {"seeds": 60}, *PACKAGES)
    assert found["faults"] == []
    assert found["segments"] > 120


def test_a_real_figure_speaks_for_a_livekit_agent(speech):
    wav, seconds = speech
    with RunningServer() as server:
        order = {"url": server.base_url, "app": APP_ID, "secret": SECRET, "human": ANNA, "wav": str(wav)}
        found = run_script("livekit_live.py", order, *PACKAGES)
        assert server.client().running() == []
    print(found)
    (whole, whole_cut), (position, cut) = found["finished"]
    assert not whole_cut
    assert cut
    assert whole == pytest.approx(seconds, abs=0.04)
    assert 0.9 < position < 1.7
    # What was heard begins with the first loud piece of 20 ms, a little after the utterance does.
    assert found["heard"] == pytest.approx(position, abs=0.15)
    assert found["started"] == 2
    assert found["told_after"] < 1.5, "the agent gives up after two seconds"
    assert found["accepted"] == found["decoded"] > 25 * seconds * 0.8
    assert found["keys"][1] > found["keys"][0] >= 1, "a subscriber's request reaches the encoder"
