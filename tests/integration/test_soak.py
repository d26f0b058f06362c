"""A soak of a minute: the same code as `make soak`, which runs for hours."""

from __future__ import annotations

import json

from bunraku.bench.soak import Sample, growth, plot, soak


def test_a_minute_of_random_life_leaves_nothing_behind(tmp_path):
    out = tmp_path / "soak.html"
    soak(1.2, 3, out)
    report = json.loads(out.with_suffix(".json").read_text())
    assert sum(report["acts"].values()) > 60
    assert report["acts"]["join"] > 5
    samples = report["samples"]
    last = samples[-1]
    assert (last["tasks"], last["watchers"]) == (0, 0)
    # What is open when all have left is what was open before anybody came, and a few kept connections.
    assert last["files"] <= samples[0]["files"] + 8
    assert last["threads"] <= max(s["threads"] for s in samples[: len(samples) // 2]) + 2
    assert all(s["ticks_skipped"] == 0 for s in samples)
    page = out.read_text()
    assert page.count("<svg") == 9
    assert "script" not in page


def sample(i, **values):
    base = {"rss_mb": 100.0, "threads": 10, "files": 20, "sockets": 5, "tasks": 1, "watchers": 1}
    more = {"ticks_skipped": 0, "frames_late": 0, "av_offset_ms": 5.0}
    return Sample(float(i), **{**base, **more, **values})


def test_growth_is_seen_and_steadiness_too():
    steady = [sample(i) for i in range(60)]
    assert set(growth(steady).values()) == {0.0}
    leaking = [sample(i, rss_mb=100.0 + i, files=20 + i // 10) for i in range(60)]
    found = growth(leaking)
    assert found["rss_mb"] > 20
    assert found["files"] > 2
    assert found["threads"] == 0
    assert "polyline" in plot(leaking, "rss_mb")
