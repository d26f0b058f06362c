"""VP8 by libvpx, for watchers that cannot decode H.264."""

from __future__ import annotations

from bunraku.core.media import Codec
from bunraku.node.encode.video import VideoEncoder, new_context


class Vp8Encoder(VideoEncoder):
    """libvpx at its fastest real-time setting."""

    def __init__(self, width: int, height: int, bitrate: int) -> None:
        context = new_context("libvpx", width, height)
        context.bit_rate = bitrate
        context.options = {
            "deadline": "realtime",
            "cpu-used": "12",
            "lag-in-frames": "0",
            "static-thresh": "1",
            "undershoot-pct": "100",
            "overshoot-pct": "15",
            "qmin": "2",
            "qmax": "56",
            "error-resilient": "1",
        }
        context.open()
        super().__init__(Codec.VP8, context, bitrate)
