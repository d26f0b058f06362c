"""The single-port transport: every watcher of the server behind one UDP port.

ICE-lite: we send no checks, we answer those that carry a session's password (RFC 8445). The
first byte of a datagram tells STUN, DTLS and SRTP apart (RFC 7983). Consent is the watcher's
checks going on (RFC 7675): when they stop, the watcher is let go.

Nothing is answered to an address that has not proved a session's password, so the port amplifies
nothing and DTLS cannot be flooded from outside.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import errno
import logging
import socket
import struct

from aioice import stun
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from OpenSSL import SSL

from bunraku.core.clock import Clock, next_beat
from bunraku.core.media import EncodedUnit
from bunraku.node.rooms.room import Stream
from bunraku.node.rtc.port import rtp
from bunraku.node.rtc.port import sdp as port_sdp
from bunraku.node.rtc.port.watcher import PROFILES, Address, PortWatcher

log = logging.getLogger(__name__)

READ_BATCH = 64
BUFFER = 4 << 20
UDP_SEGMENT = 103  # Linux: one send, many packets of one size
MAX_SEGMENTS = 40
NO_SEGMENTATION = (errno.EIO, errno.ENOPROTOOPT, errno.EOPNOTSUPP, errno.EINVAL)
CONNECT_TIMEOUT = 20.0
MAX_HANDSHAKES = 64  # unfinished ones per address
CIPHERS = b"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES256-GCM-SHA384"


def local_addresses() -> list[str]:
    """This host's own addresses, the one of the default route first; loopback last."""
    found: list[str] = []
    for family, probe in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as s:
            s.connect((probe, 9))  # sends nothing: asks the routing table
            found.append(str(s.getsockname()[0]))
    with contextlib.suppress(OSError):
        names = socket.getaddrinfo(socket.gethostname(), None, type=socket.SOCK_DGRAM)
        found.extend(str(entry[4][0]) for entry in names)
    found.append("127.0.0.1")
    return list(dict.fromkeys(a for a in found if "%" not in a))


class PortTransport:
    """A ``Transport``; also the ``Wire`` its watchers send through."""

    def __init__(self, clock: Clock, port: int, addresses: tuple[str, ...], timeout: float) -> None:
        self._clock, self._port = clock, port
        self._addresses, self._timeout = addresses, timeout
        self._context, self._fingerprint = _dtls_context()
        self._by_ufrag: dict[str, PortWatcher] = {}
        self._by_address: dict[Address, PortWatcher] = {}
        self._socket: socket.socket | None = None
        self._segmented = True
        self._jobs: list[asyncio.Task[None]] = []
        self._cut: rtp.Cut | None = None
        self._local: list[str] = []

    @property
    def port(self) -> int:
        return self._port

    async def start(self) -> None:
        """Raises ``OSError`` when the port is taken."""
        self._socket = s = self._bind()
        s.setblocking(False)
        for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            s.setsockopt(socket.SOL_SOCKET, option, BUFFER)
        self._port = int(s.getsockname()[1])
        self._local = await asyncio.to_thread(local_addresses)
        asyncio.get_running_loop().add_reader(s.fileno(), self._read)
        self._jobs = [asyncio.create_task(self._tick(), name="watchers")]

    def _bind(self) -> socket.socket:
        """One socket for IPv4 and IPv6 where the host has both."""
        if socket.has_ipv6:
            with contextlib.suppress(OSError):
                s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
                s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
                s.bind(("::", self._port))
                return s
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.bind(("0.0.0.0", self._port))  # noqa: S104 - watchers come from anywhere
        return s

    async def close(self) -> None:
        for job in self._jobs:
            job.cancel()
        await asyncio.gather(*self._jobs, return_exceptions=True)
        for watcher in list(self._by_ufrag.values()):
            await watcher.close()
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
            self._socket.close()
            self._socket = None

    async def watch(self, stream: Stream, offer: str) -> PortWatcher:
        parsed = port_sdp.parse(offer)
        watcher = PortWatcher(stream, parsed, self._fingerprint, self._context, self, self._forget)
        watcher.heard = watcher.born = self._clock.monotonic()
        addresses = list(self._addresses) or self._local
        watcher.answer = port_sdp.answer(parsed, watcher.identity, addresses, self._port)
        self._by_ufrag[watcher.identity.ufrag] = watcher
        return watcher

    def _forget(self, watcher: PortWatcher) -> None:
        self._by_ufrag.pop(watcher.identity.ufrag, None)
        if watcher.address is not None and self._by_address.get(watcher.address) is watcher:
            del self._by_address[watcher.address]

    def cut(self, unit: EncodedUnit) -> rtp.Cut:
        cut = self._cut
        if cut is None or cut.unit is not unit:
            cut = self._cut = rtp.cut(unit)
        return cut

    def now(self) -> float:
        return self._clock.monotonic()

    # --- sending

    def send(self, datagram: bytes, address: Address) -> None:
        if self._socket is None:
            return
        # A full socket buffer loses the packet, as the network would; NACK repairs it.
        with contextlib.suppress(OSError):
            self._socket.sendto(datagram, address)

    def send_many(self, datagrams: list[bytes], address: Address) -> None:
        """Runs of packets of one size (the last may be shorter) leave in one system call."""
        s = self._socket
        if s is None:
            return
        i, count = 0, len(datagrams)
        if count == 1:
            self.send(datagrams[0], address)
            return
        while i < count:
            size, j = len(datagrams[i]), i + 1
            while j < count and len(datagrams[j]) == size and j - i < MAX_SEGMENTS:
                j += 1
            if j < count and len(datagrams[j]) < size and j - i < MAX_SEGMENTS:
                j += 1
            if j - i == 1 or not self._segmented:
                for datagram in datagrams[i:j]:
                    self.send(datagram, address)
            else:
                control = [(socket.IPPROTO_UDP, UDP_SEGMENT, struct.pack("H", size))]
                try:
                    s.sendmsg(datagrams[i:j], control, 0, address)
                except BlockingIOError:
                    pass
                except OSError as error:
                    if error.errno in NO_SEGMENTATION:
                        self._segmented = False  # this kernel cannot; one by one from now on
                    for datagram in datagrams[i:j]:
                        self.send(datagram, address)
            i = j

    # --- receiving

    def _read(self) -> None:
        assert self._socket is not None
        for _ in range(READ_BATCH):
            try:
                datagram, source = self._socket.recvfrom(2048)
            except OSError:
                return
            address = (source[0], source[1])
            if not datagram:
                continue
            try:
                self._on_datagram(datagram, address)
            except Exception:
                log.exception("datagram")

    def _on_datagram(self, datagram: bytes, address: Address) -> None:
        first = datagram[0]
        if first < 4:
            self._on_stun(datagram, address)
            return
        watcher = self._by_address.get(address)
        if watcher is None:
            return
        if 20 <= first < 64:
            watcher.on_dtls(datagram)
        elif 128 <= first < 192 and len(datagram) > 8 and 192 <= datagram[1] <= 223:
            watcher.on_rtcp(datagram)

    def _on_stun(self, datagram: bytes, address: Address) -> None:
        """Answer a binding request that knows a session's password; nothing else."""
        try:
            request = stun.parse_message(datagram)
            if (
                request.message_class is not stun.Class.REQUEST
                or request.message_method is not stun.Method.BINDING
            ):
                return
            watcher = self._by_ufrag.get(str(request.attributes.get("USERNAME", "")).split(":")[0])
            if watcher is None or "MESSAGE-INTEGRITY" not in request.attributes:
                return
            password = watcher.identity.password.encode()
            if not request.check_message_integrity(password):
                return
        except (ValueError, KeyError, IndexError, struct.error):
            return  # not STUN, or a wrong password
        watcher.heard = self._clock.monotonic()
        if watcher.address != address and (watcher.address is None or "USE-CANDIDATE" in request.attributes):
            if not watcher.connected and self._handshakes(address[0]) >= MAX_HANDSHAKES:
                return
            # The watcher moved to another path, which it proved by its password.
            if watcher.address is not None:
                self._by_address.pop(watcher.address, None)
            former = self._by_address.get(address)
            if former is not None and former is not watcher:
                former.end()
            watcher.address = address
            self._by_address[address] = watcher
        response = stun.Message(
            message_method=stun.Method.BINDING,
            message_class=stun.Class.RESPONSE,
            transaction_id=request.transaction_id,
        )
        response.attributes["XOR-MAPPED-ADDRESS"] = (address[0].removeprefix("::ffff:"), address[1])
        response.add_message_integrity(password)
        self.send(bytes(response), address)

    def _handshakes(self, host: str) -> int:
        """Watchers at one host that have not finished theirs: each costs signatures."""
        return sum(a[0] == host and not w.connected for a, w in self._by_address.items())

    # --- time

    async def _tick(self) -> None:
        count = 0
        while True:
            await self._clock.sleep_until(next_beat(self._clock.monotonic()))
            count += 1
            now, wall = self._clock.monotonic(), self._clock.wall()
            for watcher in list(self._by_ufrag.values()):
                # Checks alone keep nobody here who does not finish the handshake.
                slow = not watcher.connected and now - watcher.born > CONNECT_TIMEOUT
                if slow or now - watcher.heard > self._timeout:
                    log.info("watcher reaped", extra={"watcher": watcher.id})
                    watcher.end()
                    continue
                watcher.on_timer()
                if count % 4 == 0 and watcher.connected:
                    watcher.report(wall)


def _dtls_context() -> tuple[SSL.Context, str]:
    """A fresh key and self-signed certificate per server, and its SHA-256 fingerprint."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bunraku")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=365))
        .sign(key, hashes.SHA256())
    )
    context = SSL.Context(SSL.DTLS_METHOD)
    context.set_options(SSL.OP_NO_TICKET | SSL.OP_NO_RENEGOTIATION)
    # Certificates are self-signed: the peer is who its fingerprint in the offer says.
    context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *_: True)
    context.use_certificate(certificate)
    context.use_privatekey(key)
    context.set_cipher_list(CIPHERS)
    context.set_tlsext_use_srtp(b":".join(PROFILES))
    digest = certificate.fingerprint(hashes.SHA256()).hex().upper()
    return context, ":".join(digest[i : i + 2] for i in range(0, len(digest), 2))
