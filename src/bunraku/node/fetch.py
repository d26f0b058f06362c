"""Fetching what a caller's URL names, behind one guard against server-side request forgery.

The name is resolved once, every address it has must be public, and the connection goes to the
very address that was checked; redirects pass the same guard. ``fetch.allow_private`` lifts it.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import threading
from collections import Counter
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx

from bunraku.core.settings import FetchSettings

RESOLVE_TIMEOUT = 5.0
REDIRECTS = (301, 302, 303, 307, 308)


class FetchFailed(Exception):
    """The URL could not be fetched. The text is for the log."""


class FetchRefused(FetchFailed):
    """The URL points where callers may not send us."""


def is_public(address: str) -> bool:
    """Whether an IP address is on the open internet (IANA special-purpose registries)."""
    ip = ipaddress.ip_address(address.split("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour
        if inner is not None:
            return is_public(str(inner))
        if ip in ipaddress.ip_network("64:ff9b::/96"):  # NAT64 reaches IPv4 addresses
            return is_public(str(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)))
    return ip.is_global and not ip.is_multicast


def check_url(url: str, *, allow_private: bool) -> None:
    """What can be said of a URL without resolving it.

    Raises ``ValueError`` for a URL that is not http(s) with a host, ``FetchRefused`` for a
    literal private address.
    """
    if url != url.strip():  # urlsplit overlooks what a request cannot hold
        raise ValueError("begins or ends with a blank")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https"):
        raise ValueError("scheme must be http or https")
    if not parts.hostname:
        raise ValueError("no host")
    if any(
        c <= " " or c in "%<>\\^`{|}\x7f" for c in parts.netloc.rpartition("@")[2]
    ):  # RFC 3986 section 3.2.2
        raise ValueError("not a host name")
    try:
        httpx.URL(url)
    except httpx.InvalidURL as error:
        raise ValueError("not a URL") from error
    _ = parts.port  # raises ValueError when it is not a port
    if allow_private:
        return
    host = parts.hostname.rstrip(".").lower()
    if host == "localhost" or host.endswith(".localhost"):
        raise FetchRefused("address is not public")
    try:
        # inet_aton takes the short and numeric forms (127.1, 0x7f000001) that resolvers take.
        literal = host if ":" in host else socket.inet_ntoa(socket.inet_aton(host))
    except OSError:
        return
    if not is_public(literal):
        raise FetchRefused("address is not public")


class Resolver:
    """Names to addresses, in threads of its own: a name server that never answers holds a thread
    long after the caller has given up, and must hold up nothing else and no other tenant."""

    THREADS, PER_TENANT = 16, 4

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(self.THREADS, thread_name_prefix="resolve")
        self._busy: Counter[int] = Counter()
        self._lock = threading.Lock()

    async def look_up(self, tenant: int, host: str, port: int) -> list[str]:
        """All addresses of a host. Raises ``OSError`` (``TimeoutError`` too), ``FetchFailed``."""
        with self._lock:
            if self._busy[tenant] >= self.PER_TENANT:
                raise FetchFailed("too many host names wait for an answer")
            self._busy[tenant] += 1
        lookup = self._threads.submit(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        lookup.add_done_callback(lambda _: self._release(tenant))
        async with asyncio.timeout(RESOLVE_TIMEOUT):
            found = await asyncio.wrap_future(lookup)
        return [str(entry[4][0]) for entry in found]

    def _release(self, tenant: int) -> None:
        with self._lock:
            self._busy[tenant] -= 1
            if not self._busy[tenant]:
                del self._busy[tenant]


async def _pin(resolver: Resolver, tenant: int, host: str, port: int, *, allow_private: bool) -> str:
    try:
        addresses = await resolver.look_up(tenant, host, port)
    except OSError as error:
        raise FetchFailed("host not found") from error
    if not allow_private and not all(is_public(a) for a in addresses):
        raise FetchRefused("address is not public")
    return addresses[0]


@dataclass(frozen=True, slots=True)
class SafeRequest:
    """How to ask for a URL at the very address that was checked."""

    url: httpx.URL
    headers: dict[str, str]
    extensions: dict[str, str]


async def guard(url: httpx.URL, *, resolver: Resolver, tenant: int, allow_private: bool) -> SafeRequest:
    """Resolve and check ``url`` for the app ``tenant``.

    Raises ``FetchFailed``, ``ValueError`` for a URL that is none.
    """
    check_url(str(url), allow_private=allow_private)
    port = url.port or (443 if url.scheme == "https" else 80)
    address = await _pin(resolver, tenant, url.host, port, allow_private=allow_private)
    host = url.netloc.decode("ascii")
    return SafeRequest(url.copy_with(host=address), {"Host": host}, {"sni_hostname": url.host})


class Fetcher:
    """Streams bodies within the limits of ``FetchSettings``."""

    def __init__(self, settings: FetchSettings) -> None:
        self.settings = settings
        self._resolver = Resolver()

    @asynccontextmanager
    async def open(self, url: str, tenant: int) -> AsyncIterator[AsyncIterator[bytes]]:
        """The body, in pieces as they come, for the app ``tenant``.

        Raises ``FetchFailed``, also while iterating.
        """
        s = self.settings
        timeout = httpx.Timeout(s.connect_timeout)
        try:
            async with httpx.AsyncClient(timeout=timeout, follow_redirects=False, trust_env=False) as client:
                target = httpx.URL(url)
                for _ in range(s.max_redirects + 1):
                    async with self._request(client, target, tenant) as response:
                        if response.status_code in REDIRECTS and "location" in response.headers:
                            target = target.join(response.headers["location"])
                            continue
                        if response.status_code != 200:
                            raise FetchFailed(f"HTTP status {response.status_code}")
                        yield self._limited(response)
                        return
                raise FetchFailed("too many redirects")
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise FetchFailed(type(error).__name__) from error

    @asynccontextmanager
    async def _request(
        self, client: httpx.AsyncClient, url: httpx.URL, tenant: int
    ) -> AsyncIterator[httpx.Response]:
        safe = await guard(
            url, resolver=self._resolver, tenant=tenant, allow_private=self.settings.allow_private
        )
        headers = {"User-Agent": "bunraku", "Accept": "*/*", "Accept-Encoding": "identity"}
        async with client.stream(
            "GET", safe.url, headers=headers | safe.headers, extensions=safe.extensions
        ) as response:
            yield response

    async def _limited(self, response: httpx.Response) -> AsyncIterator[bytes]:
        # A compressed body could unfold to anything before its size is known.
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            raise FetchFailed("compressed body")
        total = 0
        async for piece in response.aiter_raw(65536):
            total += len(piece)
            if total > self.settings.max_bytes:
                raise FetchFailed("file too large")
            yield piece
