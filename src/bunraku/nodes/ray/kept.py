"""What a reload told a node, for the node's next life on the same machine.

Ray begins an actor anew with what it was made of. So a node writes down what stands since, in the data
directory, which nobody else may read: ``nodes/ID.json``, gone when the node ends for good.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from pydantic import TypeAdapter, ValidationError

from bunraku.core.clock import Clock
from bunraku.core.settings import RELOADED, Settings

log = logging.getLogger(__name__)

ABANDONED = 86400.0  # s after which what nobody holds is deleted: its node was not begun again


class KeptSettings:
    """Of one node. Blocking."""

    def __init__(self, data_dir: Path, node_id: str, clock: Clock) -> None:
        self._clock = clock
        self._folder = data_dir / "nodes"
        self._path = self._folder / f"{node_id}.json"
        self._held: BinaryIO | None = None

    def of(self, settings: Settings) -> Settings:
        """``settings``, with what was kept in the place of what it was made with. The node's from now on."""
        try:
            kept = _Kept.validate_json(self._path.read_bytes())
            told = {n: _adapter(n).validate_python(kept[n]) for n in RELOADED if n in kept}
        except FileNotFoundError:
            return settings
        except (OSError, ValidationError) as error:
            # Settings have secrets in them: the kind of mistake is all that may be said.
            log.error("what the last reload said is lost: %s", type(error).__name__)
            return settings
        finally:
            self._hold()
        return settings.model_copy(update=told)

    def keep(self, settings: Settings) -> None:
        """Raises ``OSError``."""
        kept: dict[str, Any] = {
            n: _adapter(n).dump_python(getattr(settings, n), mode="json") for n in RELOADED
        }
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._hold()
        partial = self._path.with_suffix(".partial")
        with open(
            os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8"
        ) as file:
            json.dump(kept, file)
        partial.replace(self._path)

    def forget(self) -> None:
        """The node has no next life."""
        for path in (self._path, self._lock_of(self._path)):
            with suppress(OSError):
                path.unlink(missing_ok=True)

    def _hold(self) -> None:
        if self._held is None and self._folder.is_dir():
            with suppress(OSError):
                self._sweep()
                self._held = self._lock_of(self._path).open("wb")
                fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _sweep(self) -> None:
        for path in self._folder.glob("*.json"):
            if path == self._path or self._clock.wall() - path.stat().st_mtime < ABANDONED:
                continue
            with self._lock_of(path).open("wb") as held, suppress(BlockingIOError):
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink(missing_ok=True)
                self._lock_of(path).unlink(missing_ok=True)

    @staticmethod
    def _lock_of(path: Path) -> Path:
        return path.with_suffix(".lock")


_Kept = TypeAdapter(dict[str, Any])


def _adapter(name: str) -> TypeAdapter[Any]:
    kind: Any = Settings.model_fields[name].annotation
    return TypeAdapter(kind)
