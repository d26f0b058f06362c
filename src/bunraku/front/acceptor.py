"""Taking connections in: so many in all, so many of an address, and never the last descriptors.

asyncio's own server tries to accept two thousand times when there is no descriptor left, says so each
time, and comes back a second later for each of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import os
import select
import socket
import ssl
import struct
import time
from collections.abc import Callable

from bunraku.front.connections import Admission, HttpConnection
from bunraku.front.turns import Turns

log = logging.getLogger(__name__)

AT_ONCE = 16  # accepted before others have their turn
REST = 0.25  # s until full is looked at again
HANDSHAKE_TIMEOUT = 10.0  # s
HANDSHAKES_APART = (
    0.005  # s: the server's share of one, its signature above all, is one to three milliseconds
)
RECORD, HANDSHAKE = 5, 22  # RFC 8446 section 5.1: bytes before a record's content, and what they begin with
FRESH = 0.5  # s a connection has to say something before it makes room for another
CRUMBS = 0.05  # s between two looks at a greeting that comes in pieces
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: no state is kept of a connection that was not taken


def room_for(limit: int, wanted: int) -> int:
    """How many connections of ``wanted`` leave a third of the ``limit`` of descriptors to streams,
    helpers and files, besides what is open already."""
    try:
        used = len(os.listdir("/proc/self/fd"))
    except OSError:
        used = 64
    return max(8, min(wanted, limit - used - limit // 3))


def prefix(address: str) -> str:
    """Whom a limit per address counts: an IPv6 customer has a whole /64."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return address
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, 64), strict=False))


async def _greeted(connection: socket.socket) -> None:
    """Until the first record of TLS is there, whole: only then is anything calculated for the peer, and a
    thousand that wait for their last byte could not have all of that at once. Raises ``OSError``."""
    loop = asyncio.get_running_loop()
    while True:
        try:
            come = connection.recv(RECORD + (1 << 14), socket.MSG_PEEK)
        except BlockingIOError:
            await _readable(loop, connection)
            continue
        if not come:
            raise ConnectionResetError
        whole = len(come) >= RECORD and len(come) >= RECORD + int.from_bytes(come[3:5], "big")
        if whole or come[0] != HANDSHAKE or len(come) > 1 << 14 or _has_said_all(connection):
            return
        await asyncio.sleep(CRUMBS)


def _has_said_all(connection: socket.socket) -> bool:
    watch = select.poll()
    watch.register(connection, select.POLLRDHUP)
    return bool(watch.poll(0))


async def _readable(loop: asyncio.AbstractEventLoop, connection: socket.socket) -> None:
    ready, number = loop.create_future(), connection.fileno()
    loop.add_reader(number, lambda: ready.done() or ready.set_result(None))
    try:
        await ready
    finally:
        loop.remove_reader(number)


class Acceptor:
    """Owns the listening sockets' readiness and the count of what is open."""

    def __init__(
        self,
        make: Callable[[Admission], HttpConnection],
        total: int,
        per_address: int,
        tls: ssl.SSLContext | None,
    ) -> None:
        """``per_address`` 0: no such limit, as behind a proxy."""
        self._make = make
        self.change(total, per_address, tls)
        self._open: dict[Admission, None] = {}  # oldest first
        self._by_address: dict[str, int] = {}
        self._sockets: list[socket.socket] = []
        self._resting: asyncio.TimerHandle | None = None
        self._jobs: set[asyncio.Task[None]] = set()
        self._handshakes = Turns(apart=HANDSHAKES_APART, at_once=1)

    def start(self, sockets: list[socket.socket]) -> None:
        """Take in what comes at these, which listen already."""
        for listening in sockets:
            listening.setblocking(False)
        self._sockets = list(sockets)
        self._listen()

    def change(self, total: int, per_address: int, tls: ssl.SSLContext | None) -> None:
        """For connections from now on; those that are open stay so."""
        self._total, self._tls = total, tls
        self._per_address = min(per_address, total // 2)

    def close(self) -> None:
        self._rest(None)
        self._sockets = []

    def _listen(self) -> None:
        self._resting = None
        for listening in self._sockets:
            asyncio.get_running_loop().add_reader(listening.fileno(), self._accept, listening)

    def _rest(self, seconds: float | None) -> None:
        """Accept nothing for a while; whoever comes waits in the kernel's queue."""
        loop = asyncio.get_running_loop()
        if self._resting is not None:
            self._resting.cancel()
        for listening in self._sockets:
            loop.remove_reader(listening.fileno())
        self._resting = None if seconds is None else loop.call_later(seconds, self._listen)

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(AT_ONCE):
            if len(self._open) >= self._total and not self._make_room(None):
                log.warning("no more connections: %d are open", len(self._open))
                self._rest(REST)
                return
            try:
                connection, peer = listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                log.warning("no connection could be accepted: %s", error.strerror)
                self._rest(REST)
                return
            address = prefix(str(peer[0]))
            full = 0 < self._per_address <= self._by_address.get(address, 0)
            if full and not self._make_room(address):
                log.warning("too many connections of one address")
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                connection.close()
                continue
            connection.setblocking(False)
            self._take(connection, address)

    def _make_room(self, address: str | None) -> bool:
        """Let go of the oldest connection, of an address or of all, that asks for nothing."""
        now = time.monotonic()
        for admission in self._open:
            if address is not None and admission.address != address:
                continue
            held = admission.connection
            if now - admission.since <= FRESH:
                continue
            if held is not None and held.waiting:
                held.transport.abort()
                admission.release()
                return True
            if held is None and admission.handshake is not None:
                admission.handshake.cancel()
                admission.release()
                return True
        return False

    def _take(self, connection: socket.socket, address: str) -> None:
        admission = Admission(self._forget, address)
        self._open[admission] = None
        self._by_address[address] = self._by_address.get(address, 0) + 1
        job = admission.handshake = asyncio.create_task(self._connect(connection, admission))
        self._jobs.add(job)
        job.add_done_callback(self._jobs.discard)

    async def _connect(self, connection: socket.socket, admission: Admission) -> None:
        loop = asyncio.get_running_loop()
        deadline, tls = loop.time() + HANDSHAKE_TIMEOUT, self._tls
        try:
            if tls is not None:
                async with asyncio.timeout_at(deadline):
                    await _greeted(connection)
                    await self._turn(admission.address)
            await loop.connect_accepted_socket(
                lambda: self._make(admission),
                connection,
                ssl=tls,
                ssl_handshake_timeout=max(0.1, deadline - loop.time()) if tls else None,
            )
        except (OSError, ssl.SSLError, TimeoutError, asyncio.CancelledError):
            # It left, speaks no TLS, or made room. Nobody waits for this task.
            admission.release()
            with contextlib.suppress(OSError):
                connection.close()
        finally:
            admission.handshake = None

    async def _turn(self, address: str) -> None:
        """Handshakes are made one after the other, addresses in turn."""
        come = asyncio.get_running_loop().create_future()

        def begin() -> None:
            if not come.done():
                come.set_result(None)

        if self._handshakes.take(address, begin):
            return
        try:
            await come
        finally:
            self._handshakes.leave(address, begin)

    def _forget(self, admission: Admission) -> None:
        self._open.pop(admission, None)
        left = self._by_address.get(admission.address, 0) - 1
        if left > 0:
            self._by_address[admission.address] = left
        else:
            self._by_address.pop(admission.address, None)

    def sweep(self) -> None:
        """Let go of whoever keeps us waiting."""
        now = time.monotonic()
        for admission in list(self._open):
            held = admission.connection
            if held is not None and held.overdue(now):
                held.transport.abort()
