"""ICE-lite for all sessions behind one port (RFC 8445, RFC 8489), and who is where.

We answer checks that carry a session's password. As those could come under a borrowed address
from the very holder of the session, they move nothing: an address belongs to a session once its
peer has answered, from there, a check of ours with a random transaction id, as QUIC validates a
path (RFC 9000 section 8.2). Until then such an address gets our small answers and now and then a
check, and nothing else. A lite agent need not send checks; a full one answers every one that it
gets, so this costs no round trip: its answer comes before its handshake.
"""

from __future__ import annotations

import secrets
import struct
from collections.abc import Callable
from dataclasses import dataclass

from aioice import stun

from bunraku.node.rtc.port.peer import Peer
from bunraku.node.rtc.port.udp import Address

CHECK_GAP = 0.2  # s between our checks of one address
MAX_PATHS = 8  # addresses of one session that are being checked; the oldest is given up
MAX_HANDSHAKES = 64  # unfinished ones per address
PRIORITY = 1 << 24  # of a candidate nobody will use; the attribute is required


@dataclass(slots=True)
class Check:
    """One of ours on its way. Repeats carry the same transaction id, so a late answer counts."""

    peer: Peer
    address: Address
    transaction: bytes
    sent: float
    nominated: bool


class IceLite:
    """``send`` never blocks and never raises; ``now`` is in monotonic seconds."""

    def __init__(self, now: Callable[[], float], send: Callable[[bytes, Address], None]) -> None:
        self._now, self._send = now, send
        self._by_ufrag: dict[str, Peer] = {}
        self._by_address: dict[Address, Peer] = {}
        self._checks: dict[bytes, Check] = {}
        self._paths: dict[Peer, dict[Address, Check]] = {}
        self._tie_breaker = secrets.randbits(64)

    @property
    def peers(self) -> list[Peer]:
        return list(self._by_ufrag.values())

    @property
    def checks(self) -> int:
        """How many are out."""
        return len(self._checks)

    def at(self, address: Address) -> Peer | None:
        """Whose address this has proved to be."""
        return self._by_address.get(address)

    def add(self, peer: Peer) -> None:
        self._by_ufrag[peer.identity.ufrag] = peer

    def remove(self, peer: Peer) -> None:
        self._by_ufrag.pop(peer.identity.ufrag, None)
        if peer.address is not None and self._by_address.get(peer.address) is peer:
            del self._by_address[peer.address]
        for check in self._paths.pop(peer, {}).values():
            self._checks.pop(check.transaction, None)

    def on_datagram(self, datagram: bytes, address: Address) -> None:
        """Nothing is answered to who does not know a session's password."""
        try:
            message = stun.parse_message(datagram)
            if message.message_method is not stun.Method.BINDING:
                return
            if message.message_class is stun.Class.RESPONSE:
                self._on_response(message, address)
            elif message.message_class is stun.Class.REQUEST:
                self._on_request(message, address)
        except (ValueError, KeyError, IndexError, struct.error):
            return  # not STUN, or a wrong password

    def _on_request(self, request: stun.Message, address: Address) -> None:
        peer = self._by_ufrag.get(str(request.attributes.get("USERNAME", "")).split(":")[0])
        if peer is None or not request.check_message_integrity(peer.identity.password.encode()):
            return
        if peer.address in (None, address):
            peer.heard = self._now()
        if peer.address != address:
            nominated = "USE-CANDIDATE" in request.attributes
            if self._crowded(peer, address):
                return
            if peer.address is None or nominated:
                self._check(peer, address, nominated)
        response = stun.Message(
            message_method=stun.Method.BINDING,
            message_class=stun.Class.RESPONSE,
            transaction_id=request.transaction_id,
        )
        response.attributes["XOR-MAPPED-ADDRESS"] = (address[0].removeprefix("::ffff:"), address[1])
        response.add_message_integrity(peer.identity.password.encode())
        self._send(bytes(response), address)

    def _check(self, peer: Peer, address: Address, nominated: bool) -> None:
        now, paths = self._now(), self._paths.setdefault(peer, {})
        check = paths.get(address)
        if check is None:
            if len(paths) >= MAX_PATHS:
                del self._checks[paths.pop(next(iter(paths))).transaction]
            check = paths[address] = Check(peer, address, secrets.token_bytes(12), now, nominated)
            self._checks[check.transaction] = check
        else:
            check.nominated |= nominated
            if now - check.sent < CHECK_GAP:
                return
            check.sent = now
        request = stun.Message(
            message_method=stun.Method.BINDING,
            message_class=stun.Class.REQUEST,
            transaction_id=check.transaction,
        )
        request.attributes["USERNAME"] = f"{peer.offer.ufrag}:{peer.identity.ufrag}"
        request.attributes["PRIORITY"] = PRIORITY
        request.attributes["ICE-CONTROLLED"] = self._tie_breaker
        request.add_message_integrity(peer.offer.password.encode())
        self._send(bytes(request), address)

    def _on_response(self, response: stun.Message, address: Address) -> None:
        check = self._checks.get(response.transaction_id)
        if check is None or check.address != address:
            return
        peer = check.peer
        if not response.check_message_integrity(peer.offer.password.encode()):
            return
        del self._checks[check.transaction], self._paths[peer][address]
        if (peer.address is None or check.nominated) and not self._crowded(peer, address):
            self._settle(peer, address)

    def _settle(self, peer: Peer, address: Address) -> None:
        former = self._by_address.get(address)
        if former is not None and former is not peer:
            former.end()  # another answers where it was: a router has given its place away
        if peer.address is not None:
            self._by_address.pop(peer.address, None)
        peer.address = address
        self._by_address[address] = peer

    def _crowded(self, peer: Peer, address: Address) -> bool:
        """Whether its host has all the unfinished handshakes it may: each costs signatures."""
        if peer.connected:
            return False
        others = (
            a[0] == address[0] and not p.connected and p is not peer for a, p in self._by_address.items()
        )
        return sum(others) >= MAX_HANDSHAKES
