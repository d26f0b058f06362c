"""Opus in 20 ms packets (RFC 6716), encoded a tick at a time."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np

from bunraku.media import PCM, SAMPLE_RATE, TICK_SAMPLES, Codec, EncodedUnit

PACKET_SAMPLES = SAMPLE_RATE // 50
PACKETS_PER_TICK = TICK_SAMPLES // PACKET_SAMPLES
PACKET_US = 1_000_000 * PACKET_SAMPLES // SAMPLE_RATE
TIME_BASE = Fraction(1, SAMPLE_RATE)
BITRATE = 40_000


class OpusEncoder:
    """Mono speech. One tick in, ``PACKETS_PER_TICK`` units out, with no added delay of ours."""

    def __init__(self) -> None:
        context = av.AudioCodecContext.create("libopus", "w")
        context.sample_rate = SAMPLE_RATE
        context.format = "s16"
        context.layout = "mono"
        context.bit_rate = BITRATE
        context.time_base = TIME_BASE
        context.options = {"application": "audio", "compression_level": "5", "frame_duration": "20"}
        context.open()
        self._context = context
        self._pts = 0

    def encode(self, samples: PCM, time_us: int) -> list[EncodedUnit]:
        """``samples`` are a whole number of packets; ``time_us`` is the time of the first sample."""
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples).reshape(1, -1), "s16", "mono")
        frame.sample_rate = SAMPLE_RATE
        frame.pts, frame.time_base = self._pts, TIME_BASE
        self._pts += samples.size
        return [
            EncodedUnit(Codec.OPUS, time_us + i * PACKET_US, bytes(packet), True)
            for i, packet in enumerate(self._context.encode(frame))
        ]
