"""Words whose sounds the writer gives, on their way from a document to who says them.

In a text, one sign of Unicode's private use stands for such a word, so that cutting the text into
sentences cannot cut through it. Private signs of the writer's own are taken out before.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from bunraku.core.media import SpeechChunk
from bunraku.core.script import Prosody

FIRST, MOST = 0xE000, 0x1000
PRIVATE = re.compile(f"[{chr(FIRST)}-{chr(FIRST + MOST - 1)}]")


@dataclass(frozen=True, slots=True)
class Pronounced:
    """``sign`` stands for the word ``written``, which is said as ``ipa``."""

    sign: str
    written: str
    ipa: str


@runtime_checkable
class ReadsPhonemes(Protocol):
    """A provider that can say a word by its phonemes. Others are given the word."""

    def speak_as(
        self, timbre_id: str, text: str, prosody: Prosody, pronounced: tuple[Pronounced, ...]
    ) -> AsyncGenerator[SpeechChunk]:
        """As ``speak``; ``pronounced`` tells what stands for the private signs in ``text``."""
        ...


def written(text: str, pronounced: Iterable[Pronounced]) -> str:
    """The text as it was written."""
    for one in pronounced:
        text = text.replace(one.sign, one.written)
    return text


def expanded(text: str, pronounced: Iterable[Pronounced]) -> tuple[str, dict[int, tuple[int, str]]]:
    """The text as it was written, and where in it such words begin: their end, and their IPA."""
    known = {one.sign: one for one in pronounced}
    out, fixed, at = "", {}, 0
    for found in PRIVATE.finditer(text):
        one = known.get(found.group())
        out += text[at : found.start()]
        at = found.end()
        if one is not None:
            fixed[len(out)] = (len(out) + len(one.written), one.ipa)
            out += one.written
    return out + text[at:], fixed
