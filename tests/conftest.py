"""Shared fixtures. Traffic goes to loopback only."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import cv2
import pytest
from hypothesis import settings

from bunraku.client import Client
from bunraku.node.speech import espeak
from bunraku.testing.server import OTHER_APP_ID, OTHER_SECRET, RunningServer
from bunraku.testing.voices import ToneVoices

# Art is decoded once for all servers of all tests, as on a machine that runs several.
os.environ.setdefault("BUNRAKU_CACHE_DIR", str(Path(__file__).parents[1] / "build" / "cache"))

# Making the natural voice ready takes minutes of CPU: its own tests do it once.
os.environ.setdefault("BUNRAKU_SPEECH__KOKORO_HELPERS", "0")

# Ray would replace 127.0.0.1 by an address that others could reach.
os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")

from .support.cluster import RunningCluster, missing
from .support.listening import receivers

__all__ = ["receivers"]

# How long an example takes is this machine's affair.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

CHROMIUM = shutil.which("chromium")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--virtual-hours", type=int, default=6, help="how long tests/unit/test_days.py lives")


def pytest_configure() -> None:
    cv2.setNumThreads(1)
    if os.environ.get("TESTS_REQUIRE_CHROMIUM") and not CHROMIUM:
        pytest.exit("chromium is required here and missing", returncode=2)
    if os.environ.get("TESTS_REQUIRE_CLUSTER") and (reason := missing()):
        pytest.exit(f"a cluster is required here; {reason}", returncode=2)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "browser" in item.keywords and not CHROMIUM:
            item.add_marker(pytest.mark.skip(reason="no chromium: browser tests skipped"))
        if "voices" in item.keywords and not espeak.available():
            item.add_marker(pytest.mark.skip(reason="bunraku[espeak] is not installed"))


HOUSES = ("embedded", "cluster")


def both(metafunc: pytest.Metafunc, fixture: str, scope: Literal["session", "module"] = "session") -> None:
    """Run a test of ``fixture`` in each of ``HOUSES``; ``pytest.mark.embedded(reason)`` keeps one out of
    the cluster. For ``pytest_generate_tests`` of a folder whose suite both must pass."""
    if fixture not in metafunc.fixturenames:
        return
    mark = metafunc.definition.get_closest_marker("embedded")
    reason = f"embedded only: {mark.args[0]}" if mark else missing()
    skips = [pytest.mark.skip(reason=reason)] if reason else []
    houses = [pytest.param(h, marks=skips if h == "cluster" else []) for h in HOUSES]
    metafunc.parametrize(fixture, houses, indirect=True, scope=scope)


@pytest.fixture(scope="session")
def embedded() -> Iterator[RunningServer]:
    """A server with scripted voices; tests leave nothing running on it."""
    with RunningServer(providers=[ToneVoices()]) as running:
        yield running


@pytest.fixture(scope="session")
def cluster() -> Iterator[RunningCluster]:
    """Two fronts and two nodes with scripted voices; tests leave nothing running on them."""
    if (reason := missing()) is not None:
        pytest.skip(reason)
    with RunningCluster() as running:
        yield running


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest) -> RunningServer | RunningCluster:
    """The embedded server, or what ``both`` chose."""
    return request.getfixturevalue(getattr(request, "param", "embedded"))


@pytest.fixture
def api(server: RunningServer | RunningCluster) -> Iterator[Client]:
    with server.client() as client:
        yield client
        for task in client.running():
            client.stop(task["TaskId"])


@pytest.fixture
def other_api(server: RunningServer | RunningCluster) -> Iterator[Client]:
    with server.client(OTHER_APP_ID, OTHER_SECRET) as client:
        yield client
        for task in client.running():
            client.stop(task["TaskId"])


@pytest.fixture(scope="session")
def human_id(server: RunningServer | RunningCluster) -> str:
    with server.client() as client:
        return client.digital_humans()[0]["DigitalHumanId"]


@pytest.fixture
def create(api: Client, human_id: str) -> Callable[..., str]:
    """Create a small stream task; names are unique."""
    count = iter(range(10_000))

    def make(**options: object) -> str:
        n = next(count)
        place: dict[str, object] = {"room_id": f"room-{os.getpid()}", "stream_id": f"stream-{n}"}
        return api.create(human_id, **({"size": (256, 256)} | place | options))  # type: ignore[arg-type]

    return make
