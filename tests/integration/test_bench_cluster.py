"""The simulation in small on a real database, and what the figures of a cluster are read from."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys

import pytest

from bunraku.bench.metrics import percentile, sums
from bunraku.bench.postgresql import binaries, throwaway
from bunraku.bench.simulation import evenness, on_paper, scaled
from bunraku.bench.system import descendants, memory_mb

PAGE = """# HELP bunraku_lag_ms How late.
bunraku_lag_ms_bucket{node="a",le="1.0"} 9.0
bunraku_lag_ms_bucket{node="a",le="+Inf"} 10.0
bunraku_lag_ms_bucket{node="b",le="1.0"} 1.0
bunraku_lag_ms_bucket{node="b",le="+Inf"} 10.0
bunraku_watchers{node="a"} 2.0
bunraku_watchers{node="b"} 3.0
"""


def test_metrics_of_several_nodes_are_added_bucket_by_bucket():
    found = sums(PAGE)
    assert found["bunraku_watchers"] == 5
    assert percentile({}, found, "bunraku_lag_ms", 0.5) == 1.0
    assert percentile({}, found, "bunraku_lag_ms", 0.6) == float("inf")


def test_a_burst_is_spread_better_when_a_front_knows_what_it_placed_a_moment_ago():
    scale = scaled(50, 2000)
    spreads = []
    for recent in (True, False):
        where = on_paper(scale, 1000, 1000.0, recent=recent, rng=random.Random(3))
        spreads.append(evenness([where.count(i) for i in range(50)])["cv"])
    assert spreads[0] < 0.8 * spreads[1], spreads


def test_processes_below_one_and_their_memory():
    sleeper = [sys.executable, "-c", "import time; print(flush=True); time.sleep(60)"]
    with subprocess.Popen(sleeper, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        assert process.pid in descendants(os.getpid(), sys.executable)
        assert descendants(process.pid, sys.executable) == []
        found = memory_mb(process.pid)
        process.kill()
    assert 0 < found["private"] <= found["pss"] <= found["rss"] < 200


@pytest.mark.skipif(binaries() is None, reason="no PostgreSQL server here")
def test_of_twenty_nodes_two_die_and_everything_of_theirs_is_ended_and_told_once(tmp_path):
    """The command, as it is typed."""
    pytest.importorskip("ray")
    out = tmp_path / "figures.json"
    command = [sys.executable, "-m", "bunraku", "bench", "simulation", "--nodes", "20", "--tasks", "500"]
    with throwaway("fsync=off") as database:
        command += ["--births", "60", "--database-url", database.url, "--out", str(out)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    results = json.loads(out.read_text())["results"]
    assert results["simulated_create_refused"] == {}
    assert results["simulated_create_ms"]["n"] + results["simulated_create_together_ms"]["n"] == 60
    assert results["simulated_query_large_ms"]["tasks"] == 50
    loss = results["simulated_loss"]
    assert loss["nodes"] == 2
    assert loss["tasks"] > 20
    wrong = ("ended_twice", "callbacks_wrong", "others_ended")
    assert {name: loss[name] for name in wrong} == dict.fromkeys(wrong, 0)
