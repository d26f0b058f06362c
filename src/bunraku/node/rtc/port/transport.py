"""The single-port transport: every peer of the server behind one UDP port.

The first byte of a datagram tells STUN, DTLS and SRTP apart (RFC 7983). Consent is the peer's
checks going on (RFC 7675): when they stop, it is let go. Candidates of an offer are not even
looked at: nothing is ever sent to an address that did not write first, and but for the answers to
its checks nothing to one that has not proved to be the peer's (``ice.py``).

What comes wakes the process only while some peer cannot wait. Otherwise it is looked for when sound
leaves, and on beats: confirmations and reports of those who draw are a dozen wake-ups a second each.
"""

from __future__ import annotations

import asyncio
import logging

from bunraku.core.clock import Clock, next_beat
from bunraku.core.media import EncodedUnit
from bunraku.node.rtc import offer as offers
from bunraku.node.rtc.base import CONNECT_TIMEOUT
from bunraku.node.rtc.port import dtls, rtp, sdp
from bunraku.node.rtc.port.ice import IceLite
from bunraku.node.rtc.port.peer import Peer
from bunraku.node.rtc.port.publisher import PortPublisher
from bunraku.node.rtc.port.udp import Address, UdpPort, local_addresses
from bunraku.node.rtc.port.watcher import PortWatcher
from bunraku.node.streams.microphone import Microphone
from bunraku.node.streams.stream import Stream

log = logging.getLogger(__name__)


class PortTransport:
    """A ``Transport``; also the ``Wire`` its peers send through."""

    def __init__(self, clock: Clock, port: int, addresses: tuple[str, ...], timeout: float) -> None:
        self._clock = clock
        self._addresses, self._timeout = addresses, timeout
        self._quick, self._small, self._fingerprint = dtls.contexts()
        self._udp = UdpPort(port, self.on_datagram)
        self.ice = IceLite(clock.monotonic, self.send)
        self._job: asyncio.Task[None] | None = None
        self._cut: rtp.Cut | None = None
        self._local: list[str] = []

    @property
    def port(self) -> int:
        return self._udp.number

    async def start(self) -> None:
        """Raises ``OSError`` when the port is taken."""
        self._udp.open()
        self._local = await asyncio.to_thread(local_addresses)
        self._job = asyncio.create_task(self._tick(), name="peers")

    async def close(self) -> None:
        if self._job is not None:
            self._job.cancel()
            await asyncio.gather(self._job, return_exceptions=True)
        for peer in self.ice.peers:
            await peer.close()
        self._udp.close()

    async def watch(self, stream: Stream, offer: str, *, draw: bool = False) -> PortWatcher:
        taken = offers.watched(offers.parse(offer), channel=draw)
        context = self._quick if taken.channel is None else self._small
        peer = PortWatcher(stream, taken, self._fingerprint, context, self, self.ice.remove)
        peer.answer = sdp.sending(taken, peer.identity, self._told, self.port)
        self._add(peer)
        return peer

    async def publish(self, microphone: Microphone, offer: str) -> PortPublisher:
        taken = offers.published(offers.parse(offer))
        peer = PortPublisher(microphone, taken, self._fingerprint, self._quick, self, self.ice.remove)
        peer.answer = sdp.receiving(taken, peer.identity, self._told, self.port)
        self._add(peer)
        return peer

    def _add(self, peer: Peer) -> None:
        self.ice.add(peer)
        self._udp.heed(True)

    @property
    def _told(self) -> list[str]:
        return list(self._addresses) or self._local

    # --- the wire

    def now(self) -> float:
        return self._clock.monotonic()

    def cut(self, unit: EncodedUnit) -> rtp.Cut:
        cut = self._cut
        if cut is None or cut.unit is not unit:
            cut = self._cut = rtp.cut(unit)
            self._udp.look()
        return cut

    def send(self, datagram: bytes, address: Address) -> None:
        self._udp.send(datagram, address)

    def send_many(self, datagrams: list[bytes], address: Address) -> None:
        self._udp.send_many(datagrams, address)

    def on_datagram(self, datagram: bytes, address: Address) -> None:
        """One that has come; ``datagram`` is not empty."""
        first = datagram[0]
        if first < 4:
            self.ice.on_datagram(datagram, address)
            return
        peer = self.ice.at(address)
        if peer is None:
            return
        if 20 <= first < 64:
            peer.on_dtls(datagram)
        elif 128 <= first < 192 and len(datagram) > 8:
            if 192 <= datagram[1] <= 223:
                peer.on_rtcp(datagram)
            else:
                peer.on_rtp(datagram)

    # --- time

    async def _tick(self) -> None:
        count = 0
        while True:
            await self._clock.sleep_until(next_beat(self._clock.monotonic()))
            count += 1
            now, wall = self._clock.monotonic(), self._clock.wall()
            for peer in self.ice.peers:
                # Checks alone keep nobody here who does not finish the handshake.
                slow = not peer.connected and now - peer.born > CONNECT_TIMEOUT
                if slow or now - peer.heard > self._timeout:
                    log.info("peer reaped", extra={"connected": peer.connected})
                    peer.end()
                    continue
                peer.on_timer()
                if count % 4 == 0 and peer.connected:
                    peer.report(wall)
            self._udp.heed(any(peer.urgent for peer in self.ice.peers))
            self._udp.look()
