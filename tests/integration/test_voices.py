"""The built-in voices: each reads its own language, fast, and with phonemes."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator

import numpy as np
import pytest
import pytest_asyncio

from bunraku.core.media import SAMPLE_RATE
from bunraku.node.speech.base import Prosody, SpeechFailed
from bunraku.node.speech.espeak import VOICES, EspeakProvider

from ..support.speech import ORDINARY, say

pytestmark = [pytest.mark.voices, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def espeak() -> AsyncIterator[EspeakProvider]:
    provider = EspeakProvider(2)
    await provider.start()
    yield provider
    await provider.close()


@pytest.mark.parametrize("voice", VOICES, ids=lambda v: v.timbre.id)
async def test_ordinary_text_causes_no_language_switch(espeak, voice):
    text = ORDINARY[voice.timbre.language[:2]]
    ipa = await espeak.phonemes(voice.timbre.id, text)
    assert len(ipa) > 30
    assert "(" not in ipa, ipa


@pytest.mark.parametrize("voice", VOICES, ids=lambda v: v.timbre.id)
async def test_every_voice_speaks_with_timed_phonemes_and_words(espeak, voice):
    sound, phonemes, words = await say(espeak, voice.timbre.id, ORDINARY[voice.timbre.language[:2]])
    seconds = sound.size / SAMPLE_RATE
    assert 3 < seconds < 15
    assert np.abs(sound).max() > 3000
    assert len(phonemes) > 30
    assert len(words) >= 9
    starts = [p.start for p in phonemes]
    assert starts == sorted(starts)
    assert all(p.end > p.start for p in phonemes)
    assert abs(phonemes[-1].end - seconds) < 0.2


@pytest.mark.parametrize(
    ("timbre", "text", "shown"),
    [
        ("en-us-ava", "You were cut off in the middle of it all.", "in the|middle"),
        ("en-us-ava", "It took quite a while, you know. Is it 25% or $3.50?", "$3.50?"),
        ("en-us-ava", 'He said "hello (world)" on 2026-11-23 at 10:30.', "2026-11-23|at|10:30."),
        (
            "en-us-ava",
            "See https://example.com/a?b=c, it is 3–5 pm on #tag!",
            "https://example.com/a?b=c,|it|is|3–5 pm|on|#tag!",
        ),
        ("es-es-lucia", "Son 1.299,99 € el 30/11/2026.", "1.299,99 €|el|30/11/2026."),
        ("zh-cn-mei", "一共是1299元，下午10:30见。", "1299元，"),
        ("zh-cn-mei", "你好，欢迎光临。", "你好，"),
        ("en-us-ava", "你好，欢迎光临。", "你好，|欢迎光临。"),
        ("fr-fr-chloe", "C'est l'été, n'est-ce pas ? Aujourd'hui.", "l'été,"),
    ],
)
async def test_captions_show_every_word_once_as_written(espeak, timbre, text, shown):
    """espeak-ng runs short words together, and names many places of a number."""
    _, _, words = await say(espeak, timbre, text)
    assert "".join("".join(w.text for w in words).split()) == "".join(text.split())
    assert f"|{shown}|" in f"|{'|'.join(w.text for w in words)}|"


async def test_rate_and_pitch_do_what_the_contract_maps(espeak):
    text = ORDINARY["en"]

    async def measure(rate, pitch):
        sound, _, _ = await say(espeak, "en-us-evan", text, Prosody.from_contract(rate, pitch, 50))
        x = sound[: SAMPLE_RATE * 3].astype(float)
        spectrum = np.abs(np.fft.rfft(x * np.hanning(x.size)))
        correlation = np.fft.irfft(spectrum**2)
        lag = 300 + int(correlation[300:800].argmax())
        return sound.size / SAMPLE_RATE, SAMPLE_RATE / lag

    (normal, f0), (fast, _), (slow, _) = [await measure(r, 0) for r in (0, 500, -500)]
    assert 1.6 < normal / fast < 2.4
    assert 1.6 < slow / normal < 2.4
    (_, high), (_, low) = [await measure(0, p) for p in (500, -500)]
    assert low < f0 < high


async def test_a_killed_helper_is_replaced(espeak):
    import asyncio

    pids = espeak.helper_pids
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    speaking = asyncio.create_task(say(espeak, "en-us-evan", "Cut off."))
    await asyncio.sleep(0.1)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    sound, _, _ = await speaking  # it had not begun: another helper says it
    assert sound.size > 0
    sound, _, _ = await say(espeak, "en-us-evan", "Good morning.")
    assert sound.size > SAMPLE_RATE / 2


async def test_an_abandoned_speech_frees_its_helper(espeak):
    for _ in range(6):
        stream = espeak.speak("en-us-evan", ORDINARY["en"] * 5, Prosody())
        await anext(stream)
        await stream.aclose()
    sound, _, _ = await say(espeak, "en-us-ava", "Still here.")
    assert sound.size > 0


async def test_many_speakers_at_once(espeak):
    import asyncio

    results = await asyncio.gather(*(say(espeak, v.timbre.id, "One two three.") for v in VOICES))
    assert all(sound.size > SAMPLE_RATE / 3 for sound, _, _ in results)


async def test_unknown_voice_is_refused(espeak, monkeypatch):
    with pytest.raises(SpeechFailed):
        await say(espeak, "nobody", "x")
    broken = type(VOICES[0])(VOICES[0].timbre, "zz-nonsense")
    monkeypatch.setitem(espeak.voices, "en-us-evan", broken)
    with pytest.raises(SpeechFailed, match="no voice"):
        await say(espeak, "en-us-evan", "x")
