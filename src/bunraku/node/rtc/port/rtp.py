"""RTP payloads and headers: H.264 (RFC 6184), VP8 (RFC 7741), Opus (RFC 7587), RFC 3550.

A unit is cut once, whatever the number of watchers; each adds only its own twelve header bytes.
"""

from __future__ import annotations

import math
import struct
from typing import NamedTuple

from bunraku.core.media import TICK_US, Codec, EncodedUnit, Kind

MAX_PAYLOAD = 1172
"""Bytes: with RTP header, SRTP tag, UDP and IPv6 this stays under 1280, the least MTU of IPv6."""

HEADER = struct.Struct("!BBHLL")
"""The fixed header of RFC 3550 section 5.1: 0x80, marker and payload type, sequence, time, SSRC."""

MARKER = 0x80
_FU_A, _STAP_A = 28, 24


class Cut(NamedTuple):
    """A unit made ready once for all its watchers; ``time`` as of ``rtp_time``.

    ``octets`` is what sender reports count: payloads without their RTP headers.
    """

    unit: EncodedUnit
    kind: Kind
    time: int
    payloads: list[bytes]
    octets: int


def cut(unit: EncodedUnit) -> Cut:
    parts = payloads(unit)
    return Cut(unit, unit.kind, rtp_time(unit), parts, sum(map(len, parts)))


def rtp_time(unit: EncodedUnit) -> int:
    """Program time on the codec's clock, before a stream's random offset."""
    return unit.time_us * unit.codec.clock_rate // 1_000_000


def payloads(unit: EncodedUnit) -> list[bytes]:
    """The unit as RTP payloads, in order; at least one, each at most ``MAX_PAYLOAD`` bytes."""
    if unit.codec is Codec.H264:
        return _h264(unit.data)
    if unit.codec is Codec.VP8:
        return _vp8(unit)
    return [unit.data]


def _nal_units(data: bytes) -> list[bytes]:
    """Split an Annex B stream at its start codes."""
    out: list[bytes] = []
    at = data.find(b"\0\0\1")
    while at >= 0:
        begin = at + 3
        at = data.find(b"\0\0\1", begin)
        end = len(data) if at < 0 else at
        nal = data[begin:end].rstrip(b"\0") if at >= 0 else data[begin:end]
        if nal:
            out.append(nal)
    return out


def _h264(data: bytes) -> list[bytes]:
    """Non-interleaved mode: small units together in a STAP-A, large ones in equal FU-A parts.

    Equal parts let the kernel split one send into many packets (UDP segmentation offload).
    """
    out: list[bytes] = []
    group: list[bytes] = []
    size = 1

    def flush() -> None:
        nonlocal size
        if len(group) == 1:
            out.append(group[0])
        elif group:
            importance = max(n[0] & 0x60 for n in group)
            parts = (struct.pack("!H", len(n)) + n for n in group)
            out.append(bytes([importance | _STAP_A]) + b"".join(parts))
        group.clear()
        size = 1

    for nal in _nal_units(data):
        if len(nal) > MAX_PAYLOAD:
            flush()
            out.extend(_fragments(nal))
            continue
        if size + 2 + len(nal) > MAX_PAYLOAD:
            flush()
        group.append(nal)
        size += 2 + len(nal)
    flush()
    return out


def _fragments(nal: bytes) -> list[bytes]:
    indicator, kind, body = (nal[0] & 0x60) | _FU_A, nal[0] & 0x1F, nal[1:]
    count = math.ceil(len(body) / (MAX_PAYLOAD - 2))
    size = math.ceil(len(body) / count)
    out: list[bytes] = []
    for i in range(count):
        edge = (0x80 if i == 0 else 0) | (0x40 if i == count - 1 else 0)
        out.append(bytes([indicator, kind | edge]) + body[i * size : (i + 1) * size])
    return out


def _vp8(unit: EncodedUnit) -> list[bytes]:
    picture_id = unit.time_us // TICK_US & 0x7FFF
    count = math.ceil(len(unit.data) / (MAX_PAYLOAD - 4))
    size = math.ceil(len(unit.data) / count)
    return [
        struct.pack("!BBH", 0x90 if i == 0 else 0x80, 0x80, 0x8000 | picture_id)
        + unit.data[i * size : (i + 1) * size]
        for i in range(count)
    ]
