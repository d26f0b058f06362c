"""Which language a text is in, and which voice a film takes for it."""

from __future__ import annotations

import pytest

from bunraku.node.speech.base import Timbre
from bunraku.node.speech.tongue import tongue
from bunraku.render import OptionsRefused, choose_voice

PLAIN = {
    "en": ("Good morning, and welcome.", "The brave may bring a book to us.", "How is it that you are here?"),
    "es": (
        "Buenos días a todos, y gracias por venir.",
        "¿Qué hora es?",
        "El tren para Madrid sale más tarde.",
    ),
    "fr": (
        "Bonjour à tous, et merci d'être venus.",
        "Le train est parti avec nous.",
        "Je ne sais pas ce que vous dites.",
    ),
    "de": ("Guten Morgen, wie geht es dir?", "Der Zug ist mit den Gästen abgefahren.", "Ich weiß es nicht."),
    "it": (
        "Buongiorno a tutti, che bella giornata.",
        "Il treno per Roma è partito.",
        "Non so che cosa dire.",
    ),
    "pt": ("Olá, bom dia a todos.", "O trem não está mais na estação.", "Eu não sei o que você quer."),
    "zh": ("早上好,欢迎。", "AI 很好"),
    "ja": ("おはようございます。", "東京へようこそ"),
    "hi": ("नमस्ते दुनिया",),
}


@pytest.mark.parametrize(("tag", "text"), [(tag, text) for tag, texts in PLAIN.items() for text in texts])
def test_a_plain_text_tells_its_language(tag, text):
    assert tongue(text) == tag


@pytest.mark.parametrize(
    "text", ["", "123", "Hmm!", "Доброе утро", "Kiitos paljon", "Anna Schmidt, Taxi", "بسم"]
)
def test_what_is_not_plain_is_not_guessed(text):
    assert tongue(text) is None


TIMBRES = [
    Timbre("en-1", "", "en-US"),
    Timbre("de-1", "", "de-DE"),
    Timbre("de-2", "", "de-DE"),
    Timbre("fr-1", "", "fr-FR"),
]
FITTING = {"en-US": ("gone", "en-1"), "de-DE": ("de-2",)}


def test_the_voice_of_a_film_is_one_of_its_texts_language():
    assert choose_voice(TIMBRES, "Guten Morgen, das ist gut.", FITTING) == ("de-2", "")
    assert choose_voice(TIMBRES, "The sun is up.", FITTING) == ("en-1", "")
    assert choose_voice(TIMBRES, "Le jour est là pour vous.", FITTING) == ("fr-1", "")
    chosen, note = choose_voice(TIMBRES, "Hmm!", FITTING)
    assert chosen == "en-1"
    assert "not plain" in note
    with pytest.raises(OptionsRefused, match=r"language .it. is"):
        choose_voice(TIMBRES, "Il treno non è partito.", FITTING)
