"""The sound of a stream whose room is on another node."""

import asyncio

import numpy as np
import pytest

from bunraku.node.rooms.afar import FORGOTTEN, HELD, Listeners, SourcesAnywhere
from bunraku.node.streams.microphone import Microphone
from bunraku.node.streams.sources import LiveSources
from bunraku.node.streams.stream import Stream
from bunraku.nodes.base import NodeAway
from bunraku.testing.clock import VirtualClock

APP = 7
PIECE = np.arange(960, dtype=np.int16)  # 20 ms


class There:
    """A node with a microphone in room ``hall``."""

    def __init__(self, clock):
        self.fenced = self.away = False
        self.stream = Stream(APP, "hall", "mic", "u", "u", live=True)
        self.microphone = Microphone(self.stream, lambda: None, lambda: None)
        sources = LiveSources(
            lambda app, name: self.stream if (app, name) == (APP, "mic") else None, lambda _: self.microphone
        )
        self.listeners = Listeners(sources, clock, "there", lambda: self.fenced)

    def __getattr__(self, name):
        if self.away:
            raise NodeAway("away")
        return getattr(self.listeners, name)


@pytest.fixture
def clock():
    return VirtualClock()


@pytest.fixture
async def there(clock):
    there = There(clock)
    yield there
    await there.listeners.close()


@pytest.fixture
def anywhere(there):
    nowhere = LiveSources(lambda app, name: None, lambda stream: None)

    async def place(app_id, stream_id):
        return ("there", "hall") if (app_id, stream_id) == (APP, "mic") else None

    return SourcesAnywhere(nowhere, place, lambda node_id: there, "here")


class Ear:
    def __init__(self, sound):
        self.heard, self.sound = [], sound
        self.job = asyncio.create_task(self._hear())

    async def _hear(self):
        async for chunk in self.sound:
            self.heard.append(chunk.samples)

    @property
    def samples(self):
        return sum(s.size for s in self.heard)


async def test_section_5_8_all_of_it_is_heard_in_order_until_the_source_ends(clock, there, anywhere):
    ear = Ear(await anywhere.listen(APP, "hall", "mic"))
    await clock.settle()
    for n in range(50):
        there.microphone.push(PIECE + n)
        await clock.advance(0.02)
    await clock.advance(0.2)
    expected = np.concatenate([PIECE + n for n in range(50)])
    assert np.array_equal(np.concatenate(ear.heard), expected)
    assert len(ear.heard) < 30, "an answer is worth a tick"
    assert not ear.job.done()
    there.microphone.end()
    await clock.advance(0.2)
    assert ear.job.done()


async def test_what_is_not_there_is_waited_for(there, anywhere):
    assert await anywhere.listen(APP, "hall", "another") is None
    assert await anywhere.listen(APP, "other room", "mic") is None
    assert await anywhere.listen(APP + 1, "hall", "mic") is None, "of another tenant"
    there.away = True
    assert await anywhere.listen(APP, "hall", "mic") is None


async def test_a_node_that_goes_away_ends_the_sound(clock, there, anywhere):
    ear = Ear(await anywhere.listen(APP, "hall", "mic"))
    await clock.settle()
    there.away = True
    there.microphone.push(PIECE)
    await clock.advance(3)
    assert ear.job.done()
    assert ear.job.exception() is None


async def test_who_stops_listening_is_let_go(clock, there, anywhere):
    sound = await anywhere.listen(APP, "hall", "mic")
    task = asyncio.create_task(anext(sound))
    await clock.settle()
    there.microphone.push(PIECE)
    await clock.settle()
    await clock.advance(0.1)
    await task
    await sound.aclose()
    assert there.microphone.listeners == 0


async def test_who_does_not_ask_is_forgotten_and_holds_no_more_than_its_bound(clock, there):
    listener = await there.listen(APP, "hall", "mic")
    await clock.settle()
    for _ in range(200):
        there.microphone.push(PIECE)
        await clock.settle()
    assert len((await there.sound(listener, 0)).pcm) == 2 * HELD
    await clock.advance(2 * FORGOTTEN)
    await clock.settle()
    assert (await there.sound(listener, 0)).over
    assert there.microphone.listeners == 0


async def test_nothing_leaves_a_fenced_node(clock, there):
    listener = await there.listen(APP, "hall", "mic")
    await clock.settle()
    there.fenced = True
    there.microphone.push(PIECE)
    await clock.settle()
    there.fenced = False
    asked = asyncio.create_task(there.sound(listener, 0.1))
    await clock.settle()
    await clock.advance(0.2)
    assert (await asked).pcm == b""
