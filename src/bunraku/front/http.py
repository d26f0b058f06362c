"""Small things every HTTP edge needs."""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from starlette.datastructures import FormData
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request
from starlette.types import Scope

from bunraku.core import strict_json
from bunraku.core.clock import patience
from bunraku.core.errors import BodyUnreadable, SystemBusy

IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network
MAX_BODY = 1024 * 1024
BODY_TIMEOUT = 15.0
FORM_TIMEOUT = 900.0  # s for a file, none of its pauses longer than BODY_TIMEOUT
FORM_FIELDS = 64 * 1024  # bytes beside the file
FORMS, FORMS_OF_ONE = 16, 4
BODY_SECONDS = "bunraku.body_seconds"
"""In a request's scope; ``front.connections`` looks for it."""


async def read_body(request: Request) -> bytes:
    """At most ``MAX_BODY`` bytes within ``BODY_TIMEOUT``. Raises ``BodyUnreadable``."""
    declared = request.headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > MAX_BODY:
        raise BodyUnreadable("larger than 1 MiB")
    parts: list[bytes] = []
    size = 0
    try:
        async with patience(BODY_TIMEOUT):
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


async def read_form(request: Request, most: int) -> FormData:
    """A ``multipart/form-data`` body (RFC 7578) of a few fields and one file, which lies in a temporary file
    until the answer closes it. ``most`` bytes in all. Raises ``BodyUnreadable``."""
    declared = request.headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > most + FORM_FIELDS:
        raise BodyUnreadable(f"larger than {most} bytes")
    allow_body(request.scope, FORM_TIMEOUT)
    parser = MultiPartParser(
        request.headers,
        _bounded(request, most + FORM_FIELDS),
        max_files=1,
        max_fields=20,
        max_part_size=FORM_FIELDS // 4,
    )
    try:
        async with patience(FORM_TIMEOUT):
            return await parser.parse()
    except TimeoutError:
        raise BodyUnreadable("it came too slowly") from None
    except ClientDisconnect:
        raise BodyUnreadable("connection broke") from None
    except (MultiPartException, ValueError, KeyError) as error:
        raise BodyUnreadable("it is no form") from error


class Forms:
    """Of how many forms a process holds the files at once; an app cannot hold all of them."""

    def __init__(self) -> None:
        self._held: Counter[int] = Counter()

    @contextmanager
    def of(self, app_id: int) -> Iterator[None]:
        """Raises ``SystemBusy``."""
        if self._held[app_id] >= FORMS_OF_ONE or self._held.total() >= FORMS:
            raise SystemBusy("too many files are being brought")
        self._held[app_id] += 1
        try:
            yield
        finally:
            self._held[app_id] -= 1
            self._held += Counter()  # without zeros


async def _bounded(request: Request, most: int) -> AsyncGenerator[bytes]:
    parts, size = request.stream(), 0
    while True:
        async with patience(BODY_TIMEOUT):
            part = await anext(parts, None)
        if part is None:
            return
        size += len(part)
        if size > most:
            raise BodyUnreadable(f"larger than {most} bytes")
        yield part


def is_form(request: Request) -> bool:
    return request.headers.get("content-type", "").lower().startswith("multipart/form-data")


def allow_body(scope: Scope, seconds: float) -> None:
    """The body of this request, whose sender is known, may take so long to come."""
    scope[BODY_SECONDS] = seconds


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
        value = strict_json.loads(await read_body(request) or b"{}")
    except (ValueError, BodyUnreadable):
        return {}
    return value if isinstance(value, dict) else {}
