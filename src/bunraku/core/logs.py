"""Logging: one line an event, named fields, never a query, token, secret or spoken text."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

_FIELDS = ("action", "code", "request_id", "task", "drive", "watcher", "repeated")


class Formatter(logging.Formatter):
    """``time level logger message field=value ...``"""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        fields = " ".join(f"{f}={getattr(record, f)}" for f in _FIELDS if hasattr(record, f))
        return f"{line} {fields}" if fields else line


class Merged(logging.Filter):
    """Lets a warning through ``OFTEN`` times in ``PERIOD`` seconds; the next one after that says how
    many were left out. Whoever can cause a line could else fill a disk with it."""

    OFTEN, PERIOD = 5, 10.0

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._now = now
        self._seen: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING:
            return True
        key, now = (record.name, str(record.msg)[:200]), self._now()
        since, count = self._seen.get(key, (now, 0))
        if now - since > self.PERIOD:
            if count > self.OFTEN:
                record.repeated = count - self.OFTEN
            since, count = now, 0
        if len(self._seen) > 1000:  # texts that are never the same
            self._seen.clear()
        self._seen[key] = (since, count + 1)
        return count < self.OFTEN


def configure(level: str = "INFO") -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(Formatter())
    handler.addFilter(Merged())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # httpx logs whole URLs, uvicorn those of WebSockets, aiortc and aioice session descriptions.
    for name in (
        "uvicorn.error",
        "httpx",
        "httpcore",
        "aiortc",
        "aioice",
        "alembic",
        "asyncio",
        "av",
        "libav",
    ):
        logging.getLogger(name).setLevel(logging.WARNING)
