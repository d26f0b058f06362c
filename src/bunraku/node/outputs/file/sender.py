"""Recording to MP4: ``file``."""

from __future__ import annotations

from functools import partial

from bunraku.core.media import Codec
from bunraku.core.output import OutputOrder
from bunraku.node.outputs.base import Means, Sender, Wants
from bunraku.node.outputs.sinks import SinkSender
from bunraku.node.outputs.storage import Place

SEGMENT = 3600  # s: what is lost with a disk, and what a browser opens at once


def open_sender(order: OutputOrder, place: Place, means: Means) -> Sender:
    request = {
        "folder": str(means.storage.folder(place).absolute()),
        "name": place.name,
        "segment_seconds": order.segment_seconds or SEGMENT,
    }
    finish = partial(means.finishing.finish, place)
    wants = Wants(Codec.AAC)
    return SinkSender(means.workers, wants, f"{__package__}.sink", request, means.timeout, finish)
