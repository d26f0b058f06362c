"""The neural voices' sound: stretches, joins, and the time of every sound."""

from __future__ import annotations

import numpy as np
import pytest

from bunraku.node.lipsync.visemes import from_ipa
from bunraku.node.speech.kokoro.alphabet import TOKENS, ipa
from bunraku.node.speech.kokoro.helper import OVERLAP, SILENCE, over, quietest, trimmed
from bunraku.node.speech.kokoro.model import RATE, Plan, Usual
from bunraku.node.speech.kokoro.provider import cross_fade
from bunraku.node.speech.kokoro.script import LEAD, Script, Spoken, scripts
from bunraku.node.speech.kokoro.selftest import TOLERANCE, distance


def plan(length, energy=None):
    curve = np.ones(2 * length, np.float32) if energy is None else np.repeat(energy, 2).astype(np.float32)
    nothing = np.zeros((1, 512, length), np.float32)
    frames = np.array([14, *[4] * ((length - 34) // 4), 12, 8])
    return Plan(
        frames, nothing, curve[None], curve[None], np.zeros((1, 256), np.float32), np.zeros(3, np.float32)
    )


def test_a_stretch_ends_where_it_is_quietest():
    energy = np.ones(200)
    energy[37] = 0.1
    assert quietest(plan(200, energy), 10, 30, 180) == 37
    assert quietest(plan(200, energy), 150, 30, 180) == 180  # the rest is not worth another
    assert over(plan(200)) == 200 - 8 - 4


def test_a_join_of_the_same_sound_is_the_sound():
    t = np.arange(4000)
    wave = (np.sin(t / 20) * 9000).astype(np.int16)
    joined = np.concatenate(
        [wave[: 2000 - OVERLAP], cross_fade(wave[2000 - OVERLAP : 2000], wave[2000 - OVERLAP :])]
    )
    assert np.abs(joined.astype(int) - wave).max() <= 1


def test_silence_is_cut_and_edges_are_faded():
    sound = np.zeros(RATE, np.float32)
    sound[10000:14000] = 0.5
    out, skipped = trimmed(sound, begins=True, ends=True)
    assert skipped == 10000 - int(0.02 * RATE)
    assert out.size == 4000 + int(0.02 * RATE) + int(0.06 * RATE) - 1
    assert abs(out[0]) < SILENCE
    assert abs(out[-1]) < SILENCE
    assert trimmed(sound[:100], begins=True, ends=True)[0].size == 0


def test_the_usual_statistics_follow_the_sounds():
    rng = np.random.default_rng(0)
    shares = rng.uniform(0, 0.3, (8, 3)).astype(np.float32)
    truth_mean, truth_square = (
        np.array([[1, 2, 0, -1], [0, -1, 3, 0]]),
        np.array([[9, 3, 5, 1], [4, 1, 0, 2]]),
    )
    known = np.concatenate([np.ones((8, 1)), shares], 1)
    mean, square = known @ truth_mean.T, known @ truth_square.T
    usual = Usual.fit(shares, mean.astype(np.float32), (square - mean**2).astype(np.float32))
    got_mean, got_variance = usual.at(np.array([0.1, 0.2, 0.05], np.float32))
    at = np.array([1, 0.1, 0.2, 0.05])
    assert np.allclose(got_mean[0, :, 0], truth_mean @ at, atol=0.05)
    assert np.allclose(got_variance[0, :, 0], truth_square @ at - (truth_mean @ at) ** 2, atol=0.1)
    _, far = usual.at(np.array([9, -9, 9], np.float32))
    assert (far > 0).all()  # however strange the sentence


def test_a_broken_sound_is_told_from_a_right_one():
    t = np.arange(14400) / RATE
    right = (np.sin(2 * np.pi * 180 * t) * (1 + np.sin(2 * np.pi * 3 * t)) * 0.3).astype(np.float32)
    noise = np.random.default_rng(1).normal(0, 1, right.size).astype(np.float32)
    assert distance(right + noise * 1e-3, right) < TOLERANCE
    assert distance(noise * 0.3, right) > TOLERANCE
    assert distance(np.full_like(right, np.nan), right) == float("inf")


def test_times_are_the_models_own():
    script = Script()
    script.add(Spoken(0, "hˈI", ","))
    script.add(Spoken(4, "bˈɪɡ", "."))
    assert "".join(script.signs) == "hˈI, bˈɪɡ."
    frames = [10, *[4] * len(script.signs), 6]
    phonemes, words = script.timed("Hi, big.", frames, 1.0)
    assert [p.symbol for p in phonemes] == ["h", "aɪ", "b", "ɪ", "ɡ"]
    assert phonemes[0].start == pytest.approx(1.0 + 10 * 0.025 - LEAD)
    b = 10 + 5 * 4  # h ˈ I , and a space
    assert phonemes[2].start == pytest.approx(1.0 + b * 0.025 - LEAD)
    assert [w.text for w in words] == ["Hi,", "big."]
    assert words[0].end == words[1].start == pytest.approx(phonemes[2].start)
    assert words[1].end == pytest.approx(phonemes[-1].end)


def test_length_and_tone_are_part_of_the_sound_before():
    script = Script()
    script.add(Spoken(0, "xau↓"))
    script.add(Spoken(1, "ʂoː", "."))
    frames = [10, *[4] * len(script.signs), 6]
    phonemes, _ = script.timed("好手.", frames, 0.0)
    assert [p.symbol for p in phonemes] == ["x", "a", "u", "ʂ", "o"]
    assert [round((p.end - p.start) / 0.025) for p in phonemes] == [4, 4, 8, 4, 8]


def test_a_text_too_long_for_the_model_is_several():
    made = scripts([Spoken(i, "həlˈO") for i in range(300)])
    assert len(made) > 1
    assert all(len(s.tokens) <= 509 for s in made)
    assert sum(s.signs.count("O") for s in made) == 300


def test_every_sound_of_the_alphabet_has_a_mouth():
    for sign in TOKENS:
        if ipa(sign):
            assert from_ipa(ipa(sign)) != ("sil",), sign
