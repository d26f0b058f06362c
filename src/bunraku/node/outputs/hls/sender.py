"""HTTP Live Streaming in fragmented MP4 (RFC 8216), from the server's own storage: ``hls``."""

from __future__ import annotations

from bunraku.core.media import Codec
from bunraku.core.output import OutputOrder
from bunraku.node.outputs.base import KEYFRAME_EVERY_US, Means, Sender, Wants
from bunraku.node.outputs.sinks import SinkSender
from bunraku.node.outputs.storage import Place

SEGMENT = 2  # s
PLAYLIST = "index.m3u8"


def open_sender(order: OutputOrder, place: Place, means: Means) -> Sender:
    seconds = order.segment_seconds or SEGMENT
    wants = Wants(Codec.AAC, every_us=min(KEYFRAME_EVERY_US, seconds * 1_000_000))
    request = {"folder": str(means.storage.folder(place).absolute()), "segment_seconds": seconds}
    return SinkSender(means.workers, wants, f"{__package__}.sink", request, means.timeout)
