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

from bunraku.core.framing import Framing
from bunraku.core.owner import NOBODY, Owner
from bunraku.core.states import IllegalTransition


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


_NEXT = {
    TaskStatus.INITIALIZING: {TaskStatus.STREAMING, TaskStatus.FAILED, TaskStatus.STOPPING},
    TaskStatus.STREAMING: {TaskStatus.STOPPING},
    TaskStatus.STOPPING: {TaskStatus.STOPPED},
}


@dataclass(frozen=True, slots=True)
class StreamTask:
    """Immutable; changes through ``evolve``.

    ``created_at`` and ``ended_at`` are Unix seconds, ``ttl`` and ``max_idle_time`` seconds, ``bitrate``
    bits per second. Only its ``owner`` changes it. ``slot`` is the place of its app's that it holds
    while it counts against the app's limit.
    """

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
    owner: Owner = NOBODY
    slot: int | None = None
    status: TaskStatus = TaskStatus.INITIALIZING
    fail_reason: str | None = None
    ended_at: float | None = None

    def evolve(
        self, status: TaskStatus, *, fail_reason: str | None = None, ended_at: float | None = None
    ) -> StreamTask:
        """Raises ``IllegalTransition``."""
        if status not in _NEXT.get(self.status, set()):
            raise IllegalTransition(f"stream task {self.status.name} -> {status.name}")
        slot = self.slot if status.counted else None
        return replace(self, status=status, slot=slot, fail_reason=fail_reason, ended_at=ended_at)
