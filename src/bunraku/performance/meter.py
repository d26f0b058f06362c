"""Figures of one performance: counts, and CPU time by stage."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

KEPT = 500


@dataclass(eq=False)
class Meter:
    """Times are CPU milliseconds of the worker thread, the last ``KEPT`` of them."""

    frames: int = 0
    frames_late: int = 0
    frames_failed: int = 0
    ticks_skipped: int = 0
    rate_changes: int = 0
    lateness: float = 0.0
    """Seconds a tick comes late, smoothed over about a second."""
    render_ms: deque[float] = field(default_factory=lambda: deque[float](maxlen=KEPT))
    encode_ms: deque[float] = field(default_factory=lambda: deque[float](maxlen=KEPT))
    render_seconds: float = 0.0
    encode_seconds: float = 0.0

    def ticked(self, late: float) -> None:
        """A tick began ``late`` seconds after its time."""
        self.lateness += (max(0.0, late) - self.lateness) * 0.04

    def add(self, other: Meter) -> None:
        """Take another's counts in; used when a performance ends."""
        self.frames += other.frames
        self.frames_late += other.frames_late
        self.frames_failed += other.frames_failed
        self.ticks_skipped += other.ticks_skipped
        self.rate_changes += other.rate_changes
        self.render_seconds += other.render_seconds
        self.encode_seconds += other.encode_seconds

    @contextmanager
    def render(self) -> Iterator[None]:
        begin = time.thread_time()
        yield
        spent = time.thread_time() - begin
        self.render_seconds += spent
        self.render_ms.append(spent * 1e3)

    @contextmanager
    def encode(self) -> Iterator[None]:
        begin = time.thread_time()
        yield
        spent = time.thread_time() - begin
        self.encode_seconds += spent
        self.encode_ms.append(spent * 1e3)
