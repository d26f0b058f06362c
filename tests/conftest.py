"""Shared fixtures. Traffic goes to loopback only."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator

import cv2
import pytest

from bunraku.client import Client
from bunraku.node.speech import espeak
from bunraku.testing.server import OTHER_APP_ID, OTHER_SECRET, RunningServer
from bunraku.testing.voices import ToneVoices

from .support.listening import receivers

__all__ = ["receivers"]

CHROMIUM = shutil.which("chromium")


def pytest_configure() -> None:
    cv2.setNumThreads(1)
    if os.environ.get("BUNRAKU_REQUIRE_CHROMIUM") and not CHROMIUM:
        pytest.exit("chromium is required here and missing", returncode=2)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "browser" in item.keywords and not CHROMIUM:
            item.add_marker(pytest.mark.skip(reason="no chromium: browser tests skipped"))
        if "voices" in item.keywords and not espeak.available():
            item.add_marker(pytest.mark.skip(reason="bunraku[espeak] is not installed"))


@pytest.fixture(scope="session")
def server() -> Iterator[RunningServer]:
    """A server with scripted voices; tests leave nothing running on it."""
    voices = ToneVoices(bound={})
    with RunningServer(providers=[voices]) as running:
        yield running


@pytest.fixture
def api(server: RunningServer) -> Iterator[Client]:
    with server.client() as client:
        yield client
        for task in client.running():
            client.stop(task["TaskId"])


@pytest.fixture
def other_api(server: RunningServer) -> Iterator[Client]:
    with server.client(OTHER_APP_ID, OTHER_SECRET) as client:
        yield client
        for task in client.running():
            client.stop(task["TaskId"])


@pytest.fixture(scope="session")
def human_id(server: RunningServer) -> str:
    return server.parts.catalog.list()[0].id


@pytest.fixture
def create(api: Client, human_id: str) -> Callable[..., str]:
    """Create a small stream task; names are unique."""
    count = iter(range(10_000))

    def make(**options: object) -> str:
        n = next(count)
        place: dict[str, object] = {"room_id": f"room-{os.getpid()}", "stream_id": f"stream-{n}"}
        return api.create(human_id, **({"size": (256, 256)} | place | options))  # type: ignore[arg-type]

    return make
