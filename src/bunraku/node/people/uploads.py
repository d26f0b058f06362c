"""Files that callers bring, on their way to a maker: in pieces, from a front."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from bunraku.core.clock import Clock
from bunraku.core.errors import InvalidParams, SystemBusy

MOST = 8  # at once
SILENT = 30.0  # s after which one that was not made use of is given up


@dataclass(slots=True)
class _Upload:
    path: Path
    size: int = 0
    at: float = 0.0


class Uploads:
    """On one event loop. Pieces are small, and written as they come."""

    def __init__(self, folder: Path, most_bytes: int, clock: Clock) -> None:
        self._folder, self._most, self._clock = folder, most_bytes, clock
        self._open: dict[str, _Upload] = {}

    def clear(self) -> None:
        """Blocking. What a former run left."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def add(self, upload: str, piece: bytes) -> None:
        """Raises ``SystemBusy`` where too many are under way, ``InvalidParams`` for too large a file."""
        now = self._clock.monotonic()
        self._give_up(now)
        found = self._open.get(upload)
        if found is None:
            if len(self._open) >= MOST:
                raise SystemBusy("too many files are being brought")
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            found = self._open[upload] = _Upload(self._folder / upload)
        found.size, found.at = found.size + len(piece), now
        if found.size > self._most:
            self.drop(upload)
            raise InvalidParams(f"File is larger than {self._most} bytes")
        try:
            with found.path.open("ab") as file:
                file.write(piece)
        except OSError:
            self.drop(upload)
            raise SystemBusy("the file cannot be kept") from None

    def take(self, upload: str) -> Path:
        """It is the caller's now. Raises ``InvalidParams``."""
        found = self._open.pop(upload, None)
        if found is None:
            raise InvalidParams("File did not come")
        return found.path

    def drop(self, upload: str) -> None:
        found = self._open.pop(upload, None)
        if found is not None:
            found.path.unlink(missing_ok=True)

    def _give_up(self, now: float) -> None:
        for upload in [u for u, found in self._open.items() if now - found.at > SILENT]:
            self.drop(upload)
