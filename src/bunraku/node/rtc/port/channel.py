"""A data channel beside the media of a peer: SCTP (RFC 8831) by aiortc, over the peer's DTLS.

One channel that both sides know of beforehand (negotiated, id 0), unordered and never repeated: what
is lost is out of date. Nothing is heard on it but what SCTP itself has to say.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, cast

from aiortc import RTCDataChannel, RTCDataChannelParameters, RTCSctpCapabilities, RTCSctpTransport
from aiortc.rtcsctptransport import (
    AbortChunk,
    CookieAckChunk,
    CookieEchoChunk,
    ErrorChunk,
    HeartbeatChunk,
    InitAckChunk,
    InitChunk,
    SackChunk,
    ShutdownChunk,
)

HEARD = (
    AbortChunk, CookieAckChunk, CookieEchoChunk, ErrorChunk, HeartbeatChunk, InitAckChunk, InitChunk,
    SackChunk, ShutdownChunk,
)  # fmt: skip
MAX_GAP = 1024  # packets after the last confirmed one: more are never under way
MAX_GAPS = 64
MAX_WAITING = 2048  # bytes; a path that takes no more gets the next moments only
MAX_PACKETS = 100.0  # a second from the peer: it confirms, and no more


class _Pipe:
    """What aiortc's SCTP asks of a DTLS transport."""

    state, _role = "connected", "server"

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self._send = send

    def _register_data_receiver(self, receiver: object) -> None:
        """The peer hands on what comes."""

    def _unregister_data_receiver(self, receiver: object) -> None:
        """As above."""

    async def _send_data(self, data: bytes) -> None:
        self._send(data)


class _Association(RTCSctpTransport):
    """Takes no data in, and believes no confirmation of what cannot have been sent."""

    async def _receive_chunk(self, chunk: Any) -> None:
        if not isinstance(chunk, HEARD):
            return
        if isinstance(chunk, SackChunk) and _incredible(chunk.gaps):
            raise ValueError("confirms what was not sent")
        await super()._receive_chunk(chunk)


def _incredible(gaps: list[tuple[int, int]]) -> bool:
    return len(gaps) > MAX_GAPS or any(end > MAX_GAP for _, end in gaps)


class DataChannel:
    """``send`` takes what is to leave by DTLS; ``on_open`` is told once the peer is there."""

    def __init__(self, port: int, peer_port: int, send: Callable[[bytes], None]) -> None:
        self._sctp = _Association(cast(Any, _Pipe(send)), port)
        self._peer_port = peer_port
        self._channel = RTCDataChannel(
            self._sctp,
            RTCDataChannelParameters(label="drawing", ordered=False, maxRetransmits=0, negotiated=True, id=0),
        )
        self._allowance = MAX_PACKETS

    @property
    def open(self) -> bool:
        return self._channel.readyState == "open"

    def start(self) -> None:
        _at_once(self._sctp.start(RTCSctpCapabilities(maxMessageSize=65536), self._peer_port))

    def send(self, message: bytes) -> None:
        """Nothing while the peer is not there yet, or its path is full."""
        if self.open and self._channel.bufferedAmount < MAX_WAITING:
            self._channel.send(message)

    def receive(self, packet: bytes) -> None:
        """Raises ``ValueError`` for what no honest peer sends."""
        if self._allowance < 1:
            return
        self._allowance -= 1
        try:
            _at_once(self._sctp._handle_data(packet))
        except Exception as error:  # aiortc asserts where it trusts
            raise ValueError("SCTP not understood") from error

    def on_beat(self, passed: float) -> None:
        self._allowance = min(MAX_PACKETS, self._allowance + MAX_PACKETS * passed)

    def close(self) -> None:
        _at_once(self._sctp.stop())


def _at_once(work: Coroutine[Any, Any, None]) -> None:
    """Run what waits for nothing but ``_Pipe``, which never waits."""
    try:
        work.send(None)
    except StopIteration:
        return
    work.close()
    raise RuntimeError("SCTP waited")
