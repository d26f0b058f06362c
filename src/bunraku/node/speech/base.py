"""The contract of speech: text in, a stream of PCM with timed phonemes and words out."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Protocol

from bunraku.core.media import Phoneme, SpeechChunk, Word


class SpeechFailed(Exception):
    """A provider could not produce (more) speech. The text is for the log, never for callers."""


@dataclass(frozen=True, slots=True)
class Timbre:
    """A voice a caller may pick. ``language`` is a BCP 47 tag; ``digital_human_id`` binds it to one."""

    id: str
    name: str
    language: str
    digital_human_id: str | None = None
    gain: float | None = None
    """What brings the voice to the common loudness; None when nobody has measured it."""


@dataclass(frozen=True, slots=True)
class Voice:
    """A timbre and the name its engine knows it by."""

    timbre: Timbre
    name: str


@dataclass(frozen=True, slots=True)
class Prosody:
    """Factors, 1.0 is the voice's own.

    ``speed`` in [0.5, 2], ``pitch`` in [0.7, 1.42], ``gain`` in (0, 2].
    """

    speed: float = 1.0
    pitch: float = 1.0
    gain: float = 1.0

    @classmethod
    def from_contract(cls, speech_rate: int, pitch_rate: int, volume: int) -> Prosody:
        """Contract section 5.5: SpeechRate and PitchRate in [-500, 500], Volume in [1, 100]."""
        r = speech_rate / 1000
        speed = 1 / (1 - r) if r >= 0 else 1 / (1 - 2 * r)
        return cls(speed, 2 ** (pitch_rate / 1000), volume / 50)


class SpeechProvider(Protocol):
    """One source of voices.

    Guaranteed: ``speak`` yields chunks in order, their PCM mono at ``SAMPLE_RATE``, phoneme and
    word times counted from the first sample. Closing the iterator early releases what it holds.
    Not guaranteed: any bound on how fast chunks come. Raises ``SpeechFailed``.
    """

    @property
    def timbres(self) -> tuple[Timbre, ...]: ...

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def pronounce(self, text: str) -> tuple[tuple[Phoneme, ...], tuple[Word, ...]] | None:
        """How the text would be said, timed; None when this provider cannot tell."""
        ...

    def speak(self, timbre_id: str, text: str, prosody: Prosody) -> AsyncGenerator[SpeechChunk]: ...
