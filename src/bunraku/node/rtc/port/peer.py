"""One peer behind the single port, watching or publishing: who it is, DTLS, SRTP, where it is.

We are ICE-lite (RFC 8445 section 2.5) and DTLS-passive: the peer opens everything.
"""

from __future__ import annotations

import contextlib
import secrets
import struct
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Protocol

import pylibsrtp
from aiortc.rtp import RtcpByePacket, RtcpPacket
from OpenSSL import SSL
from pylibsrtp import Session

from bunraku.core.media import EncodedUnit, Kind
from bunraku.node.rtc.offer import Taken
from bunraku.node.rtc.port import dtls, rtp
from bunraku.node.rtc.port.sdp import Identity
from bunraku.node.rtc.port.udp import Address

RECORD = 13  # bytes before the content of a DTLS record, the last two its length (RFC 6347 section 4.1)
MAX_SOURCES = 8  # SSRCs a peer may report by; each costs memory for ever


class Wire(Protocol):
    """How datagrams leave; never blocks, never raises."""

    def now(self) -> float:
        """Monotonic seconds."""
        ...

    def cut(self, unit: EncodedUnit) -> rtp.Cut:
        """The unit as packets, cut once for all watchers."""
        ...

    def send(self, datagram: bytes, address: Address) -> None: ...

    def send_many(self, datagrams: list[bytes], address: Address) -> None: ...


class Peer(ABC):
    """A ``PeerSession``. Everything runs on the event loop.

    ``address`` is where it has proved to be (``ice.py``); nothing but checks is sent before.
    """

    def __init__(
        self,
        taken: Taken,
        fingerprint: str,
        context: SSL.Context,
        wire: Wire,
        on_closed: Callable[[Peer], None],
    ) -> None:
        self.answer = ""
        self.address: Address | None = None
        self.closed = False
        self.heard = self.born = wire.now()
        """Monotonic time of the last ICE check, and of the offer."""
        self.offer = taken.offer
        self._wire, self._on_closed = wire, on_closed
        self.identity = Identity(
            secrets.token_hex(4),
            secrets.token_hex(16),
            fingerprint,
            {kind: secrets.randbelow((1 << 32) - 2) + 1 for kind in Kind},
            secrets.token_hex(8),
        )
        self._dtls = SSL.Connection(context, None)
        self._dtls.set_accept_state()
        self._outgoing: Session | None = None
        self._incoming: Session | None = None
        self._sources: set[bytes] = set()

    @property
    def sources(self) -> int:
        """How many SSRCs it has reported by."""
        return len(self._sources)

    @property
    def connected(self) -> bool:
        return self._outgoing is not None and not self.closed

    @property
    def urgent(self) -> bool:
        """What it has to say cannot wait for the next packet of sound."""
        return True

    # --- what a watcher and a publisher differ in

    @abstractmethod
    def _opened(self) -> None:
        """The handshake is done. Raises ``ValueError`` when the peer is not wanted any more."""

    @abstractmethod
    def _ended(self) -> None:
        """The peer is gone; called once."""

    @abstractmethod
    def _feedback(self, packet: Any) -> None:
        """One RTCP packet of the peer's."""

    @abstractmethod
    def on_rtp(self, datagram: bytes) -> None: ...

    @abstractmethod
    def _on_data(self, data: bytes) -> None:
        """Application data. Raises ``ValueError`` when the peer is not wanted any more."""

    @abstractmethod
    def on_beat(self) -> None:
        """Every ``BEAT``."""

    @abstractmethod
    def report(self, wall: float) -> None:
        """Every second while connected: RTCP reports. ``wall`` in Unix seconds."""

    # --- DTLS

    def on_dtls(self, datagram: bytes) -> None:
        try:
            self._dtls.bio_write(datagram)
            if self._outgoing is None:
                self._dtls.do_handshake()
                self.secure(*dtls.srtp_sessions(self._dtls, self.offer.fingerprint))
                self._opened()
            while True:  # a datagram may hold many records, and what is not read stays
                self._on_data(self._dtls.recv(2048))
                if len(datagram) == RECORD + int.from_bytes(datagram[RECORD - 2 : RECORD]):
                    return  # it held one: there is nothing more to read, and nothing to answer
        except SSL.WantReadError:
            pass
        except SSL.ZeroReturnError:
            self._flush()
            self.end()
            return
        except (SSL.Error, pylibsrtp.Error, ValueError):
            self.end()
            return
        self._flush()

    def secure(self, outgoing: Session, incoming: Session) -> None:
        """The handshake has given these keys."""
        self._outgoing, self._incoming = outgoing, incoming

    def on_timer(self) -> None:
        """Send a flight again whose answer is overdue (RFC 6347 section 4.2.4)."""
        if self._outgoing is None and self.address is not None:
            timeout = self._dtls.DTLSv1_get_timeout()
            if timeout is not None and timeout <= 0:
                try:
                    self._dtls.DTLSv1_handle_timeout()
                except SSL.Error:
                    self.end()
                    return
                self._flush()
        self.on_beat()

    def _send_data(self, data: bytes) -> None:
        """Application data; lost when the connection is over."""
        if self.connected:
            with contextlib.suppress(SSL.Error):
                self._dtls.send(data)
                datagram = self._dtls.bio_read(2048)  # one record, for there was nothing else
                if self.address is not None:
                    self._wire.send(datagram, self.address)

    def _flush(self) -> None:
        if self.address is None:
            return
        while True:
            try:
                datagram = self._dtls.bio_read(2048)
            except SSL.Error:
                return
            self._wire.send(datagram, self.address)

    # --- RTCP

    def on_rtcp(self, datagram: bytes) -> None:
        if self._incoming is None:
            return
        source = datagram[4:8]
        if source not in self._sources and len(self._sources) >= MAX_SOURCES:
            return
        try:
            packets = RtcpPacket.parse(self._incoming.unprotect_rtcp(datagram))
        except (pylibsrtp.Error, ValueError, struct.error, IndexError):
            return
        self._sources.add(source)
        for packet in packets:
            if isinstance(packet, RtcpByePacket):
                self.end()
                return
            self._feedback(packet)

    # --- the end

    def end(self) -> None:
        """At once; idempotent."""
        if self.closed:
            return
        self.closed = True
        self._on_closed(self)
        self._ended()

    async def close(self) -> None:
        if not self.closed and self.address is not None:
            with contextlib.suppress(SSL.Error):
                self._dtls.shutdown()
            self._flush()
        self.end()
