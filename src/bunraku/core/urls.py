"""What may be said of a URL or an address before anybody is asked: the pure half of the guard
against server-side request forgery. ``node.workers.download`` is the other half."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit


class FetchFailed(Exception):
    """The URL could not be fetched. The text is for the log."""


class FetchRefused(FetchFailed):
    """The URL points where callers may not send us."""


# https://www.iana.org/assignments/iana-ipv4-special-registry: what is not globally reachable, and
# multicast. The two anycast addresses inside 192.0.0.0/24 and the former 6to4 relays serve no files.
_NOT_PUBLIC_4 = tuple(
    map(
        ipaddress.IPv4Network,
        (
            "0.0.0.0/8",
            "10.0.0.0/8",
            "100.64.0.0/10",
            "127.0.0.0/8",
            "169.254.0.0/16",
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.88.99.0/24",
            "192.168.0.0/16",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/4",
            "240.0.0.0/4",
        ),
    )
)
# https://www.iana.org/assignments/ipv6-address-space: only this is given out to the internet.
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
# https://www.iana.org/assignments/iana-ipv6-special-registry: inside of it, what is not globally
# reachable. 2001::/23 whole: what is reachable there (anycast, identifiers) serves no files.
_NOT_PUBLIC_6 = tuple(map(ipaddress.IPv6Network, ("2001::/23", "2001:db8::/32", "3fff::/20")))
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052: reaches the IPv4 address in its last bits


def is_public(address: str) -> bool:
    """Whether an IP address is on the open internet (IANA special-purpose registries).

    Raises ``ValueError`` for what is no address.
    """
    ip = ipaddress.ip_address(address.split("%")[0])
    if isinstance(ip, ipaddress.IPv4Address):
        return not any(ip in network for network in _NOT_PUBLIC_4)
    inner = ip.ipv4_mapped or ip.sixtofour
    if ip in _NAT64:
        inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    if inner is not None:
        return is_public(str(inner))
    return ip in _GLOBAL_UNICAST and not any(ip in network for network in _NOT_PUBLIC_6)


@dataclass(frozen=True, slots=True)
class Guard:
    """Which addresses may be reached for a caller: public ones, and those on the operator's own list.

    ``listed`` holds host names, addresses and networks (``10.1.0.0/16``).
    """

    allow_private: bool = False
    listed: tuple[str, ...] = ()

    def names(self, host: str) -> bool:
        """Whether a host is on the list by its name, whatever its address."""
        return host.rstrip(".").lower() in {entry.lower() for entry in self.listed}

    def permits(self, address: str) -> bool:
        """Raises ``ValueError`` for what is no address."""
        return self.allow_private or is_public(address) or self._on_list(address)

    def _on_list(self, address: str) -> bool:
        ip = ipaddress.ip_address(address.split("%")[0])
        for entry in self.listed:
            try:
                network = ipaddress.ip_network(entry)
            except ValueError:
                continue  # a name
            if ip.version == network.version and ip in network:
                return True
        return False

    def asked(self) -> dict[str, Any]:
        """What a worker must be told to make one like it."""
        return {"allow_private": self.allow_private, "listed": list(self.listed)}


def check_url(
    url: str,
    *,
    allow_private: bool,
    schemes: tuple[str, ...] = ("http", "https"),
    listed: tuple[str, ...] = (),
) -> None:
    """What can be said of a URL without resolving it.

    Raises ``ValueError`` for a URL that is not of ``schemes`` with a host, ``FetchRefused`` for a
    literal private address that is not ``listed`` (as in ``Guard``).
    """
    if url != url.strip():  # urlsplit overlooks what a request cannot hold
        raise ValueError("begins or ends with a blank")
    parts = urlsplit(url)
    if parts.scheme not in schemes:
        raise ValueError(f"scheme must be {' or '.join(schemes)}")
    if not parts.hostname:
        raise ValueError("no host")
    if any(
        c <= " " or c in "%<>\\^`{|}\x7f" for c in parts.netloc.rpartition("@")[2]
    ):  # RFC 3986 section 3.2.2
        raise ValueError("not a host name")
    import httpx  # megabytes, for who has a URL to check

    try:
        httpx.URL(url)
    except httpx.InvalidURL as error:
        raise ValueError("not a URL") from error
    _ = parts.port  # raises ValueError when it is not a port
    guard = Guard(allow_private, listed)
    if allow_private or guard.names(parts.hostname):
        return
    host = parts.hostname.rstrip(".").lower()
    if host == "localhost" or host.endswith(".localhost"):
        raise FetchRefused("address is not public")
    try:
        # inet_aton takes the short and numeric forms (127.1, 0x7f000001) that resolvers take.
        literal = host if ":" in host else socket.inet_ntoa(socket.inet_aton(host))
    except OSError:
        return
    if not guard.permits(literal):
        raise FetchRefused("address is not public")
