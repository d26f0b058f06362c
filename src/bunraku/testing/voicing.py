"""A ``Voicing`` that says what it is told, for performances without speech or streams."""

from __future__ import annotations

import itertools
from collections.abc import AsyncGenerator

from bunraku.core.media import PCM, Phoneme, SpeechChunk
from bunraku.core.script import AudioScript, Script
from bunraku.node.lipsync.lips import LipSync
from bunraku.node.speech.base import SpeechFailed


class ScriptedVoicing:
    """Scripts made by ``script`` are said as they were given; others are silent.

    Knobs: ``lips_of`` replaces the lips of all scripts.
    """

    def __init__(self) -> None:
        self._speech: dict[str, tuple[list[SpeechChunk], str | None]] = {}
        self._count = itertools.count()
        self.lips_of: LipSync | None = None

    def script(
        self, *sounds: PCM, phoneme: str | None = None, mood: str | None = None, fails: str | None = None
    ) -> AudioScript:
        """A script of these sounds, each one ``phoneme``; it ``fails`` after them for that reason."""
        url = f"scripted:{next(self._count)}"
        chunks = [SpeechChunk(s, (Phoneme(0, s.size / 48000, phoneme),) if phoneme else ()) for s in sounds]
        self._speech[url] = (chunks, fails)
        return AudioScript(url, mood=mood)

    def forget(self) -> None:
        """Drop the scripts made so far; whoever says one of them is silent."""
        self._speech.clear()

    def ahead(self, script: Script) -> float:
        del script
        return 600.0

    async def lips(self, script: Script) -> LipSync:
        del script
        return self.lips_of or LipSync()

    async def speak(self, script: Script) -> AsyncGenerator[SpeechChunk]:
        chunks, fails = self._speech.get(script.url if isinstance(script, AudioScript) else "", ([], None))
        for chunk in chunks:
            yield chunk
        if fails is not None:
            raise SpeechFailed(fails)
