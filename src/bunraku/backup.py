"""``bunraku backup`` and ``bunraku restore``: a data directory with its SQLite database as one file.

What is taken is what cannot be made again: the database, as it was at one moment while the server went
on, and every file that is not a cache.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import tarfile
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from sqlalchemy import make_url

from bunraku import __version__
from bunraku.core.settings import Settings
from bunraku.core.starting import CannotStart
from bunraku.process import LOCK, owned, prepare_data_dir, reason
from bunraku.store.database import FILE
from bunraku.store.schema import refuse_newer

MANIFEST = "bunraku-backup.json"
FORMAT = 1
MADE_AGAIN = ("cache", "assets", "kokoro-*", LOCK, f"{FILE}*", ".restore-*")
"""Names in a data directory that a backup leaves out: decoded art, rendered previews, neural weights; the
database, whose files are not copied but asked."""


JOURNALS = ("-wal", "-shm", "-journal")
"""Endings of the files that SQLite keeps beside a database."""


class Impossible(Exception):
    """A backup or restore that cannot be; the text says why."""


def backup(settings: Settings, out: Path) -> None:
    """Write ``out``, which must not be there, with mode 0600. The server may run. Raises ``Impossible``."""
    data, database = settings.data_dir, _database(settings)
    if not database.is_file():
        raise Impossible(f"no database at {database}")
    try:
        descriptor = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise Impossible(f"{out} is there already") from None
    except OSError as error:
        raise Impossible(f"{out}: {reason(error)}") from None
    try:
        with os.fdopen(descriptor, "wb") as file, tempfile.TemporaryDirectory(dir=out.parent) as folder:
            copy = Path(folder) / FILE
            revision = _copy_database(database, copy)
            manifest = {"format": FORMAT, "version": __version__, "schema": revision, "at": int(time.time())}
            with tarfile.open(fileobj=file, mode="w:gz") as archive:
                _add(archive, MANIFEST, json.dumps(manifest).encode())
                for path in (copy, *_kept(data, database)):
                    _add(archive, FILE if path == copy else path.relative_to(data).as_posix(), path)
            file.flush()
            os.fsync(file.fileno())
    except (OSError, sqlite3.Error) as error:
        out.unlink(missing_ok=True)
        raise Impossible(f"{out}: {_why(error)}") from None
    except BaseException:
        out.unlink(missing_ok=True)
        raise


def restore(settings: Settings, archive: Path, *, force: bool = False) -> None:
    """Make the data directory what it was; caches are made again as they are needed.

    Raises ``Impossible`` for an archive that is none or of a newer release, for a directory that has
    something in it (unless ``force``), and always for one that a server runs on. Then nothing has changed.
    """
    data, database = settings.data_dir, _database(settings)
    try:
        found = any(path.name != LOCK for path in data.iterdir()) if data.exists() else False
        if found and not force:
            raise Impossible(f"{data} is not empty")
        if database.exists() and not force:
            raise Impossible(f"{database} is there already")
        with owned(data), tempfile.TemporaryDirectory(prefix=".restore-", dir=data) as folder:
            names = _unpack(archive, Path(folder))
            _refuse_wrong(Path(folder) / FILE, archive)
            for ending in JOURNALS:  # of the database that was there
                database.with_name(f"{database.name}{ending}").unlink(missing_ok=True)
            for name in names:
                if name == FILE:
                    _move_database(Path(folder) / name, database)
                else:
                    prepare_data_dir((data / name).parent)
                    os.replace(Path(folder) / name, data / name)
    except CannotStart as error:
        raise Impossible(str(error)) from None
    except tarfile.TarError as error:
        raise Impossible(f"{archive} is no backup: {error}") from None
    except (OSError, EOFError, sqlite3.Error) as error:
        raise Impossible(f"{archive} to {data}: {_why(error)}") from None


def _database(settings: Settings) -> Path:
    """The file of SQLite's, in the data directory or where ``database_url`` says."""
    if settings.database_url is None:
        return settings.data_dir / FILE
    url = make_url(settings.database_url)
    if url.get_backend_name() != "sqlite":
        raise Impossible("database_url names a database of its own: see docs/operating.md for PostgreSQL's")
    if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        raise Impossible("database_url names no file")
    return Path(url.database)


def _move_database(new: Path, database: Path) -> None:
    """It may go to another file system; there it is whole at once, too."""
    database.parent.mkdir(parents=True, exist_ok=True)
    beside = database.with_name(f".restore-{database.name}")
    beside.unlink(missing_ok=True)
    with new.open("rb") as file:
        _write(beside, file)
    os.replace(beside, database)


def _copy_database(source: Path, copy: Path) -> str:
    """As it is at one moment: in WAL mode nobody who writes waits for it. Gives its revision."""
    with (
        contextlib.closing(
            sqlite3.connect(f"{source.resolve().as_uri()}?mode=rw", uri=True, timeout=10)
        ) as ours,
        contextlib.closing(sqlite3.connect(copy)) as theirs,
    ):
        os.chmod(copy, 0o600)
        ours.backup(theirs)
        theirs.execute("PRAGMA journal_mode = DELETE")  # one file
        return _checked(theirs)


def _checked(database: sqlite3.Connection) -> str:
    (said,) = database.execute("PRAGMA quick_check").fetchone()
    if said != "ok":
        raise Impossible(f"the database is damaged: {said}")
    (revision,) = database.execute("SELECT version_num FROM alembic_version").fetchone()
    return str(revision)


def _kept(data: Path, database: Path) -> Iterator[Path]:
    """Every file that is not made again."""
    asked = {database.resolve().with_name(f"{database.name}{ending}") for ending in ("", *JOURNALS)}
    for path in sorted(data.rglob("*")):
        top = PurePosixPath(path.relative_to(data).parts[0])
        if path.is_file() and not path.is_symlink() and not any(top.match(name) for name in MADE_AGAIN):
            if path.resolve() in asked:
                continue
            yield path


def _add(archive: tarfile.TarFile, name: str, content: Path | bytes) -> None:
    """A file may grow meanwhile, as a log does; as much is taken as there was."""
    entry = tarfile.TarInfo(name)
    entry.mode, entry.mtime = 0o600, int(time.time())
    with tempfile.SpooledTemporaryFile(1 << 20) as held:
        if isinstance(content, bytes):
            held.write(content)
        else:
            try:
                file = content.open("rb")
            except FileNotFoundError:
                return  # it went since it was listed
            with file:
                while block := file.read(1 << 20):
                    held.write(block)
        entry.size = held.tell()
        held.seek(0)
        archive.addfile(entry, held)


def _unpack(archive: Path, folder: Path) -> list[str]:
    """Regular files of relative names alone, whatever the archive says; gives their names."""
    names: list[str] = []
    with tarfile.open(archive, "r:gz") as tar:
        for entry in tar:
            name = PurePosixPath(entry.name)
            if not entry.isreg() or name.is_absolute() or ".." in name.parts:
                raise Impossible(f"{archive} is no backup: {entry.name!r}")
            content: Any = tar.extractfile(entry)
            if not names and (entry.name != MANIFEST or _format(content) != FORMAT):
                raise Impossible(f"{archive} is no backup of this kind")
            names.append(entry.name)
            if entry.name != MANIFEST:
                prepare_data_dir((folder / name).parent)
                _write(folder / name, content)
    if FILE not in names:
        raise Impossible(f"{archive} holds no database")
    return names[1:]


def _format(content: BinaryIO) -> Any:
    try:
        manifest = json.loads(content.read(65536))
    except ValueError:
        return None
    return manifest.get("format") if isinstance(manifest, dict) else None


def _write(path: Path, content: BinaryIO) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        while block := content.read(1 << 20):
            file.write(block)
        file.flush()
        os.fsync(file.fileno())


def _refuse_wrong(database: Path, archive: Path) -> None:
    try:
        with contextlib.closing(sqlite3.connect(database)) as connection:
            refuse_newer(_checked(connection))
    except CannotStart as error:
        raise Impossible(f"{archive}: {error}") from None


def _why(error: Exception) -> str:
    return reason(error) if isinstance(error, OSError) else str(error)
