"""Every test, in two parts. First what is easily disturbed, alone: browsers, clusters, agents. Then what waits for
real time on one server, and beside it, in a process that gives way (``nice``), what only calculates or fetches
packages; its output is printed at the end. What failed is said once more in the last lines. Fails when any fails.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterable

PYTEST = [sys.executable, "-m", "pytest"]
ALONE = ["tests/agents", "tests/cluster", "tests/conformance", "tests/e2e"]
FIRST = [*PYTEST, "-m", "not network", *ALONE]
WAITING = [*PYTEST, "-m", "not network", "--ignore=tests/unit", *(f"--ignore={folder}" for folder in ALONE)]
CALCULATING = [[*PYTEST, "tests/unit"], [*PYTEST, "-m", "network", "--ignore=tests/unit"]]


def run(command: list[str], bad: list[str]) -> int:
    """Its exit status. What it says is passed on as it comes."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        bad += failures(print_all(process.stdout))
    return process.returncode


def print_all(lines: Iterable[str]) -> Iterable[str]:
    for line in lines:
        print(line, end="", flush=True)
        yield line


def failures(lines: Iterable[str]) -> list[str]:
    """Those lines of pytest's summaries that name what failed."""
    return [line.rstrip() for line in lines if line.startswith(("FAILED ", "ERROR "))]


def main() -> int:
    bad: list[str] = []
    first = 0 if "--second" in sys.argv else run(FIRST, bad)
    with tempfile.TemporaryFile("w+") as told, tempfile.TemporaryDirectory() as folder:
        # A folder of its own: pytest would shut the common one to other users while the first needs it open.
        commands = (
            f"nice -n 10 {shlex.join([*c, f'--basetemp={folder}/{i}'])} || failed=1"
            for i, c in enumerate(CALCULATING)
        )
        script = "; ".join([*commands, "exit ${failed:-0}"])
        aside = subprocess.Popen(["sh", "-c", script], stdout=told, stderr=subprocess.STDOUT)
        try:
            waited = run(WAITING, bad)
            calculated = aside.wait()
        finally:
            aside.kill()
        told.seek(0)
        bad += failures(print_all(told))
    if bad:
        print("\nFailed, of all parts:", *bad, sep="\n", flush=True)
    return first or waited or calculated


if __name__ == "__main__":
    sys.exit(main())
