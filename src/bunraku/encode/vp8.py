"""VP8 by libvpx, for watchers that cannot decode H.264."""

from __future__ import annotations

from fractions import Fraction

import av
from av.video.frame import PictureType

from bunraku.encode.h264 import MICROSECONDS
from bunraku.media import FRAME_RATE, Codec, EncodedUnit, Picture


class Vp8Encoder:
    """One stream's encoder; used by one thread at a time. The first unit is a keyframe."""

    def __init__(self, width: int, height: int, bitrate: int) -> None:
        context = av.VideoCodecContext.create("libvpx", "w")
        context.width, context.height = width, height
        context.pix_fmt = "yuv420p"
        context.framerate = Fraction(FRAME_RATE)
        context.time_base = MICROSECONDS
        context.gop_size = 1 << 20
        context.thread_count = 1
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
        self.bitrate = bitrate
        self._context = context

    def encode(self, picture: Picture, time_us: int, keyframe: bool) -> EncodedUnit | None:
        """Encode one picture; None when libvpx dropped it to keep its rate."""
        frame = av.VideoFrame.from_numpy_buffer(picture.buffer, "yuv420p")
        frame.pts, frame.time_base = time_us, MICROSECONDS
        frame.pict_type = PictureType.I if keyframe else PictureType.NONE
        packets = self._context.encode(frame)
        if not packets:
            return None
        data = b"".join(bytes(p) for p in packets)
        return EncodedUnit(Codec.VP8, time_us, data, any(p.is_keyframe for p in packets))
