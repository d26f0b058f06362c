"""The model's alphabet: an IPA of its own, one sign a token.

Capital letters stand for diphthongs (``A`` as in *day*, ``I`` *eye*, ``W`` *now*, ``Y`` *boy*,
``O`` *so* in America, ``Q`` in Britain) and ``T`` for the flap of American *city*.
"""

from __future__ import annotations

PAD = 0
"""Silence: the first and last token of every sentence."""

TOKENS: dict[str, int] = {
    ";": 1, ":": 2, ",": 3, ".": 4, "!": 5, "?": 6, "—": 9, "…": 10, '"': 11, "(": 12, ")": 13, "“": 14,
    "”": 15, " ": 16, "\u0303": 17, "ʣ": 18, "ʥ": 19, "ʦ": 20, "ʨ": 21, "ᵝ": 22, "ꭧ": 23, "A": 24, "I": 25,
    "O": 31, "Q": 33, "S": 35, "T": 36, "W": 39, "Y": 41, "ᵊ": 42, "a": 43, "b": 44, "c": 45, "d": 46,
    "e": 47, "f": 48, "h": 50, "i": 51, "j": 52, "k": 53, "l": 54, "m": 55, "n": 56, "o": 57, "p": 58,
    "q": 59, "r": 60, "s": 61, "t": 62, "u": 63, "v": 64, "w": 65, "x": 66, "y": 67, "z": 68, "ɑ": 69,
    "ɐ": 70, "ɒ": 71, "æ": 72, "β": 75, "ɔ": 76, "ɕ": 77, "ç": 78, "ɖ": 80, "ð": 81, "ʤ": 82, "ə": 83,
    "ɚ": 85, "ɛ": 86, "ɜ": 87, "ɟ": 90, "ɡ": 92, "ɥ": 99, "ɨ": 101, "ɪ": 102, "ʝ": 103, "ɯ": 110, "ɰ": 111,
    "ŋ": 112, "ɳ": 113, "ɲ": 114, "ɴ": 115, "ø": 116, "ɸ": 118, "θ": 119, "œ": 120, "ɹ": 123, "ɾ": 125,
    "ɻ": 126, "ʁ": 128, "ɽ": 129, "ʂ": 130, "ʃ": 131, "ʈ": 132, "ʧ": 133, "ʊ": 135, "ʋ": 136, "ʌ": 138,
    "ɣ": 139, "ɤ": 140, "χ": 142, "ʎ": 143, "ʒ": 147, "ʔ": 148, "ˈ": 156, "ˌ": 157, "ː": 158, "ʰ": 162,
    "ʲ": 164, "↓": 169, "→": 171, "↗": 172, "↘": 173, "ᵻ": 177,
}  # fmt: skip

MARKS = frozenset(';:,.!?—…"()“”')
"""Written as they are; the model pauses at them."""

STRESS = "ˈˌ"
MODIFIERS = "ːʰʲᵝ\u0303↓→↗↘"
"""What is said with the sound before it."""

SILENT = frozenset([PAD, *(TOKENS[m] for m in MARKS)])
HISSING = frozenset(TOKENS[c] for c in "szʃʒʧʤʦʣSɕʂ")
BREATHED = frozenset(TOKENS[c] for c in "ptkfθhcqxçχ")
"""Kinds of sounds that weigh differently in the model's statistics, besides the silent ones."""

LONGEST = 509
"""Tokens of one sentence: there is one style a length."""

_SOUNDS = {
    "A": "eɪ", "I": "aɪ", "W": "aʊ", "Y": "ɔɪ", "O": "oʊ", "Q": "əʊ", "T": "ɾ", "ᵊ": "ə", "ʤ": "dʒ",
    "ʧ": "tʃ", "ʦ": "ts", "ʣ": "dz", "S": "s", "ʨ": "tɕ", "ʥ": "dʑ", "ꭧ": "tʂ",
}  # fmt: skip


def ipa(sign: str) -> str:
    """The sound that a sign stands for, in plain IPA; empty for stress, length, marks and spaces."""
    if sign in MARKS or sign in " " + STRESS + MODIFIERS:
        return ""
    return _SOUNDS.get(sign, sign)


def encode(phonemes: str) -> list[int]:
    """Tokens without the pads; signs the model does not know are left out."""
    return [TOKENS[c] for c in phonemes if c in TOKENS]
