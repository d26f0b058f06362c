"""One drive on stage, and the voice that gives it its sound. Private to the performance."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Protocol

from bunraku.core.calls import Call, current
from bunraku.core.media import SpeechChunk
from bunraku.core.script import Script
from bunraku.node.lipsync.lips import LipSync
from bunraku.node.speech.buffer import SpeechBuffer


class Voicing(Protocol):
    """How a script becomes sound; one per stream task. ``performance.voicing`` has the real one."""

    def ahead(self, script: Script) -> float:
        """Seconds of sound that may be made before it is played."""
        ...

    async def lips(self, script: Script) -> LipSync:
        """What moves the mouth while the script is said."""
        ...

    def speak(self, script: Script) -> AsyncGenerator[SpeechChunk]:
        """The script's sound. Raises ``SpeechFailed``."""
        ...


class Moments:
    """Told of a drive's way to its first sound; this one keeps nothing."""

    def turn(self) -> None:
        """The stage is free for it."""

    def ordered(self) -> None:
        """Its sound begins to be made."""

    def first_pcm(self) -> None:
        """There is sound; also called for more."""

    def first_sound(self, at: float, *, watched: bool) -> None:
        """The first of it leaves, ``at`` this monotonic time; to nobody when it is not ``watched``."""


@dataclass(eq=False)
class Line:
    """A drive's sound, its lips, and the job that makes them (None for sound that is fed).

    ``number`` tells it from another line of the same drive: a WebSocket DriveId may be used again.
    """

    number: int
    drive_id: str
    script: Script
    speech: SpeechBuffer
    lips: LipSync = field(default_factory=LipSync)
    prompted: asyncio.Event = field(default_factory=asyncio.Event)
    job: asyncio.Task[None] | None = None
    turn: float | None = None
    """Monotonic time at which the stage was free for it."""
    called: asyncio.Event = field(default_factory=asyncio.Event)
    """It is its turn."""
    moments: Moments = field(default_factory=Moments)
    unheard: bool = True
    """Nothing of it has left yet."""
    until: float = 0.0
    """Monotonic time at which all that was taken of it has been heard."""
    call: Call = field(default_factory=current)
    """Whose it is, for the log: the clock that plays it belongs to another call."""

    def drop(self) -> None:
        """Nothing of it is played any more, and nothing more is made."""
        self.speech.clear()
        if self.job is not None:
            self.job.cancel()
