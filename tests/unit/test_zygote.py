"""The process that forks workers."""

from __future__ import annotations

import select
import socket
import subprocess
import sys

import pytest


@pytest.mark.parametrize("ready", [False, True])
def test_a_server_that_stops_while_it_starts_leaves_no_traceback(ready):
    """Before its zygote is ready, and before it has read that it is."""
    ours, its = socket.socketpair()
    with its:
        process = subprocess.Popen(
            [sys.executable, "-m", "bunraku.node.workers.zygote", str(its.fileno())],
            pass_fds=[its.fileno()],
            stderr=subprocess.PIPE,
        )
    if ready:
        assert select.select([ours], [], [], 60)[0]
    ours.close()
    told = process.communicate(timeout=60)[1]
    assert (process.returncode, told) == (0, b"")
