"""``AsyncClient.perform``: a digital human to talk through."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bunraku.client import AsyncClient
from bunraku.core import errors
from bunraku.perform import sentences
from bunraku.testing.server import APP_ID, SECRET, RunningServer
from bunraku.testing.voices import ToneVoices


@pytest.fixture
async def api(server):
    async with AsyncClient(server.base_url, APP_ID, SECRET) as api:
        yield api


@contextlib.asynccontextmanager
async def perform(api, human=None, **options):
    human = human or (await api.digital_humans())[0]["DigitalHumanId"]
    options = {"timbre_id": "tone-a", "size": (128, 128), **options}
    async with api.perform(human, room_id="r", stream_id="s", **options) as p:
        yield p


async def test_a_text_is_said_to_its_end(api):
    async with perform(api) as p:
        said = await p.say("one two. three four!")
        assert said.spoken_text.split() == ["one", "two.", "three", "four!"]
        assert said.played_ms >= 1000, "four words of 0.3 s with pauses"
        assert (said.interrupted, said.failed) == (False, False)
        task = p.task_id
    with pytest.raises(errors.StreamAlreadyStopped):
        await api.stop(task)


async def test_what_a_model_writes_is_heard_while_it_writes(api):
    heard_first = asyncio.Event()

    async def tokens():
        for word in ("one ", "two. ", "three "):
            yield word
        async with asyncio.timeout(10):
            await heard_first.wait()
        yield "four."

    async with perform(api) as p:
        say = asyncio.create_task(p.say(tokens()))
        async with asyncio.timeout(10):
            while not any(d["Status"] == 4 for d in await api.drives(p.task_id)):
                await asyncio.sleep(0.05)
        heard_first.set()
        said = await say
        assert said.spoken_text == "one two. three four."


async def test_an_interrupt_tells_what_was_heard_and_nothing_follows(api):
    async with perform(api) as p:
        text = "one two three four five six seven eight. " * 8
        say = asyncio.create_task(p.say(text))
        while not any(d["Status"] == 2 for d in await api.drives(p.task_id)):
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.5)
        await p.interrupt()
        said = await say
        assert said.interrupted
        assert text.startswith(said.spoken_text)
        assert 200 < said.played_ms < 2500
        before = await api.drives(p.task_id)
        again = await p.say("nine.")
        assert (again.spoken_text, again.interrupted) == ("nine.", False)
        assert len(await api.drives(p.task_id)) == len(before) + 1


async def test_who_cancels_interrupts(api):
    async with perform(api) as p:
        say = asyncio.create_task(p.say("one two three four five six seven eight nine ten."))
        while not any(d["Status"] == 2 for d in await api.drives(p.task_id)):
            await asyncio.sleep(0.05)
        say.cancel()
        with pytest.raises(asyncio.CancelledError):
            await say
        assert [d["Status"] for d in await api.drives(p.task_id)] == [5]


async def test_a_voice_that_breaks_off_is_told(api):
    async with perform(api) as p:
        said = await p.say("one FAIL two. three.")
        assert said.failed
        assert said.spoken_text.endswith("three.")


async def test_one_that_cannot_come_leaves_nothing_behind(api):
    with pytest.raises(errors.DigitalHumanNotFound):
        async with perform(api, human="nobody"):
            pass
    assert await api.running() == []


async def test_a_start_that_fails_is_told_with_its_reason():
    with RunningServer(providers=[ToneVoices()], fetch={"allow_private": True}) as server:
        async with AsyncClient(server.base_url, APP_ID, SECRET) as api:
            with pytest.raises(errors.StreamNotStarted, match="BackgroundUrl"):
                async with perform(api, background_url="http://127.0.0.1:9/x.png"):
                    pass
            assert await api.running() == []


async def cut(*pieces):
    async def feed():
        for piece in pieces:
            yield piece

    return [s async for s in sentences(feed())]


async def test_where_sentences_end():
    assert await cut("Hello the", "re. How are", " you? Fine") == ["Hello there.", "How are you?", "Fine"]
    assert await cut("Dr. Ito paid 3.50 at No. 5, e.g. today. Yes.") == [
        "Dr. Ito paid 3.50 at No. 5, e.g. today.",
        "Yes.",
    ]
    assert await cut("你好。", "再见！") == ["你好。", "再见！"]
    assert await cut('"Stop." he said.') == ['"Stop."', "he said."]
    assert await cut("Wait", ".", ".", ". What?") == ["Wait...", "What?"]
    assert await cut("", "  ", "\n\n") == []
    long = await cut("word " * 200)
    assert all(len(s) <= 400 for s in long)
    assert " ".join(long).split() == ["word"] * 200


@given(st.lists(st.text("ab .!?\nD。", max_size=12), max_size=12))
async def test_no_letter_is_lost(pieces):
    assert "".join("".join(await cut(*pieces)).split()) == "".join("".join(pieces).split())
