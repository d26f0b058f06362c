"""How each kind of drive gets its sound: text, audio file, WebSocket PCM, another stream."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from bunraku.core.clock import Clock
from bunraku.core.drive import Drive, DriveKind
from bunraku.core.media import TICK_SAMPLES, SpeechChunk
from bunraku.node.lipsync.lips import Lips
from bunraku.node.lipsync.transcript import TranscriptFollower
from bunraku.node.performance.drive_queue import Mode
from bunraku.node.performance.performance import Line
from bunraku.node.speech.audio_file import AudioFiles
from bunraku.node.speech.base import Prosody, SpeechFailed
from bunraku.node.speech.buffer import SpeechBuffer
from bunraku.node.speech.voices import Voices
from bunraku.node.tasks.live_task import LiveTask
from bunraku.node.tasks.manager import TaskManager

log = logging.getLogger(__name__)

TEXT_AHEAD = 30.0  # s of speech held per drive
FILE_AHEAD = 20.0
SOCKET_AHEAD = 600.0  # contract section 7.4
RTC_AHEAD = 2.0
SOURCE_WAIT = 10.0  # s a live source may take to appear (contract section 5.8)


class LiveSource(Protocol):
    """Finds the sound of a published stream; ``rtc.sources.LiveSources`` is one."""

    def listen(self, app_id: int, room_id: str, stream_id: str) -> AsyncIterator[SpeechChunk] | None:
        """The stream's sound until it ends; None while there is no such stream."""
        ...


@dataclass(frozen=True, slots=True)
class SocketTicket:
    """What a WebSocket token stands for: valid until the task ends, for any number of sockets."""

    token: str
    task: LiveTask
    drive_id: str


class Driving:
    """Turns requests into lines on stage."""

    def __init__(
        self,
        manager: TaskManager,
        voices: Voices,
        files: AudioFiles,
        clock: Clock,
        sources: LiveSource | None,
        *,
        interrupt_drops_queue: bool,
    ) -> None:
        self._manager, self._voices, self._files, self._clock = manager, voices, files, clock
        self._sources = sources
        self._interrupt = Mode.REPLACE if interrupt_drops_queue else Mode.INTERRUPT
        self._tickets: dict[str, SocketTicket] = {}

    def _mode(self, interrupt: bool) -> Mode:
        return self._interrupt if interrupt else Mode.APPEND

    def text(
        self, live: LiveTask, text: str, timbre_id: str, prosody: Prosody, interrupt: bool, mood: str | None
    ) -> Drive:
        """Queue text. Raises ``SystemBusy``."""
        drive = live.new_drive(DriveKind.TEXT)
        line = Line(drive.id, SpeechBuffer(TEXT_AHEAD), mood=mood)
        live.submit(drive, line, self._mode(interrupt))
        self._produce(
            live, line, lambda: self._voices.speak(timbre_id, text, prosody, tenant=live.record.app_id)
        )
        return drive

    def audio(
        self,
        live: LiveTask,
        url: str,
        voice_channel: int,
        interrupt: bool,
        mood: str | None,
        transcript: str | None,
    ) -> Drive:
        """Queue an audio file. Raises ``SystemBusy``."""
        drive = live.new_drive(DriveKind.AUDIO)
        line = Line(drive.id, SpeechBuffer(FILE_AHEAD), mood=mood)
        live.submit(drive, line, self._mode(interrupt))
        self._produce(live, line, lambda: self._recited(live, line, url, voice_channel, transcript))
        return drive

    async def _recited(
        self, live: LiveTask, line: Line, url: str, voice_channel: int, transcript: str | None
    ) -> AsyncGenerator[SpeechChunk]:
        """A file's sound, its lips helped by the words when the caller gave them."""
        tenant = live.record.app_id
        said = await self._voices.pronounce(transcript, tenant=tenant) if transcript else None
        if said is not None and said[0]:
            line.lips = Lips(TranscriptFollower(*said))
        async with aclosing(self._files.play(url, voice_channel, tenant)) as chunks:
            async for chunk in chunks:
                yield chunk

    def rtc(self, live: LiveTask, room_id: str, stream_id: str) -> Drive:
        """Repeat another stream's sound; interrupts and discards at once (section 5.8)."""
        drive = live.new_drive(DriveKind.RTC_STREAM)
        line = Line(drive.id, SpeechBuffer(RTC_AHEAD))
        live.submit(drive, line, Mode.REPLACE)
        self._produce(live, line, lambda: self._repeat(live.record.app_id, room_id, stream_id))
        return drive

    def socket(self, live: LiveTask) -> tuple[Drive, SocketTicket]:
        """A WebSocket drive, not yet on stage, and the token for its address."""
        drive = live.new_drive(DriveKind.WS_STREAM)
        live.accept(drive)
        ticket = SocketTicket(secrets.token_urlsafe(24), live, drive.id)
        self._tickets[ticket.token] = ticket
        live.closers.add(lambda: self._revoke(ticket))
        return drive, ticket

    def _revoke(self, ticket: SocketTicket) -> None:
        self._tickets.pop(ticket.token, None)

    def ticket(self, token: str) -> SocketTicket | None:
        return self._tickets.get(token)

    def utter(self, live: LiveTask, drive_id: str) -> Line:
        """A WebSocket Start: this drive takes the stage now, all others leave it (section 7.3)."""
        drive = live.drives[drive_id]
        line = Line(drive.id, SpeechBuffer(SOCKET_AHEAD))
        live.submit(drive, line, Mode.REPLACE, known=True)
        return line

    # --- producers

    def _produce(self, live: LiveTask, line: Line, make: Callable[[], AsyncGenerator[SpeechChunk]]) -> None:
        job = live.spawn(self._feed(live, line, make), f"speech-{line.drive_id}")

        def cancel() -> None:
            job.cancel()

        line.cancel = cancel

    async def _feed(
        self, live: LiveTask, line: Line, make: Callable[[], AsyncGenerator[SpeechChunk]]
    ) -> None:
        await line.prompted.wait()
        try:
            silent = True
            # Closed here, not when it is collected: what it holds is free at once.
            async with aclosing(make()) as chunks:
                async for chunk in chunks:
                    silent = silent and not chunk.samples.size
                    await line.speech.put(chunk)
            if silent:
                # Nothing to pronounce, such as "…": it is driven all the same (section 6.3: 1, 2, 4).
                await line.speech.put(SpeechChunk(np.zeros(TICK_SAMPLES, np.int16)))
            line.speech.finish()
        except SpeechFailed as error:
            self._failed(live, line, str(error))
        except Exception as error:
            log.exception("speech", extra={"drive": line.drive_id})
            self._failed(live, line, type(error).__name__)

    def _failed(self, live: LiveTask, line: Line, reason: str) -> None:
        line.speech.fail(reason)
        if live.performance is not None:
            live.performance.fail_waiting(line.drive_id)

    async def _repeat(self, app_id: int, room_id: str, stream_id: str) -> AsyncGenerator[SpeechChunk]:
        if self._sources is None:
            raise SpeechFailed("no live sources here")
        deadline = self._clock.monotonic() + SOURCE_WAIT
        while (source := self._sources.listen(app_id, room_id, stream_id)) is None:
            if self._clock.monotonic() >= deadline:
                raise SpeechFailed("source stream did not appear")
            await asyncio.sleep(0.05)
        async for chunk in source:
            yield chunk
