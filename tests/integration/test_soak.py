"""A soak of a minute: the same code as `make soak`, which runs for an hour."""

from __future__ import annotations

import json
from collections import Counter

from bunraku.bench.postgresql import binaries
from bunraku.bench.soak import Found, soak
from bunraku.bench.soak.callbacks import TaskTold, lacking
from bunraku.bench.soak.life import Sample
from bunraku.bench.soak.report import data, page, plot, slope


def test_a_minute_of_random_life_leaves_nothing_behind(tmp_path):
    out = tmp_path / "soak.html"
    soak(1.2, 3, out, watchers=32)
    report = json.loads(out.with_suffix(".json").read_text())
    assert sum(report["acts"].values()) > 40
    assert report["acts"]["join"] > 3
    samples = report["samples"]
    last = samples[-1]
    assert (last["tasks"], last["watchers"]) == (0, 0)
    # What is open when all have left is what was open before anybody came, and a few kept connections.
    assert last["files"] <= samples[0]["files"] + 12
    assert last["threads"] <= max(s["threads"] for s in samples[: len(samples) // 2]) + 2
    trials = report["trials"]
    assert trials["watchers in crowds"] == 32
    assert trials["certificates changed"] == 4
    assert trials["seconds without a receiver of callbacks"] > 10
    assert ("seconds without a database" in trials) == (binaries() is not None)
    assert report["callbacks_lost"] == []
    text = out.read_text()
    assert text.count("<svg") == 10
    assert "script" not in text


def sample(i, **values):
    base = {"rss_mb": 100.0, "helpers_mb": 50.0, "threads": 10, "files": 20, "sockets": 5, "tasks": 1}
    more = {"watchers": 1, "ticks_skipped": 0, "frames_late": 0, "av_offset_ms": 5.0}
    return Sample(float(i), **{**base, **more, **values})


def test_growth_is_seen_and_noise_is_not_growth():
    steady = [sample(i, rss_mb=100.0 + (i * 7919) % 13) for i in range(400)]
    assert not slope(steady, "rss_mb").grows
    assert slope(steady, "files").per_hour == 0
    leaking = [sample(i, rss_mb=100.0 + (i * 7919) % 13 + i / 20) for i in range(400)]
    found = slope(leaking, "rss_mb")
    assert found.grows
    assert found.per_hour - found.margin < 180 < found.per_hour + found.margin
    assert "polyline" in plot(leaking, "rss_mb")
    whole = Found(leaking, {"create": 1}, {"crowds": 2.0}, ["t: 3/5"], 0)
    assert "grows" in page(whole)
    assert data(whole)["slopes_per_hour"]["rss_mb"]["per_hour"] == found.per_hour


def test_callbacks_are_missed_unless_the_contract_gives_them_up():
    heard = Counter({("a", "", s): 1 for s in (1, 3, 4, 5)} | {("a", "d", 1): 1, ("a", "d", 3): 2})
    whole = TaskTold("a", 0.0, 20.0, ["d"])
    assert lacking([whole], heard, []) == []
    assert lacking([TaskTold("a", 0.0, 20.0, ["d", "e"])], heard, []) == ["a: drive e did not end"]
    gone = TaskTold("b", 0.0, 20.0)
    assert lacking([gone], heard, []) == [f"b: 3/{s}" for s in (1, 3, 4, 5)]
    assert lacking([gone], heard, [(100.0, 700.0)]) == lacking([gone], heard, [])
    assert lacking([gone], heard, [(25.0, 600.0)]) == [], "its last events may have waited in the line"
    late = TaskTold("b", 660.0, 700.0)
    assert len(lacking([late], heard, [(25.0, 690.0)])) == 4, "its retries reach past that time"
    assert lacking([TaskTold("b", 600.0, 700.0)], heard, [(25.0, 690.0)]) == []
