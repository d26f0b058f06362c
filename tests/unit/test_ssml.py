"""SSML documents: their few tags are heard, and nothing else is a tag."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bunraku.core.media import SAMPLE_RATE
from bunraku.node.speech.base import Prosody
from bunraku.node.speech.espeak import EspeakProvider
from bunraku.node.speech.pronounced import expanded, written
from bunraku.node.speech.said_line import line_of
from bunraku.node.speech.ssml import Part, parts
from bunraku.node.speech.text import sentences
from bunraku.node.speech.voices import Voices
from bunraku.testing.voices import ToneVoices

from ..support.speech import say


@pytest.mark.parametrize(
    ("document", "found"),
    [
        ("<speak>Hello.</speak>", [Part("Hello.")]),
        (
            '<?xml version="1.0"?><speak xmlns="http://www.w3.org/2001/10/synthesis">Hi.</speak>',
            [Part("Hi.")],
        ),
        (
            '<speak>One<break time="500ms"/>two<break strength="weak"/></speak>',
            [Part("One", 0.5), Part("two", 0.2)],
        ),
        ('<speak><break time="99s"/>late</speak>', [Part("", 10.0), Part("late")]),
        ('<speak>the <sub alias="World Wide Web">WWW</sub>.</speak>', [Part("the World Wide Web.")]),
        ('<speak><say-as interpret-as="characters">cat</say-as></speak>', [Part("C, A, T")]),
        (
            '<speak><prosody rate="slow">Hi</prosody><voice name="x">there</voice>, <prosody>you</prosody>.</speak>',
            [Part("Hi there, you.")],
        ),
        (
            '<speak>Hear<audio src="a.wav">this</audio><break time="1s"/>now</speak>',
            [Part("Hear this", 1.0), Part("now")],
        ),
        ('<speak>the <say-as interpret-as="ordinal">22</say-as></speak>', [Part("the 22nd")]),
        ('<speak><say-as interpret-as="digits">123</say-as></speak>', [Part("1 2 3")]),
        (
            '<speak>so <emphasis level="strong">big</emphasis> it is</speak>',
            [Part("so "), Part("big", speed=0.85, gain=1.25), Part(" it is")],
        ),
        ("<speak><p><s>One.</s><s>Two.</s></p></speak>", [Part("One.\n\nTwo.\n\n")]),
        (
            '<speak>to<phoneme alphabet="x-sampa" ph="x">mato</phoneme> <voice name="x">y</voice></speak>',
            [Part("tomato y")],
        ),
    ],
)
def test_documents(document, found):
    assert parts(document) == found


@pytest.mark.parametrize(
    ("kind", "language", "written", "said"),
    [
        ('interpret-as="characters"', "en-US", "ab-3", "A, B, dash, 3"),
        ('interpret-as="spell-out"', "fr-FR", "ab-3", "A, B, 3"),
        ('interpret-as="digits"', "en-US", "2026", "2 0 2 6"),
        ('interpret-as="telephone"', "en-US", "+1 (555) 123-4567", "+1, 5 5 5, 1 2 3, 4 5 6 7"),
        ('interpret-as="telephone"', "en-US", "none", "none"),
        ('interpret-as="cardinal"', "en-US", "2026", "2\u202f026"),
        ('interpret-as="cardinal"', "zh-CN", "2026", "2026"),
        ('interpret-as="cardinal"', "en-US", "007 0123", "007 0123"),
        ('interpret-as="ordinal"', "en-US", "112", "112th"),
        ('interpret-as="ordinal"', "es-ES", "3", "3º"),
        ('interpret-as="ordinal"', "de-DE", "3.", "3."),
        ('interpret-as="ordinal"', "zh-CN", "3", "第3"),
        ('interpret-as="ordinal"', "en-US", "third", "third"),
        ('interpret-as="date" format="mdy"', "en-GB", "3/4/2026", "2026-03-04"),
        ('interpret-as="date" format="dmy"', "en-US", "3-4-26", "2026-04-03"),
        ('interpret-as="date"', "en-US", "03/04/2026", "2026-03-04"),
        ('interpret-as="date"', "fr-FR", "03/04/2026", "2026-04-03"),
        ('interpret-as="date" format="yyyymmdd"', "en-US", "20260304", "2026-03-04"),
        ('interpret-as="date" format="md"', "en-US", "3/4", "3/4"),
        ('interpret-as="date" format="mdy"', "en-US", "33/44/2026", "33/44/2026"),
        ('interpret-as="time"', "en-US", "2:30pm", "2:30pm"),
        ('interpret-as="currency"', "en-US", "USD 45", "USD 45"),
        ("", "en-US", "as it is", "as it is"),
    ],
)
def test_say_as(kind, language, written, said):
    assert parts(f"<speak><say-as {kind}>{written}</say-as></speak>", language) == [Part(said)]


def test_what_must_not_be_heard_is_a_pause():
    assert parts('<speak>a <say-as interpret-as="expletive">x</say-as> b</speak>') == [
        Part("a ", 0.4),
        Part(" b"),
    ]


def test_what_was_escaped_in_a_document_is_text():
    (part,) = parts("<speak>a &lt;b&gt; c &amp;amp; d</speak>")
    assert sentences(part.text) == ["a <b> c &amp; d"]


def test_cardinals_are_no_years():
    pytest.importorskip("num2words", reason="needs the extra bunraku[kokoro]")
    (part,) = parts('<speak><say-as interpret-as="cardinal">2026</say-as> in 2026</speak>')
    (sentence,) = sentences(part.text)
    assert line_of(sentence, "en-US").text == "two thousand and twenty six in twenty twenty six"


@pytest.mark.parametrize(
    "text",
    [
        "Hello.",
        "I <break/> it",
        "<speak>unclosed",
        "<speaker>x</speaker>",
        '<!DOCTYPE x [<!ENTITY a "aaaa">]><speak>&a;</speak>',
        "<speak><!DOCTYPE x></speak>",
    ],
)
def test_other_texts_are_no_documents(text):
    assert parts(text) is None


def test_words_given_by_their_sounds():
    (part,) = parts(
        '<speak>I say <phoneme alphabet="ipa" ph="təˈmɑːtoʊ">to\ue000mato</phoneme>, <phoneme ph="x">y</phoneme>\ue001.</speak>'
    )
    assert written(part.text, part.pronounced) == "I say to mato, y ."
    assert expanded(part.text, part.pronounced)[1] == {6: (13, "təˈmɑːtoʊ"), 15: (16, "x")}
    kept = "".join(p.sign for p in part.pronounced)
    assert [expanded(s, part.pronounced)[0] for s in sentences(part.text, kept)] == ["I say to mato, y ."]
    alone = parts('<speak><phoneme ph="x">y z. w</phoneme></speak>')[0]
    assert [expanded(s, alone.pronounced) for s in sentences(alone.text, alone.pronounced[0].sign)] == [
        ("y z. w", {0: (6, "x")})
    ]


@given(st.recursive(
    st.text(st.characters(categories=["L", "N"]), max_size=8),
    lambda inner: st.tuples(st.sampled_from(["emphasis", "p", "s", "phoneme", "voice", "unknown"]), st.lists(inner, max_size=3)),
))  # fmt: skip
def test_no_letter_of_a_document_is_lost(tree):
    def document(node):
        if isinstance(node, str):
            return node + " "
        return f'<{node[0]} ph="x">{"".join(map(document, node[1]))}</{node[0]}>'

    def letters(node):
        return node if isinstance(node, str) else "".join(map(letters, node[1]))

    said = "".join(written(p.text, p.pronounced) for p in parts(f"<speak>{document(tree)}</speak>"))
    assert "".join(said.split()) == "".join(letters(tree).split())


async def test_who_knows_no_phonemes_is_given_the_word():
    voices = Voices([ToneVoices(word_seconds=0.5)])
    _, _, words = await say(voices, "tone-a", '<speak>one <phoneme ph="tuː">two</phoneme></speak>')
    assert [w.text for w in words] == ["one", "two"]


@pytest.mark.voices
async def test_espeak_says_the_given_sounds_or_the_word():
    voices = Voices([EspeakProvider(1)])
    await voices.start()
    try:

        async def sounds(document):
            _, phonemes, words = await say(voices, "en-us-ava", document)
            return "".join(p.symbol for p in phonemes), [w.text for w in words]

        said, words = await sounds('<speak>My <phoneme ph="ˈʃʌɡɚ">salt</phoneme> is [[sweet]].</speak>')
        assert "ʃˈʌɡɚ" in said
        assert words == ["My", "salt", "is", "[[sweet]]."]
        for impossible in ("ʈʂʰɻ̩", "!!", "ɮɮ"):
            assert await sounds(
                f'<speak>My <phoneme ph="{impossible}">salt</phoneme> is</speak>'
            ) == await sounds("My salt is")
    finally:
        await voices.close()


async def test_breaks_are_silent_and_times_go_on():
    voices = Voices([ToneVoices(word_seconds=0.5)])
    sound, phonemes, words = await say(voices, "tone-a", '<speak>one<break time="1s"/>two</speak>')
    assert sound.size == 2 * SAMPLE_RATE
    assert not sound[int(0.52 * SAMPLE_RATE) : int(1.48 * SAMPLE_RATE)].any()
    assert [(w.text, w.start) for w in words] == [("one", 0.0), ("two", 1.5)]
    assert phonemes[1].start == 1.5
    spoken = await say(voices, "tone-a", "<b>one</b> two", Prosody())
    assert np.abs(spoken[0]).max() > 1000
