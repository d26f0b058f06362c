"""The one UDP socket of the port transport."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
import struct
from collections.abc import Callable

log = logging.getLogger(__name__)

Address = tuple[str, int]
"""As the socket names it: on one socket for both families an IPv4 host reads ``::ffff:192.0.2.1``."""

READ_BATCH = 64
BUFFER = 4 << 20
UDP_SEGMENT = 103  # Linux: one send, many packets of one size
MAX_SEGMENTS = 40
NO_SEGMENTATION = (errno.EIO, errno.ENOPROTOOPT, errno.EOPNOTSUPP, errno.EINVAL)


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


class UdpPort:
    """Sending never blocks and never raises: a full buffer loses packets, as a network would.

    What comes is read at once, which wakes the process for each datagram, or with ``heed(False)`` when the
    owner looks.
    """

    def __init__(
        self,
        port: int,
        on_datagram: Callable[[bytes, Address], None],
        opened: socket.socket | None = None,
    ) -> None:
        """``opened``: a socket to send by, in the place of ``open``'s."""
        self.number = port
        self._on_datagram = on_datagram
        self._socket = opened
        self._segmented = True
        self._heeding = False

    def open(self) -> None:
        """Raises ``OSError`` when the port is taken."""
        self._socket = s = self._bind()
        s.setblocking(False)
        for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            s.setsockopt(socket.SOL_SOCKET, option, BUFFER)
        self.number = int(s.getsockname()[1])
        self.heed(True)

    def heed(self, at_once: bool) -> None:
        """Read what comes at once, or only in ``look``."""
        if self._socket is None or at_once is self._heeding:
            return
        self._heeding = at_once
        loop = asyncio.get_running_loop()
        if at_once:
            loop.add_reader(self._socket.fileno(), self._read)
        else:
            loop.remove_reader(self._socket.fileno())

    def look(self) -> None:
        """See whether something has come, and let it be read in a turn of its own."""
        if self._socket is None or self._heeding:
            return
        try:
            self._socket.recv(1, socket.MSG_PEEK)
        except OSError:
            return
        asyncio.get_running_loop().call_soon(self._read)

    def _bind(self) -> socket.socket:
        """One socket for IPv4 and IPv6 where the host has both."""
        if socket.has_ipv6:
            with contextlib.suppress(OSError):
                s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
                s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
                s.bind(("::", self.number))
                return s
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.bind(("0.0.0.0", self.number))  # noqa: S104 - peers come from anywhere
        return s

    def close(self) -> None:
        if self._socket is not None:
            self.heed(False)
            self._socket.close()
            self._socket = None

    def send(self, datagram: bytes, address: Address) -> None:
        if self._socket is None:
            return
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

    def _read(self) -> None:
        for _ in range(READ_BATCH):
            if self._socket is None:
                return
            try:
                datagram, source = self._socket.recvfrom(2048)
            except OSError:
                return
            if not datagram:
                continue
            try:
                self._on_datagram(datagram, (source[0], source[1]))
            except Exception:
                log.exception("datagram")
        self.look()  # there may be more
