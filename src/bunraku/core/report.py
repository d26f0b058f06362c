"""What a node counts, and what became of callbacks: plain data for metrics and the console."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from bunraku.core.meter import Histogram, Meter


@dataclass(frozen=True, slots=True)
class Outcome:
    """An attempt that ended one way or the other, for the operator's eyes."""

    number: int
    app_id: int
    task_id: str
    event_type: int
    status: int | str
    """A number of tasks and drives, a word of outputs."""
    attempts: int
    delivered: bool

    def describe(self) -> dict[str, Any]:
        return {
            "Number": self.number,
            "TaskId": self.task_id,
            "EventType": self.event_type,
            "Status": self.status,
            "Attempts": self.attempts,
            "Delivered": self.delivered,
        }


WAITS = (10.0, 50.0, 100.0, 250.0, 500.0, 1e3, 2.5e3, 5e3, 10e3, 15e3, 30e3)
"""Upper bounds of waiting times, milliseconds."""


@dataclass(frozen=True, slots=True)
class VoiceLoad:
    """How busy the helpers of one provider of voices are.

    ``waiting`` counts what waits for a helper now, ``waits`` how long it had to, also in vain.
    ``real_time_factor``: seconds of work a second of sound, lately; 0 before the first.
    """

    provider: str
    helpers: int
    busy: int
    waiting: int
    restarts: int
    real_time_factor: float
    waits: Histogram


@dataclass(frozen=True, slots=True)
class Report:
    """``tasks`` counts live stream tasks by the name of their status; ``lag`` is of the event loop."""

    node_id: str
    accepting: bool
    tasks: dict[str, int] = field(default_factory=dict[str, int])
    watchers: int = 0
    drives_queued: int = 0
    meter: Meter = field(default_factory=Meter)
    lag: Histogram = field(default_factory=Histogram)
    callbacks_delivered: int = 0
    callbacks_given_up: int = 0
    callbacks_waiting: int = 0
    voices: tuple[VoiceLoad, ...] = ()
