"""Asking strangers' servers over HTTP, in a worker: blocking, guarded, and with a limit on everything.

The guard against server-side request forgery stands where connections are made, so that no
redirect gets round it: a name is resolved once, every address it has must be public, and the
connection goes to the very address that was checked. What a server sends is counted before it is
parsed.
"""

from __future__ import annotations

import base64
import socket
import ssl
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import httpcore
import httpx

from bunraku.core.urls import FetchFailed, FetchRefused, Guard, check_url

REDIRECTS = (301, 302, 303, 307, 308)
HEAD_LIMIT = 32 * 1024  # bytes of status lines and headers, "100 Continue" and the like with them
AT_ONCE = 16 * 1024  # bytes given to the parser between two looks at the meter
FRAMING_LIMIT = 64 * 1024  # bytes that a body's chunking may cost; beyond, half of the body
PATIENCE = 30.0  # s after which a body must have come
SLOWEST = 512  # bytes a second on average, or be given up

_tls: ssl.SSLContext | None = None


def tls() -> ssl.SSLContext:
    """Made once: it reads all the certificates there are."""
    global _tls
    if _tls is None:
        _tls = httpcore.default_ssl_context()
    return _tls


class ReplyMeter:
    """What has come over one connection, and until when the head of the answer may come."""

    def __init__(self, seconds: float) -> None:
        self.deadline: float | None = time.monotonic() + seconds
        self.received = 0

    def left(self, timeout: float | None) -> float | None:
        if self.deadline is None:
            return timeout
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout
        return left if timeout is None else min(left, timeout)

    def came(self, count: int) -> None:
        self.received += count
        if self.deadline is not None and self.received > HEAD_LIMIT:
            raise FetchFailed("headers without end")

    def body_begins(self) -> None:
        self.deadline, self.received = None, 0


class _Stream(httpcore.NetworkStream):
    """Counts what comes in."""

    def __init__(self, inner: httpcore.NetworkStream, meter: ReplyMeter) -> None:
        self._inner, self._meter = inner, meter

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        data = self._inner.read(min(max_bytes, AT_ONCE), self._meter.left(timeout))
        self._meter.came(len(data))
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, self._meter.left(timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        inner = self._inner.start_tls(ssl_context, server_hostname, self._meter.left(timeout))
        return _Stream(inner, self._meter)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _Backend(httpcore.NetworkBackend):
    """Connects to checked addresses only."""

    def __init__(self, meter: ReplyMeter, guard: Guard) -> None:
        self._meter, self._guard = meter, guard
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        address = pin(host, port, self._guard)
        stream = self._inner.connect_tcp(
            address, port, self._meter.left(timeout), local_address, socket_options
        )
        return _Stream(stream, self._meter)


def pin(host: str, port: int, guard: Guard) -> str:
    """The address to connect to. Raises ``FetchFailed``."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise FetchFailed("host not found") from error
    addresses = [str(entry[4][0]) for entry in found]
    if not addresses:
        raise FetchFailed("host not found")
    if not guard.names(host) and not all(guard.permits(a) for a in addresses):
        raise FetchRefused("address is not public")
    return addresses[0]


@contextmanager
def _ask(
    method: str, url: httpx.URL, headers: dict[str, str], body: bytes, seconds: float, guard: Guard
) -> Iterator[tuple[httpcore.Response, ReplyMeter]]:
    """One request and the head of its answer, within ``seconds``. Raises ``FetchFailed``."""
    meter = ReplyMeter(seconds)
    fields = {"Host": url.netloc.decode("ascii"), "User-Agent": "bunraku", "Accept": "*/*"} | headers
    if url.userinfo:
        user, _, password = url.userinfo.decode("ascii").partition(":")
        both = f"{unquote(user)}:{unquote(password)}".encode()
        fields["Authorization"] = "Basic " + base64.b64encode(both).decode()
    if method == "POST":
        fields["Content-Length"] = str(len(body))
    waits = {"timeout": dict.fromkeys(("connect", "read", "write", "pool"), seconds)}
    target = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
    backend = _Backend(meter, guard)
    try:
        with (
            httpcore.ConnectionPool(tls(), max_connections=1, network_backend=backend) as pool,
            pool.stream(
                method,
                target,
                headers=list(fields.items()),
                content=body or None,
                extensions=waits,
            ) as response,
        ):
            yield response, meter
    except (
        httpcore.NetworkError,
        httpcore.ProtocolError,
        httpcore.TimeoutException,
        httpcore.UnsupportedProtocol,
    ) as error:
        raise FetchFailed(type(error).__name__) from error
    except (ValueError, ssl.SSLError) as error:
        raise FetchFailed(type(error).__name__) from error


def _header(response: httpcore.Response, name: bytes) -> str | None:
    return next((v.decode("latin-1") for k, v in response.headers if k.lower() == name), None)


@contextmanager
def download(
    url: str, *, allow_private: bool, connect_timeout: float, max_bytes: int, max_redirects: int
) -> Iterator[Iterator[bytes]]:
    """The body of what is at ``url``, in pieces as they come.

    ``connect_timeout`` is for each answer's head, and for each silence in the body. Raises
    ``FetchFailed``, also while iterating.
    """
    try:
        target = httpx.URL(url)
        for _ in range(max_redirects + 1):
            check_url(str(target), allow_private=allow_private)
            # A compressed body could unfold to anything before its size is known.
            headers = {"Accept-Encoding": "identity"}
            with _ask("GET", target, headers, b"", connect_timeout, Guard(allow_private)) as answer:
                response, meter = answer
                location = _header(response, b"location")
                if response.status in REDIRECTS and location is not None:
                    target = target.join(location)
                    continue
                if response.status != 200:
                    raise FetchFailed(f"HTTP status {response.status}")
                if (_header(response, b"content-encoding") or "identity").lower() != "identity":
                    raise FetchFailed("compressed body")
                yield _limited(response, meter, max_bytes)
                return
        raise FetchFailed("too many redirects")
    except (httpx.InvalidURL, ValueError) as error:
        raise FetchFailed(type(error).__name__) from error


def _limited(response: httpcore.Response, meter: ReplyMeter, max_bytes: int) -> Iterator[bytes]:
    meter.body_begins()
    begun, total = time.monotonic(), 0
    for piece in response.iter_stream():
        total += len(piece)
        if total > max_bytes:
            raise FetchFailed("file too large")
        if meter.received > FRAMING_LIMIT + total + total // 2:
            raise FetchFailed("body in crumbs")
        late = time.monotonic() - begun - PATIENCE
        if late > 0 and total < late * SLOWEST:
            raise FetchFailed("too slow")
        yield piece


def post(url: str, body: bytes, headers: dict[str, str], seconds: float, *, guarded: bool) -> int:
    """The status that a server answers, all within ``seconds``; the rest of its answer is not read.

    ``guarded``: the address must be public. Raises ``FetchFailed``.
    """
    try:
        target = httpx.URL(url)
        check_url(str(target), allow_private=not guarded)
        with _ask("POST", target, headers, body, seconds, Guard(not guarded)) as (response, _):
            return response.status
    except (httpx.InvalidURL, ValueError) as error:
        raise FetchFailed(type(error).__name__) from error


@dataclass(frozen=True, slots=True)
class Exchanged:
    """``url`` is where the answer came from in the end, ``address`` that of its host."""

    status: int
    url: str
    location: str | None
    body: bytes
    address: str


def exchange(
    method: str,
    url: str,
    body: bytes,
    headers: dict[str, str],
    seconds: float,
    guard: Guard,
    *,
    max_body: int,
    max_redirects: int,
) -> Exchanged:
    """One request and its small answer; 307 and 308 are followed, with the method and the body.

    ``Authorization`` goes to the host it was meant for and to no other. Raises ``FetchFailed``.
    """
    try:
        target = first = httpx.URL(url)
        for _ in range(max_redirects + 1):
            check_url(str(target), allow_private=guard.allow_private, listed=guard.listed)
            same = (target.scheme, target.host, target.port) == (first.scheme, first.host, first.port)
            sent = headers if same else {k: v for k, v in headers.items() if k != "Authorization"}
            with _ask(method, target, sent, body, seconds, guard) as (response, meter):
                location = _header(response, b"location")
                if response.status in (307, 308) and location is not None:
                    target = target.join(location)
                    continue
                pieces = b"".join(_limited(response, meter, max_body))
                stream = response.extensions.get("network_stream")
                peer = stream.get_extra_info("server_addr") if stream is not None else None
                if location is not None:
                    location = str(target.join(location))
                return Exchanged(
                    response.status, str(target), location, pieces, "" if peer is None else str(peer[0])
                )
        raise FetchFailed("too many redirects")
    except (httpx.InvalidURL, ValueError) as error:
        raise FetchFailed(type(error).__name__) from error
