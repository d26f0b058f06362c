"""Drive: one thing said. Pure state, contract section 6.3.

```
accepted --> QUEUED --A--> DRIVING --B--> ENDED
                |            |--C--> INTERRUPTED
                |            `--D--> FAILED
                |--E--> FAILED
                |--F--> INTERRUPTED
                `--G--> ENDED        (a WebSocket utterance without audio)
DRIVING --B--> ENDED --H--> DRIVING  (a WebSocket DriveId used again, section 7.5)
INTERRUPTED, FAILED --H--> DRIVING   (likewise)
```
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, IntEnum

from bunraku.core.states import IllegalTransition


class DriveStatus(IntEnum):
    QUEUED = 1
    DRIVING = 2
    FAILED = 3
    ENDED = 4
    INTERRUPTED = 5

    @property
    def final(self) -> bool:
        return self in (DriveStatus.FAILED, DriveStatus.ENDED, DriveStatus.INTERRUPTED)


class DriveKind(Enum):
    TEXT = "text"
    AUDIO = "audio"
    WS_STREAM = "ws_stream"
    RTC_STREAM = "rtc_stream"

    @property
    def live(self) -> bool:
        """Fed from outside while it plays; announced by no status-1 callback."""
        return self in (DriveKind.WS_STREAM, DriveKind.RTC_STREAM)


_NEXT = {
    DriveStatus.QUEUED: {
        DriveStatus.DRIVING,
        DriveStatus.FAILED,
        DriveStatus.INTERRUPTED,
        DriveStatus.ENDED,
    },
    DriveStatus.DRIVING: {DriveStatus.ENDED, DriveStatus.INTERRUPTED, DriveStatus.FAILED},
}


@dataclass(frozen=True, slots=True)
class Drive:
    """Immutable; changes through ``evolve``. ``sequence`` orders the drives of a task.

    ``played_ms`` is how much of it has been heard and ``spoken_text`` the words of that, where the
    voice tells words; both are of the moment of its last change (contract section 13.1).
    """

    id: str
    task_id: str
    kind: DriveKind
    sequence: int
    status: DriveStatus = DriveStatus.QUEUED
    played_ms: int = 0
    spoken_text: str = ""

    def evolve(self, status: DriveStatus, played_ms: int = 0, spoken_text: str = "") -> Drive:
        """Raises ``IllegalTransition``."""
        reuse = self.kind is DriveKind.WS_STREAM and self.status.final
        allowed = (
            {DriveStatus.DRIVING, *_NEXT[DriveStatus.QUEUED]} if reuse else _NEXT.get(self.status, set())
        )
        if status not in allowed:
            raise IllegalTransition(f"drive {self.status.name} -> {status.name}")
        return replace(self, status=status, played_ms=played_ms, spoken_text=spoken_text)
