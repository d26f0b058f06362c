"""SSML documents: their few tags are heard, and nothing else is a tag."""

import numpy as np
import pytest

from bunraku.core.media import SAMPLE_RATE
from bunraku.node.speech.base import Prosody
from bunraku.node.speech.ssml import Part, parts
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
        ('<speak>the <say-as interpret-as="ordinal">22</say-as></speak>', [Part("the 22nd")]),
        ('<speak><say-as interpret-as="digits">123</say-as></speak>', [Part("1 2 3")]),
        (
            '<speak>so <emphasis level="strong">big</emphasis> it is</speak>',
            [Part("so "), Part("big", speed=0.85, gain=1.25), Part(" it is")],
        ),
        ("<speak><p><s>One.</s><s>Two.</s></p></speak>", [Part("One.\nTwo.\n\n")]),
        ('<speak>to<phoneme ph="x">mato</phoneme> <voice name="x">y</voice></speak>', [Part("tomato y")]),
    ],
)
def test_documents(document, found):
    assert parts(document) == found


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


async def test_breaks_are_silent_and_times_go_on():
    voices = Voices([ToneVoices(word_seconds=0.5)])
    sound, phonemes, words = await say(voices, "tone-a", '<speak>one<break time="1s"/>two</speak>')
    assert sound.size == 2 * SAMPLE_RATE
    assert not sound[int(0.52 * SAMPLE_RATE) : int(1.48 * SAMPLE_RATE)].any()
    assert [(w.text, w.start) for w in words] == [("one", 0.0), ("two", 1.5)]
    assert phonemes[1].start == 1.5
    spoken = await say(voices, "tone-a", "<b>one</b> two", Prosody())
    assert np.abs(spoken[0]).max() > 1000
