"""Logging: one line an event, named fields, never a query, token, secret or spoken text."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Literal

from bunraku.core import calls

Format = Literal["text", "json"]

_FIELDS = {
    "action": "action",
    "code": "code",
    "request_id": "request_id",
    "app": "app_id",
    "task": "task_id",
    "drive": "drive_id",
    "output": "output_id",
    "node": "node",
    "stream": "stream_id",
    "connected": "connected",
    "repeated": "repeated",
}
"""What a record may be given (``extra``), and its name in JSON. Nothing else is written."""


class Calling(logging.Filter):
    """Puts the ids of the present call on each record that does not bring its own."""

    def filter(self, record: logging.LogRecord) -> bool:
        call = calls.current()
        known = {"request_id": call.request, "task": call.task, "drive": call.drive, "node": call.node}
        for name, value in known.items():
            if value and not hasattr(record, name):
                setattr(record, name, value)
        if call.trace:
            record.trace = call.trace
        return True


class Formatter(logging.Formatter):
    """``time level logger message field=value ...``"""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        fields = " ".join(f"{f}={getattr(record, f)}" for f in _FIELDS if hasattr(record, f))
        return f"{line} {fields}" if fields else line


class JsonFormatter(logging.Formatter):
    """One JSON object a line. ``time`` is RFC 3339 in UTC; a traceback is ``exception``, in one string."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, Any] = {
            "time": at.replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {name: getattr(record, f) for f, name in _FIELDS.items() if hasattr(record, f)}
        _, trace_id, span_id, *_ = (*str(getattr(record, "trace", "")).split("-"), "", "", "")
        if trace_id and span_id:
            line |= {"trace_id": trace_id, "span_id": span_id}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class Merged(logging.Filter):
    """Lets a warning through ``OFTEN`` times in ``PERIOD`` seconds; the next one after that says how
    many were left out. Whoever can cause a line could else fill a disk with it."""

    OFTEN, PERIOD = 5, 10.0

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._now = now
        self._seen: dict[tuple[str, str], tuple[float, int]] = {}

    def __len__(self) -> int:
        """Texts that are kept."""
        return len(self._seen)

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


def configure(level: str = "INFO", form: Format = "text") -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter() if form == "json" else Formatter())
    handler.addFilter(Calling())
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
