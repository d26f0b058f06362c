"""Whether others can reach the server: ports, addresses, TURN, passwords, certificates."""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
import ssl
import time
from contextlib import suppress
from datetime import UTC, datetime

from aioice import stun, turn
from cryptography import x509

from bunraku.core.settings import Settings
from bunraku.core.settings_rtc import IceServer
from bunraku.core.starting import CannotStart
from bunraku.doctor.finding import FAIL, OK, SOON, WARN, Finding
from bunraku.doctor.storage import owner_of, running
from bunraku.front.http import is_loopback
from bunraku.node.rtc.port.udp import local_addresses
from bunraku.process import bind, reason

ANSWER = 5.0  # s a STUN or TURN server may take
_URL = re.compile(r"(stuns?|turns?):(\[[0-9A-Fa-f:.]+\]|[^:?]+)(?::(\d+))?(?:\?transport=(udp|tcp))?")


def _taken(settings: Settings, check: str, kind: str, port: int, why: str) -> Finding:
    """A port that cannot be had: by our own running server it is well."""
    ours = running(settings.data_dir)
    holders = owner_of(kind, port)
    if ours and ours in holders:
        return Finding(check, OK, f"{kind} {port}: our own running server (process {ours})")
    who = f" (process {', '.join(map(str, sorted(holders)))})" if holders else ""
    remedy = f"end that program, or set {'port' if kind == 'tcp' else 'rtc.port'} to another"
    return Finding(check, FAIL, f"{kind} {port}: {why}{who}", remedy)


async def http_port(settings: Settings) -> list[Finding]:
    try:
        for listening in bind(settings.host, settings.port):
            listening.close()
    except CannotStart as error:
        return [_taken(settings, "http_port", "tcp", settings.port, str(error))]
    return [Finding("http_port", OK, f"tcp {settings.port} on {settings.host} is free")]


async def udp_port(settings: Settings) -> list[Finding]:
    port = settings.rtc.port
    if settings.rtc.transport != "port":
        remedy = 'rtc.transport = "port" needs one port in the firewall'
        return [Finding("udp_port", WARN, "aiortc: any UDP port, one for each watcher", remedy)]
    if port == 0:
        local = is_loopback(settings.host)
        remedy = "" if local else "set rtc.port to one that the firewall lets through"
        return [Finding("udp_port", OK if local else WARN, "the system chooses (rtc.port = 0)", remedy)]
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("0.0.0.0", port))  # noqa: S104 - as the transport does
    except OSError as error:
        return [_taken(settings, "udp_port", "udp", port, reason(error))]
    return [Finding("udp_port", OK, f"udp {port} is free")]


async def advertise(settings: Settings) -> list[Finding]:
    own = await asyncio.to_thread(local_addresses)
    found = list[Finding]()
    for address in settings.rtc.advertise:
        try:
            ip = ipaddress.ip_address(address)
        except ValueError:
            remedy = "rtc.advertise takes addresses such as 203.0.113.7, not names"
            found.append(Finding("advertise", FAIL, f"{address} is no address", remedy))
            continue
        if ip.is_unspecified or ip.is_multicast:
            found.append(Finding("advertise", FAIL, f"{address} reaches nobody", "name the public address"))
        elif ip.is_loopback and not is_loopback(settings.host):
            remedy = "name the address that watchers reach"
            found.append(Finding("advertise", FAIL, f"{address} is this machine's own loopback", remedy))
        elif address in own:
            found.append(Finding("advertise", OK, f"{address} is this machine's"))
        else:
            text = f"{address} is not this machine's: its NAT must forward udp {settings.rtc.port} here"
            found.append(Finding("advertise", OK, text))
    if not settings.rtc.advertise:
        hidden = all(ipaddress.ip_address(a).is_private or ipaddress.ip_address(a).is_loopback for a in own)
        wide = hidden and not is_loopback(settings.host)
        remedy = "behind NAT, set rtc.advertise to the public address" if wide else ""
        found.append(
            Finding("advertise", WARN if wide else OK, f"told to watchers: {', '.join(own)}", remedy)
        )
    return found


async def ice_servers(settings: Settings) -> list[Finding]:
    return list(await asyncio.gather(*(_ice(server) for server in settings.rtc.ice_servers)))


async def _ice(server: IceServer) -> Finding:
    """TURN allocates a relay for real and gives it back; STUN says who we are."""
    match = _URL.fullmatch(server.url)
    if match is None:
        return Finding(
            "ice", FAIL, f"{server.url} is no STUN or TURN URL", "such as turn:host:3478?transport=udp"
        )
    scheme, host, port, transport = match.groups()
    secure = scheme.endswith("s")
    place = (host.strip("[]"), int(port or (5349 if secure else 3478)))
    try:
        async with asyncio.timeout(ANSWER):
            if scheme.startswith("turn"):
                return await _allocated(server, place, "tcp" if secure else transport or "udp", secure)
            return await _bound(server, place)
    except stun.TransactionFailed as error:
        code, said = error.response.attributes.get("ERROR-CODE", (0, ""))
        remedy = (
            "see username and credential of rtc.ice_servers, and its realm" if code == 401 else "see its log"
        )
        return Finding("ice", FAIL, f"{server.url} refused: {code} {said}".strip(), remedy)
    except (TimeoutError, OSError, stun.TransactionTimeout) as error:
        remedy = "see that it runs, and that the firewall lets this port through"
        return Finding("ice", FAIL, f"{server.url} does not answer ({type(error).__name__})", remedy)


async def _allocated(server: IceServer, place: tuple[str, int], transport: str, secure: bool) -> Finding:
    name, port = place
    address = (await asyncio.get_running_loop().getaddrinfo(name, port))[0][4]
    relay, _ = await turn.create_turn_endpoint(
        asyncio.DatagramProtocol,
        (str(address[0]), port),
        server.username,
        server.credential,
        lifetime=60,
        ssl=_context() if secure else None,
        transport=transport,
    )
    relayed = relay.get_extra_info("sockname")
    relay.close()
    await asyncio.sleep(0.1)  # the refresh that frees it is on its way
    return Finding("ice", OK, f"{server.url} relays from {relayed[0]}")


def _context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False  # it is asked by its address
    return context


class _Asking(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.answer: asyncio.Future[stun.Message] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, addr: object) -> None:
        del addr
        with suppress(ValueError):
            if not self.answer.done():
                self.answer.set_result(stun.parse_message(data))

    def error_received(self, exc: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(exc)


async def _bound(server: IceServer, place: tuple[str, int]) -> Finding:
    loop = asyncio.get_running_loop()
    request = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)
    transport, asking = await loop.create_datagram_endpoint(_Asking, remote_addr=place)
    try:
        for wait in (0.5, 1.0, 2.0):
            transport.sendto(bytes(request))
            done, _ = await asyncio.wait([asking.answer], timeout=wait)
            if done:
                seen = asking.answer.result().attributes.get("XOR-MAPPED-ADDRESS", ("?", 0))
                return Finding("ice", OK, f"{server.url} sees us as {seen[0]}")
    finally:
        transport.close()
    raise TimeoutError


async def access(settings: Settings) -> list[Finding]:
    found = list[Finding]()
    if not settings.apps and not settings.console.enabled:
        found.append(Finding("access", FAIL, "no app, and no console to make one", "add [[apps]]"))
    wide = not is_loopback(settings.host) or settings.public_url is not None
    if settings.console.enabled and wide and settings.console.password is None:
        remedy = "set console.password, or console.enabled = false"
        found.append(Finding("access", WARN, "the console lets nobody in: it has no password", remedy))
    if wide and settings.public_url is None:
        remedy = "set public_url to what callers type"
        found.append(Finding("access", WARN, "addresses in answers follow the caller's Host", remedy))
    return found or [Finding("access", OK, "apps and console")]


async def tls(settings: Settings) -> list[Finding]:
    if settings.tls_cert is None and settings.tls_key is None:
        return []
    remedy = "tls_cert is the PEM chain, tls_key its PEM key, both readable by the user that serves"
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(str(settings.tls_cert), str(settings.tls_key) if settings.tls_key else None)
        assert settings.tls_cert is not None
        end = x509.load_pem_x509_certificate(settings.tls_cert.read_bytes()).not_valid_after_utc
    except (OSError, ValueError, AssertionError) as error:
        return [Finding("tls", FAIL, f"cannot be used ({type(error).__name__})", remedy)]
    left = end.timestamp() - time.time()
    state = FAIL if left <= 0 else WARN if left < SOON else OK
    text = f"good until {end.astimezone(UTC):%Y-%m-%d}" if left > 0 else f"ended on {datetime.date(end)}"
    return [Finding("tls", state, text, "" if state == OK else "renew it; SIGHUP takes it in")]
