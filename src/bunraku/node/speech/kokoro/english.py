"""How English words are said, by dictionary, by their stems, and by rules for the rest.

The dictionary is misaki's, in the model's alphabet; what differs in running speech (*the*, *to*,
*a*) and what the next word decides is done here.
"""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

from bunraku.node.speech.kokoro.rules import spell

VOWELS = frozenset("AIOQWYaiuæɑɒɔəɛɜɪʊʌᵻɐeo")
_LETTERS = re.compile(r"[A-Z]{2,6}")
_SPELLED = frozenset(["AM", "PM", "US", "UK", "EU", "UN", "ID"])
_SHOUTED = re.compile(r"[A-Z]{2,3}")
_ACRONYM_PLURAL = re.compile(r"([A-Z]{2,6})['’]?s")
_VERB_BEFORE = frozenset(
    [
        "to",
        "will",
        "would",
        "can",
        "could",
        "should",
        "must",
        "may",
        "might",
        "shall",
        "do",
        "does",
        "did",
        "don't",
        "didn't",
        "doesn't",
        "won't",
        "can't",
        "i",
        "you",
        "we",
        "they",
        "let's",
        "please",
        "not",
        "never",
    ]
)
_PERFECT = frozenset(
    [
        "have",
        "has",
        "had",
        "having",
        "was",
        "were",
        "been",
        "be",
        "is",
        "are",
        "already",
        "i've",
        "we've",
        "you've",
        "they've",
    ]
)
_FLAPPED = frozenset("AIOWYiuæɑəɛɪɹʊʌ")


class English:
    """One of the two Englishes: ``us`` or ``gb``. Looks words up in the file as it needs them."""

    def __init__(self, dictionary: Path, variety: str) -> None:
        self._variety, self._british = variety, variety == "gb"
        # Reads only; the event loop and worker threads may both ask, one at a time.
        self._base = sqlite3.connect(f"file:{dictionary}?mode=ro", uri=True, check_same_thread=False)

    def close(self) -> None:
        self._base.close()

    def sentence(self, words: list[str], marks: list[str]) -> list[str | None]:
        """Phonemes of each word, None where the dictionary knows no answer.

        ``marks`` holds what follows each word, such as a comma; empty when nothing does.
        """
        out: list[str | None] = []
        said: str | None = None
        for i in range(len(words) - 1, -1, -1):
            following = None if marks[i] else said
            before = words[i - 1].lower() if i and not marks[i - 1] else ""
            after = words[i + 1].lower() if i + 1 < len(words) and not marks[i] else ""
            word = words[i]
            if _SHOUTED.fullmatch(word) and _shouted(words, i) and self._known(word.lower()):
                word = word.lower()
            said = self._weak(word, following, after) or self.word(word, before)
            out.append(said)
        return out[::-1]

    def _weak(self, word: str, following: str | None, after: str) -> str | None:
        """Words that are said by what comes after them."""
        lower = word.lower()
        vowel = following is not None and next((c in VOWELS for c in following if c not in "ˈˌ"), False)
        if lower == "the":
            return "ði" if vowel else "ðə"
        if lower == "a" and following is not None:
            return "ɐ"
        if lower == "an" and following is not None:
            return "ɐn"
        if lower == "to" and following is not None:
            return "tʊ" if vowel else "tə"
        if lower == "used" and after == "to":
            return "jˈuːst" if self._british else "jˈust"
        return None

    def word(self, word: str, before: str = "") -> str | None:
        """One word, ``before`` being the one in front of it in lower case."""
        word = word.replace("’", "'")
        if word.lower() == "read" and before in _PERFECT:
            return "ɹˈɛd"
        if word in _SPELLED:
            return self.letters(word)
        if _LETTERS.fullmatch(word) and not self._known(word):
            lower = self._known(word.lower()) if len(word) > 3 else None
            # Words in capitals are words; what cannot be one is spelled.
            return lower[0] if lower else self.letters(word)
        plural = _ACRONYM_PLURAL.fullmatch(word)
        if plural and not self._known(word):
            return self._s(self.letters(plural[1]))
        found = self._known(word) or self._known(word.lower()) or self._known(word.capitalize())
        if found:
            return found[1] if found[1] and before in _VERB_BEFORE else found[0]
        return self._inflected(word.lower())

    def letters(self, word: str) -> str:
        """The names of its letters, the last with the weight."""
        names = [(self._known(c) or ("",))[0].replace("ˈ", "").replace("ˌ", "") for c in word.upper()]
        stressed = [("ˈ" if i == len(names) - 1 else "ˌ") + name for i, name in enumerate(names)]
        return "".join(_before_vowel(s) for s in stressed)

    def _known(self, word: str) -> tuple[str, str | None] | None:
        row = self._base.execute(
            "select said, as_verb from words where english = ? and word = ?", (self._variety, word)
        ).fetchone()
        return (row[0], row[1]) if row else None

    def _stem(self, *stems: str) -> str | None:
        return next((found[0] for s in stems if len(s) > 1 and (found := self._known(s))), None)

    def _inflected(self, word: str) -> str | None:
        """By the stem: -s, -'s, -ed, -ing, and words put together."""
        if word.endswith(("'s", "s'")):
            stem = self.word(word[:-2])
            return self._s(stem) if stem else None
        if word.endswith("s") and not word.endswith("ss"):
            stem = self._stem(word[:-1], *([word[:-3] + "y"] if word.endswith("ies") else [word[:-2]]))
            if stem:
                return self._s(stem)
        if word.endswith("ed"):
            stem = self._stem(word[:-1], word[:-2], *([word[:-3] + "y"] if word.endswith("ied") else []))
            if stem is None and len(word) > 4 and word[-3] == word[-4]:
                stem = self._stem(word[:-3])
            if stem:
                return self._ed(stem)
        if word.endswith("ing"):
            stem = self._stem(word[:-3], word[:-3] + "e")
            if stem is None and len(word) > 5 and word[-4] == word[-5]:
                stem = self._stem(word[:-4])
            if stem:
                return self._flap(stem) + "ɪŋ"
        return self._compound(word)

    def _compound(self, word: str) -> str | None:
        """Two known words of at least four letters written as one, the first with the weight."""
        for at in range(4, len(word) - 3):
            first, second = self._known(word[:at]), self._known(word[at:])
            if first and second:
                return first[0] + second[0].replace("ˌ", "").replace("ˈ", "ˌ")
        return None

    def _s(self, stem: str) -> str:
        if stem[-1] in "ptkfθ":
            return stem + "s"
        if stem[-1] in "szʃʒʧʤ":
            return stem + ("ɪz" if self._british else "ᵻz")
        return stem + "z"

    def _ed(self, stem: str) -> str:
        if stem[-1] in "pkfθʃsʧ":
            return stem + "t"
        if stem[-1] in "td":
            return self._flap(stem) + ("ɪd" if self._british else "ᵻd")
        return stem + "d"

    def _flap(self, stem: str) -> str:
        if not self._british and len(stem) > 1 and stem[-1] == "t" and stem[-2] in _FLAPPED:
            return stem[:-1] + "T"
        return stem

    def guess(self, word: str) -> str:
        """An unknown word by letter-to-sound rules, for machines without espeak-ng."""
        return spell(word, british=self._british)


def _shouted(words: list[str], i: int) -> bool:
    """Whether a short word in capitals stands among longer ones: it is a word then, and no abbreviation."""
    around = [w for w in (*words[max(0, i - 3) : i], *words[i + 1 : i + 4]) if len(w) > 1]
    shouting = [w for w in around if w.isupper()]
    return len(shouting) > len(around) / 2 and any(len(w) > 3 for w in shouting)


def _before_vowel(said: str) -> str:
    """Stress marks stand before the vowel, not before the syllable."""
    if said[:1] not in "ˈˌ":
        return said
    at = next((i for i, c in enumerate(said) if c in VOWELS), 1)
    return said[1:at] + said[0] + said[at:]
