"""The Node client (clients/node): its types made of our OpenAPI file, its own tests against a real server."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from bunraku.testing.server import APP_ID, SECRET, RunningServer

from .conftest import INTEGRATIONS

CLIENT = INTEGRATIONS.parent / "clients" / "node"


@pytest.mark.network
def test_the_node_client_is_typed_and_works(tmp_path: Path):
    if shutil.which("npm") is None:
        assert not os.environ.get("TESTS_REQUIRE_CHROMIUM"), "npm is required here"
        pytest.skip("no npm")
    folder = tmp_path / "clients" / "node"
    shutil.copytree(CLIENT, folder, ignore=shutil.ignore_patterns("node_modules", "api.d.ts"))
    (tmp_path / "docs").mkdir()
    shutil.copy(CLIENT.parents[1] / "docs" / "openapi.json", tmp_path / "docs")
    with RunningServer() as server:
        env = os.environ | {
            "BUNRAKU_URL": server.base_url,
            "BUNRAKU_APP_ID": str(APP_ID),
            "BUNRAKU_SERVER_SECRET": SECRET,
        }
        for command in (
            ["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error"],
            ["npm", "run", "--silent", "generate"],
            ["npm", "run", "--silent", "types"],
            ["npm", "test", "--silent"],
        ):
            done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=120)
            assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    assert "# pass 3" in done.stdout or "pass 3" in done.stdout
