"""Figures of one performance: counts, and how long things take."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields

BOUNDS = (
    0.5,
    1.0,
    1.5,
    2.0,
    2.5,
    3.0,
    3.5,
    4.0,
    5.0,
    6.0,
    8.0,
    12.0,
    16.0,
    24.0,
    40.0,
    60.0,
    80.0,
    120.0,
    160.0,
    240.0,
    400.0,
    1e3,
)
"""Upper bounds of the histograms' buckets, milliseconds."""

KEPT = 100


class Histogram:
    """Milliseconds in buckets of ``bounds`` and one beyond; the last ``KEPT`` are remembered."""

    def __init__(self, bounds: tuple[float, ...] = BOUNDS) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0
        self.recent: deque[float] = deque(maxlen=KEPT)

    def observe(self, milliseconds: float) -> None:
        self.counts[bisect_left(self.bounds, milliseconds)] += 1
        self.total += milliseconds
        self.recent.append(milliseconds)

    def add(self, other: Histogram) -> None:
        self.counts = [a + b for a, b in zip(self.counts, other.counts, strict=True)]
        self.total += other.total

    def median(self) -> float | None:
        """Of the recent ones; None before the first."""
        ordered = sorted(self.recent)
        return ordered[len(ordered) // 2] if ordered else None


@dataclass(eq=False)
class Meter:
    """``render_ms`` and ``encode_ms`` are CPU time of the worker thread.

    ``first_audio_ms``: from a drive's turn to its first sample. ``interrupt_ms``: from an interrupt
    to the first packet without the sound it cut. ``av_offset_ms``: how much later than the sound of
    the same tick a picture leaves; both carry the same time, so receivers see them together.
    """

    frames: int = 0
    frames_late: int = 0
    frames_failed: int = 0
    ticks_skipped: int = 0
    rate_changes: int = 0
    render_ms: Histogram = field(default_factory=Histogram)
    encode_ms: Histogram = field(default_factory=Histogram)
    first_audio_ms: Histogram = field(default_factory=Histogram)
    interrupt_ms: Histogram = field(default_factory=Histogram)
    av_offset_ms: Histogram = field(default_factory=Histogram)
    lateness: float = 0.0
    """Seconds a tick comes late, smoothed over about a second; not a count, never added up."""

    def ticked(self, late: float) -> None:
        """A tick began ``late`` seconds after its time."""
        self.lateness += (max(0.0, late) - self.lateness) * 0.04

    def add(self, other: Meter) -> None:
        """Take another's counts in; used when a performance ends."""
        for f in fields(self):
            mine, theirs = getattr(self, f.name), getattr(other, f.name)
            if isinstance(mine, Histogram):
                mine.add(theirs)
            elif isinstance(mine, int):
                setattr(self, f.name, mine + theirs)

    @contextmanager
    def render(self) -> Iterator[None]:
        begin = time.thread_time()
        yield
        self.render_ms.observe((time.thread_time() - begin) * 1e3)

    @contextmanager
    def encode(self) -> Iterator[None]:
        begin = time.thread_time()
        yield
        self.encode_ms.observe((time.thread_time() - begin) * 1e3)
