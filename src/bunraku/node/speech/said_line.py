"""A sentence as readers of plain text are given it: numbers, dates and addresses in words, and where
each of these was written, so that captions show the caller's text."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

_ADDRESS = re.compile(
    r"(?:https?|ftp)://(?:www\.)?((?:[\w-]+\.)*[\w-]+)(?::\d+)?(?:[/?#][^\s，。；！？、]*[\w/])?"
)
SPELLED = frozenset(["en", "es", "fr", "it", "pt", "de", "zh"])
"""Languages that are read out here before espeak-ng reads them."""
_JOINED = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff，。！？；：、"
_TIGHT = re.compile(f"(?<=[{_JOINED}]) | (?=[{_JOINED}])")


@dataclass(frozen=True, slots=True)
class SaidLine:
    """``text`` is what is read. Where its parts begin there (``starts``) and in the sentence (``places``),
    and which of them are as they were written (``same``). ``sounds``: start and end in ``text`` of words
    that are said by phonemes of their own, and their IPA."""

    text: str
    starts: tuple[int, ...]
    places: tuple[int, ...]
    same: tuple[bool, ...]
    sounds: tuple[tuple[int, int, str], ...] = ()

    def written(self, at: int) -> int:
        """The place in the sentence of a place in ``text``."""
        k = bisect_right(self.starts, at) - 1
        if k < 0:
            return self.places[0] if self.places else 0
        place = self.places[k] + (at - self.starts[k]) * self.same[k]
        return min([place, *self.places[k + 1 : k + 2]])


def hosts(text: str) -> str:
    """Of the addresses in a text nothing but the host, which is what a person would say of them."""
    return _ADDRESS.sub(r"\1", text)


def prepare() -> None:
    """What the first sentence would wait for, a tenth of a second of work: not for the event loop."""
    with suppress(ModuleNotFoundError):
        from bunraku.node.speech import spelled

        spelled.prepare()


def line_of(
    sentence: str,
    language: str,
    fixed: Mapping[int, tuple[int, str]] | None = None,
    fold: Callable[[str], str] = str,
) -> SaidLine:
    """``language`` is a BCP 47 tag, ``fixed`` as of ``spelled.spell_out``; ``fold`` brings a word into the
    reader's alphabet. Without the libraries of numbers (``bunraku[kokoro]``) only addresses change."""
    found = _spelled(sentence, language, fixed or {}, fold) if language[:2] in SPELLED else None
    return found or _plain(sentence, fixed or {}, fold)


def _spelled(
    sentence: str, language: str, fixed: Mapping[int, tuple[int, str]], fold: Callable[[str], str]
) -> SaidLine | None:
    try:
        from bunraku.node.speech.spelled import spell_out

        words = spell_out(sentence, language, fixed)
    except ModuleNotFoundError:
        return None
    text, starts, places, same = "", [], [], []
    sounds: list[tuple[int, int, str]] = []
    for word in words:
        said = fold(word.text)
        if not said.strip():
            continue
        glued = not text or (language[:2] == "zh" and _TIGHT.search(f"{text[-1]} {said[0]}"))
        text += "" if glued else " "
        starts.append(len(text))
        places.append(word.place)
        same.append(sentence.startswith(said, word.place))
        if word.phonemes:
            sounds.append((len(text), len(text) + len(said), word.phonemes))
        text += said + "".join(c for c in word.mark if c not in '"()“”')
    return SaidLine(text, tuple(starts), tuple(places), tuple(same), tuple(sounds)) if text else None


def _plain(sentence: str, fixed: Mapping[int, tuple[int, str]], fold: Callable[[str], str]) -> SaidLine:
    text, starts, places, same, at = "", [0], [0], [True], 0
    moved: dict[int, int] = {}
    for address in _ADDRESS.finditer(sentence):
        if any(address.start() < end and at < address.end() for at, (end, _) in fixed.items()):
            continue
        text += fold(sentence[at : address.start()])
        starts += [len(text), len(text) + len(fold(address[1]))]
        text += fold(address[1])
        places += [address.start(), address.end()]
        same += [False, True]
        at = address.end()
    text += fold(sentence[at:])
    line = SaidLine(text, tuple(starts), tuple(places), tuple(same))
    for start in fixed:
        k = max(i for i, place in enumerate(places) if place <= start)
        moved[start] = starts[k] + start - places[k]
    sounds = tuple((moved[s], moved[s] + end - s, ipa) for s, (end, ipa) in fixed.items())
    return SaidLine(line.text, line.starts, line.places, line.same, sounds)
