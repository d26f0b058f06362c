"""From written words to the sounds of the neural voices' alphabet."""

from __future__ import annotations

import json

import pytest

from bunraku.node.speech.kokoro import japanese, mandarin, weights
from bunraku.node.speech.kokoro.alphabet import SILENT, TOKENS, encode
from bunraku.node.speech.kokoro.cast import CAST, REHEARSED
from bunraku.node.speech.kokoro.english import English
from bunraku.node.speech.kokoro.ipa import from_espeak
from bunraku.node.speech.kokoro.ipa import from_ipa as from_plain_ipa
from bunraku.node.speech.kokoro.reader import Reader
from bunraku.node.speech.kokoro.rules import spell
from bunraku.node.speech.kokoro.scripts import runs


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


def test_short_words_among_shouted_ones_are_words(english):
    def say(text):
        return english.sentence(text.split(), [""] * len(text.split()))

    assert say("WAIT TO STOP RAIN") == say("wait to stop rain")
    assert say("stop the BMP") == say("stop the") + [english.letters("BMP")]
    assert say("the BUS") == ["ðə", english.letters("BUS")]


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
