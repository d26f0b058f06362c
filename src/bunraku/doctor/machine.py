"""The machine: its clocks and its limits."""

from __future__ import annotations

import asyncio
import ctypes
import resource
import time

from bunraku.core.settings import Settings
from bunraku.doctor.finding import FAIL, OK, WARN, Finding
from bunraku.front.acceptor import room_for
from bunraku.process import MAX_DESCRIPTORS

BEFORE = 1_767_225_600.0  # 2026-01-01: no release of ours is older
LEAST = 512  # open files below which a few streams and their helpers do not fit
TIME_ERROR, ROOM = 5, 512  # of adjtimex(2); struct timex is smaller


async def clock(settings: Settings) -> list[Finding]:
    """Signatures are good for 600 s around this machine's wall clock."""
    del settings
    found = list[Finding]()
    if time.time() < BEFORE:
        remedy = "set it: every call would be refused as expired"
        found.append(Finding("clock", FAIL, f"the wall clock says {time.strftime('%Y-%m-%d')}", remedy))
    wall, monotonic = time.time(), time.monotonic()
    await asyncio.sleep(0.2)
    apart = (time.time() - wall) - (time.monotonic() - monotonic)
    if abs(apart) > 0.02:
        remedy = "something sets it all the time: one time service is enough"
        found.append(
            Finding("clock", WARN, f"wall and monotonic time part by {apart * 5:+.2f} s a second", remedy)
        )
    state = _synchronised()
    if state is None:
        found.append(Finding("clock", OK, "whether it is synchronised cannot be read here"))
    elif state:
        found.append(Finding("clock", OK, "synchronised"))
    else:
        remedy = "run chrony or systemd-timesyncd: calls more than 600 s off are refused"
        found.append(Finding("clock", WARN, "the kernel says that nobody synchronises it", remedy))
    return found


def _synchronised() -> bool | None:
    """By adjtimex(2), reading only; None where that is not let."""
    try:
        answer = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(ROOM))
    except (OSError, AttributeError):
        return None
    return None if answer < 0 else answer != TIME_ERROR


async def files(settings: Settings) -> list[Finding]:
    """The server raises its soft limit to the hard one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MAX_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MAX_DESCRIPTORS)
    most = max(most, MAX_DESCRIPTORS if soft == resource.RLIM_INFINITY else soft)
    wanted = settings.limits.connections
    room = room_for(most, wanted)
    remedy = "LimitNOFILE=65536 in the unit, or ulimit -Hn"
    if most < LEAST:
        return [Finding("files", FAIL, f"at most {most} open files", remedy)]
    if room < wanted:
        text = f"{most} open files leave room for {room} of limits.connections = {wanted}"
        return [Finding("files", WARN, text, remedy)]
    return [Finding("files", OK, f"{most} open files")]
