"""Opus in 20 ms packets (RFC 6716)."""

from __future__ import annotations

from fractions import Fraction
from typing import Protocol, runtime_checkable

import av
import numpy as np

from bunraku.core.media import PCM, SAMPLE_RATE, Codec, EncodedUnit
from bunraku.node.encode import libopus

PACKET_SAMPLES = SAMPLE_RATE // 50
PACKET_US = 1_000_000 * PACKET_SAMPLES // SAMPLE_RATE
TIME_BASE = Fraction(1, SAMPLE_RATE)
BITRATE, COMPLEXITY = 48_000, 0
"""For sound that libopus is told to be speech; chosen by PESQ and time (docs/voices.md)."""

FFMPEG_BITRATE, FFMPEG_COMPLEXITY = 40_000, 5
"""FFmpeg has no way to tell it so."""


class OpusEncoder(Protocol):
    """Mono speech."""

    def encode(self, samples: PCM, time_us: int) -> list[EncodedUnit]:
        """One unit for each ``PACKET_SAMPLES`` of ``samples``, which are a whole number of them.

        ``time_us`` is the time of the first sample. No delay of ours is added.
        """
        ...


@runtime_checkable
class RewindingOpusEncoder(OpusEncoder, Protocol):
    """One that can unhear what was encoded last."""

    def mark(self) -> None: ...

    def rewind(self) -> None:
        """It has heard what it had at the latest ``mark``, to the bit."""
        ...


def open_opus_encoder() -> OpusEncoder:
    lib = libopus.library()
    return (
        FFmpegOpusEncoder()
        if lib is None
        else DirectOpusEncoder(libopus.PacketEncoder(lib, BITRATE, COMPLEXITY, libopus.SIGNAL_VOICE))
    )


class DirectOpusEncoder:
    def __init__(self, packets: libopus.PacketEncoder) -> None:
        self._packets = packets
        self.mark, self.rewind = packets.mark, packets.rewind

    def encode(self, samples: PCM, time_us: int) -> list[EncodedUnit]:
        sound, size = samples.tobytes(), PACKET_SAMPLES * samples.itemsize
        return [
            EncodedUnit(
                Codec.OPUS,
                time_us + i * PACKET_US,
                self._packets.encode(sound[i * size : (i + 1) * size]),
                True,
            )
            for i in range(len(sound) // size)
        ]


class FFmpegOpusEncoder:
    """Packets of a little less quality for more bits and time; used where libopus itself is not found."""

    def __init__(self) -> None:
        context = av.AudioCodecContext.create("libopus", "w")
        context.sample_rate = SAMPLE_RATE
        context.format = "s16"
        context.layout = "mono"
        context.bit_rate = FFMPEG_BITRATE
        context.time_base = TIME_BASE
        context.options = {
            "application": "audio",
            "compression_level": str(FFMPEG_COMPLEXITY),
            "frame_duration": "20",
        }
        context.open()
        self._context = context
        self._pts = 0

    def encode(self, samples: PCM, time_us: int) -> list[EncodedUnit]:
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples).reshape(1, -1), "s16", "mono")
        frame.sample_rate = SAMPLE_RATE
        frame.pts, frame.time_base = self._pts, TIME_BASE
        self._pts += samples.size
        return [
            EncodedUnit(Codec.OPUS, time_us + i * PACKET_US, bytes(packet), True)
            for i, packet in enumerate(self._context.encode(frame))
        ]
