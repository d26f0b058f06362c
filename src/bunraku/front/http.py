"""Small things every HTTP edge needs."""

from __future__ import annotations

import asyncio
import ipaddress
import json
from collections.abc import Iterable
from typing import Any

from starlette.requests import ClientDisconnect, Request

from bunraku.core.errors import BodyUnreadable

IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network
MAX_BODY = 1024 * 1024
BODY_TIMEOUT = 15.0


async def read_body(request: Request) -> bytes:
    """At most ``MAX_BODY`` bytes within ``BODY_TIMEOUT``. Raises ``BodyUnreadable``."""
    declared = request.headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > MAX_BODY:
        raise BodyUnreadable("larger than 1 MiB")
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_TIMEOUT):
            async for part in request.stream():
                size += len(part)
                if size > MAX_BODY:
                    raise BodyUnreadable("larger than 1 MiB")
                parts.append(part)
    except TimeoutError:
        raise BodyUnreadable("it came too slowly") from None
    except ClientDisconnect:
        raise BodyUnreadable("connection broke") from None
    return b"".join(parts)


def is_loopback(host: str) -> bool:
    """Whether a bare host name or address names this machine."""
    name = host.strip("[]").lower()
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def is_forwarded(request: Request) -> bool:
    """A proxy passed it on: then the client's address is the proxy's, and says nothing."""
    named = ("forwarded", "via", "x-real-ip")
    return any(h in named or h.startswith("x-forwarded-") for h in request.headers)


def client_address(request: Request, proxies: Iterable[IPNetwork]) -> str:
    """Whose call it is: the peer, or who he says he forwards it for when he is one of ``proxies``.

    Each proxy appends who called it, so the list is believed from its end, as far as proxies wrote it
    (contract section 3.7). What is not an address is as far as we know.
    """
    address = request.client.host if request.client else "unknown"
    named = ",".join(request.headers.getlist("x-forwarded-for")).split(",")
    for before in reversed([n.strip() for n in named]):
        try:
            if not any(ipaddress.ip_address(address) in network for network in proxies):
                return address
            ipaddress.ip_address(before)
        except ValueError:
            return address
        address = before
    return address


async def read_json(request: Request) -> dict[str, Any]:
    """The body as a JSON object; an empty one for anything else."""
    try:
        value = json.loads(await read_body(request) or b"{}")
    except (ValueError, RecursionError, BodyUnreadable):
        return {}
    return value if isinstance(value, dict) else {}
