"""From a written sentence to words in the model's alphabet."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Mapping
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from bunraku.node.speech.helper import HelperPool
from bunraku.node.speech.kokoro import japanese, mandarin
from bunraku.node.speech.kokoro.alphabet import MARKS
from bunraku.node.speech.kokoro.cast import CastMember
from bunraku.node.speech.kokoro.english import English
from bunraku.node.speech.kokoro.ipa import from_espeak, from_ipa
from bunraku.node.speech.kokoro.script import Spoken
from bunraku.node.speech.kokoro.scripts import HAN, KANA, LATIN, VOICES, runs, script_of
from bunraku.node.speech.spelled import SaidWord, prepare, spell_out

log = logging.getLogger(__name__)

_MARK = {
    "。": ".",
    "！": "!",
    "？": "?",
    "，": ",",
    "、": ",",
    "；": ";",
    "：": ":",
    "।": ".",
    "–": "—",
    "؟": "?",
    "،": ",",
}
_WRITTEN = {"en": LATIN, "zh": HAN, "ja": KANA, "hi": "devanagari"}
"""Scripts of the languages whose script is not Latin."""


class Reader:
    """Each language by its own reader, words of another script by that script's; what has none, and
    English words no dictionary knows, by espeak-ng where it is."""

    def __init__(self, dictionary: Path, *, with_espeak: bool) -> None:
        self._englishes = {"en-US": English(dictionary, "us"), "en-GB": English(dictionary, "gb")}
        self._espeak = HelperPool("bunraku.node.speech.espeak_helper", 1) if with_espeak else None
        self._mandarin = mandarin.Mandarin() if mandarin.installed() else None
        self._japanese = japanese.Japanese() if japanese.installed() else None

    async def start(self) -> None:
        await asyncio.to_thread(prepare)
        if self._espeak is not None:
            await self._espeak.start()

    async def close(self) -> None:
        for english in self._englishes.values():
            english.close()
        if self._espeak is not None:
            await self._espeak.close()

    async def read(
        self, sentence: str, member: CastMember, fixed: Mapping[int, tuple[int, str]] | None = None
    ) -> list[Spoken]:
        """Words in order, each with its place in the sentence; ``fixed`` as of ``spell_out``. Raises
        ``SpeechFailed``."""
        language = member.timbre.language
        sounds = {at: (end, from_ipa(ipa, language)) for at, (end, ipa) in (fixed or {}).items()}
        sounds = {at: (end, said) for at, (end, said) in sounds.items() if said}
        in_kana = language.startswith("ja") or any(script_of(c) == KANA for c in sentence)
        said = [
            part
            for one in spell_out(sentence, language, sounds)
            for part in _by_script(one, sentence.startswith(one.text, one.place), japanese=in_kana)
        ]
        out: list[Spoken] = []
        for kind, group in groupby(said, key=lambda p: p[1] or _WRITTEN.get(language[:2], LATIN)):
            words = [one for one, _ in group]
            found = await self._read(kind, words, sentence, member)
            if not found:
                log.warning(
                    "%d words of a %s text were left out: no reader knows %s", len(words), language, kind
                )
            out.extend(found)
        return out

    async def _read(self, kind: str, said: list[SaidWord], sentence: str, member: CastMember) -> list[Spoken]:
        language = member.timbre.language
        if kind == "said":
            return [Spoken(s.place, s.phonemes, _mark(s.mark)) for s in said]
        if kind == HAN and self._mandarin is not None:
            await asyncio.to_thread(self._mandarin.load)
            return _unspaced(self._mandarin, said, sentence)
        if kind == KANA and self._japanese is not None:
            return _unspaced(self._japanese, said, sentence)
        own = kind == _WRITTEN.get(language[:2], LATIN)
        if kind == LATIN and (not own or language in self._englishes):
            english = self._englishes.get(language, self._englishes["en-US"])
            return await self._by_dictionary(english, said, member)
        return await self._by_espeak(said, member.espeak if own else VOICES.get(kind, ""), member)

    async def _by_dictionary(
        self, english: English, said: list[SaidWord], member: CastMember
    ) -> list[Spoken]:
        marks = [_mark(s.mark) for s in said]
        known = english.sentence([s.text for s in said], marks)
        voice = member.espeak if member.timbre.language in self._englishes else VOICES[LATIN]
        out: list[Spoken] = []
        for one, mark, phonemes in zip(said, marks, known, strict=True):
            if phonemes is None:
                phonemes = await self._ask(one.text, voice, member) or english.guess(one.text)
            if phonemes:
                out.append(Spoken(one.place, phonemes, mark))
                continue
            log.warning("a word was left out that no reader knows")
            if mark and out:
                out[-1] = Spoken(out[-1].place, out[-1].phonemes, out[-1].mark or mark)
        return out

    async def _by_espeak(self, said: list[SaidWord], voice: str, member: CastMember) -> list[Spoken]:
        """Clause by clause: espeak-ng runs words together, but not over a mark."""
        out: list[Spoken] = []
        clause: list[SaidWord] = []
        for i, one in enumerate(said):
            clause.append(one)
            mark = _mark(one.mark)
            if not mark and i + 1 < len(said):
                continue
            words = (
                (await self._ask(" ".join(s.text for s in clause), voice, member)).split() if voice else []
            )
            for k, word in enumerate(words):
                # As many words as were asked for, mostly; else they are shared out in order.
                owner = clause[k * len(clause) // len(words)]
                out.append(Spoken(owner.place, word, mark if k == len(words) - 1 else ""))
            clause = []
        return out

    async def _ask(self, text: str, voice: str, member: CastMember) -> str:
        """espeak-ng's reading in the model's alphabet; empty without espeak-ng."""
        if self._espeak is None:
            return ""
        found = ""
        request = {"voice": voice, "text": text, "phonemes_only": True, "tie": True}
        async for head, _ in self._espeak.ask(request):
            found = head["phonemes"]
        language = member.timbre.language if voice == member.espeak else voice.replace("en-us", "en-US")
        return re.sub(r"\s+", " ", from_espeak(found, language)).strip()


def _by_script(said: SaidWord, as_written: bool, *, japanese: bool) -> list[tuple[SaidWord, str]]:
    """A word as it is, or its parts where it is of several scripts, as 卡拉OK."""
    if said.phonemes:
        return [(said, "said")]
    parts = runs(said.text, japanese=japanese)
    if len(parts) == 1:
        return [(said, parts[0][1])]
    mixed = [
        (replace(said, place=said.place + at * as_written, text=text, mark=""), kind)
        for at, kind, text in parts
    ]
    last, kind = mixed[-1]
    return [*mixed[:-1], (replace(last, mark=said.mark), kind)]


def _unspaced(
    reader: mandarin.Mandarin | japanese.Japanese, said: list[SaidWord], sentence: str
) -> list[Spoken]:
    """Words of scripts without spaces: the reader finds them."""
    out: list[Spoken] = []
    for one in said:
        words = reader.words(one.text)
        for k, (at, phonemes) in enumerate(words):
            mark = _mark(one.mark) if k == len(words) - 1 else ""
            # What a number is read as has no places of its own.
            at = at if sentence.startswith(one.text, one.place) else 0
            out.append(Spoken(one.place + at, phonemes, mark))
    return out


def _mark(mark: str) -> str:
    """The one mark that the model is given for what stands after a word."""
    for sign in mark:
        sign = _MARK.get(sign, sign)
        if sign in MARKS and sign not in '"()“”':
            return sign
    return ""


def readable(language: str, *, with_espeak: bool) -> bool:
    """Whether a voice of this language can be read here."""
    if language.startswith("zh"):
        return mandarin.installed()
    if language.startswith("ja"):
        return japanese.installed()
    return with_espeak or language.startswith("en")
