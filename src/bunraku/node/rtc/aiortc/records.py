"""DTLS records of a peer after its handshake, on aiortc's connections.

aiortc 1.16 reads one record of each datagram (RFC 6347 section 4.1.1 allows many): the others would pile up
in memory for as long as the peer sends them, and its close_notify behind them.
"""

from __future__ import annotations

from typing import Any

from aiortc import RTCPeerConnection
from OpenSSL import SSL


def read_all(connection: RTCPeerConnection) -> None:
    """Have every record read with its datagram. To be called when the transceivers are there."""
    for transport in {t.receiver.transport for t in connection.getTransceivers()} - {None}:
        _read_all(transport)


def _read_all(transport: Any) -> None:
    next_datagram = transport._recv_next  # noqa: SLF001 - aiortc's

    async def received() -> None:
        await next_datagram()
        while transport.encrypted:
            try:
                data = transport._ssl.recv(2048)  # noqa: SLF001 - aiortc's
            except SSL.ZeroReturnError:
                raise ConnectionError from None  # as aiortc itself says it
            except SSL.Error:
                return
            if data and transport._data_receiver:  # noqa: SLF001 - aiortc's
                await transport._data_receiver._handle_data(data)  # noqa: SLF001 - aiortc's

    transport._recv_next = received  # noqa: SLF001 - aiortc's
