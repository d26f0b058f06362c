"""How each kind of script gets its sound: a voice, an audio file, another stream, or what is fed."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Protocol

from bunraku.core.clock import Clock
from bunraku.core.media import SpeechChunk
from bunraku.core.script import AudioScript, Script, SocketScript, StreamScript, TextScript
from bunraku.node.lipsync.lips import LipSync
from bunraku.node.lipsync.transcript import TranscriptFollower
from bunraku.node.speech.audio_file import AudioFiles
from bunraku.node.speech.base import SpeechFailed
from bunraku.node.speech.voices import Voices

TEXT_AHEAD = 30.0  # s of speech held per drive
FILE_AHEAD = 20.0
SOCKET_AHEAD = 600.0  # contract section 7.4
STREAM_AHEAD = 2.0
SOURCE_WAIT = 10.0  # s a live source may take to appear (contract section 5.8)
SOURCE_LOOK = 0.05  # s between looks for it


class LiveSource(Protocol):
    """Finds the sound of a published stream; ``streams.sources.LiveSources`` is one."""

    async def listen(self, app_id: int, room_id: str, stream_id: str) -> AsyncGenerator[SpeechChunk] | None:
        """The stream's sound until it ends; None while there is no such stream."""
        ...


class NodeVoicing:
    """The ``Voicing`` of one app's stream tasks: what a node has of voices, files and streams."""

    def __init__(
        self, app_id: int, voices: Voices, files: AudioFiles, sources: LiveSource, clock: Clock
    ) -> None:
        self._app_id, self._clock = app_id, clock
        self._voices, self._files, self._sources = voices, files, sources

    def ahead(self, script: Script) -> float:
        match script:
            case TextScript():
                return TEXT_AHEAD
            case AudioScript():
                return FILE_AHEAD
            case SocketScript():
                return SOCKET_AHEAD
            case StreamScript():
                return STREAM_AHEAD

    async def lips(self, script: Script) -> LipSync:
        """A file's lips are helped by its words, when the caller gave them."""
        if isinstance(script, AudioScript) and script.transcript:
            said = await self._voices.pronounce(script.transcript, tenant=self._app_id)
            if said is not None and said[0]:
                return LipSync(TranscriptFollower(*said))
        return LipSync()

    async def speak(self, script: Script) -> AsyncGenerator[SpeechChunk]:
        match script:
            case TextScript():
                chunks = self._voices.speak(
                    script.timbre_id, script.text, script.prosody, tenant=self._app_id
                )
            case AudioScript():
                chunks = self._files.play(script.url, script.voice_channel, self._app_id)
            case StreamScript():
                chunks = self._repeat(script)
            case SocketScript():
                raise AssertionError("sound of a socket is fed, not made")
        async with aclosing(chunks):
            async for chunk in chunks:
                yield chunk

    async def _repeat(self, script: StreamScript) -> AsyncGenerator[SpeechChunk]:
        deadline = self._clock.monotonic() + SOURCE_WAIT
        place = (self._app_id, script.room_id, script.stream_id)
        while (source := await self._sources.listen(*place)) is None:
            now = self._clock.monotonic()
            if now >= deadline:
                raise SpeechFailed("source stream did not appear")
            await self._clock.sleep_until(now + SOURCE_LOOK)
        async with aclosing(source):
            async for chunk in source:
                yield chunk
