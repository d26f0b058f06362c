"""Microphones by WHIP from a real peer, over good networks and bad ones, and offers meant to hurt."""

from __future__ import annotations

import asyncio
import fractions
import random
import socket
import time

import av
import httpx
import numpy as np
import pytest
from aiortc import (
    MediaStreamTrack,
)

from bunraku.bench.receiver import Receiver
from bunraku.core.media import SAMPLE_RATE
from bunraku.core.token import generate
from bunraku.node.rtc import offer as offers
from bunraku.node.streams.sources import LiveSources
from bunraku.testing.network import LossyPath, Weather
from bunraku.testing.server import APP_ID, SECRET, RunningServer
from bunraku.testing.voices import ToneVoices

from ..support.publisher import Publisher, token_of

HERTZ = 440


@pytest.fixture(scope="module", params=["port", "aiortc"])
def served(request):
    with RunningServer(providers=[ToneVoices()], rtc={"transport": request.param}) as s:
        yield s


class Tone(MediaStreamTrack):
    """A sine without an end."""

    kind = "audio"

    def __init__(self):
        super().__init__()
        self.begin, self.samples = time.monotonic(), 0

    async def recv(self):
        await asyncio.sleep(self.begin + self.samples / SAMPLE_RATE - time.monotonic())
        t = (np.arange(960) + self.samples) / SAMPLE_RATE
        sound = (np.sin(2 * np.pi * HERTZ * t) * 10_000).astype(np.int16).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(sound, "s16", "mono")
        frame.sample_rate, frame.pts = SAMPLE_RATE, self.samples
        frame.time_base = fractions.Fraction(1, SAMPLE_RATE)
        self.samples += 960
        return frame


async def until(condition, timeout=10):
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


class Listener:
    """What a digital human that repeats the stream would get; on the server's own loop."""

    def __init__(self, served, stream_id):
        self.chunks, self.over = [], False
        sources = LiveSources(served.parts.rooms.stream, served.parts.desk.microphone)

        async def listen():
            sound = await sources.listen(APP_ID, "r", stream_id)
            async for chunk in sound:
                self.chunks.append(chunk.samples)
            self.over = True

        served.begin(listen())

    def sound(self):
        return np.concatenate(self.chunks) if self.chunks else np.empty(0, np.int16)


def purity(sound):
    """The tone's share of all power."""
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(sound.size))) ** 2
    at = round(HERTZ * sound.size / SAMPLE_RATE)
    return float(spectrum[at - 20 : at + 20].sum() / spectrum.sum())


def live(served, stream_id):
    stream = served.parts.rooms.stream(APP_ID, stream_id)
    return stream is not None and stream.live


async def test_sound_arrives_whole_and_the_stream_ends_with_its_resource(served):
    publisher = Publisher(served, "whole", Tone())
    await publisher.publish()
    await until(lambda: live(served, "whole"))
    listener = Listener(served, "whole")
    guest = Receiver()
    token = generate(APP_ID, "guest", SECRET, time.time())
    await guest.play(f"{served.base_url}/whep/{APP_ID}/whole", token)
    await asyncio.wait_for(guest.voiced.wait(), 10)
    await until(lambda: listener.sound().size > 2 * SAMPLE_RATE)
    assert purity(listener.sound()[SAMPLE_RATE // 2 :]) > 0.99
    assert httpx.delete(served.base_url + publisher.location).status_code == 200
    await until(lambda: listener.over)
    assert not live(served, "whole")
    await publisher.connection.close()
    await guest.close()


async def test_a_publisher_that_says_goodbye_ends_its_stream(served):
    publisher = Publisher(served, "bye", Tone())
    await publisher.publish()
    await until(lambda: live(served, "bye"))
    # It cannot say goodbye before it has heard of the handshake's end itself.
    await until(lambda: publisher.connection.connectionState == "connected")
    await publisher.connection.close()
    await until(lambda: not live(served, "bye"), 5)


async def test_loss_and_disorder_on_the_way_are_made_good(served):
    if served.settings.rtc.transport != "port":
        pytest.skip("aiortc's jitter buffer loses more than the network does")
    chance = random.Random(3)
    async with LossyPath() as path:
        publisher = Publisher(served, "bad", Tone())
        await publisher.publish(path)
        await until(lambda: live(served, "bad"))
        listener = Listener(served, "bad")
        await until(lambda: listener.sound().size > SAMPLE_RATE // 2)
        path.up = Weather(
            lose=lambda _: chance.random() < 0.1,
            behind=lambda n: 2 if n % 10 == 3 else 0,
            delay=lambda n: 0.01 * (n % 3),
        )
        listener.chunks.clear()
        begin = time.monotonic()
        await asyncio.sleep(4)
        sound, took = listener.sound(), time.monotonic() - begin
        # Time goes on at its pace, whatever is missing.
        assert sound.size / SAMPLE_RATE == pytest.approx(took, abs=0.5)
        assert purity(sound) > 0.9
        await publisher.connection.close()


async def offer_of(publisher):
    await publisher.connection.setLocalDescription(await publisher.connection.createOffer())
    return publisher.connection.localDescription.sdp


async def posted(publisher, content):
    async with httpx.AsyncClient(trust_env=False, timeout=30) as http:
        return await http.post(publisher.url, content=content, headers=publisher.headers)


async def test_fifteen_thousand_candidates_cost_nothing(served):
    """One such offer held the server up for 26 seconds."""
    publisher = Publisher(served, "many", Tone())
    offer = await offer_of(publisher)
    line = "a=candidate:{0} 1 udp 2130706431 127.0.0.1 {1} typ host"
    many = "\r\n".join(line.format(i, 20_000 + i) for i in range(15_000))
    begin = time.monotonic()
    reply = await posted(publisher, offer.rstrip() + "\r\n" + many + "\r\n")
    assert reply.status_code == 400
    assert time.monotonic() - begin < 1
    few = "\r\n".join(line.format(i, 20_000 + i) for i in range(offers.MAX_CANDIDATES + 1))
    assert (await posted(publisher, offer.rstrip() + "\r\n" + few + "\r\n")).status_code == 400
    sections = "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n" * (offers.MAX_SECTIONS + 1)
    assert (await posted(publisher, offer.rstrip() + "\r\n" + sections)).status_code == 400
    await publisher.connection.close()


async def test_no_address_of_an_offer_is_dialled(served):
    if served.settings.rtc.transport != "port":
        pytest.skip("full ICE dials; it is capped")
    publisher = Publisher(served, "dial", Tone())
    offer = await offer_of(publisher)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as victim:
        victim.setblocking(False)
        victim.bind(("127.0.0.1", 0))
        line = f"a=candidate:1 1 udp 2130706431 127.0.0.1 {victim.getsockname()[1]} typ host"
        assert (await posted(publisher, offer.rstrip() + f"\r\n{line}\r\n")).status_code == 201
        await asyncio.sleep(1)
        with pytest.raises(BlockingIOError):
            victim.recv(2048)
    await publisher.connection.close()


def mutated(offer, chance):
    """Bytes changed, lines dropped, doubled, swapped and cut."""
    lines = offer.split("\r\n")
    for _ in range(chance.randrange(1, 6)):
        i, j = chance.randrange(len(lines)), chance.randrange(len(lines))
        kind = chance.randrange(6)
        if kind == 0:
            lines.pop(i)
        elif kind == 1:
            lines.insert(i, lines[j])
        elif kind == 2:
            lines[i], lines[j] = lines[j], lines[i]
        elif kind == 3:
            lines[i] = lines[i][: chance.randrange(len(lines[i]) + 1)]
        elif kind == 4 and lines[i]:
            at = chance.randrange(len(lines[i]))
            lines[i] = lines[i][:at] + chr(chance.randrange(32, 0x2FF)) + lines[i][at + 1 :]
        else:
            lines[i] = lines[i].replace(str(chance.randrange(10)), str(chance.randrange(10**6)))
        if not lines:
            return ""
    return "\r\n".join(lines)


async def test_mutated_offers_are_answered_or_refused_and_never_a_fault(served):
    publisher = Publisher(served, "mutant", Tone())
    offer = await offer_of(publisher)
    chance, seen = random.Random(7), set()
    for _ in range(200):
        reply = await posted(publisher, mutated(offer, chance).encode())
        seen.add(reply.status_code)
        if reply.status_code == 201:
            httpx.delete(served.base_url + reply.headers["location"], trust_env=False)
    assert seen == {201, 400}
    await publisher.connection.close()


async def test_names_are_checked_where_they_come_in(served):
    """A lone surrogate in a published user's name closed every member's socket and locked the room."""

    async def status(user, stream="named", room="r"):
        publisher = Publisher(served, stream, Tone(), user=user, room=room)
        offer = await offer_of(publisher)
        reply = await posted(publisher, offer)
        await publisher.connection.close()
        if reply.status_code == 201:
            httpx.delete(served.base_url + reply.headers["location"], trust_env=False)
        return reply.status_code

    assert await status("fine") == 201
    assert await status("u" * 64, "s" * 128, "r" * 128) == 201
    for user in ("half \ud800", "u" * 65, "line\nbreak"):
        assert await status(user) == 401
        token = token_of(user)
        watch = httpx.post(
            f"{served.base_url}/whep/{APP_ID}/none",
            headers={"Authorization": f"Bearer {token}"},
            trust_env=False,
        )
        assert watch.status_code == 401
    assert await status("fine", "s" * 129) == 400
    assert await status("fine", "a%00b") == 400
    assert await status("fine", room="r" * 129) == 400
