"""The suite runs in both houses: one process, and fronts and nodes over Ray."""

from __future__ import annotations

import pytest

from ..conftest import both


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    both(metafunc, "server")
