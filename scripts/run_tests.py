"""Every test, in three parts. First what is easily disturbed, alone: nodes that are lost, agents. Then browsers, and
beside them the contract, which mostly waits, in a process that gives way (``nice``), and after it what fetches
packages. Then what waits for real time on one server, in two lanes, since it mostly waits; and beside them, giving
way, what only calculates. What the first of several says is printed as it comes, the rest at the end of the part.

Many tests wait for real time, and a machine of two cores that others use as well now and then is late for one of
them. So up to ``FEW`` that failed are run once more, alone, and those that pass then are named in the last lines.
Fails when one fails twice, or more than that fail.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO

PYTEST = [sys.executable, "-m", "pytest", "--durations=15", "--durations-min=5"]
HERE = [*PYTEST, "-m", "not network"]
ALONE, BROWSERS, CONTRACT = ["tests/agents", "tests/cluster"], ["tests/e2e"], ["tests/conformance"]
ASIDE = ["tests/unit", "tests/integration/test_kokoro.py"]
FETCHING = [*PYTEST, "-m", "network", "--ignore=tests/unit"]
LANES = 2
FEW = 5
TESTS_FAILED = 1  # pytest's exit status for that alone


def waiting() -> list[list[str]]:
    """The lanes: every other file of what is not in the lists above, so that a new one is in one of them."""
    others = [str(p) for p in sorted(Path("tests").glob("*/test_*.py")) if not _listed(str(p))]
    return [[*HERE, *others[i::LANES]] for i in range(LANES)]


def _listed(path: str) -> bool:
    return any(
        path == listed or path.startswith(f"{listed}/") for listed in [*ALONE, *BROWSERS, *CONTRACT, *ASIDE]
    )


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


class Aside:
    """Commands one after the other, whose output is kept in ``told`` for later."""

    def __init__(self, commands: list[list[str]], told: IO[str], folder: str, *, nice: int = 0) -> None:
        # A folder of its own: pytest would shut the common one to other users while the first needs it open.
        lines = (
            f"nice -n {nice} {shlex.join([*c, f'--basetemp={folder}-{i}'])} || failed=$?"
            for i, c in enumerate(commands)
        )
        script = "; ".join([*lines, "exit ${failed:-0}"])
        self._told = told
        self._process = subprocess.Popen(["sh", "-c", script], stdout=told, stderr=subprocess.STDOUT)
        self.kill = self._process.kill

    def end(self, bad: list[str]) -> int:
        """Its exit status, when it is over; what it said is printed."""
        code = self._process.wait()
        self._told.seek(0)
        bad += failures(print_all(self._told))
        return code


def together(
    first: list[str], lanes: list[list[str]], aside: list[list[str]], nice: int, bad: list[str]
) -> list[int]:
    """The exit statuses of ``first``, of what runs beside it, and of those that give way, one after the other."""
    with ExitStack() as ends:
        folder = ends.enter_context(tempfile.TemporaryDirectory())

        def begun(commands: list[list[str]], name: str, nice: int = 0) -> Aside:
            told = ends.enter_context(tempfile.TemporaryFile("w+"))
            process = Aside(commands, told, f"{folder}/{name}", nice=nice)
            ends.callback(process.kill)
            return process

        beside = [begun([lane], f"lane{i}") for i, lane in enumerate(lanes)]
        beside.append(begun(aside, "aside", nice))
        return [run(first, bad), *(process.end(bad) for process in beside)]


def parts(bad: list[str]) -> Iterator[list[int]]:
    """The exit statuses of each part."""
    if "--second" not in sys.argv:
        yield [run([*HERE, *ALONE], bad)]
        yield together([*HERE, *BROWSERS], [], [[*HERE, *CONTRACT], FETCHING], 5, bad)
    first, *others = waiting()
    yield together(first, others, [[*PYTEST, *ASIDE]], 10, bad)


def main() -> int:
    bad: list[str] = []
    codes = [code for part in parts(bad) for code in part]
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
