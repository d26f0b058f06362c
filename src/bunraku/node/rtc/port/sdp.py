"""Offer and answer of the single-port transport: what is read, what is promised (RFC 8829)."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field

from bunraku.core.media import Codec, Kind
from bunraku.node.rtc.base import OfferRefused

MAX_OFFER = 64 * 1024
PAYLOAD = re.compile(r"[0-9]{1,3}")
FINGERPRINT = re.compile(r"(sha-256) ((?:[0-9A-F]{2}:){31}[0-9A-F]{2})", re.I)
CANDIDATE_PRIORITY = 2130706431  # a host candidate of component 1, RFC 8445 section 5.1.2.1


@dataclass(frozen=True, slots=True)
class Chosen:
    """A codec of one media section, with the payload type the peer gave it."""

    codec: Codec
    payload_type: int
    rtpmap: str
    fmtp: str | None


@dataclass(frozen=True, slots=True)
class Section:
    """One m= section of the offer; ``chosen`` is None when nothing in it can be sent."""

    kind: str
    mid: str
    protocol: str
    chosen: Chosen | None


@dataclass(frozen=True, slots=True)
class Offer:
    """What matters of an offer."""

    sections: tuple[Section, ...]
    fingerprint: str

    def chosen(self, kind: Kind) -> Chosen | None:
        return next((s.chosen for s in self.sections if s.kind == kind.value and s.chosen), None)


@dataclass(slots=True)
class _Media:
    line: str
    attributes: list[str] = field(default_factory=list[str])

    def values(self, name: str) -> list[str]:
        prefix = f"{name}:"
        return [a[len(prefix) :] for a in self.attributes if a.startswith(prefix)]


def _number_map(values: list[str]) -> dict[str, str]:
    return {number: rest for number, _, rest in (v.partition(" ") for v in values)}


def _choose(media: _Media, kind: str) -> Chosen | None:
    maps, formats = _number_map(media.values("rtpmap")), _number_map(media.values("fmtp"))
    offered = [p for p in media.line.split()[3:] if PAYLOAD.fullmatch(p) and int(p) < 128 and p in maps]

    def named(name: str) -> list[str]:
        return [p for p in offered if maps[p].lower().startswith(name)]

    def made(codec: Codec, number: str) -> Chosen:
        return Chosen(codec, int(number), maps[number], formats.get(number))

    if kind == "audio":
        opus = named("opus/48000")
        return made(Codec.OPUS, opus[0]) if opus else None
    if kind != "video":
        return None

    def rank(number: str) -> int:
        text = formats.get(number, "").lower()
        return 0 if "profile-level-id=42e0" in text else 1 if "profile-level-id=42" in text else 2

    h264 = [p for p in named("h264/90000") if "packetization-mode=1" in formats.get(p, "")]
    if h264:
        return made(Codec.H264, min(h264, key=rank))
    vp8 = named("vp8/90000")
    return made(Codec.VP8, vp8[0]) if vp8 else None


def parse(text: str) -> Offer:
    """Raises ``OfferRefused``."""
    if len(text) > MAX_OFFER:
        raise OfferRefused("offer is too large")
    lines = text.replace("\r\n", "\n").split("\n")
    if not lines or not lines[0].startswith("v=0"):
        raise OfferRefused("offer not understood")
    session: list[str] = []
    medias: list[_Media] = []
    for line in lines:
        if line.startswith("m="):
            medias.append(_Media(line[2:]))
        elif line.startswith("a="):
            (medias[-1].attributes if medias else session).append(line[2:])
    prints = [a for m in medias for a in m.values("fingerprint")]
    prints += [a.removeprefix("fingerprint:") for a in session if a.startswith("fingerprint:")]
    found = next((m for p in prints if (m := FINGERPRINT.fullmatch(p.strip()))), None)
    if found is None:
        raise OfferRefused("offer holds no sha-256 fingerprint")
    sections: list[Section] = []
    taken: set[str] = set()
    for media in medias:
        fields = media.line.split()
        if len(fields) < 4:
            raise OfferRefused("offer not understood")
        kind, mids = fields[0], media.values("mid")
        receives = not any(a in ("sendonly", "inactive") for a in media.attributes)
        chosen = _choose(media, kind) if receives and kind not in taken else None
        if chosen is not None:
            taken.add(kind)
        mid = mids[0] if mids and re.fullmatch(r"[!-~]{1,32}", mids[0]) else str(len(sections))
        sections.append(Section(kind, mid, fields[2], chosen))
    if not taken:
        raise OfferRefused("offer holds no audio or video we can send")
    return Offer(tuple(sections), found[2].upper())


@dataclass(frozen=True, slots=True)
class Identity:
    """Our side of one session."""

    ufrag: str
    password: str
    fingerprint: str
    ssrc: dict[Kind, int]
    cname: str


def answer(offer: Offer, us: Identity, addresses: list[str], port: int) -> str:
    """An ICE-lite, DTLS-passive answer with every candidate in it."""
    accepted = [s for s in offer.sections if s.chosen is not None]
    lines = [
        "v=0",
        f"o=- {secrets.randbits(62)} 1 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "a=ice-lite",
        "a=group:BUNDLE " + " ".join(s.mid for s in accepted),
        "a=msid-semantic: WMS *",
    ]
    for section in offer.sections:
        chosen = section.chosen
        if chosen is None:
            lines += [f"m={section.kind} 0 {section.protocol} 0", "c=IN IP4 0.0.0.0", "a=inactive"]
            lines.append(f"a=mid:{section.mid}")
            continue
        number = chosen.payload_type
        lines += [
            f"m={section.kind} 9 {section.protocol} {number}",
            "c=IN IP4 0.0.0.0",
            f"a=mid:{section.mid}",
            "a=sendonly",
            "a=rtcp-mux",
            f"a=rtpmap:{number} {chosen.rtpmap}",
        ]
        if chosen.fmtp is not None:
            lines.append(f"a=fmtp:{number} {chosen.fmtp}")
        if section.kind == "video":
            lines += [f"a=rtcp-fb:{number} {f}" for f in ("nack", "nack pli", "ccm fir", "goog-remb")]
        ssrc = us.ssrc[Kind(section.kind)]
        lines += [
            f"a=msid:{us.cname} {us.cname}-{section.kind}",
            f"a=ssrc:{ssrc} cname:{us.cname}",
            f"a=ice-ufrag:{us.ufrag}",
            f"a=ice-pwd:{us.password}",
            f"a=fingerprint:sha-256 {us.fingerprint}",
            "a=setup:passive",
        ]
        for i, address in enumerate(addresses):
            lines.append(f"a=candidate:{i + 1} 1 udp {CANDIDATE_PRIORITY - i} {address} {port} typ host")
        lines.append("a=end-of-candidates")
    return "\r\n".join(lines) + "\r\n"
