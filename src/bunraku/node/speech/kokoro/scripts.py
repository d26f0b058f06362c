"""In which script a word is written, for it may not be the one of its sentence."""

from __future__ import annotations

import unicodedata
from itertools import groupby

LATIN, HAN, KANA = "latin", "han", "kana"
_NAMES = {
    "FEMININE": LATIN,
    "MASCULINE": LATIN,
    "CJK": HAN,
    "IDEOGRAPHIC": HAN,
    "HIRAGANA": KANA,
    "KATAKANA": KANA,
    "KATAKANA-HIRAGANA": KANA,
    "HALFWIDTH": KANA,
}
VOICES = {
    HAN: "cmn", KANA: "ja", "devanagari": "hi", "cyrillic": "ru", "greek": "el", "arabic": "ar",
    "hebrew": "he",
    "hangul": "ko", "thai": "th", "bengali": "bn", "tamil": "ta", "telugu": "te", "georgian": "ka",
    "armenian": "hy",
    "gujarati": "gu", "gurmukhi": "pa", "kannada": "kn", "malayalam": "ml", "sinhala": "si", "myanmar": "my",
    "ethiopic": "am", LATIN: "en-us",
}  # fmt: skip
"""Which voice of espeak-ng reads a script that is not the sentence's own."""


def script_of(letter: str) -> str:
    """Of one letter, by its name in Unicode; empty for what belongs to every script."""
    if letter.isascii():
        return LATIN if letter.isalpha() else ""
    if not letter.isalpha():
        return ""
    first = unicodedata.name(letter, "").split(" ", 1)[0]
    return _NAMES.get(first, first.lower())


def runs(text: str, *, japanese: bool) -> list[tuple[int, str, str]]:
    """Stretches of one script: where each begins, the script, its text. What belongs to every script
    goes with what is before it, and in ``japanese`` the Chinese characters go with the kana."""
    kinds: list[str] = []
    for c in text:
        kind = script_of(c)
        kinds.append((KANA if japanese and kind == HAN else kind) or (kinds[-1] if kinds else ""))
    first = next((k for k in kinds if k), "")
    out: list[tuple[int, str, str]] = []
    at = 0
    for kind, letters in groupby(kinds, key=lambda k: k or first):
        size = len(list(letters))
        out.append((at, kind, text[at : at + size]))
        at += size
    return out
