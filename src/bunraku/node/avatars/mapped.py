"""Arrays in files that every process of a machine maps: what is decoded once is in memory once.

A file holds its arrays one after another, each at a multiple of ``ALIGN``; then an index in JSON that
says what they are; then the index's length and ``MAGIC``. It is written under another name and linked
to its own when it is whole, so that a reader finds a whole file or none, and of several writers the
first one wins. Nothing in a file is executed. Files are of this machine's byte order: a cache, not
a format for exchange.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import logging
import mmap
import os
import struct
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

log = logging.getLogger(__name__)

MAGIC = b"bnrkmap1"
FOOTER = struct.Struct("<Q8s")
ALIGN = 64
SUFFIX = ".map"

CAPACITY = 2_000_000_000  # bytes of a folder; beyond it the longest unused are given up
UNUSED_S = 30 * 86400.0  # what nobody opened for so long goes: old art, old renderers
HALF_MADE_S = 3600.0  # a partial file this old has lost its writer

Array = npt.NDArray[Any]
Place = tuple[int, str, list[int]]
"""Where an array is: offset, dtype, shape. JSON as it is."""


class ArrayWriter:
    """Lays arrays down one by one, so that no more than one need be in memory."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._at = 0

    def add(self, array: Array) -> Place:
        start = -(-self._at // ALIGN) * ALIGN
        self._file.write(bytes(start - self._at))
        whole = np.ascontiguousarray(array)
        self._file.write(whole.data)
        self._at = start + whole.nbytes
        return start, whole.dtype.str, list(whole.shape)

    def finish(self, index: object) -> None:
        text = json.dumps(index, separators=(",", ":")).encode()
        self._file.write(text + FOOTER.pack(len(text), MAGIC))


class ArrayFile:
    """A mapped file. Its arrays are read-only, and keep it mapped after the file itself has gone.

    Raises ``OSError`` when it is not there, ``ValueError`` when it is not such a file.
    """

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size < FOOTER.size:
                raise ValueError("too short")
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        length, magic = FOOTER.unpack(self._map[-FOOTER.size :])
        if magic != MAGIC or length > size - FOOTER.size:
            raise ValueError("not a file of arrays")
        self.nbytes = size
        self.index: Any = json.loads(self._map[size - FOOTER.size - length : size - FOOTER.size])
        if hasattr(mmap, "MADV_WILLNEED"):  # read ahead, from the disk if need be, before it is shown
            self._map.madvise(mmap.MADV_WILLNEED)

    def array(self, place: Sequence[Any]) -> Array:
        """Raises ``ValueError`` or ``TypeError`` for a place that the file does not have."""
        offset, kind, shape = place
        count = int(np.prod(shape, dtype=np.int64))
        return np.frombuffer(self._map, np.dtype(kind), count, offset).reshape(shape)


class ArrayFolder:
    """Files of arrays by name, shared by all processes that are given the same folder.

    No method raises for a disk that is full or cannot be written: the answer is None then, and
    the caller does without.
    """

    def __init__(self, path: Path, capacity: int = CAPACITY) -> None:
        self._path, self._capacity = path, capacity

    def open(self, name: str) -> ArrayFile | None:
        """The file of that name, marked as used; None when there is none. A damaged one is removed."""
        path = self._path / (name + SUFFIX)
        try:
            found = ArrayFile(path)
        except FileNotFoundError:
            return None
        except OSError as error:  # no files or no memory left: the file itself may be sound
            log.warning("decoded art %s: %s", path.name, error)
            return None
        except ValueError as error:
            log.warning("decoded art %s: %s", path.name, error)
            self.remove(name)
            return None
        self.touch(name)
        return found

    def touch(self, name: str) -> None:
        """It is in use: others go before it."""
        with contextlib.suppress(OSError):
            os.utime(self._path / (name + SUFFIX))

    def remove(self, name: str) -> None:
        with contextlib.suppress(OSError):
            (self._path / (name + SUFFIX)).unlink()

    def make(self, name: str, fill: Callable[[ArrayWriter], object]) -> ArrayFile | None:
        """Write the file; ``fill`` lays down its arrays and returns the index. What it raises passes,
        but for ``OSError``."""
        try:
            self._path.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle, partial = tempfile.mkstemp(".partial", dir=self._path)
        except OSError as error:
            log.warning("decoded art is not kept: %s", error)
            return None
        try:
            with open(handle, "wb") as file:
                writer = ArrayWriter(file)
                writer.finish(fill(writer))
                file.flush()
                os.fsync(file.fileno())  # a whole name must not outlive half a file when the power goes
                now = os.fstat(file.fileno()).st_mtime
            _publish(Path(partial), self._path / (name + SUFFIX))
            self._sweep(now)
        except OSError as error:
            log.warning("decoded art is not kept: %s", error)
            return None
        finally:
            with contextlib.suppress(OSError):
                os.unlink(partial)
            give_back()
        return self.open(name)

    def _sweep(self, now: float) -> None:
        """Give up what is old, then the longest unused; ``now`` is by the clock of the file system.

        A file that is still mapped somewhere stays whole there without its name.
        """
        kept: list[tuple[float, int, Path]] = []
        for path in self._path.iterdir():
            with contextlib.suppress(OSError):
                about = path.stat()
                age = now - about.st_mtime
                if path.suffix == SUFFIX:
                    kept.append((about.st_mtime, about.st_size, path))
                elif path.suffix == ".partial" and age > HALF_MADE_S:
                    path.unlink()
        kept.sort(reverse=True)
        total = 0
        for used, size, path in kept:
            total += size
            # The newest stays however large: it is what this was called for.
            if (total > self._capacity and path != kept[0][2]) or now - used > UNUSED_S:
                with contextlib.suppress(OSError):
                    path.unlink()


def give_back() -> None:
    """Return freed memory to the system: a decoder's pictures leave holes of tens of megabytes that
    glibc keeps for the next one. Two milliseconds; nothing elsewhere."""
    with contextlib.suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


def _publish(partial: Path, path: Path) -> None:
    """Give a whole file its name, unless another writer was first: then all share the other's."""
    try:
        os.link(partial, path)
    except FileExistsError:
        return
    except OSError:  # a file system without hard links
        if not path.exists():
            os.replace(partial, path)
