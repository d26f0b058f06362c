"""When to encode for less, and when for more again. Pure: times come in, a rate comes out.

The encoder cannot be retuned while it is open, so each change costs a keyframe: changes are few,
at least ``GAP`` apart, down at once and up with patience.
"""

from __future__ import annotations

from dataclasses import dataclass

GAP = 2.0  # s between changes
FLOOR = 0.12  # of the full rate: below this a face is no longer a face
DOWN = 0.9  # a limit above this share of the rate is left alone
MARGIN = 0.9  # of the limit that is used: sound and retransmissions need room too
PATIENCE = 6.0  # s without complaint before the rate is raised, doubled after each failed attempt
MOST_PATIENT = 48.0
STEP_UP = 1.5


@dataclass
class RateControl:
    """The rate cap of one stream's encoders, bits per second."""

    full: int
    rate: int = 0
    _changed: float = -GAP
    _good_since: float | None = None
    _patience: float = PATIENCE
    _raised: bool = False

    def __post_init__(self) -> None:
        self.rate = self.full

    def update(self, now: float, limit: int | None) -> bool:
        """Take in what the median watcher can carry (None: no complaint); True when ``rate`` changed.

        ``now`` is monotonic seconds, never falling.
        """
        if limit is not None and limit * MARGIN < self.rate * DOWN:
            self._good_since = None
            if now - self._changed < GAP:
                return False
            if self._raised:  # the last step up was too much: wait longer before the next
                self._patience = min(MOST_PATIENT, self._patience * 2)
            self._raised = False
            return self._set(now, max(int(self.full * FLOOR), int(limit * MARGIN)))
        if self.rate >= self.full:
            return False
        if self._good_since is None:
            self._good_since = now
        if now - self._good_since < self._patience or now - self._changed < GAP:
            return False
        self._good_since = now
        self._raised = True
        return self._set(now, min(self.full, int(self.rate * STEP_UP)))

    def _set(self, now: float, rate: int) -> bool:
        if rate == self.rate:
            return False
        self.rate, self._changed = rate, now
        if rate >= self.full:
            self._patience, self._raised = PATIENCE, False
        return True
