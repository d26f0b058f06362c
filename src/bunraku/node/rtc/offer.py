"""What is read of an SDP offer (RFC 8829, RFC 8839), and how much of one is read at all."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from bunraku.core.media import Kind
from bunraku.node.rtc.base import OfferRefused
from bunraku.node.rtc.codecs import Chosen, OfferedFormat, choose

MAX_OFFER = 64 * 1024  # characters; a browser's with all its codecs has about eight thousand
MAX_SECTIONS = 16
MAX_LINES = 2000
MAX_CANDIDATES = 64
PORT = re.compile(r"[0-9]{1,5}")
DATA_CHANNEL = ("UDP/DTLS/SCTP", "webrtc-datachannel")
PAYLOAD = re.compile(r"[0-9]{1,3}")
MID = re.compile(r"[!-~]{1,32}")
FINGERPRINT = re.compile(r"(sha-256) ((?:[0-9A-F]{2}:){31}[0-9A-F]{2})", re.I)
ICE_UFRAG, ICE_PWD = re.compile(r"[A-Za-z0-9+/]{4,256}"), re.compile(r"[A-Za-z0-9+/]{22,256}")
SENDS, RECEIVES = ("sendonly", "sendrecv"), ("recvonly", "sendrecv")
KINDS = {kind.value: kind for kind in Kind}


@dataclass(frozen=True, slots=True)
class MediaSection:
    """One m= section of the offer."""

    kind: str
    mid: str
    protocol: str
    direction: str
    formats: tuple[OfferedFormat, ...]
    sctp_port: int | None = None
    """Of a data channel (RFC 8841)."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What matters of an offer; ``ufrag`` and ``password`` are the peer's (RFC 8839 section 5.4)."""

    sections: tuple[MediaSection, ...]
    fingerprint: str
    ufrag: str
    password: str


@dataclass(frozen=True, slots=True)
class Taken:
    """An offer, and by section what of it is taken; None when nothing is."""

    offer: Offer
    chosen: tuple[Chosen | None, ...]
    channel: MediaSection | None = None
    """The data channel that is taken."""

    def of(self, kind: Kind) -> Chosen | None:
        pairs = zip(self.offer.sections, self.chosen, strict=True)
        return next((c for s, c in pairs if s.kind == kind.value and c), None)


@dataclass(slots=True)
class _Media:
    line: str
    attributes: list[str] = field(default_factory=list[str])

    def values(self, name: str) -> list[str]:
        prefix = f"{name}:"
        return [a[len(prefix) :] for a in self.attributes if a.startswith(prefix)]


def watched(offer: Offer, *, channel: bool = False) -> Taken:
    """The first section of each kind that the peer receives by a codec of ours, and on demand its data
    channel. Raises ``OfferRefused``."""
    taken = _take(offer, RECEIVES, (Kind.AUDIO, Kind.VIDEO))
    if channel:
        taken = replace(taken, channel=next((s for s in offer.sections if s.sctp_port), None))
    if not any(taken.chosen):
        raise OfferRefused("offer holds no audio or video we can send")
    return taken


def published(offer: Offer) -> Taken:
    """The first section of sound that the peer sends; pictures are not taken in. Raises
    ``OfferRefused``."""
    taken = _take(offer, SENDS, (Kind.AUDIO,))
    if not any(taken.chosen):
        raise OfferRefused("offer holds no audio")
    return taken


def _take(offer: Offer, directions: tuple[str, ...], kinds: tuple[Kind, ...]) -> Taken:
    open_kinds = set(kinds)
    chosen: list[Chosen | None] = []
    for section in offer.sections:
        kind = KINDS.get(section.kind)
        fits = kind in open_kinds and section.direction in directions
        found = choose(kind, section.formats) if kind is not None and fits else None
        if found is not None:
            open_kinds.discard(KINDS[section.kind])
        chosen.append(found)
    return Taken(offer, tuple(chosen))


def parse(text: str) -> Offer:
    """Raises ``OfferRefused``."""
    if len(text) > MAX_OFFER:
        raise OfferRefused("offer is too large")
    lines = text.replace("\r\n", "\n").split("\n")
    if not lines[0].startswith("v=0"):
        raise OfferRefused("offer not understood")
    if len(lines) > MAX_LINES or sum(x.startswith("a=candidate:") for x in lines) > MAX_CANDIDATES:
        raise OfferRefused("offer holds too many lines or candidates")
    session = _Media("")
    medias: list[_Media] = []
    for line in lines:
        if line.startswith("m="):
            medias.append(_Media(line[2:]))
        elif line.startswith("a="):
            (medias[-1] if medias else session).attributes.append(line[2:])
    if len(medias) > MAX_SECTIONS:
        raise OfferRefused("offer holds too many sections")
    sections = tuple(_section(media, i) for i, media in enumerate(medias))
    everywhere = [session, *medias]

    def first(name: str, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = (pattern.fullmatch(v.strip()) for m in everywhere for v in m.values(name))
        return next((match for match in found if match), None)

    fingerprint = first("fingerprint", FINGERPRINT)
    if fingerprint is None:
        raise OfferRefused("offer holds no sha-256 fingerprint")
    ufrag, password = first("ice-ufrag", ICE_UFRAG), first("ice-pwd", ICE_PWD)
    if ufrag is None or password is None:
        raise OfferRefused("offer holds no ICE credentials")
    return Offer(sections, fingerprint[2].upper(), ufrag[0], password[0])


def _number_map(values: list[str]) -> dict[str, str]:
    return {number: rest for number, _, rest in (v.partition(" ") for v in values)}


def _section(media: _Media, index: int) -> MediaSection:
    fields = media.line.split()
    if len(fields) < 4:
        raise OfferRefused("offer not understood")
    maps, parameters = _number_map(media.values("rtpmap")), _number_map(media.values("fmtp"))
    formats = tuple(
        OfferedFormat(int(p), maps[p], parameters.get(p))
        for p in dict.fromkeys(fields[3:])
        if PAYLOAD.fullmatch(p) and int(p) < 128 and p in maps
    )
    known = ("sendonly", "recvonly", "inactive")
    direction = next((a for a in media.attributes if a in known), "sendrecv")
    mids = media.values("mid")
    mid = mids[0] if mids and MID.fullmatch(mids[0]) else str(index)
    ports = [p for p in media.values("sctp-port") if PORT.fullmatch(p)]
    channel = fields[0] == "application" and fields[2] == DATA_CHANNEL[0] and fields[3] == DATA_CHANNEL[1]
    sctp_port = int(ports[0]) & 0xFFFF if channel and ports else None
    return MediaSection(fields[0], mid, fields[2], direction, formats, sctp_port)
