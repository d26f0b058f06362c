"""What tests of the inside of one process reach for, in one place."""

from __future__ import annotations

from bunraku.node.performance.performance import Performance
from bunraku.testing.server import APP_ID, RunningServer


def performance(server: RunningServer, task_id: str) -> Performance:
    """What plays a stream task. The task keeps it to itself, and its tests have no other way to break it."""
    found = server.parts.manager.get(APP_ID, task_id)._performance  # noqa: SLF001 - its tests have no other way to break it
    assert found is not None
    return found
