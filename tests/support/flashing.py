"""A stream whose sound and picture can be compared: every second a white flash, and a tone with it."""

from __future__ import annotations

import asyncio
from typing import Any

import av
import numpy as np

from bunraku.core.media import FRAME_RATE, SAMPLE_RATE, TICK_SAMPLES, TICK_US, Codec, Picture
from bunraku.node.encode.h264 import H264Encoder
from bunraku.node.encode.opus import open_opus_encoder
from bunraku.node.streams.stream import Stream

SIDE = 128
FLASH = 3  # ticks
TONE = (np.sin(np.arange(TICK_SAMPLES) * 2 * np.pi * 1000 / SAMPLE_RATE) * 20000).astype(np.int16)
SILENCE = np.zeros(TICK_SAMPLES, np.int16)


def stream() -> Stream:
    return Stream(1, "r", "s", "u", "u")


class Flashing:
    """Publishes into a stream, tick by tick, as a performance does."""

    def __init__(self, to: Stream, *, noise: bool = False) -> None:
        self.stream, self.tick = to, 0
        self._video = H264Encoder(SIDE, SIDE, 400_000)
        self._audio = open_opus_encoder()
        self._picture = Picture(SIDE, SIDE)
        self._noise = np.random.default_rng(1) if noise else None

    def step(self) -> None:
        time_us = self.tick * TICK_US
        lit = self.tick % FRAME_RATE < FLASH and self.tick >= FRAME_RATE
        for unit in self._audio.encode(TONE if lit else SILENCE, time_us):
            self.stream.push(unit)
        self._picture.y[:] = 235 if lit else 16
        if self._noise is not None:
            self._picture.y[:64] = self._noise.integers(16, 235, (64, SIDE), np.uint8)
        asked = self.stream.keyframe_requested(Codec.H264)
        if asked:
            self.stream.keyframe_sent(Codec.H264)
        unit = self._video.encode(self._picture, time_us, asked)
        assert unit is not None
        self.stream.push(unit)
        self.tick += 1

    async def play(self, seconds: float, *, speed: float = 1.0) -> None:
        loop = asyncio.get_running_loop()
        begin = loop.time()
        for i in range(round(seconds * FRAME_RATE)):
            self.step()
            await asyncio.sleep(max(0.0, begin + (i + 1) * TICK_US / 1e6 / speed - loop.time()))


def marks(source: Any, *, seconds: float | None = None, **options: Any) -> tuple[list[float], list[float]]:
    """When flashes and tones begin in what ``av.open`` reads, in seconds; of its first ``seconds``."""
    flashes: list[float] = []
    tones: list[float] = []
    lit, quiet = True, 0.0
    begin: float | None = None
    with av.open(source, **options) as container:
        for frame in container.decode(video=0, audio=0):
            at = frame.time or 0.0
            begin = at if begin is None else begin
            if seconds is not None and at - begin > seconds:
                break
            if isinstance(frame, av.VideoFrame):
                now = float(frame.to_ndarray(format="gray")[96:].mean()) > 128
                if now and not lit:
                    flashes.append(at)
                lit = now
                continue
            samples = np.abs(frame.to_ndarray().reshape(-1).astype(np.float32))
            scale = 1.0 if frame.format.name.startswith("flt") else 32768.0
            window = 96  # 2 ms
            level = [float(samples[i : i + window].max()) / scale for i in range(0, samples.size, window)]
            for i, value in enumerate(level):
                if value > 0.1:
                    if quiet > 0.1:
                        tones.append(at + i * window / frame.sample_rate)
                    quiet = 0.0
                else:
                    quiet += window / frame.sample_rate
    return flashes, tones


def worst_offset(found: tuple[list[float], list[float]]) -> float:
    """Seconds by which the tone of a flash is off, in the worst case; every flash has one."""
    flashes, tones = found
    assert flashes, "nothing flashed"
    offsets = [min(abs(tone - flash) for tone in tones) for flash in flashes if tones]
    assert offsets, "nothing sounded"
    return max(offsets)
