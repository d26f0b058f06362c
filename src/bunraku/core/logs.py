"""Logging: one line an event, named fields, never a query, token, secret or spoken text."""

from __future__ import annotations

import logging

_FIELDS = ("action", "code", "request_id", "task", "drive", "watcher")


class Formatter(logging.Formatter):
    """``time level logger message field=value ...``"""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        fields = " ".join(f"{f}={getattr(record, f)}" for f in _FIELDS if hasattr(record, f))
        return f"{line} {fields}" if fields else line


def configure(level: str = "INFO") -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(Formatter())
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
