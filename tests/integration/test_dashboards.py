"""The dashboard and the alerts in ``deploy/`` ask for what a running server tells, and promtool takes them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = DEPLOY / "prometheus" / "bunraku.rules.yaml"
DASHBOARD = DEPLOY / "grafana" / "bunraku.json"
NAME = re.compile(r"\bbunraku_\w+")
LABELS = re.compile(r"(bunraku_\w+)\{([^}]*)\}")


def panels():
    return json.loads(DASHBOARD.read_text())["panels"]


def expressions():
    for group in yaml.safe_load(RULES.read_text())["groups"]:
        yield from (rule["expr"] for rule in group["rules"])
    for panel in panels():
        yield from (target["expr"] for target in panel["targets"])
    board = json.loads(DASHBOARD.read_text())
    yield from (v["definition"] for v in board["templating"]["list"] if v["type"] == "query")


@pytest.fixture(scope="module")
def told(embedded):
    """Labels of each sample of a running server, by its name."""
    text = httpx.get(f"{embedded.base_url}/metrics").text
    return {s.name: set(s.labels) for f in text_string_to_metric_families(text) for s in f.samples}


def test_every_name_is_told_by_a_running_server(told):
    asked = {name for e in expressions() for name in NAME.findall(e)}
    assert asked - set(told) == set()
    assert len(asked) > 10, "they were found"


def test_every_label_is_told_too(told):
    for expression in expressions():
        for name, matchers in LABELS.findall(expression):
            assert set(re.findall(r"(\w+)\s*[=!]", matchers)) <= told[name]
        grouped = {x.strip() for by in re.findall(r"by \(([^)]*)\)", expression) for x in by.split(",")}
        for name in NAME.findall(expression):
            assert grouped - {"instance"} <= told[name], expression  # Prometheus adds that one


def test_the_dashboard_is_whole():
    ids, places = [p["id"] for p in panels()], [tuple(p["gridPos"].values()) for p in panels()]
    assert len(set(ids)) == len(set(places)) == len(ids) > 10
    assert all(p["title"] and p["description"] and p["targets"] for p in panels())
    assert all(len({t["refId"] for t in p["targets"]}) == len(p["targets"]) for p in panels())
    variables = {v["name"] for v in json.loads(DASHBOARD.read_text())["templating"]["list"]}
    used = set(re.findall(r"\$\{?(\w+)", DASHBOARD.read_text())) - {"__rate_interval", "__all"}
    assert used == variables


def test_promtool_takes_the_rules_and_their_tests():
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("no promtool here (Debian's prometheus)")
    for command in (["check", "rules", RULES.name], ["test", "rules", "bunraku.rules.test.yaml"]):
        done = subprocess.run([promtool, *command], cwd=RULES.parent, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
