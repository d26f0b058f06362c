"""Offers into answers by aiortc, and small, line-wise work on them (RFC 8866)."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from aiortc import RTCBundlePolicy, RTCConfiguration, RTCPeerConnection, RTCSessionDescription

from bunraku.node.rtc.aiortc import records
from bunraku.node.rtc.base import OfferRefused


def connection() -> RTCPeerConnection:
    """Without a STUN server of aiortc's choosing: an empty list, not the default."""
    return RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))


async def close(connection: RTCPeerConnection) -> None:
    """Also one whose offer was given up half way: a section that was to share another's transport has none
    then, and aiortc 1.16 by itself would stop at it with the others open."""
    receivers: list[Any] = [t.receiver for t in connection.getTransceivers()]
    made = next((r.transport for r in receivers if r.transport is not None), None)
    for receiver in receivers:
        if receiver.transport is None and made is not None:
            receiver.setTransport(made)
    with contextlib.suppress(AttributeError) if made is None else contextlib.nullcontext():
        await connection.close()


async def describe(connection: RTCPeerConnection, offer: str, attach: Callable[[], None]) -> str:
    """The answer to an offer; ``attach`` is called when its transceivers are there. Raises
    ``OfferRefused``."""
    try:
        await connection.setRemoteDescription(RTCSessionDescription(without_mdns(offer), "offer"))
        _whole(connection)
        attach()
        records.read_all(connection)
        await connection.setLocalDescription(await connection.createAnswer())
    except OfferRefused:
        raise
    except Exception as error:  # aiortc raises many kinds for what a peer may send
        raise OfferRefused("offer not understood") from error
    return connection.localDescription.sdp


def _whole(connection: RTCPeerConnection) -> None:
    """Before aiortc connects, and finds out. Raises ``OfferRefused``."""
    if not all(t.receiver.transport for t in connection.getTransceivers()):
        raise OfferRefused("offer bundles sections with one that is not taken")


def without_mdns(offer: str) -> str:
    """Drop ``.local`` candidates: each would cost a second of multicast look-ups, and the peer's
    own checks reach us anyway (RFC 8445 peer-reflexive candidates)."""
    lines = offer.replace("\r\n", "\n").split("\n")
    kept = [x for x in lines if not (x.startswith("a=candidate:") and ".local " in x)]
    return "\r\n".join(kept)


def advertise(answer: str, addresses: tuple[str, ...]) -> str:
    """Offer these addresses instead of the host's own, on the ports the host gathered."""
    if not addresses:
        return answer
    out: list[str] = []
    for line in answer.split("\r\n"):
        fields = line.split(" ")
        if not line.startswith("a=candidate:") or len(fields) < 8 or fields[7] != "host":
            out.append(line)
            continue
        for i, address in enumerate(addresses):
            if (":" in address) == (":" in fields[4]):
                replaced = [f"{fields[0]}{i}", *fields[1:4], address, *fields[5:]]
                if " ".join(replaced) not in out:
                    out.append(" ".join(replaced))
    return "\r\n".join(out)
