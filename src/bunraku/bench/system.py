"""What the system says of a process, and of this machine."""

from __future__ import annotations

import contextlib
import os
import platform
from pathlib import Path

import numpy as np


def cpu_seconds(pid: int) -> float:
    """User and system time of a process, its helpers excluded."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid: int) -> float:
    """Nothing, when the process is gone."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def memory_mb(pid: int) -> dict[str, float]:
    """``rss``; ``pss``, where what several processes share is divided among them; ``private``."""
    found: dict[str, float] = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, _, size = line.partition(":")
        found[name] = float(size.split()[0]) * 1024 / 1e6
    private = found["Private_Clean"] + found["Private_Dirty"]
    return {"rss": round(found["Rss"], 1), "pss": round(found["Pss"], 1), "private": round(private, 1)}


def below(pid: int) -> list[int]:
    """The processes that descend from ``pid``."""
    parents: dict[int, int] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):  # it has just ended
                fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
                parents[int(folder.name)] = int(fields[1])
    found: list[int] = []
    for child in sorted(parents):
        above = child
        while above in parents and above != pid:
            above = parents[above]
        if child != pid == above:
            found.append(child)
    return found


def descendants(pid: int, name: str) -> list[int]:
    """Processes below ``pid`` whose command line begins with ``name``."""
    found: list[int] = []
    for child in below(pid):
        with contextlib.suppress(OSError):
            if Path(f"/proc/{child}/cmdline").read_bytes().startswith(name.encode()):
                found.append(child)
    return found


def machine() -> dict[str, str | int | None]:
    model = platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "system": platform.system(),
    }


def spread(milliseconds: list[float]) -> dict[str, float]:
    a = np.array(milliseconds)
    return {
        "p50": round(float(np.percentile(a, 50)), 1),
        "p95": round(float(np.percentile(a, 95)), 1),
        "max": round(float(a.max()), 1),
        "n": len(milliseconds),
    }
