"""Scripts: what a drive says, as plain data. The sound is made where the performance runs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

from bunraku.core.drive import DriveKind
from bunraku.core.vocabulary import PACE


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
class Prosody:
    """Factors, 1.0 is the voice's own.

    ``speed`` in [0.5, 2], ``pitch`` in [0.7, 1.42], ``gain`` in (0, 2].
    """

    speed: float = 1.0
    pitch: float = 1.0
    gain: float = 1.0

    def in_mood(self, mood: str) -> Prosody:
        """At the pace of an emotion, within what voices can do."""
        return replace(self, speed=min(2.0, max(0.5, self.speed * PACE.get(mood, 1.0))))

    @classmethod
    def from_contract(cls, speech_rate: int, pitch_rate: int, volume: int) -> Prosody:
        """Contract section 5.5: SpeechRate and PitchRate in [-500, 500], Volume in [1, 100]."""
        r = speech_rate / 1000
        speed = 1 / (1 - r) if r >= 0 else 1 / (1 - 2 * r)
        return cls(speed, 2 ** (pitch_rate / 1000), volume / 50)


@dataclass(frozen=True, slots=True)
class TextScript:
    """A text in a voice (contract section 5.5). ``mood`` None: the stream task's own."""

    text: str
    timbre_id: str
    prosody: Prosody = Prosody()
    mood: str | None = None

    kind = DriveKind.TEXT


@dataclass(frozen=True, slots=True)
class AudioScript:
    """An audio file by URL (section 5.6). ``voice_channel``: 0 the mix, 1 left, 2 right moves the lips;
    ``transcript``: its words, when the caller knows them."""

    url: str
    voice_channel: int = 0
    transcript: str | None = None
    mood: str | None = None

    kind = DriveKind.AUDIO


@dataclass(frozen=True, slots=True)
class SocketScript:
    """PCM that comes by WebSocket (section 7)."""

    mood: str | None = None

    kind = DriveKind.WS_STREAM


@dataclass(frozen=True, slots=True)
class StreamScript:
    """Another stream's sound (section 5.8)."""

    room_id: str
    stream_id: str
    mood: str | None = None

    kind = DriveKind.RTC_STREAM


Script: TypeAlias = TextScript | AudioScript | SocketScript | StreamScript
