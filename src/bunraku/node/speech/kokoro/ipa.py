"""From espeak-ng's IPA, with ties, to the model's alphabet (the correspondence is misaki's)."""

from __future__ import annotations

import re
import unicodedata

from bunraku.node.speech.kokoro.alphabet import TOKENS

_LANGUAGE = re.compile(r"\([a-z-]+\)")
_SYLLABIC = re.compile("(\\S)\u0329")
_ENGLISH = (
    ("ʔˌn\u0329", "ʔn"), ("ʔn\u0329", "ʔn"), ("a^ɪ", "I"), ("a^ʊ", "W"), ("d^ʒ", "ʤ"), ("e^ɪ", "A"),
    ("e", "A"),
    ("t^ʃ", "ʧ"), ("ɔ^ɪ", "Y"), ("ə^l", "ᵊl"), ("ʲo", "jo"), ("ʲə", "jə"), ("ʲ", ""), ("ɚ", "əɹ"), ("r", "ɹ"),
    ("x", "k"), ("ç", "k"), ("ɐ", "ə"), ("ɬ", "l"), ("\u0303", ""),
)  # fmt: skip
_AMERICAN = (("o^ʊ", "O"), ("ɜːɹ", "ɜɹ"), ("ɜː", "ɜɹ"), ("ɪə", "iə"), ("ː", ""))
_BRITISH = (("e^ə", "ɛː"), ("iə", "ɪə"), ("ə^ʊ", "Q"))
_OTHERS = (
    ("a^ɪ", "I"), ("a^ʊ", "W"), ("d^z", "ʣ"), ("d^ʒ", "ʤ"), ("e^ɪ", "A"), ("o^ʊ", "O"), ("ə^ʊ", "Q"),
    ("s^s", "S"), ("t^s", "ʦ"), ("t^ʃ", "ʧ"), ("ɔ^ɪ", "Y"),
)  # fmt: skip


_GIVEN = (
    ("\u0361", ""), ("\u035c", ""), (".", ""), (" ", ""), ("'", "ˈ"), (":", "ː"), ("g", "ɡ"), ("ɝ", "ɜɹ"),
    ("eɪ", "A"), ("aɪ", "I"), ("aʊ", "W"), ("ɔɪ", "Y"), ("oʊ", "O"), ("əʊ", "Q"), ("dʒ", "ʤ"), ("tʃ", "ʧ"),
    ("ts", "ʦ"), ("dz", "ʣ"), ("tɕ", "ʨ"), ("dʑ", "ʥ"),
)  # fmt: skip


def from_ipa(given: str, language: str) -> str:
    """Plain IPA, as people write it, in the model's alphabet; empty when it has a sound that the model
    does not know."""
    said = _replaced(unicodedata.normalize("NFD", given).replace("c\u0327", "ç").strip("/[] "), _GIVEN)
    if language.startswith("en"):
        said = _replaced(said, (("ɚ", "əɹ"), ("r", "ɹ"), ("e", "ɛ")))
        said = said.replace("ː", "") if language == "en-US" else said
    return said if said and all(c in TOKENS for c in said) else ""


def _replaced(said: str, pairs: tuple[tuple[str, str], ...]) -> str:
    for old, new in pairs:
        said = said.replace(old, new)
    return said


def from_espeak(said: str, language: str) -> str:
    """``language`` is the voice's tag; signs that the model does not know are left out."""
    said = _LANGUAGE.sub("", said)
    if language.startswith("en"):
        british = language == "en-GB"
        # The diphthongs whose first sound is another sign's are taken before it.
        said = _replaced(said, _BRITISH[:1] if british else ())
        said = _SYLLABIC.sub(r"ᵊ\1", _replaced(said, _ENGLISH)).replace("\u0329", "")
        said = _replaced(said, _BRITISH[1:] if british else _AMERICAN)
        said = said.replace("o", "ɔ").replace("ɾ", "T").replace("ʔ", "t")
    else:
        said = _replaced(said, _OTHERS).replace("-", "")
    return "".join(c for c in said.replace("^", "") if c in TOKENS)
