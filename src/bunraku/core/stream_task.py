"""StreamTask: one live digital human published as one stream. Pure state, contract section 6.1.

```
Create --> INITIALIZING --A--> STREAMING --C--> STOPPING --D--> STOPPED
                |---B--> FAILED             ^
                `---E----------------------'
```
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import IntEnum

from bunraku.node.avatars.base import Framing


class TaskStatus(IntEnum):
    INITIALIZING = 1
    FAILED = 2
    STREAMING = 3
    STOPPING = 4
    STOPPED = 5

    @property
    def live(self) -> bool:
        """Listed by QueryDigitalHumanStreamTasks and holding its StreamId."""
        return self in (TaskStatus.INITIALIZING, TaskStatus.STREAMING)

    @property
    def counted(self) -> bool:
        """Counted against the app's concurrency limit."""
        return self.live or self is TaskStatus.STOPPING

    @property
    def final(self) -> bool:
        return self in (TaskStatus.FAILED, TaskStatus.STOPPED)


class IllegalTransition(Exception):
    """A stream task cannot go from this status to that one."""


_NEXT = {
    TaskStatus.INITIALIZING: {TaskStatus.STREAMING, TaskStatus.FAILED, TaskStatus.STOPPING},
    TaskStatus.STREAMING: {TaskStatus.STOPPING},
    TaskStatus.STOPPING: {TaskStatus.STOPPED},
}


@dataclass(frozen=True, slots=True)
class StreamTask:
    """Immutable; changes through ``evolve``. ``created_at`` is Unix seconds of acceptance."""

    id: str
    app_id: int
    digital_human_id: str
    room_id: str
    stream_id: str
    created_at: float
    ttl: int = 86400
    max_idle_time: int = 900
    framing: Framing = field(default_factory=Framing)
    bitrate: int = 3_000_000
    emotion: str = "neutral"
    status: TaskStatus = TaskStatus.INITIALIZING
    fail_reason: str | None = None
    ended_at: float | None = None

    def evolve(
        self, status: TaskStatus, *, fail_reason: str | None = None, ended_at: float | None = None
    ) -> StreamTask:
        """Raises ``IllegalTransition``."""
        if status not in _NEXT.get(self.status, set()):
            raise IllegalTransition(f"stream task {self.status.name} -> {status.name}")
        return replace(self, status=status, fail_reason=fail_reason, ended_at=ended_at)
