"""The suite runs in both houses: one process, and fronts and nodes over Ray."""

from __future__ import annotations

import time

import pytest

from ..conftest import both
from ..support.ear import listen
from ..support.waiting import drive_status, wait_for


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    both(metafunc, "server")


@pytest.fixture
def stage(server, api, create):
    """A streaming task with an ear on it."""

    class Stage:
        pass

    s = Stage()
    s.stream_id = f"ws-{time.monotonic_ns()}"
    s.task = create(stream_id=s.stream_id)
    wait_for(lambda: api.status(s.task)["Status"] == 3)
    s.ear = listen(server, s.stream_id)
    s.api = api
    s.open = lambda: api.call("DriveByWsStream", TaskId=s.task)
    s.status = lambda drive: drive_status(api, drive)
    yield s
    s.ear.leave()
