"""The sound of a performance on its way out: a tick is two packets, the second sent 20 ms after the
first, because receivers size their jitter buffer by the spread they see.

The encoder hears what the receiver hears, also where an interrupt or speech that comes late changes what
was to be sent: the second packet is encoded right after the first, which costs half of what it does 20 ms
later, with caches that are cold, and is unheard and encoded anew when it changes. An encoder that cannot
unhear gets a packet when it leaves.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np

from bunraku.core.clock import Clock
from bunraku.core.media import PCM, SAMPLE_RATE, TICK_SAMPLES, EncodedUnit
from bunraku.node.encode.opus import PACKET_SAMPLES, PACKET_US, OpusEncoder, RewindingOpusEncoder

SILENCE: PCM = np.zeros(TICK_SAMPLES, np.int16)
FADE = SAMPLE_RATE // 200  # 5 ms in which who is cut off falls silent
_DOWN = np.linspace(1, 0, FADE + 2, dtype=np.float32)[1:-1]


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
        self._rewinding: RewindingOpusEncoder | None = None
        self._draft: list[EncodedUnit] | None = None
        """The first of those that wait, encoded."""
        self._waiting: deque[tuple[PCM, int]] = deque()
        """Packets that have not left, each with its time."""
        self._silent = True
        self._fading: PCM | None = None
        self._delayed: deque[tuple[PCM, bool]] = deque()
        self._delay = delay
        self._hush()

    def _hush(self) -> None:
        self._delayed = deque([(SILENCE, True)] * self._delay)

    def send(self, samples: PCM, time_us: int, *, silent: bool) -> None:
        """Send a tick, or with a delay the tick so long ago; ``silent`` says that nobody speaks in it."""
        self._delayed.append((samples, silent))
        samples, silent = self._delayed.popleft()
        while self._waiting:  # a tick that catches up must not overtake the one before
            self._leave(*self._waiting.popleft())
        self._silent = silent
        now = self._clock.monotonic()
        for i in range(samples.size // PACKET_SAMPLES):
            packet = samples[i * PACKET_SAMPLES : (i + 1) * PACKET_SAMPLES]
            if i == 0:
                self._leave(packet, time_us)
            else:
                self._waiting.append((packet, time_us + i * PACKET_US))
                self._clock.call_at(now + i * PACKET_US / 1e6, self._due)
        if self._rewinding is not None and self._waiting:
            self._rewinding.mark()
            self._draft = self._rewinding.encode(*self._waiting[0])

    def _undraft(self) -> None:
        """The packet that was encoded ahead does not leave as it is."""
        if self._draft is not None and self._rewinding is not None:
            self._rewinding.rewind()
        self._draft = None

    def _leave(self, packet: PCM, time_us: int) -> None:
        """The first of those that wait, or what takes its place (``_undraft``)."""
        if self._draft is not None:
            units, self._draft = self._draft, None
            for unit in units:
                self._push(unit)
            return
        if self._encoder is None:
            self._encoder = self._open()
            self._rewinding = self._encoder if isinstance(self._encoder, RewindingOpusEncoder) else None
        if self._fading is not None:
            packet, self._fading = mixed(packet, self._fading), None
        for unit in self._encoder.encode(packet, time_us):
            self._push(unit)

    def _due(self) -> None:
        if not self._waiting:
            return
        packet, time_us = self._waiting.popleft()
        late = self._late() if self._silent and not self._delay else None
        if late is not None:
            self._undraft()
        self._leave(packet if late is None else late, time_us)

    @property
    def held(self) -> int:
        """Samples of somebody's speech that have not left yet."""
        waiting = 0 if self._silent else sum(packet.size for packet, _ in self._waiting)
        return waiting + sum(samples.size for samples, silent in self._delayed if not silent)

    def cut(self, following: PCM = SILENCE) -> None:
        """What waits becomes silence; not nothing: receivers fill a gap with what they heard last.

        ``following`` is what would have been sent next, ``FADE`` samples of it at most: the next packet
        begins with it, falling silent, so that the cut is no click.
        """
        self._undraft()
        if self._waiting:
            following = self._waiting[0][0]
        elif self._delayed:
            following = self._delayed[0][0]
        self._waiting = deque((SILENCE[: packet.size], time_us) for packet, time_us in self._waiting)
        if self._encoder is not None and following[:FADE].any():
            self._fading = faded(following)
        self._hush()
        self._silent = True

    def rest(self) -> None:
        """Nobody listens: the encoder is freed, and what waits is dropped."""
        self._waiting.clear()
        self._hush()
        self._encoder = self._fading = self._rewinding = self._draft = None


def faded(samples: PCM) -> PCM:
    """The first ``FADE`` samples, falling silent."""
    head = samples[:FADE]
    return (head * _DOWN[: head.size]).astype(np.int16)


def mixed(packet: PCM, tail: PCM) -> PCM:
    """``packet`` with ``tail`` over its beginning."""
    head = packet[: tail.size].astype(np.int32) + tail[: packet.size]
    return np.concatenate([np.clip(head, -32768, 32767).astype(np.int16), packet[tail.size :]])
