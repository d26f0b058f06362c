"""The frame of reading out: rules of a language are tried at each place, the rest is said as it is."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

Say = Callable[[re.Match[str]], str | None]
"""Words for what a rule found; None when it is something else after all."""


@dataclass(frozen=True, slots=True)
class SaidWord:
    """One word as it is said, its ``place`` in the sentence, and the marks right after it."""

    place: int
    text: str
    mark: str = ""
    phonemes: str = ""
    """IPA, where the writer has given it."""


@dataclass(frozen=True, slots=True)
class Rule:
    """``pattern`` is tried only where a word begins."""

    pattern: re.Pattern[str]
    say: Say


def power(signs: str) -> str:
    """A raised number in ordinary digits."""
    return signs.translate(str.maketrans(RAISED, "0123456789+-"))


def rule(pattern: str, say: Say, flags: int = 0) -> Rule:
    return Rule(re.compile(pattern, flags), say)


_SIGNS = "\u0300-\u036f\u0900-\u0903\u093a-\u094f\u0951-\u0957\u0962\u0963\u200c\u200d"
"""Marks on the letter before, which Python counts as no part of a word."""
RAISED = "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻"
_LETTERS = f"(?:[^\\W\\d_{RAISED}½¼¾⅓⅔⅛⅜⅝⅞][{_SIGNS}]*)+"
_WORD = re.compile(f"{_LETTERS}(?:['’]{_LETTERS})*['’]?|\\d+")
_MARKS = ',.;:!?…—–。！？，、；：।"()“”'


def plain_signs(text: str) -> str:
    """The same length, with full-width letters and the digits of every script as those of ASCII."""
    return "".join(_plain_sign(c) if ord(c) > 0x7F else c for c in text)


def _plain_sign(c: str) -> str:
    if (
        ("！" <= c <= "～" and c not in "！，：；？～")
        or "\U0001d400" <= c <= "\U0001d7ff"
        or "₀" <= c <= "₉"
    ):
        return unicodedata.normalize("NFKC", c)  # full width, letters of mathematics, lowered digits
    if c in "ᵉʳᵈᵐᵒˢᵗʰ":
        return unicodedata.normalize("NFKC", c)
    if c in "‐‑⁄":
        return "/" if c == "⁄" else "-"
    return str(unicodedata.decimal(c, c))


def read_out(
    sentence: str,
    rules: tuple[Rule, ...],
    fixed: Mapping[int, tuple[int, str]] | None = None,
    *,
    spaced: bool = True,
) -> list[SaidWord]:
    """Words of a sentence in order, by these rules where one fits. Empty when nothing is to be said.

    ``fixed`` tells where words begin that are said by phonemes of their own, where they end, and the
    phonemes (IPA). Without spaces between words (``spaced``), a rule may fit anywhere.
    """
    out: list[SaidWord] = []
    fixed = fixed or {}
    i = 0
    while i < len(sentence):
        if i in fixed:
            end, phonemes = fixed[i]
            out.append(SaidWord(i, sentence[i:end], "", phonemes))
            i = end
            continue
        if sentence[i].isspace():
            i += 1
            continue
        found = _first(rules, sentence, i)
        if found is not None:
            words, end = found
            out.extend(_split(words, i))
            i = end
            continue
        plain = _WORD.match(sentence, i)
        if plain:
            end = plain.end()
            if not spaced:
                end = next((k for k in range(i + 1, end) if k in fixed or _first(rules, sentence, k)), end)
            end = min([end, *(k for k in fixed if i < k < end)])
            out.append(SaidWord(i, sentence[i:end].rstrip("'’")))
            i = end
            continue
        if out and sentence[i] in _MARKS and (sentence[i] not in "–—" or _spaced(sentence, i)):
            out[-1] = replace(out[-1], mark=out[-1].mark + sentence[i])
        i += 1
    return out


def _spaced(sentence: str, i: int) -> bool:
    """A dash between spaces is a pause, one inside a word a hyphen."""
    return sentence[i - 1 : i].isspace() or sentence[i] == "—"


def _first(rules: tuple[Rule, ...], sentence: str, i: int) -> tuple[str, int] | None:
    for one in rules:
        match = one.pattern.match(sentence, i)
        if match and match.end() > i:
            words = one.say(match)
            if words is not None:
                return words, match.end()
    return None


def _split(words: str, place: int) -> list[SaidWord]:
    out: list[SaidWord] = []
    for word in words.replace("-", " ").split():
        bare = word.rstrip(",.;")
        if bare:
            out.append(SaidWord(place, bare, word[len(bare) :]))
    return out
