"""Speech begins with its first sound, and its times are those of what is left."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bunraku.core.media import SAMPLE_RATE, Phoneme, SpeechChunk, Word
from bunraku.node.speech.base import Timbre
from bunraku.node.speech.onset import KEPT, MOST
from bunraku.node.speech.voices import Voices
from bunraku.testing.voices import ToneVoices, tone

from ..support.speech import say


class Tardy(ToneVoices):
    """Silent for ``lead`` samples before its tone of half a second, given in pieces of ``size``."""

    def __init__(self, lead, size=2400):
        super().__init__(names=("late",))
        self._lead, self._size = lead, size

    @property
    def timbres(self):
        return (Timbre("late", "late", "und", gain=1.0),)

    async def speak(self, timbre_id, text, prosody):
        del timbre_id, prosody
        if not text.strip():
            return
        lead = self._lead / SAMPLE_RATE
        sound = np.concatenate([np.zeros(self._lead, np.int16), tone(300, 0.5)])
        phonemes = (
            (Phoneme(0.0, lead, "p"), Phoneme(lead, lead + 0.5, "a")) if lead else (Phoneme(0.0, 0.5, "a"),)
        )
        yield SpeechChunk(sound[:0], phonemes, (Word(lead, lead + 0.5, "pa"),))
        for at in range(0, sound.size, self._size):
            yield SpeechChunk(sound[at : at + self._size])


def start(sound):
    return int(np.flatnonzero(np.abs(sound.astype(int)) > 300)[0])


@pytest.mark.parametrize("lead", [0, 100, 960, 12_000])
@given(size=st.integers(500, 40_000))
async def test_silence_before_speech_is_left_out(lead, size):
    sound, phonemes, words = await say(Voices([Tardy(lead, size)]), "late", "pa")
    kept = min(lead, KEPT + 10)
    assert start(sound) <= kept + 40
    assert sound.size == pytest.approx(min(lead, KEPT) + SAMPLE_RATE // 2, abs=20)
    assert phonemes[-1].end == words[-1].end == pytest.approx(sound.size / SAMPLE_RATE, abs=0.001)
    assert phonemes[0].start == 0.0
    assert words[0].start == pytest.approx(min(lead, KEPT) / SAMPLE_RATE, abs=0.001)


async def test_a_long_silence_is_meant_and_a_silent_text_stays_one():
    sound, _, _ = await say(Voices([Tardy(3 * SAMPLE_RATE)]), "late", "pa")
    assert start(sound) >= 3 * SAMPLE_RATE - MOST
    sound, _, _ = await say(Voices([ToneVoices()]), "tone-a", "…")
    assert sound.size == 0


async def test_a_break_before_speech_and_silence_within_it_stay():
    voices = Voices([Tardy(4800)])
    sound, _, _ = await say(voices, "late", '<speak><break time="1s"/>pa</speak>')
    assert start(sound) > SAMPLE_RATE
    twice, phonemes, words = await say(voices, "late", '<speak>pa<break time="100ms"/>pa</speak>')
    gap = 4800 + 4800
    assert twice.size == pytest.approx(KEPT + SAMPLE_RATE + gap, abs=20)
    assert phonemes[-1].end == words[-1].end == pytest.approx(twice.size / SAMPLE_RATE, abs=0.001)
