"""Which rules read which language."""

from __future__ import annotations

from functools import lru_cache

from bunraku.node.speech.spelled import english, romance
from bunraku.node.speech.spelled.words import Rule, Said, read_out


@lru_cache
def rules_of(language: str) -> tuple[Rule, ...]:
    """Empty for languages whose reader does everything itself."""
    if language.startswith("en"):
        return english.RULES.get(language, english.RULES["en-US"])
    return romance.rules(language[:2])


def spell_out(sentence: str, language: str) -> list[Said]:
    """Words of a sentence in order; ``language`` is a BCP 47 tag. Empty when nothing is to be said."""
    return read_out(sentence, rules_of(language))
