"""scripts/release_check.py: which licences and advisories it stops a release for."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import pytest

pytest.importorskip("packaging")
pytest.importorskip("yaml")
SCRIPT = Path(__file__).parents[2] / "scripts" / "release_check.py"


@pytest.fixture(scope="module")
def check():
    spec = importlib.util.spec_from_file_location("release_check", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("licence", "fine"),
    [
        ("MIT", True),
        ("Apache-2.0 OR GPL-3.0-only", True),
        ("BSD-3-Clause AND Zlib AND CC0-1.0", True),
        ("Mozilla Public License 2.0 (MPL 2.0)", True),
        ("UNKNOWN", False),
        ("", False),
        ("GPL-3.0-or-later", False),
        ("MIT AND AGPL-3.0-only", False),
        ("CC-BY-NC-4.0", False),
        ("BSD License; GNU Affero General Public License v3", False),
    ],
)
def test_licences(check, licence, fine):
    assert bool(check.forbidden([{"Name": "x", "Version": "1", "License": licence}])) is not fine


def test_a_text_in_place_of_a_name_is_read(check):
    row = {"Name": "x", "Version": "1", "License": f"Copyright 2020 A\n\n{check.MIT_TEXT.capitalize()}..."}
    assert not check.forbidden([row])
    assert row["License"] == "MIT"


def advisory(**entry):
    entry = {"package": {"ecosystem": "PyPI", "name": "Some_Thing"}, **entry}
    return {"id": "PYSEC-0000-1", "affected": [entry]}


def span(*events):
    return {"ranges": [{"type": "ECOSYSTEM", "events": [dict([event]) for event in events]}]}


TWICE = span(("introduced", "2.0rc1"), ("introduced", "0"), ("fixed", "1.2"), ("last_affected", "2.3"))


@pytest.mark.parametrize(
    ("version", "hit"),
    [("1.1", True), ("1.2", False), ("1.10", False), ("2.0", True), ("2.3", True), ("2.3.1", False)],
)
def test_ranges_of_an_advisory(check, version, hit):
    assert check.affected(advisory(**TWICE), "some-thing", version) is hit
    assert not check.affected(advisory(**TWICE), "another", version)


def test_versions_of_an_advisory_and_withdrawn_ones(check):
    named = advisory(versions=["4.0", "4.1"])
    assert check.affected(named, "some-thing", "4.1")
    assert not check.affected(named, "some-thing", "4.2")
    assert not check.affected(named | {"withdrawn": "2026-01-01T00:00:00Z"}, "some-thing", "4.1")
    other = advisory(versions=["4.1"])
    other["affected"][0]["package"]["ecosystem"] = "npm"
    assert not check.affected(other, "some-thing", "4.1")


def test_a_folder_of_advisories(check, tmp_path, capsys):
    (tmp_path / "vulns").mkdir()
    (tmp_path / "vulns" / "a.json").write_text(json.dumps(advisory(**TWICE)))
    (tmp_path / "vulns" / "b.yaml").write_text(json.dumps(advisory(versions=["9"])))  # JSON is YAML
    assert check.local_audit(tmp_path, {"some-thing": "1.0"}) == ["PYSEC-0000-1: some-thing 1.0"]
    assert not check.local_audit(tmp_path, {"some-thing": "1.5"})
    (tmp_path / "none").mkdir()
    with pytest.raises(SystemExit, match="no advisory"):
        check.local_audit(tmp_path / "none", {"some-thing": "1.5"})


def test_what_asks_for_more_is_named_in_the_notice(check):
    rows = [
        {"Name": "certifi", "License": "Mozilla Public License 2.0 (MPL 2.0)"},
        {"Name": "av", "License": "BSD-3-Clause"},
        {"Name": "httpx", "License": "BSD-3-Clause"},
    ]
    assert check.unnoticed(rows, "Java, certifi-like") == ["certifi", "av"]
    notice = (SCRIPT.parents[1] / "NOTICE").read_text()
    assert check.unnoticed(rows, notice) == []
