"""Every test, in two parts. First what is easily disturbed, alone: browsers, clusters, agents. Then what waits for
real time on one server, and beside it, in a process that gives way (``nice``), what only calculates or fetches
packages; its output is printed at the end.

Many tests wait for real time, and a machine of two cores that others use as well now and then is late for one of
them. So up to ``FEW`` that failed are run once more, alone, and those that pass then are named in the last lines.
Fails when one fails twice, or more than that fail.
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
ASIDE = ["tests/unit", "tests/integration/test_kokoro.py"]
WAITING = [*PYTEST, "-m", "not network", *(f"--ignore={path}" for path in [*ASIDE, *ALONE])]
CALCULATING = [[*PYTEST, *ASIDE], [*PYTEST, "-m", "network", "--ignore=tests/unit"]]
FEW = 5
TESTS_FAILED = 1  # pytest's exit status for that alone


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


def names(bad: list[str]) -> list[str]:
    """What pytest calls the tests of such lines."""
    return sorted({line.split(" ", 1)[1].split(" - ", 1)[0] for line in bad})


def main() -> int:
    bad: list[str] = []
    codes = [0 if "--second" in sys.argv else run(FIRST, bad)]
    with tempfile.TemporaryFile("w+") as told, tempfile.TemporaryDirectory() as folder:
        # A folder of its own: pytest would shut the common one to other users while the first needs it open.
        commands = (
            f"nice -n 10 {shlex.join([*c, f'--basetemp={folder}/{i}'])} || failed=$?"
            for i, c in enumerate(CALCULATING)
        )
        script = "; ".join([*commands, "exit ${failed:-0}"])
        aside = subprocess.Popen(["sh", "-c", script], stdout=told, stderr=subprocess.STDOUT)
        try:
            codes.append(run(WAITING, bad))
            codes.append(aside.wait())
        finally:
            aside.kill()
        told.seek(0)
        bad += failures(print_all(told))
    if not any(codes):
        return 0
    print("\nFailed, of all parts:", *bad, sep="\n", flush=True)
    once_more = names(bad)
    if not set(codes) <= {0, TESTS_FAILED} or not 0 < len(once_more) <= FEW:
        return max(codes)
    again: list[str] = []
    code = run([*PYTEST, *once_more], again)
    still = names(again)
    passed = [name for name in once_more if name not in still] if code in (0, TESTS_FAILED) else []
    print("\nPassed when run once more, alone:", *(passed or ["none"]), sep="\n", flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
