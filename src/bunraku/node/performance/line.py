"""One drive on stage, and the voice that gives it its sound. Private to the performance."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Protocol

from bunraku.core.media import SpeechChunk
from bunraku.core.script import Script
from bunraku.node.lipsync.lips import Lips
from bunraku.node.speech.buffer import SpeechBuffer


class Voicing(Protocol):
    """How a script becomes sound; one per stream task. ``performance.voicing`` has the real one."""

    def ahead(self, script: Script) -> float:
        """Seconds of sound that may be made before it is played."""
        ...

    async def lips(self, script: Script) -> Lips:
        """What moves the mouth while the script is said."""
        ...

    def speak(self, script: Script) -> AsyncGenerator[SpeechChunk]:
        """The script's sound. Raises ``SpeechFailed``."""
        ...


@dataclass(eq=False)
class Line:
    """A drive's sound, its lips, and the job that makes them (None for sound that is fed).

    ``number`` tells it from another line of the same drive: a WebSocket DriveId may be used again.
    """

    number: int
    drive_id: str
    script: Script
    speech: SpeechBuffer
    lips: Lips = field(default_factory=Lips)
    prompted: asyncio.Event = field(default_factory=asyncio.Event)
    job: asyncio.Task[None] | None = None
    turn: float | None = None
    """Monotonic time at which the stage was free for it."""
    called: asyncio.Event = field(default_factory=asyncio.Event)
    """It is its turn."""

    def drop(self) -> None:
        """Nothing of it is played any more, and nothing more is made."""
        self.speech.clear()
        if self.job is not None:
            self.job.cancel()
