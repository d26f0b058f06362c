"""Which rules read which language."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache

from bunraku.node.speech.spelled import english, german, japanese, mandarin, romance
from bunraku.node.speech.spelled.words import Rule, SaidWord, plain_signs, read_out

UNSPACED = frozenset(["zh", "ja"])
"""Languages that are written without spaces between words."""


@lru_cache
def rules_of(language: str) -> tuple[Rule, ...]:
    """Empty for languages whose reader does everything itself."""
    code = language[:2]
    if code == "en":
        return english.RULES.get(language, english.RULES["en-US"])
    if code == "de":
        return german.rules()
    if code == "zh":
        return mandarin.rules()
    if code == "ja":
        return japanese.rules()
    return romance.rules(code)


def prepare() -> None:
    """What the first sentence of a language would wait for: half a second of it in all."""
    for language in ("en-US", "en-GB", "es-ES", "fr-FR", "it-IT", "pt-BR", "de-DE", "zh-CN", "ja-JP"):
        with suppress(ModuleNotFoundError):  # of an extra that is not installed
            spell_out("1", language)


def spell_out(
    sentence: str, language: str, fixed: Mapping[int, tuple[int, str]] | None = None
) -> list[SaidWord]:
    """Words of a sentence in order; ``language`` is a BCP 47 tag. Empty when nothing is to be said.

    ``fixed`` as of ``read_out``.
    """
    spaced = language[:2] not in UNSPACED
    return read_out(plain_signs(sentence), rules_of(language), fixed, spaced=spaced)
