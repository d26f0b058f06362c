"""IPA as espeak-ng's own names of phonemes, for words whose sounds the writer gives.

There are more sounds in IPA than in any one voice of espeak-ng; the helper hears what became of a word
and says it as it is written when that is something else.
"""

from __future__ import annotations

import re
import unicodedata

_NAMES = {
    "aɪ": "aI", "eɪ": "eI", "ɔɪ": "OI", "aʊ": "aU", "oʊ": "oU", "əʊ": "oU", "tʃ": "tS", "dʒ": "dZ",
    "ɜː": "3:", "ɝ": "3:",
    "ɑː": "A:", "ɔː": "O:", "uː": "u:", "iː": "i:", "ɪə": "i@", "eə": "e@", "ʊə": "U@",
    "ɚ": "3", "ə": "@", "æ": "a", "ɑ": "A:", "ɒ": "0", "ʌ": "V", "ɛ": "E", "ɪ": "I", "ʊ": "U", "ɔ": "O:",
    "ɜ": "3:",
    "ɐ": "a#", "θ": "T", "ð": "D", "ʃ": "S", "ʒ": "Z", "ŋ": "N", "ɹ": "r", "ɡ": "g", "ɲ": "n^",
    "ʎ": "l^", "β": "B",
    "ɣ": "Q", "ʁ": "R", "ç": "C", "ɾ": "*", "ʔ": "?", "ø": "Y", "œ": "W", "y": "y", "ɥ": "y", "ɕ": "S;",
    "ɫ": "l",
    "ˈ": "'", "ˌ": ",", "ː": ":", ".": "", " ": " ",
}  # fmt: skip
_PLAIN = frozenset("abdefhijklmnopstuvwxz")
_LONG = ("ː", ":", "ˈ", "'", "ˌ", ",", ".", " ", "\u0361", "\u035c", "\u0303")
_ALIKE = (
    ("r", "ɹ"), ("g", "ɡ"), ("ɝ", "ɜ"), ("ɚ", "ə"), ("əʊ", "oʊ"), ("æ", "a"), ("ɐ", "a"), ("ɾ", "t"),
    ("ʲ", ""),
    ("ɑ", "a"), ("ɒ", "a"), ("ɔ", "o"), ("ɪ", "i"), ("ʊ", "u"), ("ɛ", "e"), ("ɜɹ", "ɜ"), ("əɹ", "ə"),
    ("ɫ", "l"),
)  # fmt: skip


def from_ipa(given: str) -> str:
    """The names of the phonemes, to stand between ``[[`` and ``]]``; empty when there are none for it."""
    text = _tidy(given)
    out = ""
    while text:
        size = next((n for n in (2, 1) if text[:n] in _NAMES), 0)
        if size:
            out += _NAMES[text[:size]]
        elif text[0] in _PLAIN:
            out, size = out + text[0], 1
        else:
            return ""
        text = text[size:]
    return out


def alike(given: str, heard: str) -> bool:
    """Whether two readings in IPA are the same but for stress, length and shades of a vowel."""
    return _bare(given) == _bare(heard)


def _tidy(given: str) -> str:
    text = unicodedata.normalize("NFD", given).replace("c\u0327", "ç").strip("/[] ")
    return re.sub("[\u0361\u035c]", "", text).replace("g", "ɡ")


def _bare(text: str) -> str:
    text = _tidy(text)
    for mark in _LONG:
        text = text.replace(mark, "")
    for one, other in _ALIKE:
        text = text.replace(one, other)
    return text
