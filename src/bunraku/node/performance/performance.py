"""The live run of a stream task: one clock, one voice, one face.

Tick *n* takes exactly ``TICK_SAMPLES`` of audio and one picture; both carry program time
*n* x 40 ms, so sound and picture cannot drift apart. Audio is master: a picture that is not
ready when its tick ends is skipped, sound never is. Rendering and video encoding run on worker
threads; everything else here runs on the event loop and owns no locks.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import Any, Protocol

import numpy as np

from bunraku.core.calls import during
from bunraku.core.clock import Clock
from bunraku.core.media import (
    PCM,
    SAMPLE_RATE,
    TICK_SAMPLES,
    TICK_US,
    SpeechChunk,
    Weights,
    Word,
)
from bunraku.core.meter import Meter
from bunraku.core.script import Script, SocketScript
from bunraku.node.avatars.base import Avatar, Moment
from bunraku.node.encode.opus import PACKET_SAMPLES, OpusEncoder, open_opus_encoder
from bunraku.node.performance.drawing import DrawnOutlet, DrawnTrack
from bunraku.node.performance.drive_queue import Change, DriveQueue, Mode
from bunraku.node.performance.foresight import REST, Foresight
from bunraku.node.performance.life import Life
from bunraku.node.performance.line import Line, Moments, Voicing
from bunraku.node.performance.picture import PictureTrack, VideoOpener, VideoOutlet, open_video_encoder
from bunraku.node.performance.sound import FADE, SoundTrack
from bunraku.node.speech.base import SpeechFailed, VoicesBusy
from bunraku.node.speech.buffer import SpeechBuffer

log = logging.getLogger(__name__)

CATCH_UP = 4  # ticks: a shorter delay is made up, a longer one is skipped
AHEAD = 1  # queued drives whose sound is made before their turn
TICK_S = TICK_US / 1e6
SILENCE: PCM = np.zeros(TICK_SAMPLES, np.int16)


class Outlet(VideoOutlet, Protocol):
    """Where the performance publishes; ``streams.stream.Stream`` is one."""

    @property
    def wanted(self) -> bool:
        """Whether anybody watches."""
        ...


class Publication(Outlet, DrawnOutlet, Protocol):
    """An ``Outlet`` that others may draw for."""


class Audience(Protocol):
    """Who hears of what happens on stage. None of these may block or raise."""

    def drive_changed(self, change: Change) -> None: ...

    def words_spoken(self, drive_id: str, words: tuple[Word, ...]) -> None: ...

    def performance_failed(self, reason: str) -> None: ...


class Performance:
    """Owns its drives, its sound and its pictures; ``run`` is its only loop."""

    def __init__(
        self,
        clock: Clock,
        avatar: Avatar,
        outlet: Outlet,
        audience: Audience,
        voicing: Voicing,
        executor: Executor,
        *,
        bitrate: int,
        seed: int,
        mood: str = "neutral",
        queue_capacity: int = 100,
        drawing: DrawnTrack | None = None,
        open_video: VideoOpener = open_video_encoder,
        open_audio: Callable[[], OpusEncoder] = open_opus_encoder,
    ) -> None:
        self._clock, self._outlet, self._audience, self._voicing = clock, outlet, audience, voicing
        self.meter = Meter()
        self._mood, self._latency = mood, avatar.latency
        self.life = Life(seed, mood, avatar.gestures)
        self._foresight = Foresight(self.life)
        self._queue = DriveQueue(queue_capacity)
        self._lines: dict[str, Line] = {}
        self._submitted = 0
        self._making: set[asyncio.Task[None]] = set()
        self.pictures = PictureTrack(
            clock.monotonic, avatar, outlet, executor, self.meter, bitrate=bitrate, open_video=open_video
        )
        self._sound = SoundTrack(clock, outlet.push, open_audio, self._begin_late, delay=avatar.latency)
        self._drawing = drawing
        self._monitor: Callable[[PCM], object] | None = None
        self._time_us = 0
        self._cut_at: float | None = None
        self._heard: list[Moments] = []
        """Of drives whose first sound is in the tick at hand."""
        self._start = 0.0
        self._running = True
        self._over = asyncio.Event()

    # --- commands: called on the event loop, effective at once

    @property
    def idle(self) -> bool:
        """No drive is driving or queued."""
        return self._queue.idle

    @property
    def queued(self) -> int:
        return len(self._queue.waiting)

    @property
    def queue_full(self) -> bool:
        return self._queue.full

    @property
    def drawing(self) -> dict[str, Any] | None:
        """What who draws the figure must know beforehand; None when nobody can."""
        return None if self._drawing is None else self._drawing.about

    @property
    def program_us(self) -> int:
        """Program time at which the sound that is taken now is heard."""
        return self._time_us + self._latency * TICK_US

    def submit(self, drive_id: str, script: Script, mode: Mode, moments: Moments | None = None) -> int:
        """Take a drive in; returns the number by which its sound is fed. ``moments`` are told of its way.

        Raises ``QueueFull``; then nothing changed.
        """
        spoke, following = self._queue.speaking, self._following()
        held = self._sound.held
        changes = self._queue.submit(drive_id, mode)
        if spoke and not self._queue.speaking:
            self._cut(following)
        # First those that end: a WebSocket drive may succeed itself under the same id.
        self._drop_all(changes, held)
        self._submitted += 1
        buffer = SpeechBuffer(self._voicing.ahead(script))
        line = self._lines[drive_id] = Line(self._submitted, drive_id, script, buffer)
        line.moments = moments or line.moments
        if not isinstance(script, SocketScript):
            line.job = asyncio.create_task(self._make(line), name=f"speech-{drive_id}")
            self._making.add(line.job)
            line.job.add_done_callback(self._making.discard)
        self._prompt()
        return line.number

    def _prompt(self) -> None:
        """Tell the current drive and the next to make their sound; the others wait, unmade."""
        for drive_id in (self._queue.current, *self._queue.waiting[:AHEAD]):
            line = self._lines.get(drive_id) if drive_id else None
            if line is not None:
                line.prompted.set()
                if drive_id == self._queue.current and line.turn is None:
                    line.turn = self._clock.monotonic()
                    line.called.set()
                    line.moments.turn()

    def interrupt(self) -> None:
        """End the current drive and discard the queue. Its next sample is never sent."""
        held = self._sound.held
        if self._queue.speaking:
            self._cut(self._following())
        self._drop_all(self._queue.clear(), held)

    def played(self, drive_id: str) -> float:
        """Seconds of a drive that have left for those who listen; 0 for one that is not on stage."""
        line = self._lines.get(drive_id)
        return 0.0 if line is None else _played(line, self._sound.held)

    def _following(self) -> PCM:
        """What the current drive says next, as much of it as a cut needs."""
        line = self._lines.get(self._queue.current or "")
        return SILENCE[:0] if line is None else line.speech.peek(FADE)

    def monitor(self, listener: Callable[[PCM], object]) -> None:
        """Let somebody here hear all that is said, a tick at a time, when it is taken to be sent."""
        self._monitor = listener

    def _cut(self, following: PCM) -> None:
        """Somebody was interrupted: but for 5 ms in which it falls silent, no sample of theirs leaves
        any more."""
        self._cut_at = self._clock.monotonic()
        self._sound.cut(following)

    # --- sound that is fed (SocketScript)

    def _fed(self, number: int) -> Line | None:
        return next((line for line in self._lines.values() if line.number == number), None)

    async def feed(self, number: int, chunk: SpeechChunk) -> bool:
        """Add to a line's sound; returns when there is room for more. False: it is off the stage."""
        line = self._fed(number)
        if line is None:
            return False
        line.moments.first_pcm()
        await line.speech.put(chunk)
        return not line.speech.closed

    def plays_until(self, number: int) -> float | None:
        """Monotonic time at which all that there is of its sound has been heard, if no tick is skipped:
        past for one that waits for more. None when it is off the stage."""
        line = self._fed(number)
        if line is None:
            return None
        if not line.speech.has_audio:
            return line.until
        return max(line.until, self._heard_at()) + line.speech.seconds

    def _heard_at(self) -> float:
        """Monotonic time at which the sound that is taken now is heard."""
        return self._clock.monotonic() + self._latency * TICK_S

    def end_feed(self, number: int, tail: SpeechChunk) -> None:
        """Nothing follows after ``tail``; what is held still plays."""
        line = self._fed(number)
        if line is not None:
            line.speech.finish_with(tail)

    # --- sound that is made

    async def _make(self, line: Line) -> None:
        await line.prompted.wait()
        line.moments.ordered()
        try:
            line.lips = await self._voicing.lips(line.script)
            try:
                silent = await self._say(line)
            except VoicesBusy:
                if line.called.is_set() or line.speech.has_audio:
                    raise
                # Nobody has missed it yet.
                await line.called.wait()
                silent = await self._say(line)
            if silent:
                # Nothing to pronounce, such as "…": it is driven all the same (section 6.3: 1, 2, 4).
                await line.speech.put(SpeechChunk(SILENCE))
            line.speech.finish()
        except SpeechFailed as error:
            self._fail_line(line, str(error))
        except Exception as error:
            log.exception("speech", extra={"drive": line.drive_id})
            self._fail_line(line, type(error).__name__)

    async def _say(self, line: Line) -> bool:
        """Whether no sound came of it."""
        silent = True
        async with aclosing(self._voicing.speak(line.script)) as chunks:
            async for chunk in chunks:
                if silent and chunk.samples.size:
                    silent = False
                    line.moments.first_pcm()
                await line.speech.put(chunk)
        return silent

    def _fail_line(self, line: Line, reason: str) -> None:
        """Its producer broke: what it gave still plays, and before its turn it is over at once."""
        line.speech.fail(reason)
        change = self._queue.drop(line.drive_id)
        if change is not None:
            self._drop_all([change])

    async def made(self, drive_id: str) -> None:
        """Return when all sound of a drive is made; for those who need not hurry."""
        line = self._lines.get(drive_id)
        if line is not None and line.job is not None:
            await asyncio.wait([line.job])

    def gesture(self, name: str) -> None:
        self._foresight.gesture(name, self._time_us)

    def _drop_all(self, changes: list[Change], held: int = 0) -> None:
        """``held``: samples of the current drive that were taken and are not sent any more."""
        for change in changes:
            line = self._lines.pop(change.drive_id, None)
            if line is not None:
                change = replace(change, played=_played(line, held))
                line.drop()
            self._audience.drive_changed(change)
        if self._queue.current is None:
            self.life.feel(self._mood)

    # --- the loop

    async def open(self) -> None:
        """Encode the first picture: what "streaming" means (contract section 6.1)."""
        await self.pictures.first(self.life.pose(0.0, 0.0, False))

    async def run(self) -> None:
        """Tick until ``stop``. An exception in one tick's video costs that picture only."""
        self._start = self._clock.monotonic()
        try:
            self._await(1)
            await self._over.wait()
        finally:
            self._running = False

    def _await(self, tick: int) -> None:
        # By the clock's own call, not by a task that sleeps: a turn of the event loop less a tick.
        self._clock.call_at(self._start + tick * TICK_S, lambda: self._turn(tick))

    def _turn(self, tick: int) -> None:
        if not self._running:
            return
        try:
            passed = self._clock.monotonic() - self._start
            self.meter.ticked(passed - tick * TICK_S)
            late = int(passed * 1e6) // TICK_US - tick
            if late > CATCH_UP:
                # A stall (SIGSTOP, swap): program time jumps once, speech goes on from
                # where it stopped, and nothing is sent in a burst.
                self.meter.ticks_skipped += late
                self._foresight.jump()
                tick += late
            self._tick(tick * TICK_US)
        except Exception:
            self._fail()
        else:
            self._await(tick + 1)

    def _fail(self) -> None:
        """Called with the exception at hand."""
        log.exception("performance failed")
        self._over.set()
        self._audience.performance_failed("performance failed")

    async def stop(self) -> None:
        """End the loop; drives end as interrupted. The video worker is waited for."""
        self._running = False
        self._over.set()
        self.interrupt()
        await asyncio.gather(self.pictures.close(), *self._making, return_exceptions=True)
        self._sound.rest()

    def _tick(self, time_us: int) -> None:
        self._time_us = time_us
        samples, weights, speaking = self._speak(TICK_SAMPLES)
        if self._monitor is not None:
            self._monitor(samples)
        pose = self._foresight.pose(time_us, samples, speaking)
        if not self._outlet.wanted:
            self._cut_at = None
            self._sent(watched=False)
            self._sound.rest()
            self.pictures.rest()
            return
        self._sound.send(samples, time_us, silent=not speaking)
        self._sent()
        if self._cut_at is not None:
            self.meter.interrupt_ms.observe((self._clock.monotonic() - self._cut_at) * 1e3)
            self._cut_at = None
        if self._drawing is not None and self._drawing.wanted:
            self._drawing.send(Moment(weights, pose, time_us, samples), self._ahead)
        self.pictures.send(weights, pose, time_us, samples)

    # --- sound

    def _ahead(self) -> list[Moment]:
        """The ticks after the one at hand, as far as they are foreseen."""
        line = self._lines.get(self._queue.current or "")
        return self._foresight.ahead(self._time_us, line, self._queue.speaking)

    def _begin_late(self) -> PCM | None:
        """Speech that came after a silent tick began need not wait for the next."""
        line = self._lines.get(self._queue.current or "")
        if line is None or not line.speech.has_audio:
            return None
        try:
            sound = self._speak(PACKET_SAMPLES)[0]
            self._sent()
            return sound
        except Exception:
            self._fail()
            return None

    def _speak(self, wanted: int) -> tuple[PCM, Weights, bool]:
        """The next ``wanted`` samples, at most a tick, the mouth, and whether somebody speaks."""
        parts: list[PCM] = []
        weights: Weights | None = None
        speaking = False
        while wanted:
            drive_id = self._queue.current
            if drive_id is None:
                break
            line = self._lines[drive_id]
            at = line.speech.position
            line.lips.hear(line.speech.take_phonemes())
            sound, lips = line.speech.take(wanted)
            if sound.size:
                if not self._queue.speaking:
                    self.life.feel(line.script.mood or self._mood)
                    if line.turn is not None:
                        self.meter.first_audio_ms.observe((self._clock.monotonic() - line.turn) * 1e3)
                    self._audience.drive_changed(self._queue.started())
                if line.unheard:
                    line.unheard = False
                    self._heard.append(line.moments)
                line.until = self._heard_at() + sound.size / SAMPLE_RATE
                parts.append(sound)
                wanted -= sound.size
                weights = line.lips.weights(at, lips, partial(line.speech.peek_lips, TICK_SAMPLES))
                words = line.speech.take_words() + line.lips.take_words()
                if words:
                    self._caption(drive_id, words)
                speaking = True
            if not line.speech.exhausted:
                if wanted and sound.size == 0:
                    break  # its sound has not come yet, or pauses: it keeps its turn
                if wanted:
                    continue
                break
            self._finish(line)
        if wanted:
            parts.append(SILENCE[:wanted])
        samples = parts[0] if len(parts) == 1 else np.concatenate(parts)
        return samples, (REST if weights is None else weights), speaking

    def _sent(self, *, watched: bool = True) -> None:
        """What was taken has left, or leaves when the picture of its tick does."""
        if self._heard:
            at = self._heard_at()
            for moments in self._heard:
                moments.first_sound(at, watched=watched)
            self._heard.clear()

    def _caption(self, drive_id: str, words: tuple[Word, ...]) -> None:
        """Words are announced when they are heard, which an avatar's latency delays."""
        if not self._latency:
            self._audience.words_spoken(drive_id, words)
            return
        self._clock.call_at(self._heard_at(), lambda: self._audience.words_spoken(drive_id, words))

    def _finish(self, line: Line) -> None:
        failed = line.speech.failure is not None
        if failed:
            with during(line.call):
                log.warning("drive failed: %s", line.speech.failure, extra={"drive": line.drive_id})
        change = replace(self._queue.finished(failed=failed), played=line.speech.position)
        self._lines.pop(line.drive_id, None)
        line.drop()
        self._prompt()
        self._audience.drive_changed(change)
        if self._queue.current is None:
            self.life.feel(self._mood)


def _played(line: Line, held: int) -> float:
    return max(0.0, line.speech.position - held / SAMPLE_RATE)
