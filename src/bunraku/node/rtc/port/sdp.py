"""The answers of the single-port transport (RFC 8829)."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from bunraku.core.media import Kind
from bunraku.node.rtc.codecs import Chosen
from bunraku.node.rtc.offer import DATA_CHANNEL, MediaSection, Taken

SCTP_PORT = 5000
MAX_MESSAGE = 1024  # bytes we are willing to hear at once
CANDIDATE_PRIORITY = 2130706431  # a host candidate of component 1, RFC 8445 section 5.1.2.1


@dataclass(frozen=True, slots=True)
class Identity:
    """Our side of one session."""

    ufrag: str
    password: str
    fingerprint: str
    ssrc: dict[Kind, int]
    cname: str


def sending(taken: Taken, us: Identity, addresses: list[str], port: int) -> str:
    """For a watcher."""

    def media(section: MediaSection, chosen: Chosen) -> list[str]:
        number, ssrc = chosen.format.payload_type, us.ssrc[Kind(section.kind)]
        wanted = ("nack", "nack pli", "ccm fir", "goog-remb") if section.kind == "video" else ()
        return [
            "a=sendonly",
            *_format(chosen),
            *(f"a=rtcp-fb:{number} {f}" for f in wanted),
            f"a=msid:{us.cname} {us.cname}-{section.kind}",
            f"a=ssrc:{ssrc} cname:{us.cname}",
        ]

    return _answer(taken, us, addresses, port, media)


def receiving(taken: Taken, us: Identity, addresses: list[str], port: int) -> str:
    """For a publisher."""
    return _answer(taken, us, addresses, port, lambda _, chosen: ["a=recvonly", *_format(chosen)])


def _format(chosen: Chosen) -> list[str]:
    number, found = chosen.format.payload_type, chosen.format
    lines = [f"a=rtpmap:{number} {found.rtpmap}"]
    return lines if found.fmtp is None else [*lines, f"a=fmtp:{number} {found.fmtp}"]


def _answer(
    taken: Taken,
    us: Identity,
    addresses: list[str],
    port: int,
    media: Callable[[MediaSection, Chosen], list[str]],
) -> str:
    """ICE-lite, DTLS-passive, with every candidate in it."""
    sections = list(zip(taken.offer.sections, taken.chosen, strict=True))
    lines = [
        "v=0",
        f"o=- {secrets.randbits(62)} 1 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "a=ice-lite",
        "a=group:BUNDLE " + " ".join(s.mid for s, chosen in sections if chosen or s is taken.channel),
        "a=msid-semantic: WMS *",
    ]
    for section, chosen in sections:
        if section is taken.channel:
            lines += [
                f"m=application 9 {' '.join(DATA_CHANNEL)}",
                "c=IN IP4 0.0.0.0",
                f"a=mid:{section.mid}",
                f"a=sctp-port:{SCTP_PORT}",
                f"a=max-message-size:{MAX_MESSAGE}",
                *_way(us, addresses, port),
            ]
            continue
        if chosen is None:
            lines += [f"m={section.kind} 0 {section.protocol} 0", "c=IN IP4 0.0.0.0", "a=inactive"]
            lines.append(f"a=mid:{section.mid}")
            continue
        lines += [
            f"m={section.kind} 9 {section.protocol} {chosen.format.payload_type}",
            "c=IN IP4 0.0.0.0",
            f"a=mid:{section.mid}",
            "a=rtcp-mux",
            *media(section, chosen),
            *_way(us, addresses, port),
        ]
    return "\r\n".join(lines) + "\r\n"


def _way(us: Identity, addresses: list[str], port: int) -> list[str]:
    """How to reach us, and whom to expect there."""
    return [
        f"a=ice-ufrag:{us.ufrag}",
        f"a=ice-pwd:{us.password}",
        f"a=fingerprint:sha-256 {us.fingerprint}",
        "a=setup:passive",
        *(
            f"a=candidate:{i + 1} 1 udp {CANDIDATE_PRIORITY - i} {address} {port} typ host"
            for i, address in enumerate(addresses)
        ),
        "a=end-of-candidates",
    ]
