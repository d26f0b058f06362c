"""The single port: who is where, what one watcher may ask, and how datagrams leave and come."""

import asyncio
import contextlib
import errno
import socket
import struct

import pylibsrtp
import pytest
from aioice import stun
from aiortc.rtp import RTCP_RTPFB_NACK, RtcpRtpfbPacket
from hypothesis import given
from hypothesis import strategies as st
from pylibsrtp import Policy

from bunraku.core.clock import BEAT, SystemClock
from bunraku.core.media import Codec, EncodedUnit, Kind
from bunraku.node.rtc.port import ice, udp
from bunraku.node.rtc.port.peer import MAX_SOURCES
from bunraku.node.rtc.port.transport import PortTransport
from bunraku.node.rtc.port.udp import UdpPort
from bunraku.node.rtc.port.watcher import HISTORY, RETRANSMIT_LIMIT, PortWatcher
from bunraku.node.streams.microphone import Microphone
from bunraku.node.streams.stream import Stream
from bunraku.testing.clock import VirtualClock

from ..support.sdp import OFFER

PICTURE = EncodedUnit(Codec.H264, 40_000, b"\0\0\1\x65" + b"x" * 3000, True)


class Loose(PortTransport):
    """Sends into a list."""

    def __init__(self):
        super().__init__(SystemClock(), 0, ("127.0.0.1",), 30.0)
        self.left = []

    def send(self, datagram, address):
        self.left.append(datagram)

    def send_many(self, datagrams, address):
        self.left.extend(datagrams)


@pytest.fixture
async def watcher():
    wire = Loose()
    w = await wire.watch(Stream(1, "r", "s", "u", "u"), OFFER)
    w.address = ("127.0.0.1", 9)
    policy = Policy(key=b"k" * 30, ssrc_type=Policy.SSRC_ANY_OUTBOUND)
    policy.allow_repeat_tx = True
    w.secure(
        pylibsrtp.Session(policy), pylibsrtp.Session(Policy(key=b"k" * 30, ssrc_type=Policy.SSRC_ANY_INBOUND))
    )
    w.wire = wire
    w.seal = pylibsrtp.Session(Policy(key=b"k" * 30, ssrc_type=Policy.SSRC_ANY_OUTBOUND))
    return w


def again(watcher: PortWatcher, lost):
    """The watcher says that these are missing, in a packet for each."""
    for number in lost:
        missing = RtcpRtpfbPacket(
            fmt=RTCP_RTPFB_NACK,
            ssrc=1,
            media_ssrc=watcher.tracks[Kind.VIDEO].ssrc,
            lost=[number % (1 << 16)],
        )
        watcher.on_rtcp(watcher.seal.protect_rtcp(bytes(missing)))


async def test_repeats_are_the_packets_of_before_and_limited(watcher):
    first = watcher.tracks[Kind.VIDEO].sequence
    watcher.push(PICTURE)
    sent = watcher.wire.left[:]
    assert len(sent) == 3
    watcher.wire.left.clear()
    again(watcher, [first + 1, first + 2000])
    assert watcher.wire.left == [sent[1]]
    again(watcher, [first] * 10 * RETRANSMIT_LIMIT)
    assert len(watcher.wire.left) == RETRANSMIT_LIMIT
    watcher.on_timer()
    again(watcher, [first] * 10 * RETRANSMIT_LIMIT)
    assert len(watcher.wire.left) == RETRANSMIT_LIMIT * (1 + BEAT)


async def test_history_is_bounded_and_old_numbers_are_not_mistaken_for_new_ones(watcher):
    track = watcher.tracks[Kind.VIDEO]
    first = track.sequence
    for _ in range(HISTORY):
        watcher.push(PICTURE)
    assert len(track.history) == HISTORY
    watcher.wire.left.clear()
    again(watcher, [first])
    assert watcher.wire.left == []


async def test_nothing_leaves_for_a_late_joiner_before_a_keyframe(watcher):
    watcher.push(EncodedUnit(Codec.H264, 0, b"\0\0\1\x41abc", False))
    assert watcher.wire.left == []
    watcher.push(PICTURE)
    watcher.push(EncodedUnit(Codec.H264, 80_000, b"\0\0\1\x41abc", False))
    assert len(watcher.wire.left) == 4


class NoSegmentation:
    """A socket of a kernel without UDP segmentation offload."""

    def __init__(self, error):
        self.error, self.tries, self.left = error, 0, []

    def sendmsg(self, *_):
        self.tries += 1
        raise OSError(self.error, "no")

    def sendto(self, datagram, _):
        self.left.append(datagram)


@pytest.mark.parametrize("error", udp.NO_SEGMENTATION)
def test_a_kernel_without_segmentation_is_asked_once(error):
    fake = NoSegmentation(error)
    wire = UdpPort(0, lambda *_: None, fake)
    many = [b"a" * 100] * 3 + [b"b" * 50]
    wire.send_many(many, ("127.0.0.1", 9))
    wire.send_many(many, ("127.0.0.1", 9))
    assert fake.left == many * 2
    assert fake.tries == 1


def test_a_full_buffer_loses_packets_and_nothing_else():
    fake = NoSegmentation(errno.EAGAIN)
    wire = UdpPort(0, lambda *_: None, fake)
    for _ in range(2):
        wire.send_many([b"a" * 100] * 3, ("127.0.0.1", 9))
    assert fake.left == []
    assert fake.tries == 2, "that says nothing about segmentation"


@given(st.lists(st.integers(1, 1200), min_size=1, max_size=60))
def test_datagrams_arrive_as_they_were_whatever_their_sizes(sizes):
    datagrams = [struct.pack("!H", i % 256)[:size] + b"x" * (size - 2) for i, size in enumerate(sizes)]
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as here,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as there,
    ):
        there.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        there.bind(("127.0.0.1", 0))
        there.settimeout(5)
        wire = UdpPort(0, lambda *_: None, here)
        wire.send_many(datagrams, there.getsockname())
        assert [there.recv(2048) for _ in datagrams] == datagrams


async def test_what_comes_waits_for_a_look_where_nobody_is_in_a_hurry():
    heard = []
    wire = UdpPort(0, lambda datagram, _: heard.append(datagram))
    wire.open()

    async def turns():
        for _ in range(3):
            await asyncio.sleep(0)

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as there:

        def say(*words):
            for word in words:
                there.sendto(word, ("127.0.0.1", wire.number))

        wire.heed(False)
        say(b"one", b"two")
        await turns()
        assert heard == []
        wire.look()
        await turns()
        assert heard == [b"one", b"two"]
        say(b"three")
        wire.heed(True)
        await turns()
        assert heard == [b"one", b"two", b"three"]
        wire.heed(False)
        many = [b"%d" % i for i in range(udp.READ_BATCH + 2)]
        say(*many)
        wire.look()
        await turns()
        assert heard[3:] == many
        say(b"late")
        wire.look()
        wire.close()
        await turns()
        assert heard[-1] != b"late"


def binding(watcher, *, password=None, nominate=False):
    request = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)
    request.attributes["USERNAME"] = f"{watcher.identity.ufrag}:peer"
    if nominate:
        request.attributes["USE-CANDIDATE"] = None
    request.add_message_integrity((password or watcher.identity.password).encode())
    return bytes(request)


@pytest.fixture
async def transport():
    t = PortTransport(SystemClock(), 0, ("127.0.0.1",), 30.0)
    await t.start()
    yield t
    await t.close()


PASSWORD = "ofThePeer0123456789abcd"  # of OFFER


class Socket:
    """A peer's: it knows our checks from our answers."""

    def __init__(self, transport, host="127.0.0.1"):
        self.family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.server = (host, transport.port)
        self.socket = socket.socket(self.family, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.bind((host, 0))
        self.name = self.socket.getsockname()[:2]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, datagram):
        self.socket.sendto(bytes(datagram), self.server)

    async def heard(self, seconds=0.1):
        """All that comes within a little while."""
        loop, found = asyncio.get_running_loop(), []
        try:
            async with asyncio.timeout(seconds):
                while True:
                    found.append(await loop.sock_recv(self.socket, 4096))
        except TimeoutError:
            return found

    async def ask(self, datagram, *, answers=True, password=PASSWORD):
        """Send a request; ours to it, or None. Our check is answered when it ``answers``."""
        self.send(datagram)
        response = None
        for message in map(stun.parse_message, await self.heard()):
            if message.message_class is stun.Class.RESPONSE:
                response = message
            elif answers:
                self.answer(message, password)
        await asyncio.sleep(0.02)
        return response

    def answer(self, check, password=PASSWORD):
        assert check.attributes["USERNAME"].startswith("peer:")
        assert check.check_message_integrity(PASSWORD.encode())
        message = stun.Message(
            message_method=stun.Method.BINDING,
            message_class=stun.Class.RESPONSE,
            transaction_id=check.transaction_id,
        )
        message.attributes["XOR-MAPPED-ADDRESS"] = self.server
        message.add_message_integrity(password.encode())
        self.send(message)


def port_of(watcher):
    return watcher.address and watcher.address[1]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_both_families_on_one_port(transport, host):
    watcher = await transport.watch(Stream(1, "r", "s", "u", "u"), OFFER)
    with Socket(transport, host) as peer:
        answer = await peer.ask(binding(watcher))
        assert answer.attributes["XOR-MAPPED-ADDRESS"] == peer.name
        assert answer.check_message_integrity(watcher.identity.password.encode())
        assert port_of(watcher) == peer.name[1]


async def test_a_path_is_taken_over_by_nomination_only(transport):
    watcher = await transport.watch(Stream(1, "r", "s", "u", "u"), OFFER)
    with Socket(transport) as first, Socket(transport) as second:
        await first.ask(binding(watcher))
        assert await second.ask(binding(watcher, password="0" * 32, nominate=True)) is None
        assert await second.ask(binding(watcher)) is not None
        assert port_of(watcher) == first.name[1]
        former = watcher.address
        await second.ask(binding(watcher, nominate=True))
        assert port_of(watcher) == second.name[1]
        assert transport.ice.at(former) is None


async def test_an_address_that_answers_no_check_gets_nothing_but_small_answers(transport):
    """The holder of a session may write under another's address; then nothing must flow there."""
    watcher = await transport.watch(Stream(1, "r", "s", "u", "u"), OFFER)
    hello = bytes([22, 254, 253]) + bytes(10) + b"client hello"
    with Socket(transport) as victim:
        for _ in range(20):
            request = binding(watcher, nominate=True)
            victim.send(request)
            victim.send(hello)
        came = await victim.heard(0.5)
        assert watcher.address is None
        assert all(d[0] < 4 for d in came), "only STUN"
        assert sum(map(len, came)) < 2 * 20 * (len(request) + len(hello))
        wrong = await victim.ask(binding(watcher), password="0" * 22)
        assert wrong is not None
        assert watcher.address is None


async def test_another_session_cannot_take_an_address_by_writing_under_it(transport):
    """With a password of one's own a packet "from" somebody's address ended that somebody's session."""
    stream = Stream(1, "r", "s", "u", "u")
    victim, forger = await transport.watch(stream, OFFER), await transport.watch(stream, OFFER)
    with Socket(transport) as home:
        await home.ask(binding(victim))
        await home.ask(binding(forger, nominate=True), answers=False)
        assert not victim.closed
        assert port_of(victim) == home.name[1]
        assert forger.address is None
        await asyncio.sleep(ice.CHECK_GAP)
        # Who answers the check there is there: a router has given the place to another.
        await home.ask(binding(forger, nominate=True))
        assert victim.closed
        assert port_of(forger) == home.name[1]


async def test_a_session_stays_where_it_is_until_the_new_place_answers(transport):
    watcher = await transport.watch(Stream(1, "r", "s", "u", "u"), OFFER)
    with Socket(transport) as home, Socket(transport) as third:
        await home.ask(binding(watcher))
        heard = watcher.heard
        await third.ask(binding(watcher, nominate=True), answers=False)
        assert port_of(watcher) == home.name[1]
        assert watcher.heard == heard, "consent comes from where the media goes"


async def test_checks_of_many_addresses_are_few_and_forgotten(transport):
    watcher = await transport.watch(Stream(1, "r", "s", "u", "u"), OFFER)
    for port in range(1, 200):
        transport.ice.on_datagram(binding(watcher), ("::ffff:127.0.0.1", port))
    assert transport.ice.checks == ice.MAX_PATHS
    watcher.end()
    assert transport.ice.checks == 0


async def test_unfinished_handshakes_are_capped_per_address(transport, monkeypatch):
    monkeypatch.setattr(ice, "MAX_HANDSHAKES", 3)
    stream = Stream(1, "r", "s", "u", "u")
    watchers = [await transport.watch(stream, OFFER) for _ in range(4)]
    with contextlib.ExitStack() as stack:

        async def ask(watcher, host="127.0.0.1"):
            return await stack.enter_context(Socket(transport, host)).ask(binding(watcher)) is not None

        assert [await ask(w) for w in watchers] == [True, True, True, False]
        # Another host is not kept out by it, and a place is free again when one leaves.
        assert await ask(watchers[3], "::1")
        fifth = await transport.watch(stream, OFFER)
        watchers[0].end()
        assert await ask(fifth)


async def test_addresses_in_the_offer_are_never_sent_to(transport):
    """Whoever offers a candidate of somebody else's cannot have us send there."""
    with Socket(transport) as victim, Socket(transport) as peer:
        line = f"a=candidate:1 1 udp 1 127.0.0.1 {victim.name[1]} typ host"
        watcher = await transport.watch(Stream(1, "r", "s", "u", "u"), OFFER.rstrip() + f"\r\n{line}\r\n")
        await peer.ask(binding(watcher))
        assert await victim.heard(0.6) == []


def sealed_for(peer):
    """What the peer's side seals, of a handshake that is done."""
    policy = Policy(key=b"k" * 30, ssrc_type=Policy.SSRC_ANY_INBOUND)
    outgoing = pylibsrtp.Session(Policy(key=b"k" * 30, ssrc_type=Policy.SSRC_ANY_OUTBOUND))
    peer.secure(outgoing, pylibsrtp.Session(policy))
    return pylibsrtp.Session(Policy(key=b"k" * 30, ssrc_type=Policy.SSRC_ANY_OUTBOUND))


KINDS_OF_RTCP = st.sampled_from([200, 201, 202, 203, 204, 205, 206, 207])


@given(
    st.lists(st.tuples(st.integers(0, 31), KINDS_OF_RTCP, st.binary(max_size=300)), min_size=1, max_size=20),
    st.booleans(),
)
def test_nothing_sealed_by_a_peer_is_a_fault(packets, honest_length):
    """Whoever has finished a handshake may seal whatever it likes."""

    async def run():
        wire = Loose()
        watcher = await wire.watch(Stream(1, "r", "s", "u", "u"), OFFER)
        seal = sealed_for(watcher)
        for count, kind, body in packets:
            length = len(body) // 4 if honest_length else len(body)
            body = body[: len(body) // 4 * 4] if honest_length else body
            datagram = struct.pack("!BBH", 0x80 | count, kind, length) + body
            if len(datagram) >= 8:
                watcher.on_rtcp(seal.protect_rtcp(datagram))

    asyncio.run(run())


async def test_a_peer_reports_by_few_sources(watcher):
    """Each that is new costs memory for as long as the session lasts."""
    seal = sealed_for(watcher)
    for ssrc in range(1, 100):
        watcher.on_rtcp(seal.protect_rtcp(struct.pack("!BBHL", 0x80, 201, 1, ssrc)))
    assert watcher.sources == MAX_SOURCES


async def test_silence_and_unfinished_handshakes_end_a_session_in_their_time():
    clock = VirtualClock()
    transport = PortTransport(clock, 0, ("127.0.0.1",), 15.0)
    await transport.start()
    ended = []
    stream = Stream(1, "r", "mic", "u", "u")
    microphone = Microphone(stream, lambda: None, lambda: ended.append(clock.monotonic()))
    silent = await transport.publish(microphone, OFFER.replace("recvonly", "sendonly"))
    sealed_for(silent)
    slow = await transport.watch(Stream(1, "r", "s", "u", "u"), OFFER)
    begin = clock.monotonic()
    for _ in range(14):
        await clock.advance(1)
        slow.heard = clock.monotonic()
    assert not silent.closed
    await clock.advance(2)
    assert silent.closed
    assert 15 < ended[0] - begin <= 15 + 2 * BEAT
    slow.heard = clock.monotonic()
    await clock.advance(3)
    assert not slow.closed
    await clock.advance(2)
    assert slow.closed, "checks alone keep nobody here"
    assert transport.ice.peers == []
    await transport.close()
