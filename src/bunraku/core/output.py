"""Output: a stream that is sent elsewhere than to watchers. Pure state, contract section 13.2.

```
Add --> STARTING --A--> ACTIVE --C--> RETRYING --A--> ACTIVE
            |---B--> RETRYING   |---D--> ENDING --E--> COMPLETE
            `---F--> FAILED (from any but the last two)
```
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from enum import StrEnum
from urllib.parse import urlsplit

MOST = 8
"""Outputs that a task may have at once."""

MOST_FILES = 1000
"""Files of one output that are remembered, the newest."""

NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Protocol(StrEnum):
    WHIP = "whip"
    RTMP = "rtmp"
    SRT = "srt"
    HLS = "hls"
    FILE = "file"
    IMAGES = "images"

    @property
    def stored(self) -> bool:
        """Kept by the server itself, under a name."""
        return self in (Protocol.HLS, Protocol.FILE, Protocol.IMAGES)


class OutputStatus(StrEnum):
    STARTING = "STARTING"
    ACTIVE = "ACTIVE"
    RETRYING = "RETRYING"
    ENDING = "ENDING"
    COMPLETE = "COMPLETE"
    FAILED = "FAILED"

    @property
    def final(self) -> bool:
        return self in (OutputStatus.COMPLETE, OutputStatus.FAILED)


@dataclass(frozen=True, slots=True)
class ErasedFiles:
    """``files``: how many of an app's were deleted. ``left`` says why there may be more; empty: none."""

    files: int
    left: str = ""

    def and_also(self, other: ErasedFiles) -> ErasedFiles:
        return ErasedFiles(self.files + other.files, "; ".join(filter(None, (self.left, other.left))))


@dataclass(frozen=True, slots=True)
class OutputOrder:
    """What a caller asks for, validated. ``url`` may hold a secret: neither is ever shown or logged.

    ``segment_seconds`` None leaves the length of pieces to the protocol; ``name`` is empty for one
    that is made up.
    """

    protocol: Protocol
    url: str | None = field(default=None, repr=False)
    bearer_token: str | None = field(default=None, repr=False)
    segment_seconds: int | None = None
    name: str = ""


@dataclass(frozen=True, slots=True)
class OutputFile:
    """A whole file that an output left; ``seconds`` is 0 for what has no length."""

    name: str
    bytes: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Output:
    """Immutable; changes through ``evolve``. ``url`` is what may be shown of the target.

    ``started_at`` and ``ended_at`` are Unix seconds; ``bytes`` is what was sent or written.
    """

    id: str
    task_id: str
    sequence: int
    protocol: Protocol
    name: str
    url: str
    started_at: float
    status: OutputStatus = OutputStatus.STARTING
    bytes: int = 0
    fail_reason: str | None = None
    ended_at: float | None = None
    files: tuple[OutputFile, ...] = ()

    def evolve(
        self, status: OutputStatus, *, fail_reason: str | None = None, ended_at: float | None = None
    ) -> Output:
        """``fail_reason`` says why it is not ACTIVE, too."""
        return replace(self, status=status, fail_reason=fail_reason, ended_at=ended_at)

    def grown(self, count: int) -> Output:
        return replace(self, bytes=self.bytes + count)

    def with_file(self, file: OutputFile) -> Output:
        """A file that is there, or is there anew; the oldest is forgotten when there are too many."""
        others = tuple(f for f in self.files if f.name != file.name)
        return replace(self, files=(*others, file)[-MOST_FILES:])

    def lost(self, ended_at: float | None) -> Output:
        """As it is known when its node went away with it."""
        if self.status.final:
            return self
        return self.evolve(OutputStatus.FAILED, fail_reason="the node was lost", ended_at=ended_at)


def shown(url: str | None) -> str:
    """A target without user, password, query and key.

    The last part of an RTMP path is the key, and any part of an HTTP path may be one: of those, only
    who is at the other end is shown.
    """
    if url is None:
        return ""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    path = ""
    if parts.scheme in ("rtmp", "rtmps"):
        application = parts.path.rpartition("/")[0]
        path = f"{application}/…" if application else "/…"
    elif parts.path.strip("/"):
        path = "/…"
    return f"{parts.scheme}://{host}{path}"
