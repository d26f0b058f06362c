"""The order in which drives are played: one current, the others first-in first-out.

Pure logic, contract section 6.5. It knows drives by id and what a status change must say; who
makes the sound and who is told are its owner's business.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import Enum

from bunraku.core.drive import DriveStatus


class Mode(Enum):
    """What accepting a drive does to the others."""

    APPEND = "append"
    INTERRUPT = "interrupt"  # the current one ends, the queue is kept
    REPLACE = "replace"  # the current one ends, the queue is emptied


@dataclass(frozen=True, slots=True)
class Change:
    """``spoke`` says whether the drive had been heard, which decides the room message; ``played`` how
    many seconds of it, which the performance knows."""

    drive_id: str
    status: DriveStatus
    spoke: bool
    played: float = 0.0


class QueueFull(Exception):
    """The queue holds as many drives as it may."""


class DriveQueue:
    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._waiting: deque[str] = deque()
        self._current: str | None = None
        self._speaking = False

    @property
    def current(self) -> str | None:
        """The drive whose turn it is, whether or not its audio has come."""
        return self._current

    @property
    def speaking(self) -> bool:
        return self._speaking

    @property
    def waiting(self) -> tuple[str, ...]:
        return tuple(self._waiting)

    @property
    def full(self) -> bool:
        return len(self._waiting) >= self._capacity

    @property
    def idle(self) -> bool:
        return self._current is None and not self._waiting

    def submit(self, drive_id: str, mode: Mode) -> list[Change]:
        """Take a drive in; returns what that ends, oldest first. Raises ``QueueFull``."""
        if mode is Mode.APPEND and self.full:
            raise QueueFull
        changes: list[Change] = []
        if mode is not Mode.APPEND:
            changes += self._interrupt_current()
        if mode is Mode.REPLACE:
            changes += self._discard()
        if mode is Mode.APPEND:
            self._waiting.append(drive_id)
        else:
            self._waiting.appendleft(drive_id)
        self._advance()
        return changes

    def started(self) -> Change:
        """The first sample of the current drive enters the stream."""
        assert self._current is not None
        self._speaking = True
        return Change(self._current, DriveStatus.DRIVING, True)

    def finished(self, *, failed: bool) -> Change:
        """The current drive has no more to say."""
        assert self._current is not None
        status = DriveStatus.FAILED if failed else DriveStatus.ENDED
        change = Change(self._current, status, self._speaking)
        self._current, self._speaking = None, False
        self._advance()
        return change

    def drop(self, drive_id: str) -> Change | None:
        """A waiting drive failed before its turn."""
        if drive_id not in self._waiting:
            return None
        self._waiting.remove(drive_id)
        return Change(drive_id, DriveStatus.FAILED, False)

    def clear(self) -> list[Change]:
        """Interrupt the current drive and discard the queue."""
        return self._interrupt_current() + self._discard()

    def _interrupt_current(self) -> list[Change]:
        if self._current is None:
            return []
        change = Change(self._current, DriveStatus.INTERRUPTED, self._speaking)
        self._current, self._speaking = None, False
        return [change]

    def _discard(self) -> list[Change]:
        changes = [Change(d, DriveStatus.INTERRUPTED, False) for d in self._waiting]
        self._waiting.clear()
        return changes

    def _advance(self) -> None:
        if self._current is None and self._waiting:
            self._current = self._waiting.popleft()
