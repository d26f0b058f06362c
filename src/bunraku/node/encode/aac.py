"""AAC-LC (ISO/IEC 14496-3) for targets that do not take Opus."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np

from bunraku.core.media import PCM, SAMPLE_RATE, Codec, EncodedUnit

FRAME_SAMPLES = 1024
BITRATE = 96_000
TIME_BASE = Fraction(1, SAMPLE_RATE)
MADE_UP = SAMPLE_RATE  # samples: a shorter gap is filled with silence, a longer one is a gap


class AacEncoder:
    """Mono. Frames are as long as the codec's, whatever the length of what comes in."""

    def __init__(self, bitrate: int = BITRATE) -> None:
        context = av.AudioCodecContext.create("aac", "w")
        context.sample_rate, context.format, context.layout = SAMPLE_RATE, "fltp", "mono"
        context.bit_rate, context.time_base = bitrate, TIME_BASE
        context.options = {"aac_coder": "fast"}  # a third of the usual one's CPU time
        context.open()
        self._context = context
        self._rest: PCM = np.empty(0, np.int16)
        self._at: int | None = None

    def encode(self, samples: PCM, time_us: int) -> list[EncodedUnit]:
        """The frames that are whole now; ``time_us`` is the time of the first sample."""
        at = time_us * SAMPLE_RATE // 1_000_000
        if self._at is None:
            self._at = at
        gap = at - self._at - self._rest.size
        if gap > FRAME_SAMPLES:  # the clock went on without sound
            if gap <= MADE_UP:
                samples = np.concatenate((np.zeros(gap, np.int16), samples))
            else:
                self._at, self._rest = at, np.empty(0, np.int16)
        self._rest = np.concatenate((self._rest, samples))
        units: list[EncodedUnit] = []
        while self._rest.size >= FRAME_SAMPLES:
            units += self._frame(self._rest[:FRAME_SAMPLES])
            self._rest = self._rest[FRAME_SAMPLES:]
        return units

    def finish(self) -> list[EncodedUnit]:
        """What is left; nothing may be encoded after."""
        units = []
        if self._rest.size:
            units = self._frame(np.pad(self._rest, (0, FRAME_SAMPLES - self._rest.size)))
        return units + [self._unit(p) for p in self._context.encode(None)]

    def _frame(self, samples: PCM) -> list[EncodedUnit]:
        assert self._at is not None
        frame = av.AudioFrame.from_ndarray(
            (samples.astype(np.float32) / 32768).reshape(1, -1), "fltp", "mono"
        )
        frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, self._at, TIME_BASE
        self._at += FRAME_SAMPLES
        return [self._unit(p) for p in self._context.encode(frame)]

    def _unit(self, packet: av.Packet) -> EncodedUnit:
        # The encoder stamps a frame with the time of what a decoder hears in it: its delay is in there.
        time_us = round((packet.pts or 0) * 1_000_000 / SAMPLE_RATE)
        return EncodedUnit(Codec.AAC, time_us, bytes(packet), True)
