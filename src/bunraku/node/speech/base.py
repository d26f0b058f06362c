"""The contract of speech: text in, a stream of PCM with timed phonemes and words out."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Protocol

from bunraku.core.media import Phoneme, SpeechChunk, Word
from bunraku.core.report import VoiceLoad
from bunraku.core.script import Prosody as Prosody
from bunraku.core.script import Timbre as Timbre


class SpeechFailed(Exception):
    """A provider could not produce (more) speech. The text is for the log, never for callers."""


class VoicesBusy(SpeechFailed):
    """Nobody was free to speak for longer than a drive may wait. Asked again, it may go well."""


@dataclass(frozen=True, slots=True)
class Voice:
    """A timbre and the name its engine knows it by."""

    timbre: Timbre
    name: str


class SpeechProvider(Protocol):
    """One source of voices.

    Guaranteed: ``speak`` yields chunks in order, their PCM mono at ``SAMPLE_RATE``, phoneme and
    word times counted from the first sample. Closing the iterator early releases what it holds.
    Not guaranteed: any bound on how fast chunks come. Raises ``SpeechFailed``.
    """

    @property
    def timbres(self) -> tuple[Timbre, ...]: ...

    def load(self) -> VoiceLoad | None:
        """How busy its helpers are; None when it has none."""
        ...

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def pronounce(self, text: str) -> tuple[tuple[Phoneme, ...], tuple[Word, ...]] | None:
        """How the text would be said, timed; None when this provider cannot tell."""
        ...

    def speak(self, timbre_id: str, text: str, prosody: Prosody) -> AsyncGenerator[SpeechChunk]: ...
