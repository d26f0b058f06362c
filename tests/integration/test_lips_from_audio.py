"""Lips of sound alone, against the exact lips of the same speech, with a voice no net was trained on."""

from __future__ import annotations

import numpy as np
import pytest

from bunraku.core.media import SAMPLE_RATE, TICK_SAMPLES, SpeechChunk
from bunraku.node.lipsync import lipnet
from bunraku.node.lipsync.coarticulation import VisemeTrack
from bunraku.node.lipsync.features import Features
from bunraku.node.lipsync.from_audio import AudioMouth
from bunraku.node.lipsync.mouth_shapes import JAW
from bunraku.node.lipsync.transcript import TranscriptFollower
from bunraku.node.lipsync.visemes import INDEX
from bunraku.node.speech import flite
from bunraku.node.speech.espeak import EspeakProvider
from bunraku.node.speech.onset import later

from ..support.speech import say

pytestmark = pytest.mark.voices

TEXT = (
    "My brother bought a pair of brown boots before the boat left. Maybe five of them were wrong. "
    "Please keep both maps above the lamp. We may walk home by the bank of the pond."
)
PAD = np.zeros(SAMPLE_RATE // 2, np.int16)
LEAD = np.zeros(SAMPLE_RATE // 5, np.int16)


@pytest.fixture
async def speech():
    """(sound, phonemes, words) by flite slt, or by espeak-ng where there is no flite; as a recording is, with
    some silence in front."""
    voices = [v for v in flite.installed() if v.name == "slt"]
    provider = flite.FliteProvider(tuple(voices)) if voices else EspeakProvider(1)
    await provider.start()
    sound, phonemes, words = await say(provider, provider.timbres[0].id, TEXT)
    await provider.close()
    return shifted(LEAD.size, sound, phonemes, words)


def shifted(samples, sound, phonemes, words):
    """The same, so much later."""
    silence = np.zeros(samples, np.int16)
    chunk = SpeechChunk(np.concatenate([silence, sound]), tuple(phonemes), tuple(words))
    chunk = later(chunk, samples / SAMPLE_RATE)
    return chunk.samples, chunk.phonemes, chunk.words


def exact(phonemes, count):
    track = VisemeTrack()
    for p in phonemes:
        track.add(p)
    return np.array([track.weights(i * 0.04) for i in range(count)])


def heard(sound, mouth=None, ahead=True):
    mouth = mouth or AudioMouth(find_net=lipnet.shared)
    out = []
    for i in range(sound.size // TICK_SAMPLES):
        here = sound[i * TICK_SAMPLES : (i + 1) * TICK_SAMPLES]
        after = sound[(i + 1) * TICK_SAMPLES : (i + 2) * TICK_SAMPLES] if ahead else None
        out.append(mouth.weights(here, after))
    return np.array(out)


def closures(phonemes, weights):
    """Share of p, b and m at which the lips are seen shut, within a picture."""
    shut = []
    for p in phonemes:
        if p.symbol.strip("ˈˌː") in ("p", "b", "m"):
            at = int((p.start + p.end) / 2 / 0.04)
            shut.append(weights[max(0, at - 1) : at + 2, INDEX["PP"]].max() > 0.6)
    return float(np.mean(shut)), len(shut)


def test_the_jaw_follows_speech_and_closures_show(speech):
    sound, phonemes, _ = speech
    for ahead, least in ((True, 0.75), (False, 0.65)):
        got = heard(sound, ahead=ahead)
        wanted = exact(phonemes, len(got))
        assert np.corrcoef(got @ JAW, wanted @ JAW)[0, 1] > least
        share, count = closures(phonemes, got)
        assert count > 15
        assert share > 0.6
    assert np.allclose(got.sum(1), 1, atol=1e-3)


def test_a_transcript_shows_closures_that_sound_alone_does_not(speech):
    """Wherever the closures lie between two pictures: the mean of four places."""
    seen = []
    for shift in range(0, TICK_SAMPLES, TICK_SAMPLES // 4):
        sound, phonemes, words = shifted(shift, *speech)
        alone = heard(sound)
        follower = TranscriptFollower(tuple(phonemes), tuple(words))
        helped = heard(sound, AudioMouth(follower, lipnet.shared))
        wanted = exact(phonemes, len(helped))
        seen.append((closures(phonemes, helped)[0], closures(phonemes, alone)[0]))
        kept = np.corrcoef(helped @ JAW, wanted @ JAW)[0, 1]
        assert kept > np.corrcoef(alone @ JAW, wanted @ JAW)[0, 1] - 0.05
    with_words, by_sound = np.mean(seen, 0)
    assert with_words >= max(0.85, by_sound)


async def test_a_transcript_of_another_voice_still_fits_and_gives_captions(speech):
    """The caller's words are read by espeak-ng at its own pace; the sound is somebody else's."""
    sound, _, words = speech
    provider = EspeakProvider(1)
    await provider.start()
    follower = TranscriptFollower(*await provider.pronounce(TEXT))
    await provider.close()
    padded = np.concatenate([PAD, PAD, sound, PAD])
    mouth, told = AudioMouth(follower, lipnet.shared), []
    for i in range(padded.size // TICK_SAMPLES - 1):
        here, after = (padded[k * TICK_SAMPLES : (k + 1) * TICK_SAMPLES] for k in (i, i + 1))
        mouth.weights(here, after)
        told += follower.take_words()
    assert follower.trusted
    said = [w.text.strip(".,").lower() for w in words]
    got = [w.text.strip(".,").lower() for w in told]
    assert len(got) >= 0.85 * len(said)
    starts = {
        w.text.strip(".,").lower(): w.start for w in words if said.count(w.text.strip(".,").lower()) == 1
    }
    errors = [
        abs(w.start - 1.0 - starts[w.text.strip(".,").lower()])
        for w in told
        if w.text.strip(".,").lower() in starts
    ]
    assert float(np.median(errors)) < 0.12


def test_a_wrong_transcript_is_not_believed(speech):
    sound, phonemes, words = speech
    backwards = tuple(
        type(p)(phonemes[-1].end - p.end, phonemes[-1].end - p.start, p.symbol, p.alphabet)
        for p in reversed(phonemes)
    )
    right = TranscriptFollower(tuple(phonemes), tuple(words))
    wrong = TranscriptFollower(backwards, ())
    heard(sound, AudioMouth(right, lipnet.shared))
    got = heard(sound, AudioMouth(wrong, lipnet.shared))
    assert right.fit > wrong.fit + 0.3
    wanted = exact(phonemes, len(got))
    assert np.corrcoef(got @ JAW, wanted @ JAW)[0, 1] > 0.5


@pytest.mark.parametrize("kind", ["silence", "hum", "noise", "beeps"])
def test_what_is_no_speech_moves_no_lip(kind):
    t = np.arange(SAMPLE_RATE * 3) / SAMPLE_RATE
    rng = np.random.default_rng(5)
    sound = {
        "silence": np.zeros(t.size),
        "hum": np.sin(2 * np.pi * 110 * t) * 0.3,
        "noise": rng.standard_normal(t.size) * 0.1,
        "beeps": np.sin(2 * np.pi * 880 * t) * 0.3 * (t % 0.5 < 0.2),
    }[kind]
    got = heard((sound * 32767).astype(np.int16))
    assert (got[15:, INDEX["sil"]] > 0.5).mean() > 0.85


def test_streamed_features_do_not_depend_on_how_sound_is_cut():
    rng = np.random.default_rng(1)
    sound = (rng.standard_normal(48000) * 3000).astype(np.int16)
    prior = lipnet.shared().prior
    whole = Features(prior).push(sound)
    pieces, at, streamed = Features(prior), 0, []
    while at < sound.size:
        step = int(rng.integers(1, 4000))
        streamed.append(pieces.push(sound[at : at + step]))
        at += step
    assert np.allclose(np.concatenate(streamed), whole, atol=1e-4)
    assert len(whole) == 49 or len(whole) == 50


def test_streams_in_one_batch_do_not_hear_each_other():
    net = lipnet.shared()
    rng = np.random.default_rng(2)
    x = rng.standard_normal((3, 6, 160)).astype(np.float32)
    together, _ = net.step(x, np.concatenate([net.begin()] * 3, 1))
    for i in range(3):
        alone, _ = net.step(x[i : i + 1], net.begin())
        assert np.allclose(together[i], alone[0], atol=1e-4)


def test_the_mouth_rests_until_the_net_is_loaded_then_hears_the_rest(speech):
    sound, _, _ = speech
    not_yet = iter([None] * 5)
    late = heard(sound, AudioMouth(find_net=lambda: next(not_yet, lipnet.shared())))
    prompt = heard(sound)
    assert (late[:5, INDEX["sil"]] == 1).all()
    apart = np.abs(late[25:] - prompt[25:]).sum(1)
    moving = np.abs(np.diff(prompt[25:], axis=0)).sum(1).mean()
    assert moving > 0.1
    assert np.median(apart) < moving / 2  # what it missed is soon forgotten
