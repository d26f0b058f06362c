"""The protocols there are. One more is a folder beside these and a line here."""

from __future__ import annotations

from bunraku.core.errors import InvalidParams
from bunraku.core.output import OutputOrder, Protocol
from bunraku.node.outputs.base import Means, Sender, SenderOpener
from bunraku.node.outputs.file.sender import open_sender as open_file
from bunraku.node.outputs.hls.sender import open_sender as open_hls
from bunraku.node.outputs.images.sender import open_sender as open_images
from bunraku.node.outputs.rtmp.sender import open_sender as open_rtmp
from bunraku.node.outputs.storage import Place
from bunraku.node.outputs.whip.sender import open_sender as open_whip

OPENERS: dict[Protocol, SenderOpener] = {
    Protocol.FILE: open_file,
    Protocol.HLS: open_hls,
    Protocol.IMAGES: open_images,
    Protocol.RTMP: open_rtmp,
    Protocol.WHIP: open_whip,
}


def open_sender(order: OutputOrder, place: Place, means: Means) -> Sender:
    """Raises ``InvalidParams`` for an order that can never work here."""
    opener = OPENERS.get(order.protocol)
    if opener is None:
        # PyAV's FFmpeg comes without libsrt, and no library that is kept brings it.
        raise InvalidParams(f"Output.Protocol {order.protocol} is not available on this server")
    return opener(order, place, means)
