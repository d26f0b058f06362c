"""What a running stream task shows the operator, as plain data."""

from __future__ import annotations

from dataclasses import dataclass

from bunraku.core.stream_task import StreamTask


@dataclass(frozen=True, slots=True)
class Figures:
    """Medians of the recent past in milliseconds, None before the first; counts since the start."""

    record: StreamTask
    watchers: int = 0
    drives_queued: int = 0
    render_ms: float | None = None
    encode_ms: float | None = None
    first_audio_ms: float | None = None
    interrupt_ms: float | None = None
    av_offset_ms: float | None = None
    frames_late: int = 0
