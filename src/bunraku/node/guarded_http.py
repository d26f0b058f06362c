"""HTTP to servers that the operator's own file does not name, on the event loop: to public addresses only.

As in ``workers.download``: a name is resolved once, every address it has must be public, and the
connection goes to the very address that was checked.
"""

from __future__ import annotations

import asyncio
import socket

import httpx

from bunraku.core.urls import is_public


class GuardedTransport(httpx.AsyncBaseTransport):
    """Raises ``httpx.ConnectError`` for what is not public, also when a name resolves to it."""

    def __init__(self) -> None:
        self._inner = httpx.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        host = request.url.host
        try:
            found = await asyncio.get_running_loop().getaddrinfo(
                host, request.url.port or 443, type=socket.SOCK_STREAM
            )
        except (OSError, UnicodeError) as error:
            raise httpx.ConnectError("host not found", request=request) from error
        addresses = [str(entry[4][0]) for entry in found]
        if not addresses or not all(map(is_public, addresses)):
            raise httpx.ConnectError("address is not public", request=request)
        # The Host header is set already; the certificate must be that of the name.
        request.extensions = request.extensions | {"sni_hostname": host}
        request.url = request.url.copy_with(host=addresses[0])
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        await self._inner.aclose()
