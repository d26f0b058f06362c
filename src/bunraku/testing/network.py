"""A bad network on one machine: scripted loss, delay and reordering between a peer and a server."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass, field

Address = tuple[str, int]
_CANDIDATE = re.compile(r"a=candidate:\S+ 1 udp \d+ (\d+\.\d+\.\d+\.\d+) (\d+) typ host.*", re.I)


def is_media(datagram: bytes) -> bool:
    """RTP, and not RTCP, DTLS or STUN (RFC 7983, RFC 5761 section 4)."""
    return len(datagram) > 1 and 127 < datagram[0] < 192 and not 192 <= datagram[1] <= 223


@dataclass
class Weather:
    """What happens to each packet of media in one direction, by its number from 0.

    ``lose`` says whether it is lost, ``behind`` how many of its followers overtake it, ``delay``
    how many seconds it takes longer. Everything but media passes untouched: connections come about.
    """

    lose: Callable[[int], bool] = lambda _: False
    behind: Callable[[int], int] = lambda _: 0
    delay: Callable[[int], float] = lambda _: 0.0
    _count: int = 0
    _held: list[tuple[int, float, bytes]] = field(default_factory=list[tuple[int, float, bytes]])

    def meet(self, datagram: bytes) -> list[tuple[float, bytes]]:
        """What goes on now, in order, and after how many seconds."""
        if not is_media(datagram):
            return [(0.0, datagram)]
        n, out = self._count, list[tuple[float, bytes]]()
        self._count += 1
        if not self.lose(n):
            if after := self.behind(n):
                self._held.append((n + after, self.delay(n), datagram))
            else:
                out.append((self.delay(n), datagram))
        out += [(late, d) for due, late, d in self._held if due <= n]
        self._held = [entry for entry in self._held if entry[0] > n]
        return out


class LossyPath:
    """One peer's whole network: its offer and the server's answer are led through it.

    The server sees the path's addresses and the peer sees the path's port, so that every datagram
    passes. ``down`` is the weather towards the peer, ``up`` towards the server; either may change
    at any time.
    """

    def __init__(self, *, down: Weather | None = None, up: Weather | None = None) -> None:
        self.down, self.up = down or Weather(), up or Weather()
        self._loop = asyncio.get_running_loop()
        self._server: Address | None = None
        self._near: socket.socket | None = None
        self._far: dict[Address, socket.socket] = {}
        """What the server sees, by the address of the peer's that it stands for."""
        self._spare: socket.socket | None = None
        """What the offer names: the first of the peer's addresses that writes gets it."""

    async def __aenter__(self) -> LossyPath:
        return self

    async def __aexit__(self, *_: object) -> None:
        for s in (self._near, self._spare, *self._far.values()):
            if s is not None:
                self._loop.remove_reader(s.fileno())
                s.close()
        self._near, self._spare, self._far = None, None, {}

    def offer(self, sdp: str) -> str:
        """With the path's server side in the place of the peer's own addresses."""

        def open_far(address: Address) -> socket.socket:
            self._spare = far = self._socket(address[0])
            return far

        return self._led(sdp, open_far)

    def answer(self, sdp: str) -> str:
        """With the path's peer side in the place of the server's addresses."""

        def open_near(address: Address) -> socket.socket:
            self._server = address
            self._near = near = self._socket(address[0])
            self._loop.add_reader(near.fileno(), self._from_peer)
            return near

        return self._led(sdp, open_near)

    @staticmethod
    def _led(sdp: str, opened: Callable[[Address], socket.socket]) -> str:
        """One candidate of ours for all of each section; the others are of the same host."""
        out: list[str] = []
        ours: str | None = None
        for line in sdp.replace("\r\n", "\n").split("\n"):
            if not line.startswith("a=candidate:"):
                out.append(line)
                continue
            found = _CANDIDATE.fullmatch(line)
            if found is not None and ours is None:
                host, port = opened((found[1], int(found[2]))).getsockname()[:2]
                ours = f"a=candidate:1 1 udp 2130706431 {host} {port} typ host"
            if ours is not None and out[-1] != ours:
                out.append(ours)
        return "\r\n".join(out)

    @staticmethod
    def _socket(host: str) -> socket.socket:
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.setblocking(False)
        s.bind((host, 0))
        return s

    def _from_peer(self) -> None:
        while self._near is not None and self._server is not None:
            try:
                datagram, source = self._near.recvfrom(4096)
            except OSError:
                return
            far = self._far.get(source)
            if far is None:
                far, self._spare = self._spare or self._socket(self._server[0]), None
                self._far[source] = far
                self._loop.add_reader(far.fileno(), self._from_server, far, source)
            self._pass(self.up, datagram, far, self._server)

    def _from_server(self, far: socket.socket, peer: Address) -> None:
        while self._near is not None:
            try:
                datagram = far.recv(4096)
            except OSError:
                return
            self._pass(self.down, datagram, self._near, peer)

    def _pass(self, weather: Weather, datagram: bytes, through: socket.socket, to: Address) -> None:
        for delay, survivor in weather.meet(datagram):
            if delay > 0:
                self._loop.call_later(delay, self._send, survivor, through, to)
            else:
                self._send(survivor, through, to)

    def _send(self, datagram: bytes, through: socket.socket, to: Address) -> None:
        with contextlib.suppress(OSError):
            through.sendto(datagram, to)
