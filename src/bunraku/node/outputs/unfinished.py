"""The mark beside a recording that is not yet where and what it shall be: ``.NAME.mp4.unfinished``.

It is made before the recording and goes once that is closed, signed and sent. So who finds one knows that
something is left to do, whatever the file itself looks like: a worker whose server was killed still closes
its file in order.
"""

from __future__ import annotations

import fcntl
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO


def mark_of(recording: Path) -> Path:
    return recording.with_name(f".{recording.name}.unfinished")


def is_mark_of_another(path: Path) -> bool:
    """Whether this is the mark of a recording that is still there: it goes with that, however old it is."""
    name = path.name
    if not (name.startswith(".") and name.endswith(".unfinished")):
        return False
    return path.with_name(name[1:].removesuffix(".unfinished")).exists()


def begin(recording: Path) -> None:
    """Raises ``OSError``."""
    recording.parent.mkdir(parents=True, exist_ok=True)
    mark_of(recording).touch()


class Mark:
    """Of one recording, for whoever finishes it. Blocking; nodes may share the folder."""

    def __init__(self, recording: Path) -> None:
        self._path = mark_of(recording)
        self._file: BinaryIO | None = None

    @property
    def taken(self) -> bool:
        """It is there, and nobody else's while this is so."""
        return self._file is not None

    def take(self) -> bool:
        """False when somebody else has it. Where there is none, nothing is taken either."""
        try:
            file = self._path.open("r+b")
        except OSError:
            return True
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            return False
        self._file = file
        return True

    def remove(self) -> None:
        """Nothing is left to do."""
        if self.taken:
            with suppress(OSError):
                self._path.unlink(missing_ok=True)
        self.release()

    def release(self) -> None:
        """Another may take it."""
        if self._file is not None:
            self._file.close()
            self._file = None
