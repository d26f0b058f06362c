"""Pictures as they were encoded: aiortc puts access units together and decodes them, and has no word for the
first without the second. Its private names are used here and nowhere else."""

from __future__ import annotations

import queue
from typing import Any

from aiortc import RTCPeerConnection


class _PastTheDecoder(queue.Queue[Any]):
    """What the decoder's thread would take goes to the receiver's track; the thread waits for its end."""

    def __init__(self, receiver: Any) -> None:
        super().__init__()
        self._receiver = receiver

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        if item is None:
            super().put(None, block, timeout)
        else:
            self._receiver.track._queue.put_nowait(item[1])  # noqa: SLF001 - aiortc's


def bypass_decoder(peer: RTCPeerConnection) -> None:
    """Before the remote description is set."""
    for receiver in _video(peer):
        receiver._RTCRtpReceiver__decoder_queue = _PastTheDecoder(receiver)  # noqa: SLF001 - aiortc's


async def request_keyframe(peer: RTCPeerConnection) -> None:
    """A picture loss indication (RFC 4585 section 6.3.1)."""
    for receiver in _video(peer):
        for source in receiver.getSynchronizationSources():
            await receiver._send_rtcp_pli(source.source)  # noqa: SLF001 - aiortc's


def _video(peer: RTCPeerConnection) -> list[Any]:
    return [t.receiver for t in peer.getTransceivers() if t.kind == "video"]
