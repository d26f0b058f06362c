"""A data channel beside the media of a peer: SCTP over the peer's DTLS (RFC 8831).

One channel that both sides know of beforehand (negotiated, id 0), unordered and never repeated: what
is lost is out of date. Nothing is heard on it but what SCTP itself has to say.
"""

from __future__ import annotations

from collections.abc import Callable

from bunraku.node.rtc.port.sctp import Association, AssociationState

MAX_PACKETS = 100.0  # a second from the peer: it confirms, and no more


class DataChannel:
    """``send`` takes what is to leave by DTLS; ``on_open`` is told once the peer is there."""

    def __init__(
        self, port: int, peer_port: int, send: Callable[[bytes], None], on_open: Callable[[], object]
    ) -> None:
        self.sctp = Association(port, peer_port, send, on_open)
        self._allowance = MAX_PACKETS

    @property
    def open(self) -> bool:
        return self.sctp.state is AssociationState.ESTABLISHED

    def start(self) -> None:
        self.sctp.start()

    def send(self, message: bytes) -> None:
        """Nothing while the peer is not there yet, or its path is full."""
        self.sctp.send(message)

    def receive(self, packet: bytes) -> None:
        """Raises ``ValueError`` for what no honest peer sends."""
        if self._allowance >= 1:
            self._allowance -= 1
            self.sctp.receive(packet)

    def on_beat(self, passed: float) -> None:
        self._allowance = min(MAX_PACKETS, self._allowance + MAX_PACKETS * passed)
        self.sctp.on_beat(passed)

    def close(self) -> None:
        self.sctp.close()
