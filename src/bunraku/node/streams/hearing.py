"""Opus packets of a stream into sound (RFC 6716, RFC 7587)."""

from __future__ import annotations

import av
import av.error
import numpy as np

from bunraku.core.media import PCM, SAMPLE_RATE
from bunraku.node.encode import libopus

USUAL = SAMPLE_RATE // 50
"""Samples of a packet until one has been heard."""


class OpusHearing:
    """One source. What is not Opus is silence as long as the packet before; nothing raises."""

    def __init__(self) -> None:
        library = libopus.library()
        self._decoder = libopus.PacketDecoder(library) if library is not None else _FFmpegDecoder()
        self._usual = USUAL

    def decode(self, packet: bytes) -> PCM:
        """The packet's samples, mono at ``SAMPLE_RATE``."""
        try:
            sound = self._decoder.decode(packet)
        except RuntimeError:
            return np.zeros(self._usual, np.int16)
        self._usual = sound.size or self._usual
        return sound

    def conceal(self, following: bytes | None) -> PCM:
        """What a lost packet may have held, as long as the one before it.

        From the spare copy in the packet that follows, when it holds one (RFC 6716 section 2.1.7).
        """
        try:
            return self._decoder.conceal(self._usual, following)
        except RuntimeError:
            return np.zeros(self._usual, np.int16)


class _FFmpegDecoder:
    """Where libopus itself is not found: what is lost is silence."""

    def __init__(self) -> None:
        self._context = av.AudioCodecContext.create("libopus", "r")
        self._context.sample_rate, self._context.layout = SAMPLE_RATE, "mono"
        self._resampler = av.AudioResampler("s16", "mono", SAMPLE_RATE)

    def decode(self, packet: bytes) -> PCM:
        try:
            frames = [f for d in self._context.decode(av.Packet(packet)) for f in self._resampler.resample(d)]
        except (av.error.FFmpegError, ValueError) as error:
            raise RuntimeError("not Opus") from error
        parts = [f.to_ndarray().reshape(-1).astype(np.int16, copy=False) for f in frames]
        return np.concatenate(parts) if parts else np.empty(0, np.int16)

    def conceal(self, samples: int, following: bytes | None) -> PCM:
        del following
        return np.zeros(samples, np.int16)
