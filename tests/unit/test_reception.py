"""A publisher's packets: put in order, what is lost made up, and reported on."""

from __future__ import annotations

import asyncio
import struct

import numpy as np
import pylibsrtp
import pytest
from aiortc.rtp import RtcpPacket, RtcpRrPacket, RtpPacket
from hypothesis import given
from hypothesis import strategies as st
from pylibsrtp import Policy

from bunraku.core.clock import SystemClock
from bunraku.core.media import SAMPLE_RATE
from bunraku.node.encode.opus import PACKET_SAMPLES, open_opus_encoder
from bunraku.node.rtc.port.publisher import MAX_PACKETS
from bunraku.node.rtc.port.reception import DEPTH, HOLD, MAX_CONCEALED, InOrder, Reception
from bunraku.node.rtc.port.transport import PortTransport
from bunraku.node.streams import hearing
from bunraku.node.streams.hearing import OpusHearing
from bunraku.node.streams.microphone import Microphone
from bunraku.node.streams.stream import Stream
from bunraku.testing.network import Weather
from bunraku.testing.voices import tone

from ..support.sdp import OFFER


def through(weather, count, first=65_500):
    """Packets 0 to ``count`` by way of the weather, one each 20 ms: what comes out in order."""
    order, out = InOrder(), []
    for i in range(count):
        header = bytes([0x80, 111]) + ((first + i) & 0xFFFF).to_bytes(2, "big")
        for _, packet in weather.meet(header + i.to_bytes(4, "big")):
            sequence, n = int.from_bytes(packet[2:4], "big"), int.from_bytes(packet[4:], "big")
            out += order.push(i * 0.02, sequence, n * 960, packet[4:])
    return out + list(order.due(count * 0.02 + 1))


def numbers(heard):
    return [None if h.payload is None else int.from_bytes(h.payload, "big") for h in heard]


def test_packets_in_order_are_given_on_at_once_across_the_turn_of_the_numbers():
    order = InOrder()
    for i in range(200):
        (heard,) = order.push(i * 0.02, (65_500 + i) & 0xFFFF, i * 960, b"x")
        assert heard.timestamp == i * 960


def test_what_overtakes_is_put_back():
    assert numbers(through(Weather(behind=lambda n: 2 if n % 4 == 1 else 0), 100)) == list(range(100))


def test_what_is_lost_is_said_to_be_and_the_packet_after_it_named():
    heard = through(Weather(lose=lambda n: n % 10 == 5), 100)
    assert numbers(heard) == [None if n % 10 == 5 else n for n in range(100)]
    assert all(h.following is not None for h in heard if h.payload is None)


def test_a_long_loss_is_mostly_time_that_passed():
    heard = through(Weather(lose=lambda n: 20 <= n < 60), 100)
    assert numbers(heard) == [*range(20), *[None] * MAX_CONCEALED, *range(60, 100)]
    assert sum(h.skipped for h in heard) == 40 - MAX_CONCEALED


def test_a_missing_packet_is_waited_for_as_long_and_no_longer():
    order = InOrder()
    list(order.push(0.0, 1, 0, b"a"))
    assert list(order.push(0.02, 3, 1920, b"c")) == []
    assert list(order.due(0.02 + HOLD - 0.01)) == []
    assert numbers_of(order.due(0.02 + HOLD)) == [None, b"c"]
    assert list(order.push(0.2, 2, 960, b"b")) == [], "too late"
    for i in range(DEPTH):
        assert list(order.push(0.2, 5 + i, 0, b"x")) == []
    assert len(list(order.push(0.2, 5 + DEPTH, 0, b"x"))) == 1 + DEPTH + 1


def numbers_of(heard):
    return [h.payload for h in heard]


def test_a_new_beginning_is_no_loss():
    order = InOrder()
    list(order.push(0.0, 1, 0, b"a"))
    assert numbers_of(order.push(0.1, 30_000, 5, b"z")) == [b"z"]
    assert numbers_of(order.push(0.2, 30_001, 6, b"y")) == [b"y"]


@given(st.lists(st.tuples(st.integers(0, 65_535), st.floats(0, 1)), max_size=200))
def test_whatever_comes_little_is_held_and_nothing_twice(packets):
    order, now, out = InOrder(), 0.0, []
    for i, (sequence, step) in enumerate(packets):
        now += step
        out += order.push(now, sequence, 0, str(i).encode())
        assert len(order) <= DEPTH
    payloads = [h.payload for h in out if h.payload is not None]
    assert len(payloads) == len(set(payloads))


def test_reports_say_what_was_lost_and_how_it_trembled():
    reception = Reception(7, SAMPLE_RATE)
    assert reception.block(0) is None
    for i in range(100):
        if i % 4:
            reception.packet(i * 0.02, (65_530 + i) & 0xFFFF, i * 960)
    reception.sender_report(2.0, 0x1234_5678_9ABC_DEF0)
    block = reception.block(2.5)
    assert block.ssrc == 7
    # The first that came is number 1.
    assert (block.packets_lost, block.highest_sequence) == (24, 65_629)
    assert block.fraction_lost == 24 * 256 // 99
    assert block.jitter == 0
    assert (block.lsr, block.dlsr) == (0x5678_9ABC, 32768)
    assert reception.block(2.5).fraction_lost == 0
    for i in range(100, 200):
        reception.packet(i * 0.02 + 0.01 * (i % 2), (65_530 + i) & 0xFFFF, i * 960)
    assert 400 < reception.block(4).jitter < 500, "half of them are ten milliseconds late"


def opus(sound):
    return [u.data for u in open_opus_encoder().encode(sound, 0)]


@pytest.fixture(params=["libopus", "FFmpeg"])
def by(request, monkeypatch):
    if request.param == "FFmpeg":
        monkeypatch.setattr(hearing.libopus, "library", lambda: None)
    return OpusHearing()


def loudness(samples):
    return float(np.sqrt(np.mean(samples.astype(float) ** 2)))


def test_opus_is_heard(by):
    sound = tone(440, 1.0)
    heard = np.concatenate([by.decode(p) for p in opus(sound)])
    assert abs(heard.size - sound.size) <= PACKET_SAMPLES
    assert loudness(heard[4800:]) == pytest.approx(loudness(sound), rel=0.1)


def test_what_is_not_opus_is_silence(by):
    by.decode(opus(tone(440, 0.02))[0])
    for rubbish in (b"\xff", b"\x03" * 3, bytes(5000), b"\xfb\xff"):
        assert not by.decode(rubbish).any()


def test_a_lost_packet_sounds_like_its_neighbours():
    by, packets = OpusHearing(), opus(tone(440, 1.0))
    for packet in packets[:20]:
        by.decode(packet)
    assert by.conceal(packets[21]).size == PACKET_SAMPLES
    made_up = by.conceal(None)
    assert made_up.size == PACKET_SAMPLES
    assert loudness(made_up) > 1000


class Line:
    """A publisher whose handshake is done, and the peer's side of its SRTP."""

    def __init__(self):
        self.sent, self.samples, self.passed = [], [], []
        self.transport = PortTransport(SystemClock(), 0, ("127.0.0.1",), 30.0)
        self.transport.send = lambda datagram, _: self.sent.append(datagram)
        stream = Stream(1, "r", "mic", "u", "u")
        self.microphone = Microphone(stream, lambda: None, lambda: None)
        self.microphone.push = lambda s, p=0: (self.samples.append(s), self.passed.append(p))
        self.peer = pylibsrtp.Session(self.policy(Policy.SSRC_ANY_OUTBOUND))
        self.hears = pylibsrtp.Session(self.policy(Policy.SSRC_ANY_INBOUND))

    @staticmethod
    def policy(kind):
        return Policy(key=b"k" * 30, ssrc_type=kind)

    async def open(self):
        offer = OFFER.replace("recvonly", "sendonly")
        self.publisher = await self.transport.publish(self.microphone, offer)
        self.publisher.secure(
            pylibsrtp.Session(self.policy(Policy.SSRC_ANY_OUTBOUND)),
            pylibsrtp.Session(self.policy(Policy.SSRC_ANY_INBOUND)),
        )
        self.publisher.address = ("127.0.0.1", 9)
        return self

    def send(self, sequence, timestamp, payload, *, ssrc=5, payload_type=111):
        packet = RtpPacket(payload_type, 0, sequence, timestamp, ssrc, payload)
        self.publisher.on_rtp(self.peer.protect(packet.serialize()))


async def test_sound_goes_from_packets_to_the_microphone_and_pauses_are_time():
    line, packets = await Line().open(), opus(tone(440, 1.0))
    for i, packet in enumerate(packets):
        line.send(i, 960 * i + (48_000 if i >= 25 else 0), packet)
    assert sum(s.size for s in line.samples) == 50 * 960
    assert [(i, p) for i, p in enumerate(line.passed) if p] == [(25, 48_000)]


async def test_a_lost_packet_is_made_up_and_time_goes_on_as_it_did():
    line, packets = await Line().open(), opus(tone(440, 1.0))
    for i, packet in enumerate(packets):
        if i not in (10, 20, 21):
            line.send(i, 960 * i, packet)
    assert sum(s.size for s in line.samples) == 50 * 960
    assert sum(line.passed) == 0
    assert loudness(np.concatenate(line.samples)[10 * 960 : 11 * 960]) > 3000


async def test_one_source_and_one_payload_type_a_session():
    line, (packet, *_) = await Line().open(), opus(tone(440, 0.1))
    line.send(9, 0, packet, payload_type=96)
    assert line.samples == []
    line.send(10, 0, packet)
    line.send(1, 960, packet, ssrc=6)
    assert len(line.samples) == 1
    for rubbish in (b"\x80", b"\x80\x6f" + bytes(200), bytes([0x80, 111, 0, 2]) + bytes(8)):
        line.publisher.on_rtp(rubbish)
    assert len(line.samples) == 1


async def test_a_flood_of_packets_is_heard_no_faster_than_sound_can_come():
    line, (packet, *_) = await Line().open(), opus(tone(440, 0.1))
    for i in range(5 * int(MAX_PACKETS)):
        line.send(i & 0xFFFF, 960 * i, packet)
    assert len(line.samples) == MAX_PACKETS


async def test_receiver_reports_go_to_the_publisher():
    line, packets = await Line().open(), opus(tone(440, 1.0))
    line.publisher.report(0.0)
    assert line.sent == []
    for i, packet in enumerate(packets):
        if i % 5:
            line.send(i, 960 * i, packet)
    line.publisher.report(0.0)
    (datagram,) = line.sent
    report, _ = RtcpPacket.parse(line.hears.unprotect_rtcp(datagram))
    assert isinstance(report, RtcpRrPacket)
    assert (report.reports[0].ssrc, report.reports[0].packets_lost) == (5, 9)


@given(
    st.lists(st.tuples(st.integers(0x80, 0xBF), st.integers(0, 65_535), st.binary(max_size=200)), max_size=30)
)
def test_nothing_sealed_by_a_publisher_is_a_fault(packets):
    async def run():
        line = await Line().open()
        for first, sequence, body in packets:
            header = struct.pack("!BBHLL", first, 111, sequence, sequence * 960, 5)
            try:
                sealed = line.peer.protect(header + body)
            except pylibsrtp.Error:
                continue  # its own libsrtp would not have it
            line.publisher.on_rtp(sealed)

    asyncio.run(run())
