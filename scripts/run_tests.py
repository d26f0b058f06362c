"""Every test, in two parts. First what is easily disturbed, alone: browsers, clusters, agents. Then what waits for
real time on one server, and beside it, in a process that gives way (``nice``), what only calculates or fetches
packages; its output is printed at the end. Fails when any of them fails.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
import tempfile

PYTEST = [sys.executable, "-m", "pytest"]
ALONE = ["tests/agents", "tests/cluster", "tests/conformance", "tests/e2e"]
FIRST = [*PYTEST, "-m", "not network", *ALONE]
WAITING = [*PYTEST, "-m", "not network", "--ignore=tests/unit", *(f"--ignore={folder}" for folder in ALONE)]
CALCULATING = [[*PYTEST, "tests/unit"], [*PYTEST, "-m", "network", "--ignore=tests/unit"]]


def main() -> int:
    first = 0 if "--second" in sys.argv else subprocess.run(FIRST, check=False).returncode
    with tempfile.TemporaryFile("w+") as told, tempfile.TemporaryDirectory() as folder:
        # A folder of its own: pytest would shut the common one to other users while the first needs it open.
        commands = (
            f"nice -n 10 {shlex.join([*c, f'--basetemp={folder}/{i}'])} || failed=1"
            for i, c in enumerate(CALCULATING)
        )
        script = "; ".join([*commands, "exit ${failed:-0}"])
        aside = subprocess.Popen(["sh", "-c", script], stdout=told, stderr=subprocess.STDOUT)
        try:
            waited = subprocess.run(WAITING, check=False).returncode
            calculated = aside.wait()
        finally:
            aside.kill()
        told.seek(0)
        print(told.read(), flush=True)
    return first or waited or calculated


if __name__ == "__main__":
    sys.exit(main())
