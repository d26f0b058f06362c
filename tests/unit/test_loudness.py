"""The last hand on speech: one loudness, no offset, no clipping, no clicks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bunraku.core.media import SAMPLE_RATE
from bunraku.node.speech import espeak, flite
from bunraku.node.speech.base import Prosody, SpeechFailed, Timbre
from bunraku.node.speech.limiter import limited
from bunraku.node.speech.loudness import TARGET, Finish, Levels, LoudnessMeter, fitting
from bunraku.node.speech.voices import Voices
from bunraku.testing.voices import ToneVoices

from ..support.speech import ORDINARY, say

T = np.arange(SAMPLE_RATE)


def tone(level, hertz=200.0):
    return np.sin(2 * np.pi * hertz * T / SAMPLE_RATE).astype(np.float32) * np.float32(level)


def loudness(sound):
    meter = LoudnessMeter()
    meter.push(sound)
    return meter.finish()


def test_the_meter_reads_the_standards_tone():
    """EBU Tech 3341: 1 kHz at -23 dBFS in both channels of a pair is -23 LUFS, so in one 3 less."""
    sound = np.tile((tone(10 ** (-23 / 20), 1000) * 32768).astype(np.int16), 4)
    assert loudness(sound) == pytest.approx(-26.0, abs=0.2)
    assert loudness(sound[:SAMPLE_RATE]) is None  # too little to tell


def test_peaks_are_turned_down_and_a_tone_stays_a_tone():
    loud = tone(1) * np.where((T > 16000) & (T < 24000), 2.0, 0.5).astype(np.float32)
    out = limited(loud, 0.8, 48)
    assert np.abs(out).max() <= 0.805
    assert np.allclose(out[:14000], loud[:14000])
    middle = out[18000:22000] / np.abs(out[18000:22000]).max()
    assert np.abs(middle - tone(1)[18000:22000]).max() < 0.02
    assert np.array_equal(limited(tone(0.5), 0.8, 48), tone(0.5))
    assert limited(np.zeros(0, np.float32), 0.8, 48).size == 0


def finished(sound, gain, cuts):
    finish = Finish(gain)
    parts = [finish.push(part) for part in np.split(sound, cuts)]
    return np.concatenate([*parts, finish.flush()])


@given(st.lists(st.integers(0, 9600), max_size=8), st.floats(0.3, 4))
def test_no_sample_is_lost_or_clipped_however_it_is_cut(cuts, gain):
    sound = (tone(0.7)[:9600] * 32767).astype(np.int16)
    out = finished(sound, gain, sorted(cuts))
    assert out.size == sound.size
    assert np.abs(out.astype(int)).max() < 31500
    assert abs(int(out[0])) < 50
    assert abs(int(out[-1])) < 50


def test_cuts_are_not_heard():
    sound = (tone(0.9) * 32767).astype(np.int16)
    a, b = finished(sound, 2.0, []), finished(sound, 2.0, list(range(960, SAMPLE_RATE, 960)))
    assert np.abs(a.astype(int) - b)[480:-480].max() < 200
    assert np.abs(np.diff(b.astype(int))).max() < 1100  # a sine of that height moves no faster


def test_an_offset_goes():
    sound = (tone(0.2) * 32767 + 1500).astype(np.int16)
    out = finished(np.tile(sound, 4), 1.0, list(range(4800, 4 * SAMPLE_RATE, 4800)))
    assert abs(out[-SAMPLE_RATE:].mean()) < 50


async def test_an_unmeasured_voice_is_brought_to_the_common_loudness():
    voices = Voices([ToneVoices(word_seconds=0.5)])
    text = "one two three four five six seven eight"
    first, _, _ = await say(voices, "tone-a", text)
    second, _, _ = await say(voices, "tone-a", text)
    assert abs(loudness(first) - TARGET) <= 1
    assert abs(loudness(second) - TARGET) <= 1
    quieter, _, _ = await say(voices, "tone-a", text, Prosody(gain=0.5))
    assert loudness(second) - loudness(quieter) == pytest.approx(6.0, abs=0.3)


async def test_a_settled_voice_keeps_its_gain():
    """A quiet text of a voice stays as quiet as it is beside the others."""
    levels, voice = Levels(), (0, "x")
    speech = np.tile((tone(0.1) * 32767).astype(np.int16), 13)
    await levels.hear(voice, speech[: 4 * SAMPLE_RATE])
    assert not levels.settled(voice)
    await levels.hear(voice, speech)
    gain = levels.of(voice)
    assert levels.settled(voice)
    await levels.hear(voice, speech // 2)
    assert levels.of(voice) == gain
    assert loudness(finished(speech, gain, [])) == pytest.approx(TARGET, abs=0.3)


def test_a_gain_counts_what_the_limiter_takes_away():
    peaky = (tone(1, 300) * np.exp(-(T % 6000) / 900) * 12000).astype(np.int16)
    gain = fitting(np.tile(peaky, 4))
    assert loudness(finished(np.tile(peaky, 4), gain, [])) == pytest.approx(TARGET, abs=0.5)
    assert fitting(peaky[: SAMPLE_RATE // 10], 0.3) is None
    assert fitting(np.zeros(4 * SAMPLE_RATE, np.int16)) is None


async def test_speech_that_breaks_off_is_no_click():
    heard = []
    with pytest.raises(SpeechFailed):
        async for chunk in Voices([ToneVoices(word_seconds=0.5)]).speak("tone-a", "one FAIL", Prosody()):
            heard.append(chunk.samples)
    sound = np.concatenate(heard)
    assert sound.size == SAMPLE_RATE // 2
    assert np.abs(sound).max() > 5000
    assert np.abs(np.diff(sound[-480:].astype(int))).max() < 500  # of the tone itself
    assert abs(int(sound[-1])) < 50


def providers():
    out = [(espeak.EspeakProvider, v.timbre) for v in espeak.VOICES] if espeak.available() else []
    natural = flite.installed()
    return out + [(lambda: flite.FliteProvider(natural), v.timbre) for v in natural]


MORE = {
    "en": " The total comes to forty two dollars. Please follow me to the garden behind the house.",
    "es": " Muchas gracias por su visita. La habitación está en el segundo piso.",
    "fr": " Merci beaucoup pour votre visite. La chambre est au deuxième étage.",
    "it": " Grazie mille per la visita. La camera è al secondo piano.",
    "pt": " Muito obrigado pela visita. O quarto fica no segundo andar.",
    "hi": " आपका बहुत धन्यवाद। कमरा दूसरी मंज़िल पर है।",
    "de": " Vielen Dank für Ihren Besuch. Das Zimmer ist im zweiten Stock.",
    "zh": "谢谢您的光临。房间在二楼。",
}


@pytest.mark.voices
@pytest.mark.parametrize(("make", "timbre"), providers(), ids=lambda x: x.id if isinstance(x, Timbre) else "")
async def test_every_voice_is_equally_loud(make, timbre):
    voices = Voices([make()])
    await voices.start()
    try:
        language = timbre.language[:2]
        sound, _, _ = await say(voices, timbre.id, ORDINARY[language] + MORE[language])
    finally:
        await voices.close()
    assert abs(loudness(sound) - TARGET) <= 1, loudness(sound)
    assert np.abs(sound.astype(int)).max() < 32000
    assert abs(sound.astype(float).mean()) < 33  # a thousandth
    assert np.abs(sound[:24]).max() < 300
    assert np.abs(sound[-24:]).max() < 300
