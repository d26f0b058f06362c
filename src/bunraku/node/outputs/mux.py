"""Encoded units into a container, as they are: H.264 and AAC are copied, never encoded again."""

from __future__ import annotations

import io
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import av

from bunraku.core.media import SAMPLE_RATE, TICK_US, Codec, EncodedUnit, Kind
from bunraku.node.encode.aac import BITRATE, FRAME_SAMPLES

MICROSECONDS = Fraction(1, 1_000_000)
PRIMING_US = 1_000_000 * FRAME_SAMPLES // SAMPLE_RATE + 1
"""An AAC decoder needs the frame before the one it is to be heard from."""


class Muxer:
    """One container. It begins with ``first``, a keyframe, whose time is its zero; sound from before is
    left out. Blocks as its target does. Raises ``OSError``, which FFmpeg's own errors are."""

    def __init__(self, target: Any, container: str, options: Mapping[str, str], first: EncodedUnit) -> None:
        """``target``: a path, or an object with ``write``."""
        self._base = first.time_us
        self._last: dict[Kind, int] = {}
        self.end_us = 0
        """Length so far, microseconds."""
        self._container = av.open(target, "w", format=container, options=dict(options))
        # FFmpeg reads the parameter sets of a keyframe; a muxer needs them before its first packet.
        with av.open(io.BytesIO(first.data), format="h264") as probe:
            self._video = self._container.add_stream_from_template(probe.streams.video[0])
        self._video.time_base = MICROSECONDS
        # Its encoder is never used: it only says what AAC of this kind is.
        self._audio = self._container.add_stream("aac", rate=SAMPLE_RATE)
        assert isinstance(self._audio, av.AudioStream)
        self._audio.layout, self._audio.bit_rate = "mono", BITRATE
        self.write(first)

    def write(self, unit: EncodedUnit) -> None:
        time_us = unit.time_us - self._base
        kind = unit.kind
        if time_us <= self._last.get(kind, -PRIMING_US if kind is Kind.AUDIO else -1):
            return
        self._last[kind] = time_us
        packet = av.Packet(unit.data)
        packet.stream = self._video if kind is Kind.VIDEO else self._audio
        packet.pts = packet.dts = time_us
        packet.time_base = MICROSECONDS
        if kind is Kind.VIDEO:
            packet.duration = TICK_US
            packet.is_keyframe = unit.keyframe
            self.end_us = max(self.end_us, time_us + TICK_US)
        self._container.mux(packet)

    def close(self) -> None:
        """Write what a container ends with."""
        self._container.close()


MUXED = frozenset((Codec.H264, Codec.AAC))
"""What a muxer takes."""
