"""The build fails on an undocumented setting, a stale page, a dead link, a forgotten code."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from bunraku.core import errors

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", ["settings", "openapi", "conformance", "performance", "api"])
def test_generated_pages_are_fresh(page):
    script = ROOT / f"scripts/docs_{page}.py"
    done = subprocess.run([sys.executable, script, "--check"], capture_output=True)
    assert done.returncode == 0, done.stderr.decode()


def test_openapi_document_describes_every_action():
    from bunraku.front.rpc.actions import ACTION_NAMES
    from bunraku.front.rpc.openapi import document

    described = document()
    assert {o["post"]["operationId"] for o in described["paths"].values()} == ACTION_NAMES
    assert "400000015" in described["info"]["description"]
    create = described["components"]["schemas"]["CreateDigitalHumanStreamTask"]
    assert {"DigitalHumanConfig", "RTCConfig"} <= set(create["required"])


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)", page.read_text()):
        if not target.startswith(("http", "mailto")):
            assert (page.parent / target).exists(), target


def test_every_code_has_one_class_and_a_message():
    kinds = [
        k
        for k in vars(errors).values()
        if isinstance(k, type) and issubclass(k, errors.ApiError) and k is not errors.ApiError
    ]
    codes = [k.code for k in kinds]
    assert len(codes) == len(set(codes))
    for kind in kinds:
        assert kind().message == kind.__doc__.strip()
        assert kind("why").message == f"{kind.__doc__.strip()}: why"
