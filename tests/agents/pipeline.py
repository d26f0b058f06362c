"""A real Pipecat pipeline around an avatar's service; run by the Python that has Pipecat.

Reads a JSON object from standard input (``service``, its ``options``, ``wav``, ``cut_after``, ``mouth``), prints
one: when pictures and sounds came out of the service, by the clock of this process, and what was in them.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
import time
import wave

import numpy as np
from pipecat.frames.frames import (
    BotStartedSpeakingFrame,
    EndFrame,
    Frame,
    InterruptionFrame,
    MetricsFrame,
    OutputAudioRawFrame,
    OutputImageRawFrame,
    OutputTransportReadyFrame,
    TTSAudioRawFrame,
    TTSStartedFrame,
    TTSStoppedFrame,
)
from pipecat.metrics.metrics import TTFBMetricsData
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.workers.runner import WorkerRunner

PIECE = 0.1  # s of speech in a frame, as speech services send them


class Eyes(FrameProcessor):
    """The end of the pipeline: looks into the mouth, and listens."""

    def __init__(self, mouth: list[int]) -> None:
        super().__init__()
        self._mouth = mouth
        self.pictures: list[tuple[float, float]] = []
        """When it came, and how much of the mouth's inside is dark: 0 to 1."""
        self.sounds: list[tuple[float, float, float]] = []
        """When it came, its root mean square, its seconds."""
        self.size: list[int] = []
        self.ttfb: list[float] = []
        self._speaking = False

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        now = time.monotonic()
        if isinstance(frame, OutputImageRawFrame):
            self.size = list(frame.size)
            picture = np.frombuffer(frame.image, np.uint8).reshape(frame.size[1], frame.size[0], 3)
            x, y, w, h = self._mouth
            luma = picture[y : y + h, x : x + w] @ np.array([0.299, 0.587, 0.114])
            self.pictures.append((now, float((luma < 70).mean())))
        elif isinstance(frame, OutputAudioRawFrame):
            samples = np.frombuffer(frame.audio, np.int16).astype(float)
            seconds = len(samples) / frame.sample_rate / frame.num_channels
            loud = float(np.sqrt((samples**2).mean()))
            self.sounds.append((now, loud, seconds))
            if loud > 200 and not self._speaking:  # as a transport's output does
                self._speaking = True
                await self.push_frame(BotStartedSpeakingFrame(), FrameDirection.UPSTREAM)
        elif isinstance(frame, MetricsFrame):
            self.ttfb += [d.value for d in frame.data if isinstance(d, TTFBMetricsData) and d.value]
        await self.push_frame(frame, direction)


async def run(order: dict) -> dict:
    module, _, name = order["service"].rpartition(".")
    service = getattr(importlib.import_module(module), name)(**order["options"])
    eyes = Eyes(order["mouth"])
    worker = PipelineWorker(
        Pipeline([service, eyes]),
        params=PipelineParams(enable_metrics=True),
        cancel_on_idle_timeout=False,
        enable_rtvi=False,
    )
    playback: list[dict] = []
    if "on_playback" in service._event_handlers:  # noqa: SLF001 - Pipecat's

        @service.event_handler("on_playback")
        async def heard(_: object, what: object) -> None:
            playback.append(vars(what))

    started = asyncio.Event()
    told: dict[str, float] = {}

    @worker.event_handler("on_pipeline_started")
    async def begun(*_: object) -> None:
        started.set()

    async def speech() -> None:
        with wave.open(order["wav"], "rb") as w:
            rate, pcm = w.getframerate(), w.readframes(w.getnframes())
        step = int(rate * PIECE) * 2
        await worker.queue_frame(TTSStartedFrame())
        for at in range(0, len(pcm), step):
            await worker.queue_frame(TTSAudioRawFrame(pcm[at : at + step], rate, 1))
        await worker.queue_frame(TTSStoppedFrame())

    async def play() -> None:
        await asyncio.wait_for(started.wait(), 60)
        await worker.queue_frame(OutputTransportReadyFrame())
        await asyncio.sleep(order.get("before", 1.0))
        told["first"] = time.monotonic()
        await speech()
        await asyncio.sleep(order["first"])
        told["second"] = time.monotonic()
        await speech()
        await asyncio.sleep(order["cut_after"])
        told["cut"] = time.monotonic()
        await worker.queue_frame(InterruptionFrame())
        await asyncio.sleep(1.5)
        told["end"] = time.monotonic()
        await worker.queue_frame(EndFrame())

    runner = WorkerRunner()
    await runner.add_workers(worker)
    await asyncio.gather(runner.run(), play())
    return {
        "pictures": eyes.pictures,
        "sounds": eyes.sounds,
        "size": eyes.size,
        "ttfb": eyes.ttfb,
        "playback": playback,
        "told": told,
    }


if __name__ == "__main__":
    result = asyncio.run(run(json.load(sys.stdin)))
    print("RESULT", json.dumps(result), flush=True)
