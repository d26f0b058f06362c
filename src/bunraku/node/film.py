"""``bunraku render``: the same performance, made into a file as fast as the machine can.

The performance, its life and its lips are those of a stream; only its clock does not wait, its
encoders take their time (H.264 and AAC), and no picture is ever skipped. The writer is that of
recordings.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from bunraku.core.framing import Framing
from bunraku.core.media import (
    FRAME_RATE,
    PCM,
    SAMPLE_RATE,
    TICK_US,
    Codec,
    EncodedUnit,
    Picture,
    SpeechChunk,
    Word,
)
from bunraku.core.script import AudioScript, Script
from bunraku.node.avatars.base import AvatarPack
from bunraku.node.captions import webvtt
from bunraku.node.encode.aac import AacEncoder
from bunraku.node.encode.opus import PACKET_US
from bunraku.node.encode.video import VideoEncoder
from bunraku.node.lipsync import lipnet
from bunraku.node.lipsync.lips import LipSync
from bunraku.node.lipsync.transcript import TranscriptFollower
from bunraku.node.outputs.file.writer import FileWriter
from bunraku.node.performance.drive_queue import Change, Mode
from bunraku.node.performance.performance import Performance
from bunraku.node.provenance import Seal

LEAD, TAIL = 0.4, 0.8  # s of quiet around the speech
CRF, PRESET = "20", "veryfast"
SOUND_BITRATE = 32_000
RECITED = AudioScript("film:")


class FilmFailed(Exception):
    """The performance broke down before its end; there is no film."""


class FilmClock:
    """Time that passes when it is told to, from one call to the next."""

    def __init__(self) -> None:
        self._now = 0.0
        self._calls: list[tuple[float, int, Callable[[], object]]] = []
        self._count = itertools.count()

    def monotonic(self) -> float:
        return self._now

    def wall(self) -> float:
        return self._now

    async def sleep_until(self, deadline: float) -> None:
        there = asyncio.Event()
        self.call_at(deadline, there.set)
        await there.wait()

    def call_at(self, deadline: float, callback: Callable[[], object]) -> None:
        heapq.heappush(self._calls, (deadline, next(self._count), callback))

    def step(self) -> None:
        """Go to the next call."""
        deadline, _, callback = heapq.heappop(self._calls)
        self._now = max(self._now, deadline)
        callback()


class _Reel:
    """The film under way: what a recording is written by, with encoders that take their time.

    Pictures come from the worker thread, one at a time; sound is written between them.
    """

    def __init__(self, path: Path, framing: Framing) -> None:
        self.video = _film_encoder(framing)
        self.writer = FileWriter(lambda: path, lambda *_: None)
        self._aac = AacEncoder()
        self._sound: list[PCM] = []
        self._heard_us = 0
        self._begun = False

    def picture(self, packets: Sequence[av.Packet]) -> None:
        for packet in packets:
            self._begun = True
            time_us = round((packet.pts or 0) * TICK_US)
            self.writer.write(EncodedUnit(Codec.H264, time_us, bytes(packet), packet.is_keyframe))

    def sound(self, samples: PCM) -> None:
        self._sound.append(samples.copy())

    def flush(self) -> None:
        """Write the sound so far; while no picture is drawn. The encoder keeps its first pictures for long,
        and the file begins with one."""
        if not self._begun:
            return
        at = self._heard_us
        for samples in self._sound:
            for unit in self._aac.encode(samples, at):
                self.writer.write(unit)
            at += samples.size * 1_000_000 // SAMPLE_RATE
        self._heard_us = at
        self._sound.clear()

    def finish(self) -> None:
        self.picture(self.video.encode(None))
        self.flush()
        for unit in self._aac.finish():
            self.writer.write(unit)
        self.writer.close()


def _film_encoder(framing: Framing) -> av.VideoCodecContext:
    """x264 at its leisure. No pictures out of order: the writer takes them as they come."""
    context = av.VideoCodecContext.create("libx264", "w")
    context.width, context.height, context.pix_fmt = framing.stream_width, framing.height, "yuv420p"
    context.framerate, context.time_base = Fraction(FRAME_RATE), Fraction(1, FRAME_RATE)
    context.gop_size, context.max_b_frames, context.thread_count = FRAME_RATE * 2, 0, 0
    context.options = {"preset": PRESET, "crf": CRF, "x264-params": "repeat-headers=1"}
    context.open()
    return context


class _FilmVideo(VideoEncoder):
    def __init__(self, reel: _Reel) -> None:
        super().__init__(Codec.H264, reel.video, 0)
        self._reel = reel

    def encode(self, picture: Picture, time_us: int, keyframe: bool) -> EncodedUnit | None:
        del keyframe
        frame = av.VideoFrame.from_ndarray(picture.buffer, "yuv420p")
        frame.pts, frame.time_base = time_us // TICK_US - 1, Fraction(1, FRAME_RATE)
        self._reel.picture(self._reel.video.encode(frame))
        return None


class _FilmSound:
    def __init__(self, reel: _Reel) -> None:
        self._reel = reel

    def encode(self, samples: PCM, time_us: int) -> list[EncodedUnit]:
        del time_us
        self._reel.sound(samples)
        return []


class _Recital:
    """A ``Voicing`` of speech that is there already, all of it ahead of its time."""

    def __init__(self, speech: list[SpeechChunk], transcript: TranscriptFollower | None) -> None:
        self._speech, self._transcript = speech, transcript

    def ahead(self, script: Script) -> float:
        del script
        return sum(c.samples.size for c in self._speech) / SAMPLE_RATE + 1

    async def lips(self, script: Script) -> LipSync:
        del script
        return LipSync(self._transcript)

    async def speak(self, script: Script) -> AsyncGenerator[SpeechChunk]:
        del script
        for chunk in self._speech:
            yield chunk


class _Screen:
    """An ``Outlet`` that always wants pictures, and an ``Audience`` that keeps the words."""

    wanted = True
    video_limit: int | None = None

    def __init__(self) -> None:
        self.words: list[Word] = []
        self.failure: str | None = None

    @property
    def video_codecs(self) -> set[Codec]:
        return {Codec.H264}

    def push(self, unit: EncodedUnit) -> None:
        del unit

    def keyframe_requested(self, codec: Codec) -> bool:
        del codec
        return False

    def keyframe_sent(self, codec: Codec) -> None:
        del codec

    def drive_changed(self, change: Change) -> None:
        del change

    def words_spoken(self, drive_id: str, words: tuple[Word, ...]) -> None:
        del drive_id
        self.words.extend(words)

    def performance_failed(self, reason: str) -> None:
        self.failure = reason

    def check(self, lost: int) -> None:
        if self.failure is not None or lost:
            raise FilmFailed(self.failure or "a picture could not be drawn")


async def film(
    pack: AvatarPack,
    framing: Framing,
    speech: list[SpeechChunk],
    out: Path,
    *,
    transcript: TranscriptFollower | None = None,
    gesture: str | None = None,
    still: float = 0.0,
    seed: int = 1,
    seal: Seal | None = None,
    progress: Callable[[float], None] = lambda _: None,
) -> list[Word]:
    """Perform ``speech``, and a ``gesture`` with its beginning, for at least ``still`` seconds, into ``out``;
    returns the timed words, counted from the film's start. Raises ``FilmFailed``, and ``ProvenanceUnusable``
    when it cannot be signed with ``seal``.

    ``progress`` hears the share that is done. A half-made file never bears the name ``out``.
    """
    seconds = sum(c.samples.size for c in speech) / SAMPLE_RATE
    acted = max(seconds, still, pack.gestures[gesture] if gesture else 0.0)
    partial = out.with_name(f".{out.stem}.partial.mp4")
    partial.parent.mkdir(parents=True, exist_ok=True)
    reel, screen, clock = _Reel(partial, framing), _Screen(), FilmClock()
    total = LEAD + acted + TAIL
    figure = await asyncio.to_thread(pack.stage, framing)
    if any(not chunk.phonemes for chunk in speech):
        await asyncio.to_thread(lipnet.shared)  # film time does not wait for it
    with ThreadPoolExecutor(1) as executor:
        performance = Performance(
            clock,
            figure,
            screen,
            screen,
            _Recital(speech, transcript),
            executor,
            bitrate=1,
            seed=seed,
            mood=pack.emotion,
            open_video=lambda *_: _FilmVideo(reel),
            open_audio=lambda: _FilmSound(reel),
        )
        running = asyncio.create_task(performance.run())
        submitted = False
        try:
            await asyncio.sleep(0)
            while clock.monotonic() < total:
                clock.step()
                # Once the packets of the tick have left: late speech would take the place of the second.
                if clock.monotonic() >= LEAD + PACKET_US / 1e6 - 1e-6 and not submitted:
                    submitted = True
                    if seconds:
                        performance.submit("film", RECITED, Mode.APPEND)
                        await performance.made("film")
                    if gesture:
                        performance.gesture(gesture)
                await performance.pictures.settled()
                reel.flush()
                screen.check(performance.meter.frames_failed)
                progress(min(1.0, clock.monotonic() / total))
            await performance.stop()
            screen.check(performance.meter.frames_failed)
            await asyncio.to_thread(reel.finish)
            if seal is not None:
                await asyncio.to_thread(seal.sign, partial, out.name)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
    partial.replace(out)
    return [Word(w.start + LEAD, w.end + LEAD, w.text) for w in screen.words]


def write_captions(words: list[Word], path: Path) -> None:
    """WebVTT beside the film."""
    path.write_text(webvtt(words), "utf-8")


def write_sound(speech: Sequence[SpeechChunk], out: Path) -> None:
    """The sound alone: Opus in Ogg (RFC 7845), at the pains that a file is worth. A half-made file
    never bears the name ``out``."""
    sound = np.concatenate([c.samples for c in speech])
    partial = out.with_name(f".{out.stem}.partial.opus")
    partial.parent.mkdir(parents=True, exist_ok=True)
    try:
        with av.open(str(partial), "w", format="ogg") as file:
            stream = file.add_stream("libopus", rate=SAMPLE_RATE, options={"compression_level": "10"})
            assert isinstance(stream, av.AudioStream)
            stream.layout, stream.bit_rate = "mono", SOUND_BITRATE
            frame = av.AudioFrame.from_ndarray(sound.reshape(1, -1), "s16", "mono")
            frame.sample_rate, frame.pts = SAMPLE_RATE, 0
            file.mux([*stream.encode(frame), *stream.encode(None)])
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    partial.replace(out)
