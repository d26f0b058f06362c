"""H.264 by x264: constant quality under a rate cap, no delay, keyframes only on demand."""

from __future__ import annotations

from bunraku.core.media import Codec
from bunraku.node.encode.video import VideoEncoder, new_context

CRF = 23
# Macroblocks per picture each level allows (ITU-T H.264 table A-1, MaxFS); 25 pictures a second
# stay under MaxMBPS of the same level.
LEVELS = (("3.0", 1620), ("3.1", 3600), ("3.2", 5120), ("4.0", 8192), ("5.0", 22080), ("5.1", 36864))


def level_for(width: int, height: int) -> str:
    """The lowest level whose frame size holds the picture."""
    macroblocks = -(-width // 16) * -(-height // 16)
    for name, size in LEVELS:
        if macroblocks <= size:
            return name
    raise ValueError(f"{width}x{height} is larger than any H.264 level here")


class H264Encoder(VideoEncoder):
    """x264 in constrained-baseline form, because that is what every WebRTC receiver decodes.

    Rate-capped constant quality spends nothing on still pictures, and a VBV of half a second
    keeps the first keyframe small. The rate of an open encoder cannot be changed: reopen it.
    """

    def __init__(self, width: int, height: int, bitrate: int) -> None:
        context = new_context("libx264", width, height)
        context.profile = "Baseline"
        context.color_range = 1  # limited
        context.color_primaries = 6  # SMPTE 170M, as OpenCV converts
        context.color_trc = 6
        context.colorspace = 6
        context.options = {
            "preset": "superfast",
            "tune": "zerolatency",
            "crf": str(CRF),
            "maxrate": str(bitrate),
            "bufsize": str(bitrate // 2),
            "level": level_for(width, height),
            "forced-idr": "1",
            "x264-params": "repeat-headers=1:scenecut=0",
        }
        context.open()
        super().__init__(Codec.H264, context, bitrate)
