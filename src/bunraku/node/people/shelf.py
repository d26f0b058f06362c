"""Where the packs of apps' digital humans are kept: a folder, or S3-compatible storage."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from bunraku.core.output import ErasedFiles
from bunraku.core.settings import OutputSettings
from bunraku.core.settings_people import PeopleSettings
from bunraku.node.outputs.storage import Bucket, erase_folder, erase_in
from bunraku.node.people import archive

Key = tuple[int, str]
"""AppId and id."""


class NotAsKept(Exception):
    """What is kept is not what was kept there."""


class Shelf:
    """Blocking, but ``erase_kept``. One archive for each digital human, under its app's number."""

    def __init__(self, settings: PeopleSettings, outputs: OutputSettings, data_dir: Path) -> None:
        self.folder = settings.folder or data_dir / "people"
        self.bucket = Bucket.of(settings.s3_url, outputs) if settings.s3_url is not None else None

    def put(self, key: Key, archived: Path) -> None:
        """Keep a copy. Raises ``StorageAway`` or ``OSError``."""
        if self.bucket is not None:
            self.bucket.put(archived, _name(key))
            return
        path = self.folder / _name(key)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        partial = path.with_suffix(".partial")
        with archived.open("rb") as source, partial.open("wb") as out:
            os.chmod(partial, 0o600)
            while piece := source.read(1 << 20):
                out.write(piece)
            out.flush()
            os.fsync(out.fileno())
        partial.replace(path)

    def get(self, key: Key, digest: str, to: Path) -> None:
        """Raises ``FileNotFoundError``, ``StorageAway``, ``NotAsKept`` or ``OSError``."""
        if self.bucket is not None:
            self.bucket.get(_name(key), to)
        else:
            shutil.copyfile(self.folder / _name(key), to)
        if archive.digest(to) != digest:
            raise NotAsKept

    def erase(self, key: Key) -> None:
        """Can be repeated. Raises ``OSError``, and what obstore raises."""
        path = self.folder / _name(key)
        for left in (path, path.with_suffix(".partial")):
            left.unlink(missing_ok=True)
        with suppress(OSError):  # others of the app are there
            path.parent.rmdir()
        if self.bucket is not None:
            with suppress(FileNotFoundError):
                self.bucket.remove(_name(key))

    def erase_app(self, app_id: int) -> ErasedFiles:
        return erase_folder(self.folder / str(app_id))

    async def erase_kept(self, app_id: int) -> ErasedFiles:
        """What is in S3 of an app."""
        return ErasedFiles(0) if self.bucket is None else await erase_in(self.bucket, app_id)

    def listed(self) -> Iterator[tuple[float, Key]]:
        """All that is kept, with the Unix seconds of when. Raises what obstore raises."""
        if self.bucket is None:
            for path in self.folder.glob("*/*.tar"):
                with suppress(OSError):
                    yield path.stat().st_mtime, (_number(path.parent.name), path.stem)
            return
        for modified, _, name in self.bucket.listed():
            app, _, file = name.rpartition("/")
            yield modified, (_number(app.rpartition("/")[2]), file.removesuffix(".tar"))


def _name(key: Key) -> str:
    return f"{key[0]}/{key[1]}.tar"


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() else 0
