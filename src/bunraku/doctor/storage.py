"""Where things are kept: the data directory, the database, disks, Redis."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from sqlalchemy import select, text

from bunraku.core.settings import Settings
from bunraku.doctor.finding import FAIL, OK, WARN, Finding
from bunraku.process import LOCK
from bunraku.store.database import Database
from bunraku.store.schema import KNOWN

SCARCE, LITTLE = 200 * 2**20, 2**30  # bytes free: too few, and few
APART = 2.0  # s that clocks of this machine and the database may be apart


def running(data_dir: Path) -> int | None:
    """The process of the server that has this data directory; None without one.

    The lock itself is not tried: a server that starts just then would be refused it.
    """
    holder = ""
    try:
        lock = (data_dir / LOCK).resolve()
        holder = lock.read_text().strip()
        descriptors = list(Path(f"/proc/{int(holder)}/fd").iterdir())
    except PermissionError:
        return int(holder)  # another user's, and alive
    except (OSError, ValueError):
        return None
    for descriptor in descriptors:
        with suppress(OSError):
            if os.readlink(descriptor) == str(lock):
                return int(holder)
    return None


def nearest(path: Path) -> Path:
    """The path, or the folder that exists above it."""
    path = path.absolute()
    while not path.exists() and path != path.parent:
        path = path.parent
    return path


def takes_files(folder: Path) -> str:
    """Why no file can be made there; empty when one can."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return ""
    except OSError as error:
        return (error.strerror or str(error)).lower()


async def data_dir(settings: Settings) -> list[Finding]:
    path, found = settings.data_dir, list[Finding]()
    here = nearest(path)
    why = "it is a file" if here.is_file() else takes_files(here)
    if why:
        remedy = f"chown it to the user that serves, or set data_dir elsewhere (now {path.absolute()})"
        found.append(Finding("data_dir", FAIL, f"{here} cannot be written to: {why}", remedy))
    elif not path.exists():
        found.append(Finding("data_dir", OK, f"{path} will be made at the first start"))
    else:
        holder = running(path)
        text = (
            f"{path}" if holder is None else f"{path}, in use by a running server (process {holder or '?'})"
        )
        loose = path.stat().st_mode & 0o077
        remedy = f"chmod 700 {path}; serve does so itself" if loose else ""
        found.append(Finding("data_dir", WARN if loose else OK, text, remedy))
    if settings.cache_dir is not None:
        why = takes_files(nearest(settings.cache_dir))
        remedy = "only the user that serves may write there, and must" if why else ""
        found.append(Finding("cache_dir", FAIL if why else OK, f"{settings.cache_dir} {why}".strip(), remedy))
    return found


async def disk(settings: Settings) -> list[Finding]:
    found = list[Finding]()
    places = {"data_dir": settings.data_dir, "temporary files": Path(tempfile.gettempdir())}
    if settings.cache_dir is not None:
        places["cache_dir"] = settings.cache_dir
    for name, path in places.items():
        free = shutil.disk_usage(nearest(path)).free
        state = FAIL if free < SCARCE else WARN if free < LITTLE else OK
        remedy = "" if state == OK else "make room: decoded art takes up to 2 GB, the database grows"
        found.append(Finding("disk", state, f"{free / 2**30:.1f} GiB free for {name}", remedy))
    return found


def _schema(found: str | None) -> Finding:
    head = KNOWN[-1]
    if found == head:
        return Finding("database", OK, f"schema {found}, the newest")
    if found is None:
        return Finding("database", OK, "empty: the schema is made at the first start")
    if found in KNOWN:
        remedy = "back it up before the next start, which migrates it"
        return Finding("database", WARN, f"schema {found}, this release has {head}", remedy)
    remedy = "install the release that wrote it, or restore a backup"
    return Finding("database", FAIL, f"schema {found} is of a newer release (this one: {head})", remedy)


async def database(settings: Settings) -> list[Finding]:
    if settings.database_url is None:
        path = settings.data_dir / "bunraku.db"
        if not path.exists():
            return [Finding("database", OK, f"{path} will be made at the first start")]
        return await asyncio.to_thread(_sqlite, path)
    return await _server(settings)


def _sqlite(path: Path) -> list[Finding]:
    try:
        with sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=3.0) as connection:
            revision = None
            if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone():
                row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
                revision = row[0] if row else None
            found = [_schema(revision)]
            if (said := connection.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
                remedy = "restore a backup; sqlite3's .recover may save what is left"
                found.append(Finding("database", FAIL, f"{path} is damaged: {said[:100]}", remedy))
            connection.execute("BEGIN IMMEDIATE")  # what a write needs; nothing is written
            connection.rollback()
        found.append(Finding("database", OK, f"{path} can be written to"))
        return found
    except sqlite3.Error as error:
        remedy = "see that the user that serves owns it, its folder and the files beside it"
        return [Finding("database", FAIL, f"{path}: {error}", remedy)]


async def _server(settings: Settings) -> list[Finding]:
    database = Database.of(settings.database_url, settings.data_dir)
    try:
        async with asyncio.timeout(10.0), database.alone() as connection:
            begun = time.time()
            now = float(await connection.scalar(select(database.now)) or 0.0)
            apart = now - (begun + time.time()) / 2
            there = "SELECT to_regclass('alembic_version') IS NOT NULL"
            revision = None
            if database.sqlite or await connection.scalar(text(there)):
                revision = await connection.scalar(text("SELECT version_num FROM alembic_version"))
        found = [_schema(revision)]
        if abs(apart) > APART:
            remedy = "synchronise both clocks (chrony, systemd-timesyncd)"
            found.append(Finding("clock", WARN, f"the database's clock is {apart:+.1f} s off", remedy))
        if revision is not None:
            writable = await database.writable()
            remedy = "" if writable else "see the rights of the role, disk and read-only mode of the server"
            can = "can" if writable else "cannot"
            found.append(Finding("database", OK if writable else FAIL, f"{can} be written to", remedy))
        return found
    except Exception as error:  # the driver's own, of any class; their texts may hold the URL
        remedy = "see that database_url's host answers, and that role and password are right"
        return [Finding("database", FAIL, f"not reached ({type(error).__name__})", remedy)]
    finally:
        await database.close()


async def redis(settings: Settings) -> list[Finding]:
    storage = settings.limits.storage
    if not storage.startswith(("redis", "async+redis")):
        return []
    try:
        from redis.asyncio import Redis
    except ImportError:
        return [Finding("redis", FAIL, "the client is not installed", "pip install bunraku[redis]")]
    client = Redis.from_url(storage.removeprefix("async+"), socket_timeout=3.0, socket_connect_timeout=3.0)
    try:
        await client.ping()  # pyright: ignore[reportGeneralTypeIssues]  # typed for both kinds of client
    except Exception as error:
        remedy = "see that limits.storage's host answers; without it calls go on uncounted"
        return [Finding("redis", FAIL, f"no answer ({type(error).__name__})", remedy)]
    finally:
        await client.aclose()
    return [Finding("redis", OK, "answers")]


def owner_of(kind: str, port: int) -> set[int]:
    """Processes of this user that have the port, ``kind`` "tcp" or "udp"; empty when none can be seen."""
    inodes = set[str]()
    for name in (kind, f"{kind}6"):
        try:
            rows = Path(f"/proc/net/{name}").read_text().splitlines()[1:]
        except OSError:
            continue
        for fields in map(str.split, rows):
            if int(fields[1].rpartition(":")[2], 16) == port and (kind == "udp" or fields[3] == "0A"):
                inodes.add(f"socket:[{fields[9]}]")
    found = set[int]()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if any(os.readlink(fd) in inodes for fd in (process / "fd").iterdir()):
                found.add(int(process.name))
        except OSError:
            continue
    return found
