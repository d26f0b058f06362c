"""What a peer may send once its handshake is done: mutated RTP, RTCP and DTLS under its own good keys."""

from __future__ import annotations

import asyncio
import itertools
import logging
import random
import struct
import time

import httpx
import pylibsrtp
import pytest
from aiortc.mediastreams import AudioStreamTrack

from bunraku.bench.receiver import Receiver
from bunraku.core.token import generate
from bunraku.testing.server import APP_ID, SECRET, RunningServer
from bunraku.testing.voices import ToneVoices

from ..support.publisher import Publisher
from ..support.waiting import wait_for

BATCH, ROUNDS = 40, 10
PACKET = 960  # samples of one packet of sound


@pytest.fixture(scope="module", params=["port", "aiortc"])
def served(request):
    with RunningServer(providers=[ToneVoices(word_seconds=0.3)], rtc={"transport": request.param}) as s:
        yield s


class Witness:
    """Watches beside the attack, and counts what it is sent."""

    def __init__(self):
        self.receiver, self.numbers, self.stamps = Receiver(), [], []
        note = self.receiver.note

        def hooked():
            note()
            for transceiver in self.receiver.connection.getTransceivers():
                if transceiver.kind == "audio":
                    inner, on = transceiver.receiver, transceiver.receiver._handle_rtp_packet  # noqa: SLF001 - aiortc's

                    async def heard(packet, arrival_time_ms, on=on):
                        self.numbers.append(packet.sequence_number)
                        self.stamps.append(packet.timestamp)
                        await on(packet, arrival_time_ms)

                    inner._handle_rtp_packet = heard  # noqa: SLF001 - aiortc's

        self.receiver.note = hooked

    async def more(self, packets):
        wanted = len(self.numbers) + packets
        async with asyncio.timeout(10):
            while len(self.numbers) < wanted:
                await asyncio.sleep(0.01)

    def assert_whole(self):
        steps = {(b - a) & 0xFFFF for a, b in itertools.pairwise(self.numbers)}
        assert steps == {1}, "a packet of another watcher's was lost"
        late = [(b - a) & 0xFFFFFFFF for a, b in itertools.pairwise(self.stamps)]
        assert sum(late) // PACKET - len(late) <= 5, "ticks of another watcher's were skipped"


class Fuzzer:
    """A peer whose handshake is done. What it sends is made from ``rng``, so that a fault can be met again."""

    def __init__(self, connection, rng):
        self.rng = rng
        self.dtls = connection.getTransceivers()[0].receiver.transport
        self.sequence = rng.randrange(1 << 16)

    def send(self, datagram):
        connection = self.dtls.transport._connection  # noqa: SLF001 - aiortc's
        return connection.send(datagram)

    async def rtp(self, payload_type):
        """One packet under a good tag; the header's flags, its extension and padding lie at random."""
        rng = self.rng
        self.sequence = (self.sequence + rng.choice([1, 1, 1, 2, 7, 400, 600])) & 0xFFFF
        body = rng.choice(
            [b"", b"\xfc\xff\xfe", rng.randbytes(rng.randrange(1, 200)), bytes([rng.randrange(256)]) * 3]
        )
        first = 0x80 | rng.choice([0, 0, 0, 0x20, 0x10, 0x30]) | rng.choice([0, 0, 0, rng.randrange(16)])
        if first & 0x0F:
            body = rng.randbytes(4 * (first & 0x0F)) + body
        if first & 0x10:
            words = rng.choice([0, 1, 3, 40, 0xFFFF])
            body = (
                struct.pack("!HH", rng.choice([0xBEDE, 0x1000, 7]), words)
                + rng.randbytes(4 * min(words, 40))
                + body
            )
        if first & 0x20:
            body += bytes([rng.choice([0, 1, 4, 255])])
        stamp = rng.choice([self.sequence * PACKET, rng.randrange(1 << 32)]) & 0xFFFFFFFF
        head = struct.pack("!BBHLL", first, rng.choice([0, 0x80]) | payload_type, self.sequence, stamp, 77)
        try:
            sealed = self.dtls._tx_srtp.protect(head + body)  # noqa: SLF001 - aiortc's
        except pylibsrtp.Error:
            return  # what libsrtp cannot seal, it cannot open
        await self.send(self._spoilt(sealed))

    async def rtcp(self, about):
        """A compound of random reports, feedback and descriptions; but no BYE."""
        rng, whole = self.rng, b""
        for _ in range(rng.randrange(1, 4)):
            kind = rng.choice([200, 201, 202, 204, 205, 205, 206, 206, 207, 222])
            ssrc = struct.pack(
                "!LL", rng.choice([1, 2, rng.randrange(1 << 32)]), rng.choice([about, about, 5])
            )
            body = ssrc + rng.choice(
                [b"", b"REMB" + rng.randbytes(8), rng.randbytes(4 * rng.randrange(0, 60))]
            )
            words = rng.choice([len(body) // 4] * 4 + [0, 1, 0xFFFF])
            count = rng.choice([0, 1, 4, 15, 31])
            whole += struct.pack("!BBH", 0x80 | rng.choice([0, 0, 0x20]) | count, kind, words) + body
        try:
            sealed = self.dtls._tx_srtp.protect_rtcp(whole)  # noqa: SLF001 - aiortc's
        except pylibsrtp.Error:
            return
        await self.send(self._spoilt(sealed))

    async def dtls_records(self):
        """Application data as it should be, many records in one datagram, and broken ones."""
        rng, ssl = self.rng, self.dtls._ssl  # noqa: SLF001 - aiortc's
        datagram = b""
        for _ in range(rng.choice([1, 3, 20])):
            ssl.send(rng.randbytes(rng.choice([1, 20])))
            datagram += ssl.bio_read(2048)
        await self.send(self._spoilt(datagram))
        head = struct.pack(
            "!BHHLHH", rng.choice([20, 21, 22, 23, 24, 25, 63]), 0xFEFD, rng.randrange(3), 0, 9, 16
        )
        await self.send(head + rng.randbytes(rng.randrange(40)))

    def _spoilt(self, datagram):
        """One in three: a bit turned, cut short, or longer."""
        rng, made = self.rng, bytearray(datagram)
        match rng.randrange(9):
            case 0:
                made[rng.randrange(2, len(made))] ^= 1 << rng.randrange(8)
            case 1:
                del made[rng.randrange(2, len(made)) :]
            case 2:
                made += rng.randbytes(rng.randrange(1, 30))
        return bytes(made)


@pytest.fixture
async def scene(served):
    class Scene:
        pass

    with served.client() as api:
        x = Scene()
        x.server, x.api, x.stream_id = served, api, f"s{time.monotonic_ns()}"
        human = api.digital_humans()[0]["DigitalHumanId"]
        x.task = api.create(human, room_id="r", stream_id=x.stream_id, size=(128, 128))
        await asyncio.to_thread(wait_for, lambda: api.status(x.task)["Status"] == 3)
        x.url, x.token = (
            f"{served.base_url}/whep/{APP_ID}/{x.stream_id}",
            generate(APP_ID, "u", SECRET, time.time()),
        )
        x.witness = Witness()
        await x.witness.receiver.play(x.url, x.token)
        await x.witness.more(10)
        yield x
        await x.witness.receiver.close()
        api.stop(x.task)


async def survives(scene, caplog, attack):
    """``attack`` in many rounds, beside a stream that is watched, and what must hold after it."""
    with caplog.at_level(logging.INFO):
        caplog.clear()
        for _ in range(ROUNDS):
            for _ in range(BATCH):
                await attack()
            await asyncio.sleep(0.05)
        await scene.witness.more(25)
    scene.witness.assert_whole()
    said = [r for r in caplog.records if r.name.startswith(("bunraku", "aiortc", "asyncio"))]
    loud = [r.getMessage()[-400:] for r in said if r.levelno >= logging.WARNING]
    assert len(loud) <= 1, loud[:2]  # aiortc may say once why it gave its peer up
    assert len(said) < 20
    async with httpx.AsyncClient() as http:
        assert (await http.get(f"{scene.server.base_url}/readyz")).status_code == 200
    scene.witness.receiver.voiced.clear()
    scene.api.speak(scene.task, "still here", timbre_id="tone-a")
    await asyncio.wait_for(scene.witness.receiver.voiced.wait(), 5)


async def connected(connection):
    async with asyncio.timeout(10):
        while connection.connectionState != "connected":
            await asyncio.sleep(0.02)


async def test_a_watcher_that_sends_anything_harms_itself_alone(scene, caplog):
    receiver = Receiver()
    await receiver.play(scene.url, scene.token)
    await connected(receiver.connection)
    fuzzer = Fuzzer(receiver.connection, random.Random(16))
    receivers = receiver.connection.getReceivers()
    async with asyncio.timeout(10):
        while not (about := [s for r in receivers for s in r._RTCRtpReceiver__active_ssrc]):  # noqa: SLF001 - aiortc's
            await asyncio.sleep(0.02)

    async def attack():
        await fuzzer.rtcp(fuzzer.rng.choice(about))
        await fuzzer.rtp(111)
        if fuzzer.rng.random() < 0.2:
            await fuzzer.dtls_records()

    await survives(scene, caplog, attack)
    if scene.server.settings.rtc.transport == "port":  # aiortc may give up who sends what it cannot read
        assert len(scene.server.parts.rooms.stream(APP_ID, scene.stream_id).watchers) == 2
    await receiver.close()


async def test_a_publisher_that_sends_anything_harms_itself_alone(scene, caplog):
    publisher = Publisher(scene.server, f"mic{time.monotonic_ns()}", AudioStreamTrack())
    await publisher.publish()
    await connected(publisher.connection)
    fuzzer = Fuzzer(publisher.connection, random.Random(17))
    (sender,) = publisher.connection.getSenders()
    number = next(
        c.payloadType
        for c in publisher.connection.getTransceivers()[0]._codecs  # noqa: SLF001 - aiortc's
        if c.name.lower() == "opus"
    )

    async def attack():
        await fuzzer.rtp(number)
        await fuzzer.rtcp(sender._ssrc)  # noqa: SLF001 - aiortc's
        if fuzzer.rng.random() < 0.2:
            await fuzzer.dtls_records()

    await survives(scene, caplog, attack)
    await publisher.connection.close()


async def test_what_came_with_the_end_is_read_with_it(scene):
    """Records that share a datagram are read at once: what is left lying would pile up, and the end with it."""
    receiver = Receiver()
    await receiver.play(scene.url, scene.token)
    await connected(receiver.connection)
    stream = scene.server.parts.rooms.stream(APP_ID, scene.stream_id)
    await asyncio.to_thread(wait_for, lambda: len(stream.watchers) == 2)
    fuzzer = Fuzzer(receiver.connection, random.Random(18))
    ssl, datagram = fuzzer.dtls._ssl, b""  # noqa: SLF001 - aiortc's
    for _ in range(20):
        ssl.send(b"x")
        datagram += ssl.bio_read(2048)
    ssl.shutdown()
    await fuzzer.send(datagram + ssl.bio_read(2048))
    await asyncio.to_thread(wait_for, lambda: len(stream.watchers) == 1, 2)
    await receiver.close()
