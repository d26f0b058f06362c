"""Waiting for what must come."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

from bunraku.client import Client

T = TypeVar("T")


def wait_for(condition: Callable[[], T], timeout: float = 10.0) -> T:
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.01)
    return value


def drive_status(api: Client, drive: str) -> Any:
    return api.call("GetDriveStatus", DriveId=drive)["DriveList"][0]["Status"]
