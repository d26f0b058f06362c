"""Packs as one file: written by us, and read whoever wrote it.

A pack is a flat folder of regular files. What an archive says of itself is not believed: names are
checked, sizes are counted as they come, and links and devices are refused.
"""

from __future__ import annotations

import gzip
import hashlib
import lzma
import re
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}")
MOST_FILES = 2000
PIECE = 1 << 20
NOISE = (".DS_Store", "Thumbs.db", "desktop.ini")
"""What file managers leave."""


class Unreadable(Exception):
    """Not an archive of a pack; the text says why, in words for who brought it."""


def write(folder: Path, out: Path) -> str:
    """All files of a flat folder as a tar; the same files make the same bytes. Its SHA-256 in hex.

    Raises ``Unreadable`` for a folder that holds anything else."""
    with out.open("wb") as file, tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for path in sorted(folder.iterdir()):
            if path.is_symlink() or not path.is_file():
                raise Unreadable(f"{path.name[:100]!r} is no plain file")
            entry = tarfile.TarInfo(path.name)
            entry.size, entry.mode = path.stat().st_size, 0o600
            with path.open("rb") as content:
                tar.addfile(entry, content)
    return digest(out)


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def unpack(archive: Path, folder: Path, most: int) -> None:
    """A zip or tar (also compressed by gzip, bzip2 or xz) into an empty folder; ``most`` bytes in all.

    The files may lie in one folder of the archive. Raises ``Unreadable``.
    """
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as opened:
                _take(_of_zip(opened), folder, most)
        elif tarfile.is_tarfile(archive):
            with tarfile.open(archive, "r:*") as opened:
                _take(_of_tar(opened), folder, most)
        else:
            raise Unreadable("it is neither a zip nor a tar")
    except (zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, lzma.LZMAError, zlib.error) as error:
        raise Unreadable("it is damaged") from error
    except (
        EOFError,
        ValueError,
        RuntimeError,
        NotImplementedError,
    ) as error:
        raise Unreadable("it cannot be read") from error


def _of_zip(archive: zipfile.ZipFile) -> Iterator[tuple[str, IO[bytes]]]:
    for entry in archive.infolist():
        kind = entry.external_attr >> 28  # of Unix's mode: 4 a folder, 8 a file, 0 not said
        if entry.is_dir() or kind == 4:
            continue
        if kind not in (0, 8):
            raise Unreadable(f"{entry.filename[:100]!r} is no plain file")
        with archive.open(entry) as file:
            yield entry.filename, file


def _of_tar(archive: tarfile.TarFile) -> Iterator[tuple[str, IO[bytes]]]:
    for entry in archive:
        if entry.isdir():
            continue
        file = archive.extractfile(entry) if entry.isreg() else None
        if file is None:
            raise Unreadable(f"{entry.name[:100]!r} is no plain file")
        yield entry.name, file


def _take(files: Iterator[tuple[str, IO[bytes]]], folder: Path, most: int) -> None:
    taken, left = set[str](), most
    top: PurePosixPath | None = None
    for said, file in files:
        path = PurePosixPath(said)
        if path.parts[:1] == ("__MACOSX",) or path.name in NOISE or path.name.startswith("._"):
            continue
        if len(path.parts) > 2 or path.is_absolute() or not all(map(NAME.fullmatch, path.parts)):
            raise Unreadable(f"{said[:100]!r} is no name of a file in a pack")
        if top not in (None, path.parent):
            raise Unreadable("its files are not all in one folder")
        top = path.parent
        if path.name.lower() in taken:
            raise Unreadable("it holds a name twice")
        if len(taken) >= MOST_FILES:
            raise Unreadable("it holds too many files")
        taken.add(path.name.lower())
        with (folder / path.name).open("xb") as out:
            while piece := file.read(PIECE):
                left -= len(piece)
                if left < 0:
                    raise Unreadable("unpacked it is too large")
                out.write(piece)
    if not taken:
        raise Unreadable("it is empty")
