"""Thumbnails every so many seconds: ``images``."""

from __future__ import annotations

from bunraku.core.output import OutputOrder
from bunraku.node.outputs.base import Means, Sender, Wants
from bunraku.node.outputs.keeping import Keeping
from bunraku.node.outputs.sinks import SinkSender
from bunraku.node.outputs.storage import Place

EVERY = 10  # s


def open_sender(order: OutputOrder, place: Place, means: Means) -> Sender:
    seconds = order.segment_seconds or EVERY
    wants = Wants(None, keyframes_only=True, every_us=seconds * 1_000_000)
    request = Keeping.asked(means.storage, place) | {"name": place.name, "every_us": wants.every_us}
    # It hears of the target as often as there is a picture.
    return SinkSender(means.workers, wants, f"{__package__}.sink", request, means.timeout + seconds)
