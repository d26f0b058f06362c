"""Which of the offered codecs is taken, the same for every transport."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bunraku.core.media import Codec, Kind


@dataclass(frozen=True, slots=True)
class OfferedFormat:
    """One payload type of an offer, in the peer's own words (RFC 8866 sections 6.6 and 6.15)."""

    payload_type: int
    rtpmap: str
    fmtp: str | None

    def named(self, name: str) -> bool:
        return self.rtpmap.lower().startswith(name)


@dataclass(frozen=True, slots=True)
class Chosen:
    """The codec of a media section, and how the peer calls it."""

    codec: Codec
    format: OfferedFormat


def choose(kind: Kind, formats: Iterable[OfferedFormat]) -> Chosen | None:
    """Opus; H.264 with packetization-mode 1, constrained baseline first; VP8 when there is none."""
    offered = list(formats)
    if kind is Kind.AUDIO:
        return next((Chosen(Codec.OPUS, f) for f in offered if f.named("opus/48000")), None)

    def rank(candidate: OfferedFormat) -> int:
        text = (candidate.fmtp or "").lower()
        return 0 if "profile-level-id=42e0" in text else 1 if "profile-level-id=42" in text else 2

    h264 = [f for f in offered if f.named("h264/90000") and "packetization-mode=1" in (f.fmtp or "")]
    if h264:
        return Chosen(Codec.H264, min(h264, key=rank))
    return next((Chosen(Codec.VP8, f) for f in offered if f.named("vp8/90000")), None)
