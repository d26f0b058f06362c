"""RTP payloads put together again are what was cut."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bunraku.core.media import Codec, EncodedUnit
from bunraku.node.rtc.base import OfferRefused
from bunraku.node.rtc.offer import parse, watched
from bunraku.node.rtc.port import rtp

from ..support.sdp import OFFER

BODY = st.binary(min_size=1, max_size=5000).map(lambda b: b.replace(b"\0", b"\1"))
NALS = st.lists(st.tuples(st.integers(1, 23), BODY), min_size=1, max_size=8)


def depacketise(payloads):
    """RFC 6184 sections 5.6 to 5.8, the receiver's way."""
    nals, open_ = [], None
    for p in payloads:
        kind = p[0] & 0x1F
        if kind == 24:
            at = 1
            while at < len(p):
                (size,) = struct.unpack_from("!H", p, at)
                nals.append(p[at + 2 : at + 2 + size])
                at += 2 + size
        elif kind == 28:
            if p[1] & 0x80:
                open_ = bytes([(p[0] & 0x60) | (p[1] & 0x1F)])
            open_ += p[2:]
            if p[1] & 0x40:
                nals.append(open_)
        else:
            nals.append(p)
    return nals


@given(NALS, st.sampled_from([b"\0\0\1", b"\0\0\0\1"]))
def test_h264_round_trip(parts, start):
    nals = [bytes([0x60 | kind]) + body for kind, body in parts]
    unit = EncodedUnit(Codec.H264, 0, b"".join(start + n for n in nals), True)
    payloads = rtp.payloads(unit)
    assert depacketise(payloads) == nals
    assert all(0 < len(p) <= rtp.MAX_PAYLOAD for p in payloads)


@given(st.binary(min_size=1, max_size=20000), st.integers(0, 10**12))
def test_vp8_round_trip(data, time_us):
    payloads = rtp.payloads(EncodedUnit(Codec.VP8, time_us, data, True))
    assert b"".join(p[4:] for p in payloads) == data
    assert [bool(p[0] & 0x10) for p in payloads] == [True] + [False] * (len(payloads) - 1)
    assert len({p[1:4] for p in payloads}) == 1
    assert all(len(p) <= rtp.MAX_PAYLOAD for p in payloads)


def test_header_and_clock():
    assert rtp.HEADER.pack(0x80, rtp.MARKER | 96, 65535, 2**32 - 1, 7) == bytes.fromhex(
        "80e0ffffffffffff00000007"
    )
    assert rtp.rtp_time(EncodedUnit(Codec.H264, 40_000, b"x", True)) == 3600
    assert rtp.rtp_time(EncodedUnit(Codec.OPUS, 20_000, b"x", True)) == 960


def chosen(text):
    taken = watched(parse(text))
    return {
        s.kind: c.format.payload_type for s, c in zip(taken.offer.sections, taken.chosen, strict=True) if c
    }


def test_codecs_are_chosen_as_every_receiver_decodes_them():
    assert chosen(OFFER) == {"audio": 111, "video": 106}
    assert chosen(OFFER.replace("H264", "H265")) == {"audio": 111, "video": 96}
    assert chosen(OFFER.replace("\n", "\r\n")) == {"audio": 111, "video": 106}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "v=0",
        "hello",
        OFFER.replace("sha-256", "sha-1"),
        OFFER.replace("recvonly", "sendonly"),
        "v=0\n" * 30000,
    ],
)
def test_offers_that_cannot_be_answered(text):
    with pytest.raises(OfferRefused):
        watched(parse(text))


@given(st.text(max_size=400))
def test_nothing_but_refusals(text):
    for candidate in (text, "v=0\n" + text, OFFER + text):
        try:
            watched(parse(candidate))
        except OfferRefused:
            continue
