"""Which speech sound shows which viseme. Phoneme classes follow the IPA chart's places of articulation."""

from __future__ import annotations

import numpy as np

from bunraku.core.media import Weights
from bunraku.core.vocabulary import VISEMES

INDEX = {name: i for i, name in enumerate(VISEMES)}
SIL = INDEX["sil"]
CLOSURES = (INDEX["PP"], INDEX["FF"])
"""Lips shut, teeth on the lip: short, and missed by every eye when they are not shown."""

GLOTTAL = "h"
"""Not a viseme: /h/ has no mouth of its own and takes the one of the vowel that follows."""

_IPA_CLASSES = {
    "PP": "p b m ɓ ʙ",
    "FF": "f v ɱ ʋ ɸ β",
    "TH": "θ ð",
    "DD": "t d ʈ ɖ ɗ ɾ",
    "kk": "k ɡ g ŋ x ɣ q ɢ χ ʁ ɴ ɰ c ɟ ʔ ħ ʕ",
    "CH": "ʃ ʒ ʂ ʐ ɕ ʑ",
    "SS": "s z",
    "nn": "n l ɲ ɭ ʎ ɫ ɬ ɳ ɮ",
    "RR": "r ɹ ɻ ʀ ɽ ɚ ɝ ɜ",
    "aa": "a ɑ æ ɐ ʌ ɒ ɶ",
    "E": "e ɛ ə ø œ ɘ ɤ",
    "ih": "i ɪ j ʝ ç ɨ ɯ ᵻ y ʏ",
    "oh": "o ɔ ɵ",
    "ou": "u ʊ w ʉ ɥ ʍ",
    GLOTTAL: "h ɦ",
}
_IPA = {symbol: viseme for viseme, symbols in _IPA_CLASSES.items() for symbol in symbols.split()}
_AFFRICATES = {
    "tʃ": "CH", "dʒ": "CH", "tɕ": "CH", "dʑ": "CH", "tʂ": "CH", "dʐ": "CH", "ts": "SS", "dz": "SS",
}  # fmt: skip
VOICELESS_STOPS = frozenset(["p", "t", "k", "c", "q", "ʈ", "ph", "th", "kh"])

_ARPABET = {
    "aa": "aa", "ae": "aa", "ah": "aa", "ax": "E", "ao": "oh", "aw": "aa ou", "ay": "aa ih", "b": "PP",
    "ch": "CH", "d": "DD", "dh": "TH", "eh": "E", "er": "RR", "axr": "RR", "ey": "E ih", "f": "FF",
    "g": "kk", "hh": GLOTTAL, "hv": GLOTTAL, "ih": "ih", "ix": "ih", "iy": "ih", "jh": "CH", "k": "kk",
    "l": "nn", "el": "nn", "m": "PP", "em": "PP", "n": "nn", "en": "nn", "ng": "kk", "ow": "oh ou",
    "oy": "oh ih", "p": "PP", "r": "RR", "s": "SS", "sh": "CH", "t": "DD", "dx": "DD", "th": "TH",
    "uh": "ou", "uw": "ou", "v": "FF", "w": "ou", "y": "ih", "z": "SS", "zh": "CH",
}  # fmt: skip


def from_ipa(symbol: str) -> tuple[str, ...]:
    """Visemes that one IPA phoneme passes through; ``("sil",)`` for a pause or an unknown sign."""
    bare = symbol.translate({ord(c): None for c in "ˈˌːˑ"})
    for affricate, viseme in _AFFRICATES.items():
        if bare.startswith(affricate):
            return (viseme,)
    if bare in ("th", "ph", "kh"):  # aspirated stops as espeak-ng writes them for Mandarin
        bare = bare[0]
    out: list[str] = []
    for char in bare:
        viseme = _IPA.get(char)
        if viseme and (not out or out[-1] != viseme):
            out.append(viseme)
    return tuple(out) or ("sil",)


def from_arpabet(symbol: str) -> tuple[str, ...]:
    """Visemes that one ARPAbet phoneme passes through, in any letter case, stress digits ignored."""
    return tuple(_ARPABET.get(symbol.lower().rstrip("012"), "sil").split())


def one_hot(viseme: str) -> Weights:
    weights = np.zeros(len(VISEMES), np.float32)
    weights[INDEX[viseme]] = 1.0
    return weights


def rest() -> Weights:
    """The mouth of silence."""
    return one_hot("sil")
