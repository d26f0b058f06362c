"""Recordings that the end of a process left unfinished: each is closed at its last whole fragment if it was
cut off, then signed and sent to S3 as any other.

While it is written, a recording is a fragmented MP4 (``file.writer``): boxes ``moof`` and ``mdat`` in turn,
ISO/IEC 14496-12, 8.8. What ends in the middle of a box plays, but the C2PA library cannot sign it. One that a
worker closed in order, but nobody signed or sent, is known by its mark (``unfinished``).
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from bunraku.core.clock import Clock
from bunraku.node.outputs.base import OutputFailed
from bunraku.node.outputs.finishing import Finisher
from bunraku.node.outputs.storage import UNTOUCHED, Place, Storage
from bunraku.node.outputs.unfinished import Mark
from bunraku.node.provenance import half_signed

log = logging.getLogger(__name__)

EVERY = 3600.0  # s between two looks; the first is ``UNTOUCHED`` after the start
RECORDING = re.compile(r"-\d{8}T\d{9}Z\.mp4$")  # as ``file.sink`` names them
CUT = "recording cut off: %s ends with its last whole fragment"
CLOSED = "recording left behind: %s had been closed; what else was to be done with it is done now"
C2PA = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
"""Of the box that holds a manifest: C2PA 2, section "Embedding manifests into BMFF-based assets"."""


class Salvage:
    """A node's; used on the event loop. What somebody may still write to, it leaves alone: nodes may share
    the folder, and a recording that goes on is written to all the time."""

    def __init__(self, clock: Clock, storage: Storage, finisher: Finisher) -> None:
        self._clock, self._storage, self._finisher = clock, storage, finisher
        self._seen: set[Path] = set()

    async def keep(self) -> None:
        """Until cancelled."""
        pause = UNTOUCHED
        while True:
            await self._clock.sleep_until(self._clock.monotonic() + pause)
            pause = EVERY
            try:
                await self.look()
            except Exception:
                log.exception("recordings that were cut off")

    async def look(self) -> list[Path]:
        """Those that were finished now. Each is looked at once; again, if the storage took it not."""
        finished: list[Path] = []
        for path in await asyncio.to_thread(self._untouched):
            mark = Mark(path)
            with _claimed(path, mark) as file:
                left = None if file is None else await asyncio.to_thread(_close, file, mark)
                if file is not None and left is not None:
                    await self._finish(path, mark, left, signed=await asyncio.to_thread(is_signed, file))
                    finished.append(path)
        return finished

    async def _finish(self, path: Path, mark: Mark, left: str, *, signed: bool) -> None:
        app_id, task_id, name, _ = path.relative_to(self._storage.root).parts
        log.warning(left, path.name, extra={"task": task_id})
        captions = path.with_suffix(".vtt")
        names = [captions.name] if await asyncio.to_thread(captions.exists) else []
        try:
            for file in (*names, path.name):
                await self._finisher.late(Place(int(app_id), task_id, name), file, signed=signed)
        except OutputFailed as error:
            self._seen.discard(path)
            log.warning("recording stays in its folder: %s: %s", path.name, error, extra={"task": task_id})
        else:
            await asyncio.to_thread(mark.remove)

    def _untouched(self) -> list[Path]:
        """Blocking. Recordings not seen before that nobody writes to."""
        found: list[Path] = []
        here: set[Path] = set()
        for path in self._storage.root.glob("*/*/*/*.mp4"):
            app_id, _, name, file = path.relative_to(self._storage.root).parts
            ours = app_id.isdecimal() and file.startswith(f"{name}-") and RECORDING.search(file)
            if not ours or not _quiet(path, self._clock.wall()):
                continue
            here.add(path)
            if path not in self._seen:
                found.append(path)
        self._seen = here
        return sorted(found)


def _quiet(path: Path, now: float) -> bool:
    try:
        return now - path.stat().st_mtime >= UNTOUCHED
    except OSError:  # gone meanwhile
        return False


@contextmanager
def _claimed(path: Path, mark: Mark) -> Iterator[BinaryIO | None]:
    """The file and its mark, for this process alone among those that salvage or finish; None when another has
    either or it is gone."""
    try:
        file = path.open("r+b")
    except OSError:
        yield None
        return
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield None
            return
        if not mark.take():
            yield None
            return
        try:
            half_signed(path).unlink(missing_ok=True)  # of who was killed while he signed
            yield file
        finally:
            mark.release()


def _close(file: BinaryIO, mark: Mark) -> str | None:
    """Blocking. What was left to do with it, for the log; None for nothing, or when nothing is in it. It is
    whole afterwards."""
    end = whole(file)
    if end is None and mark.taken:
        return CLOSED
    if not end:
        return None
    before = os.fstat(file.fileno())
    if before.st_size > end:
        file.truncate(end)
        # How long it is kept counts from when it was recorded.
        os.utime(file.fileno(), ns=(before.st_atime_ns, before.st_mtime_ns))
    return CUT


def whole(file: BinaryIO) -> int | None:
    """Where the last whole fragment of a recording ends, in bytes; 0 when there is none. None for one that
    was closed in order, or was signed."""
    end, fragment = 0, False
    for kind, after, signature in _boxes(file):
        match kind:
            case b"uuid" if signature == C2PA:
                return None
            case b"mdat" if not fragment:  # ordinary, with one index
                return None
            case b"mdat":
                end, fragment = after, False
            case b"moof":
                fragment = True
            case _:
                pass
    return end


def is_signed(file: BinaryIO) -> bool:
    return any(kind == b"uuid" and signature == C2PA for kind, _, signature in _boxes(file))


def _boxes(file: BinaryIO) -> Iterator[tuple[bytes, int, bytes]]:
    """Those that are whole: kind, where the next begins, and the 16 bytes that name one of kind ``uuid``."""
    total = file.seek(0, os.SEEK_END)
    at = 0
    while at < total:
        file.seek(at)
        head = file.read(24)
        size, kind = int.from_bytes(head[:4], "big"), head[4:8]
        if size == 1:
            size = int.from_bytes(head[8:16], "big")
        if size < 8 or at + size > total:
            return
        at += size
        yield kind, at, head[8:24]
