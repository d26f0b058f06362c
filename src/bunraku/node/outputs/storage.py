"""Where the server keeps what outputs leave: a folder of this machine, or S3-compatible storage.

Files are written to the folder in any case, so that what was recorded outlives the process; with
``s3://`` each is sent there when it is whole, and leaves the folder then.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from bunraku.core.clock import patience
from bunraku.core.output import ErasedFiles
from bunraku.core.settings import OutputSettings
from bunraku.node.outputs.unfinished import is_mark_of_another

log = logging.getLogger(__name__)

UNTOUCHED = 120.0  # s: what was written to since is not forgotten
ATTEMPTS = 3
RETRY: Any = {"max_retries": 1, "retry_timeout": timedelta(seconds=20)}
PAUSE = 1.0  # s between attempts, doubled each time
ERASING = 20.0  # s that erasing an app's files may take, here and again in S3; whoever asks waits for it


class StorageAway(Exception):
    """What should be kept there could not be."""


@dataclass(frozen=True, slots=True)
class Place:
    """Of one output's files: a folder of its own."""

    app_id: int
    task_id: str
    name: str

    @property
    def key(self) -> str:
        return f"{self.app_id}/{self.task_id}/{self.name}"


@dataclass(frozen=True, slots=True)
class Bucket:
    """S3-compatible storage through obstore (the extra ``bunraku[s3]``). Blocking, but ``read``."""

    url: str
    options: dict[str, str] = field(default_factory=dict[str, str], repr=False)

    @classmethod
    def of(cls, url: str, settings: OutputSettings) -> Bucket:
        """With the endpoint, the region and the keys of the settings."""
        given = {
            "endpoint": settings.s3_endpoint,
            "region": settings.s3_region,
            "access_key_id": settings.s3_access_key,
            "secret_access_key": settings.s3_secret_key,
        }
        return cls(url, {k: v for k, v in given.items() if v is not None})

    def _store(self) -> Any:
        from obstore.store import S3Store

        plain = self.options.get("endpoint", "").startswith("http://")
        config: Any = self.options
        return S3Store.from_url(
            self.url, config=config, client_options={"allow_http": plain}, retry_config=RETRY
        )

    def put(self, path: Path, key: str) -> None:
        """Raises ``StorageAway``."""
        import obstore

        for attempt in range(ATTEMPTS):
            try:
                obstore.put(self._store(), key, path)
            except Exception as error:  # obstore's own, many kinds
                if attempt + 1 == ATTEMPTS:
                    raise StorageAway(type(error).__name__) from error
                time.sleep(PAUSE * 2**attempt)
            else:
                return

    def get(self, key: str, path: Path) -> None:
        """Raises ``FileNotFoundError`` or ``StorageAway``."""
        import obstore

        try:
            with path.open("wb") as file:
                for piece in obstore.get(self._store(), key):
                    file.write(piece)
        except FileNotFoundError:
            raise
        except Exception as error:  # obstore's own, many kinds
            raise StorageAway(type(error).__name__) from error

    async def read(self, key: str, offset: int, size: int) -> tuple[bytes, int] | None:
        import obstore

        store = self._store()
        try:
            total = int((await obstore.head_async(store, key))["size"])
            size = min(size, total - offset)
            if size <= 0:
                return b"", total
            part = await obstore.get_range_async(store, key, start=offset, length=size)
        except Exception:  # not there, or nobody to ask: for a reader the same
            return None
        return bytes(part), total

    def listed(self) -> Iterator[tuple[float, int, str]]:
        import obstore

        for some in obstore.list(self._store()):
            for found in some:
                yield found["last_modified"].timestamp(), int(found["size"]), str(found["path"])

    def remove(self, key: str) -> None:
        import obstore

        obstore.delete(self._store(), key)

    async def erase(self, folder: str) -> AsyncIterator[int]:
        """Delete everything under a folder; yields how many objects went, some at a time. What goes wrong is
        obstore's own, of many kinds."""
        import obstore

        store = self._store()
        # obstore compares whole segments of a path: 12 is no beginning of 123.
        async for some in obstore.list(store, prefix=folder):
            await obstore.delete_async(store, [str(found["path"]) for found in some])
            yield len(some)


class Storage:
    """The files of all outputs of a node."""

    def __init__(self, settings: OutputSettings, data_dir: Path) -> None:
        self._settings = settings
        self.root = settings.folder or data_dir / "outputs"
        self.bucket = None
        if settings.s3_url is not None:
            self.bucket = Bucket.of(settings.s3_url, settings)

    def folder(self, place: Place) -> Path:
        return self.root / place.key

    def read_local(self, place: Place, name: str, offset: int, size: int) -> tuple[bytes, int] | None:
        """Blocking. Some bytes of a file and its length; None when it is not there."""
        path = self.folder(place) / name
        if not _inside(path, self.root):
            return None
        try:
            with path.open("rb") as file:
                total = file.seek(0, 2)
                file.seek(offset)
                return file.read(max(0, size)), total
        except OSError:
            return None

    async def read_kept(self, place: Place, name: str, offset: int, size: int) -> tuple[bytes, int] | None:
        if self.bucket is None:
            return None
        return await self.bucket.read(f"{place.key}/{name}", offset, size)

    def erase_local(self, app_id: int) -> ErasedFiles:
        """Blocking. Delete the app's folder. Can be repeated."""
        return erase_folder(self.root / str(app_id))

    async def erase_kept(self, app_id: int) -> ErasedFiles:
        """Delete what is in S3 of the app, of any node. Can be repeated."""
        return ErasedFiles(0) if self.bucket is None else await erase_in(self.bucket, app_id)

    def sweep(self, now: float) -> int:
        """Blocking. Forget what is too old or too much, the oldest first; returns how many files."""
        age, most = self._settings.keep_seconds, self._settings.keep_bytes
        if not age and not most:
            return 0
        gone = _sweep(list(_local(self.root)), now, age, most, lambda key: _unlink(self.root, key))
        if self.bucket is not None:
            gone += _sweep(list(self.bucket.listed()), now, age, most, self.bucket.remove)
        return gone


def _inside(path: Path, root: Path) -> bool:
    try:
        return path.resolve().is_relative_to(root.resolve()) and path.is_file()
    except (OSError, ValueError):
        return False


def _local(root: Path) -> Iterator[tuple[float, int, str]]:
    for path in root.rglob("*"):
        try:
            if path.is_file() and not is_mark_of_another(path):
                found = path.stat()
                yield found.st_mtime, found.st_size, str(path.relative_to(root))
        except OSError:  # gone meanwhile
            continue


async def erase_in(bucket: Bucket, app_id: int) -> ErasedFiles:
    """Delete what is under an app's number. Can be repeated."""
    gone = 0
    try:
        async with patience(ERASING):
            for attempt in range(ATTEMPTS):
                try:
                    async for some in bucket.erase(str(app_id)):
                        gone += some
                except Exception as error:
                    log.warning("files in S3 stay (%s)", type(error).__name__, extra={"app": app_id})
                    if attempt + 1 < ATTEMPTS:
                        await asyncio.sleep(PAUSE * 2**attempt)
                else:
                    return ErasedFiles(gone)
    except TimeoutError:
        pass
    return ErasedFiles(gone, "the storage is away or slow")


def erase_folder(folder: Path) -> ErasedFiles:
    """Blocking. Delete a folder and all that is in it, in bounded time. Can be repeated."""
    gone, left = 0, ""
    deadline = time.monotonic() + ERASING

    def stays(error: OSError) -> None:
        nonlocal left
        if not isinstance(error, FileNotFoundError):  # somebody else deleted it
            left = f"a folder of this server: {error.strerror}"

    # Links are deleted, not followed.
    for path, folders, files in os.walk(folder, topdown=False, onerror=stays):
        for name in (*files, *(f for f in folders if os.path.islink(os.path.join(path, f)))):
            if time.monotonic() > deadline:
                return ErasedFiles(gone, "it takes long")
            try:
                os.unlink(os.path.join(path, name))
                gone += 1
            except OSError as error:
                stays(error)
        try:
            os.rmdir(path)
        except OSError as error:
            stays(error)
    return ErasedFiles(gone, left)


def _unlink(root: Path, key: str) -> None:
    path = root / key
    path.unlink(missing_ok=True)
    for folder in path.parents:
        if folder == root:
            break
        try:
            folder.rmdir()
        except OSError:  # something is in it
            break


def _sweep(files: list[tuple[float, int, str]], now: float, age: float, most: int, remove: Any) -> int:
    files.sort()
    total, gone = sum(size for _, size, _ in files), 0
    for modified, size, key in files:
        too_old = bool(age) and now - modified > age
        too_much = bool(most) and total > most
        if now - modified < UNTOUCHED or not (too_old or too_much):
            continue
        with contextlib.suppress(Exception):  # one that stays must not keep the others
            remove(key)
            gone += 1
            total -= size
    return gone
