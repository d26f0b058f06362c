"""The neural voices with their real weights: what they say, when, how loud, and how it is cut.

Made once into ``build/kokoro``, or found where ``BUNRAKU_DATA_DIR`` says.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio

from bunraku.core.clock import SystemClock
from bunraku.core.media import SAMPLE_RATE
from bunraku.node.lipsync.coarticulation import VisemeTrack
from bunraku.node.lipsync.visemes import INDEX, from_ipa
from bunraku.node.speech import espeak, kokoro
from bunraku.node.speech.base import Prosody, SpeechFailed
from bunraku.node.speech.kokoro.cast import CAST
from bunraku.node.speech.kokoro.make import VoiceMaker, folder_of, is_made
from bunraku.node.speech.kokoro.weights import WeightsMissing
from bunraku.node.speech.text import sentences

from ..support.speech import ORDINARY, say

pytestmark = [
    pytest.mark.skipif(not kokoro.installed(), reason="bunraku[kokoro] is not installed"),
    pytest.mark.asyncio(loop_scope="module"),
]

BUILD = Path(__file__).parents[2] / "build/kokoro"
ENGLISH = "Peter brought five big pumpkins from Vermont, but Bob would have preferred my maple muffins."
LIPS = {
    "en-us-hazel": ENGLISH,
    "en-us-miles": ENGLISH,
    "en-gb-hugh": ENGLISH,
    "es-es-marisol": "Pepe pidió pan, fruta y mermelada para su primo Felipe, pero Pablo compró pimientos y un bombón para Berta.",
    "fr-fr-manon": "Papa préfère le pain frais, mais maman m'a promis des pommes, du fromage, du beurre et du vin blanc parfumé.",
    "it-it-chiara": "Papà preferisce il pane fresco, ma la mamma mi ha promesso prosciutto, formaggio, pomodori e vino bianco per pranzo.",
    "pt-br-beatriz": "Papai prefere pão fresco, mas mamãe me prometeu presunto, uvas, vinho branco, bife e pimentão para Pedro.",
    "hi-in-kavya": "पापा ने बाबू को फल और मिठाई भेजी, मगर माँ ने बड़े प्रेम से भोजन बनाया, और बाबू ने पानी पिया, फिर बाबू ने पापा से बात की।",
    "zh-cn-lan": "爸爸买了面包和苹果，妈妈飞快地跑步，朋友们不怕风暴，明白吗？我们班没有胖猫和肥马。",
    "ja-jp-sora": "パパは浜辺で真っ赤なボートを見つけ、ママは本棚のパンフレットと豆腐と葡萄とバターとパンとピーマンを比べます。",
}


@pytest.fixture(scope="session")
def folder():
    folder = folder_of(Path(os.environ.get("BUNRAKU_DATA_DIR", BUILD)))
    if not is_made(folder, [m.style for m in CAST]):
        try:
            VoiceMaker(folder, None, None, lambda what, done: None).make()
        except WeightsMissing as error:
            pytest.skip(str(error))
    return folder


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def voices(folder):
    """One pool for all: it must survive what each test does to it."""
    from bunraku.node.speech.kokoro.provider import KokoroProvider

    provider = KokoroProvider(folder, SystemClock(), helpers=2, timeout=60)
    await provider.start()
    yield provider
    await provider.close()


async def by_twos(jobs):
    """As many at once as there are helpers."""
    room = asyncio.Semaphore(2)

    async def one(job):
        async with room:
            await job

    await asyncio.gather(*(one(job) for job in jobs))


def level(sound):
    """Integrated loudness, LUFS (ITU-R BS.1770 by FFmpeg's ebur128)."""
    import av
    import av.filter

    graph = av.filter.Graph()
    source = graph.add(
        "abuffer", sample_rate="48000", sample_fmt="s16", channel_layout="mono", time_base="1/48000"
    )
    meter, sink = graph.add("ebur128", "metadata=1"), graph.add("abuffersink")
    graph.link_nodes(source, meter, sink).configure()
    frame = av.AudioFrame.from_ndarray(sound.reshape(1, -1), "s16", "mono")
    frame.sample_rate, frame.pts = 48000, 0
    graph.push(frame)
    graph.push(None)
    last = None
    while True:
        try:
            last = graph.pull().metadata.get("lavfi.r128.I", last)
        except (BlockingIOError, EOFError):
            return float(last)


async def test_every_voice_speaks_its_language_loud_as_the_others(voices):
    assert {t.id for t in voices.timbres} == {
        m.timbre.id for m in CAST if espeak.available() or m.timbre.language[:2] == "en"
    }

    async def check(timbre):
        text = ORDINARY[timbre.language[:2]]
        sound, phonemes, words = await say(voices, timbre.id, text)
        seconds = sound.size / SAMPLE_RATE
        assert 4 < seconds < 12, timbre.id
        assert "".join("".join(w.text for w in words).split()) == "".join("".join(sentences(text)).split())
        starts = [p.start for p in phonemes]
        assert starts == sorted(starts)
        assert abs(phonemes[-1].end - seconds) < 0.3
        assert len(phonemes) > 40, timbre.id
        assert abs(level(sound) + 16) <= 1, (timbre.id, level(sound))
        assert abs(sound.astype(float).mean()) < 66  # what there is, the last hand takes away
        assert np.abs(sound[:10]).max() < 300
        assert np.abs(sound[-10:]).max() < 300
        assert np.abs(sound.astype(int)).max() < 32767, timbre.id

    await by_twos(check(timbre) for timbre in voices.timbres)


async def test_stretches_join_without_a_click_or_a_change_of_pace(voices, monkeypatch):
    """The same sentence in one stretch and in many: the same length, the same sound, no step at a join."""
    from bunraku.node.speech.kokoro import provider as module

    text = (
        "The quick brown fox jumps over the lazy dog and then it rests under the old tree until the evening."
    )
    monkeypatch.setattr(module.Utterance, "most", lambda self: 1000)
    whole, one, _ = await say(voices, "en-us-hazel", text)
    monkeypatch.setattr(module.Utterance, "most", lambda self: 20)
    parts, many, _ = await say(voices, "en-us-hazel", text)
    assert abs(whole.size - parts.size) < 0.15 * SAMPLE_RATE  # of silence, at the end
    assert [p.symbol for p in one] == [p.symbol for p in many]
    assert max(abs(a.start - b.start) for a, b in zip(one, many, strict=True)) < 0.02
    n = min(whole.size, parts.size)
    a, b = whole[:n].astype(float), parts[:n].astype(float)
    shift = min(range(-60, 61), key=lambda k: np.abs(a[2000:-2000] - b[2000 + k : n - 2000 + k]).sum())
    a, b = a[2000:-2000], b[2000 + shift : n - 2000 + shift]
    assert 20 * np.log10(a.std() / (a - b).std()) > 10
    assert np.abs(np.diff(parts.astype(int))).max() < 1.3 * np.abs(np.diff(whole.astype(int))).max()


async def test_first_sound_comes_before_the_sentence_is_made(voices):
    await say(voices, "en-us-hazel", "Hello.")
    stream = voices.speak("en-us-hazel", " ".join(["one thing after another"] * 8), Prosody())
    first = await anext(stream)
    assert 0 < first.samples.size < 3 * SAMPLE_RATE
    assert first.phonemes
    await stream.aclose()


async def test_lips_shut_where_the_sound_says(voices):
    """Closures of the text are all in the lips, and the sound is quiet there."""
    listed = {t.id for t in voices.timbres}

    async def check(timbre, text):
        sound, phonemes, _ = await say(voices, timbre, text)
        track = VisemeTrack()
        for phoneme in phonemes:
            track.add(phoneme)
        pictures = np.array([track.weights(i * 0.04) for i in range(int(sound.size / SAMPLE_RATE / 0.04))])
        shown, quiet = [], []
        energy = np.abs(sound.astype(float))
        usual = np.median([energy[i : i + 480].mean() for i in range(0, energy.size - 480, 480)])
        for p in phonemes:
            kind = from_ipa(p.symbol)[0]
            if kind in ("PP", "FF"):
                at = int((p.start + p.end) / 2 / 0.04)
                shown.append(pictures[max(0, at - 1) : at + 2, INDEX[kind]].max() > 0.6)
            if p.symbol in ("p", "b"):
                a, b = int((p.start - 0.03) * SAMPLE_RATE), int((p.end + 0.03) * SAMPLE_RATE)
                lowest = min(energy[i : i + 240].mean() for i in range(max(0, a), b - 240, 120))
                quiet.append(lowest < usual)
        assert len(shown) >= 20, timbre
        # One may be missing: what begins an utterance may lie before its sound, while the mouth rests, shut.
        assert np.mean(shown) >= 0.95, timbre
        assert np.mean(quiet) >= 0.9, timbre

    await by_twos(check(timbre, text) for timbre, text in LIPS.items() if timbre in listed)


def fundamental(sound):
    x = sound[SAMPLE_RATE // 2 : SAMPLE_RATE * 2].astype(float)
    correlation = np.fft.irfft(np.abs(np.fft.rfft(x * np.hanning(x.size))) ** 2)
    return SAMPLE_RATE / (160 + int(correlation[160:700].argmax()))


async def test_rate_and_pitch(voices):
    text = "The train to the city leaves at half past nine from platform two."
    normal, _, _ = await say(voices, "en-us-hazel", text)
    fast, _, words = await say(voices, "en-us-hazel", text, Prosody(speed=2.0))
    slow, _, _ = await say(voices, "en-us-hazel", text, Prosody(speed=0.5))
    assert 1.6 < normal.size / fast.size < 2.4
    assert 1.6 < slow.size / normal.size < 2.4
    assert words[-1].end <= fast.size / SAMPLE_RATE + 0.2
    high, _, _ = await say(voices, "en-us-hazel", text, Prosody(pitch=1.3))
    # A little apart: how a sentence is cut depends on how fast this machine is at the time.
    assert 0.9 < high.size / normal.size < 1.1
    assert 1.15 < fundamental(high) / fundamental(normal) < 1.5


async def test_an_interrupted_voice_is_free_for_the_next(voices):
    pids = voices.helper_pids
    for _ in range(4):
        stream = voices.speak("en-us-hazel", ORDINARY["en"], Prosody())
        await anext(stream)
        await stream.aclose()
    sound, _, _ = await say(voices, "en-us-miles", "Still here.")
    assert sound.size > SAMPLE_RATE / 3
    assert set(pids) <= set(voices.helper_pids)  # none had to start anew


async def test_a_killed_helper_is_replaced(voices):
    import signal

    await say(voices, "en-us-hazel", "Hello.")
    for pid in voices.helper_pids:
        os.kill(pid, signal.SIGKILL)
    await asyncio.sleep(0.1)
    sound, _, _ = await say(voices, "en-us-hazel", "Good morning.")
    assert sound.size > SAMPLE_RATE / 2


async def test_unknown_timbres_are_refused(voices):
    with pytest.raises(SpeechFailed, match="no timbre"):
        await say(voices, "nobody", "x")


async def test_where_the_fast_model_computes_wrongly_the_shipped_one_is_made(folder, tmp_path, monkeypatch):
    """As on a processor whose integer products saturate: here the model itself is spoilt."""
    import shutil

    import onnx
    from onnx import numpy_helper

    from bunraku.node.speech.kokoro.provider import KokoroProvider

    spoilt = folder_of(tmp_path)
    shutil.copytree(folder, spoilt)
    path = spoilt / "decoder-requantised.onnx"
    if not path.exists():
        pytest.skip("this processor runs the shipped model anyway")
    model = onnx.load(path)
    for constant in model.graph.initializer:
        if constant.name.endswith(".weights"):
            values = numpy_helper.to_array(constant)
            constant.CopyFrom(numpy_helper.from_array(np.roll(values, 1, 0), constant.name))
    onnx.save(model, path)
    provider = KokoroProvider(spoilt, SystemClock(), helpers=1, timeout=60)
    monkeypatch.setattr(provider, "_wanted", lambda: [m for m in CAST if m.timbre.id == "en-us-hazel"])
    await provider.start()
    try:
        assert provider.pool.hello["works"]
        assert (spoilt / "decoder-shipped.onnx").exists()
        sound, _, _ = await say(provider, "en-us-hazel", "Good morning.")
        assert sound.size > SAMPLE_RATE / 2
    finally:
        await provider.close()
