"""The sound of a performance on its way out: encoded a tick at a time, sent a packet at a time.

Packets of a tick are encoded together because that is cheaper, and sent 20 ms apart because
receivers size their jitter buffer by the spread they see.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np

from bunraku.core.clock import Clock
from bunraku.core.media import PCM, TICK_SAMPLES, EncodedUnit
from bunraku.node.encode.opus import PACKET_SAMPLES, PACKET_US, OpusEncoder

SILENCE: PCM = np.zeros(TICK_SAMPLES, np.int16)


class SoundTrack:
    """``late`` is asked for ``PACKET_SAMPLES`` of speech in place of each packet of a silent tick
    that has not left yet; it gives None while there is none. Never more than a tick is held, and
    ``delay`` ticks besides: the latency of the avatar, whose picture the sound waits for. Then
    ``late`` is never asked: what it gave would overtake what waits."""

    def __init__(
        self,
        clock: Clock,
        push: Callable[[EncodedUnit], None],
        open_encoder: Callable[[], OpusEncoder],
        late: Callable[[], PCM | None],
        *,
        delay: int = 0,
    ) -> None:
        self._clock, self._push, self._open, self._late = clock, push, open_encoder, late
        self._encoder: OpusEncoder | None = None
        self._waiting: deque[EncodedUnit] = deque()
        self._silent = True
        self._delayed: deque[tuple[PCM, bool]] = deque()
        self._delay = delay
        self._hush()

    def _hush(self) -> None:
        self._delayed = deque([(SILENCE, True)] * self._delay)

    def send(self, samples: PCM, time_us: int, *, silent: bool) -> None:
        """Send a tick, or with a delay the tick so long ago; ``silent`` says that nobody speaks in it."""
        self._delayed.append((samples, silent))
        samples, silent = self._delayed.popleft()
        if self._encoder is None:
            self._encoder = self._open()
        units = self._encoder.encode(samples, time_us)
        while self._waiting:  # a tick that catches up must not overtake the one before
            self._push(self._waiting.popleft())
        self._silent = silent
        now = self._clock.monotonic()
        for i, unit in enumerate(units):
            if i == 0:
                self._push(unit)
            else:
                self._waiting.append(unit)
                self._clock.call_at(now + i * PACKET_US / 1e6, self._due)

    def _due(self) -> None:
        if not self._waiting:
            return
        unit = self._waiting.popleft()
        samples = self._late() if self._silent and not self._delay else None
        if samples is not None and self._encoder is not None:
            # Opus has already heard the silence that this replaces, which leaves it as it was.
            unit = self._encoder.encode(samples, unit.time_us)[0]
        self._push(unit)

    def cut(self) -> None:
        """What waits becomes silence; not nothing: receivers fill a gap with what they heard last."""
        if self._waiting and self._encoder is not None:
            silence = np.zeros(PACKET_SAMPLES * len(self._waiting), np.int16)
            units = self._encoder.encode(silence, self._waiting[0].time_us)
            self._waiting = deque(units)
        self._hush()
        self._silent = True

    def rest(self) -> None:
        """Nobody listens: the encoder is freed, and what waits is dropped."""
        self._waiting.clear()
        self._hush()
        self._encoder = None
