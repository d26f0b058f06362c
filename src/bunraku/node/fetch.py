"""Fetching what a caller's URL names, behind one guard against server-side request forgery.

The name is resolved once, every address it has must be public, and the connection goes to the
very address that was checked; redirects pass the same guard. ``fetch.allow_private`` lifts it.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections import Counter
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx

from bunraku.core.settings import FetchSettings
from bunraku.core.urls import FetchFailed, FetchRefused, check_url, is_public

RESOLVE_TIMEOUT = 5.0
REDIRECTS = (301, 302, 303, 307, 308)


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
