"""Every test, in two processes: most tests wait for real time to pass, and those that only calculate, or fetch
packages, fill the time between.

What waits has the machine's priority; what calculates gives way (``nice``). Fails when either fails. The output of
the second is printed after that of the first.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
import tempfile

PYTEST = [sys.executable, "-m", "pytest"]
WAITING = [*PYTEST, "-m", "not network", "--ignore=tests/unit"]
CALCULATING = [[*PYTEST, "tests/unit"], [*PYTEST, "-m", "network", "--ignore=tests/unit"]]


def main() -> int:
    with tempfile.TemporaryFile("w+") as told:
        commands = (f"nice -n 10 {shlex.join(command)} || failed=1" for command in CALCULATING)
        script = "; ".join([*commands, "exit ${failed:-0}"])
        aside = subprocess.Popen(["sh", "-c", script], stdout=told, stderr=subprocess.STDOUT)
        try:
            waited = subprocess.run(WAITING, check=False).returncode
            calculated = aside.wait()
        finally:
            aside.kill()
        told.seek(0)
        print(told.read(), flush=True)
    return waited or calculated


if __name__ == "__main__":
    sys.exit(main())
