"""What is counted of the helpers of one provider (``core.report.VoiceLoad``)."""

from __future__ import annotations

from bunraku.core.meter import Histogram
from bunraku.core.report import WAITS, VoiceLoad

MEMORY = 0.1  # share of the newest reply in the real-time factor


class Tally:
    """Owned by a pool; used on the event loop only."""

    def __init__(self) -> None:
        self.waits = Histogram(WAITS)
        self.real_time_factor = 0.0

    def waited(self, seconds: float) -> None:
        self.waits.observe(seconds * 1e3)

    def made(self, sound: float, work: float) -> None:
        """``sound`` seconds of it took ``work`` seconds."""
        if sound > 0:
            share = MEMORY if self.real_time_factor else 1.0
            self.real_time_factor += (work / sound - self.real_time_factor) * share

    def load(self, provider: str, *, helpers: int, busy: int, waiting: int, restarts: int) -> VoiceLoad:
        return VoiceLoad(provider, helpers, busy, waiting, restarts, self.real_time_factor, self.waits)
