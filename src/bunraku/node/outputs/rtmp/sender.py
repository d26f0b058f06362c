"""Pushing to an RTMP or RTMPS server: ``rtmp``."""

from __future__ import annotations

from bunraku.core.errors import InvalidParams
from bunraku.core.media import Codec
from bunraku.core.output import OutputOrder
from bunraku.node.outputs.base import Means, Sender, Wants
from bunraku.node.outputs.rtmp.address import Address
from bunraku.node.outputs.sinks import SinkSender
from bunraku.node.outputs.storage import Place


def open_sender(order: OutputOrder, place: Place, means: Means) -> Sender:
    del place
    try:
        Address.of(order.url or "")
    except ValueError as error:
        raise InvalidParams(f"Output.Url {error}") from None
    request = means.guard.asked() | {"url": order.url, "timeout": means.timeout}
    return SinkSender(means.workers, Wants(Codec.AAC), f"{__package__}.sink", request, means.timeout)
