"""From a written sentence to words in the model's alphabet."""

from __future__ import annotations

import re
from pathlib import Path

from bunraku.node.speech.helper import HelperPool
from bunraku.node.speech.kokoro.alphabet import MARKS
from bunraku.node.speech.kokoro.cast import Member
from bunraku.node.speech.kokoro.english import English
from bunraku.node.speech.kokoro.ipa import from_espeak
from bunraku.node.speech.kokoro.script import Spoken
from bunraku.node.speech.spelled import Said, spell_out

_SCRIPTS = (("\u4e00", "\u9fff", "cmn"), ("\u0900", "\u097f", "hi"), ("\u0400", "\u04ff", "ru"))
_MARK = {"。": ".", "！": "!", "？": "?", "，": ",", "、": ",", "；": ";", "：": ":", "।": ".", "–": "—"}


class Reader:
    """English by its dictionary; other languages, and unknown words, by espeak-ng where it is."""

    def __init__(self, dictionary: Path, *, with_espeak: bool) -> None:
        self._englishes = {"en-US": English(dictionary, "us"), "en-GB": English(dictionary, "gb")}
        self._espeak = HelperPool("bunraku.node.speech.espeak_helper", 1) if with_espeak else None

    async def start(self) -> None:
        if self._espeak is not None:
            await self._espeak.start()

    async def close(self) -> None:
        for english in self._englishes.values():
            english.close()
        if self._espeak is not None:
            await self._espeak.close()

    def reads(self, member: Member) -> bool:
        """Whether this voice's language can be read here."""
        return self._espeak is not None or member.timbre.language in self._englishes

    async def read(self, sentence: str, member: Member) -> list[Spoken]:
        """Words in order, each with its place in the sentence. Raises ``SpeechFailed``."""
        language = member.timbre.language
        said = spell_out(sentence, language)
        english = self._englishes.get(language)
        if english is not None:
            return await self._by_dictionary(english, said, member)
        return await self._by_espeak(said, member)

    async def _by_dictionary(self, english: English, said: list[Said], member: Member) -> list[Spoken]:
        marks = [_mark(s.mark) for s in said]
        known = english.sentence([s.text for s in said], marks)
        out: list[Spoken] = []
        for one, mark, phonemes in zip(said, marks, known, strict=True):
            if phonemes is None:
                phonemes = await self._ask(one.text, member) or english.guess(one.text)
            if phonemes:
                out.append(Spoken(one.place, phonemes, mark))
            elif mark and out:
                out[-1] = Spoken(out[-1].place, out[-1].phonemes, out[-1].mark or mark)
        return out

    async def _by_espeak(self, said: list[Said], member: Member) -> list[Spoken]:
        """Clause by clause: espeak-ng runs words together, but not over a mark."""
        out: list[Spoken] = []
        clause: list[Said] = []
        for i, one in enumerate(said):
            clause.append(one)
            mark = _mark(one.mark)
            if not mark and i + 1 < len(said):
                continue
            words = (await self._ask(" ".join(s.text for s in clause), member)).split()
            for k, word in enumerate(words):
                # As many words as were asked for, mostly; else they are shared out in order.
                owner = clause[k * len(clause) // len(words)]
                out.append(Spoken(owner.place, word, mark if k == len(words) - 1 else ""))
            clause = []
        return out

    async def _ask(self, text: str, member: Member) -> str:
        """espeak-ng's reading in the model's alphabet; empty without espeak-ng."""
        if self._espeak is None:
            return ""
        found = ""
        # A word of another script is read in its own language.
        voice = next((v for a, b, v in _SCRIPTS if a <= text[:1] <= b), member.espeak)
        request = {"voice": voice, "text": text, "phonemes_only": True, "tie": True}
        async for head, _ in self._espeak.ask(request):
            found = head["phonemes"]
        language = member.timbre.language if voice == member.espeak else voice
        return re.sub(r"\s+", " ", from_espeak(found, language)).strip()


def _mark(mark: str) -> str:
    """The one mark that the model is given for what stands after a word."""
    for sign in mark:
        sign = _MARK.get(sign, sign)
        if sign in MARKS and sign not in '"()“”':
            return sign
    return ""
