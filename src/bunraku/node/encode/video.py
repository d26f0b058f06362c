"""What every video encoder here is: one open context, one picture in, one unit out."""

from __future__ import annotations

from fractions import Fraction

import av
from av.video.frame import PictureType

from bunraku.core.media import FRAME_RATE, Codec, EncodedUnit, Picture

MICROSECONDS = Fraction(1, 1_000_000)
NEVER = 1 << 20  # pictures between periodic keyframes: they are made on demand


def new_context(name: str, width: int, height: int) -> av.VideoCodecContext:
    """An encoder of FFmpeg with what all have in common; options and ``open`` are the caller's."""
    context = av.VideoCodecContext.create(name, "w")
    assert isinstance(context, av.VideoCodecContext)
    context.width, context.height = width, height
    context.pix_fmt = "yuv420p"
    context.framerate = Fraction(FRAME_RATE)
    context.time_base = MICROSECONDS
    context.gop_size = NEVER
    context.thread_count = 1
    return context


class VideoEncoder:
    """One stream's encoder; used by one thread at a time. The first unit is a keyframe."""

    def __init__(self, codec: Codec, context: av.VideoCodecContext, bitrate: int) -> None:
        self.codec, self.bitrate = codec, bitrate
        self._context = context

    def encode(self, picture: Picture, time_us: int, keyframe: bool) -> EncodedUnit | None:
        """Encode one picture; None when the encoder dropped it to keep its rate."""
        frame = av.VideoFrame.from_numpy_buffer(picture.buffer, "yuv420p")
        frame.pts, frame.time_base = time_us, MICROSECONDS
        frame.pict_type = PictureType.I if keyframe else PictureType.NONE
        packets = self._context.encode(frame)
        if not packets:
            return None
        data = b"".join(bytes(p) for p in packets)
        return EncodedUnit(self.codec, time_us, data, any(p.is_keyframe for p in packets))
