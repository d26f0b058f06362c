"""The single port: what one watcher may ask of it, and how its datagrams leave and come."""

import asyncio
import errno
import socket
import struct

import pylibsrtp
import pytest
from aioice import stun
from hypothesis import given
from hypothesis import strategies as st
from pylibsrtp import Policy

from bunraku.core.clock import BEAT, SystemClock
from bunraku.core.media import Codec, EncodedUnit, Kind
from bunraku.node.rooms.room import Stream
from bunraku.node.rtc.port import transport as port_module
from bunraku.node.rtc.port.transport import PortTransport
from bunraku.node.rtc.port.watcher import HISTORY, RETRANSMIT_LIMIT, PortWatcher

from .test_rtp import OFFER

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
    w._outgoing = pylibsrtp.Session(policy)
    w.wire = wire
    return w


def again(watcher: PortWatcher, lost):
    watcher._again(watcher._tracks[Kind.VIDEO], lost)


async def test_repeats_are_the_packets_of_before_and_limited(watcher):
    first = watcher._tracks[Kind.VIDEO].sequence
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
    track = watcher._tracks[Kind.VIDEO]
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


@pytest.mark.parametrize("error", port_module.NO_SEGMENTATION)
def test_a_kernel_without_segmentation_is_asked_once(error):
    wire = PortTransport(SystemClock(), 0, (), 30.0)
    wire._socket = fake = NoSegmentation(error)
    many = [b"a" * 100] * 3 + [b"b" * 50]
    wire.send_many(many, ("127.0.0.1", 9))
    wire.send_many(many, ("127.0.0.1", 9))
    assert fake.left == many * 2
    assert fake.tries == 1


def test_a_full_buffer_loses_packets_and_nothing_else():
    wire = PortTransport(SystemClock(), 0, (), 30.0)
    wire._socket = fake = NoSegmentation(errno.EAGAIN)
    fake.sendmsg = lambda *_: (_ for _ in ()).throw(BlockingIOError())
    wire.send_many([b"a" * 100] * 3, ("127.0.0.1", 9))
    assert fake.left == []
    assert wire._segmented


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
        wire = PortTransport(SystemClock(), 0, (), 30.0)
        wire._socket = here
        wire.send_many(datagrams, there.getsockname())
        assert [there.recv(2048) for _ in datagrams] == datagrams


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


async def ask(family, host, datagram, port):
    loop = asyncio.get_running_loop()
    with socket.socket(family, socket.SOCK_DGRAM) as s:
        s.setblocking(False)
        s.bind((host, 0))
        await loop.sock_sendto(s, datagram, (host, port))
        try:
            answer = await asyncio.wait_for(loop.sock_recv(s, 2048), 0.3)
        except TimeoutError:
            return s.getsockname(), None
        return s.getsockname(), stun.parse_message(answer)


@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
async def test_both_families_on_one_port(transport, family, host):
    watcher = await transport.watch(Stream(1, "r", "s", "u", "u"), OFFER)
    name, answer = await ask(family, host, binding(watcher), transport.port)
    assert answer.attributes["XOR-MAPPED-ADDRESS"] == name[:2]
    assert answer.check_message_integrity(watcher.identity.password.encode())


async def test_a_path_is_taken_over_by_nomination_only(transport):
    watcher = await transport.watch(Stream(1, "r", "s", "u", "u"), OFFER)
    await ask(socket.AF_INET, "127.0.0.1", binding(watcher), transport.port)
    first = watcher.address
    await ask(socket.AF_INET, "127.0.0.1", binding(watcher, password="0" * 32, nominate=True), transport.port)
    await ask(socket.AF_INET, "127.0.0.1", binding(watcher), transport.port)
    assert watcher.address == first
    name, _ = await ask(socket.AF_INET, "127.0.0.1", binding(watcher, nominate=True), transport.port)
    assert watcher.address[1] == name[1] != first[1]
    assert list(transport._by_address) == [watcher.address]


async def test_unfinished_handshakes_are_capped_per_address(transport, monkeypatch):
    monkeypatch.setattr(port_module, "MAX_HANDSHAKES", 3)
    stream = Stream(1, "r", "s", "u", "u")
    watchers = [await transport.watch(stream, OFFER) for _ in range(4)]
    answers = [(await ask(socket.AF_INET, "127.0.0.1", binding(w), transport.port))[1] for w in watchers]
    assert [a is not None for a in answers] == [True, True, True, False]
    # Another host is not kept out by it, and a place is free again when one leaves.
    _, other = await ask(socket.AF_INET6, "::1", binding(watchers[3]), transport.port)
    assert other is not None
    fifth = await transport.watch(stream, OFFER)
    watchers[0].end()
    assert (await ask(socket.AF_INET, "127.0.0.1", binding(fifth), transport.port))[1] is not None


async def test_addresses_in_the_offer_are_never_sent_to(transport):
    """Whoever offers a candidate of somebody else's cannot have us send there."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as victim:
        victim.setblocking(False)
        victim.bind(("127.0.0.1", 0))
        line = f"a=candidate:1 1 udp 1 127.0.0.1 {victim.getsockname()[1]} typ host"
        watcher = await transport.watch(Stream(1, "r", "s", "u", "u"), OFFER.rstrip() + f"\r\n{line}\r\n")
        await ask(socket.AF_INET, "127.0.0.1", binding(watcher), transport.port)
        await asyncio.sleep(0.6)
        with pytest.raises(BlockingIOError):
            victim.recv(2048)
