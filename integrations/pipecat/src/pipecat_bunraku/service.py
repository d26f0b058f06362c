"""``BunrakuVideoService``: speech goes in, the same speech comes out with a face."""

from __future__ import annotations

import asyncio
import math
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aiortc import MediaStreamTrack, RTCIceServer
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame, VideoFrame
from av.audio.resampler import AudioResampler
from bunraku_stage import ENDED, INTERRUPTED, Api, Stage
from pipecat.frames.frames import (
    BotStartedSpeakingFrame,
    CancelFrame,
    EndFrame,
    Frame,
    InterruptionFrame,
    OutputImageRawFrame,
    OutputTransportReadyFrame,
    SpeechOutputAudioRawFrame,
    TTSAudioRawFrame,
    TTSStartedFrame,
    TTSStoppedFrame,
)
from pipecat.processors.frame_processor import FrameDirection, FrameProcessorSetup
from pipecat.services.ai_service import AIService
from pipecat.services.settings import ServiceSettings

LOOK_EVERY = 0.2  # s between looks whether an utterance has been heard to its end
TAIL = 0.3  # s after the server fell silent in which sound of before may still arrive


@dataclass(frozen=True)
class Playback:
    """How much of an utterance people heard, in milliseconds, and whether it was cut short."""

    played_ms: int
    interrupted: bool


@dataclass(frozen=True)
class Room:
    """Where people may watch the figure themselves."""

    room_id: str
    stream_id: str
    task_id: str


class BunrakuVideoService(AIService):
    """Place it after the voice service and before the transport's output.

    ``width`` and ``height`` in pixels, even, 128 to 1920. ``ice_servers`` are for an agent that does not see
    the server directly. ``frames=False`` passes neither picture nor sound: people watch the room.

    Events: ``on_playback(service, Playback)`` after each utterance.
    """

    def __init__(
        self,
        *,
        base_url: str,
        app_id: int,
        server_secret: str,
        digital_human_id: str,
        room_id: str | None = None,
        stream_id: str | None = None,
        width: int = 512,
        height: int = 512,
        emotion: str | None = None,
        ice_servers: Sequence[RTCIceServer] = (),
        frames: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(settings=ServiceSettings(model=None), **kwargs)
        name = f"pipecat-{secrets.token_hex(6)}"
        self._api = Api(base_url, app_id, server_secret)
        self._stage = Stage(self._api, room_id or name, stream_id or name)
        self._human, self._size, self._emotion = digital_human_id, (width, height), emotion
        self._ice, self._frames = list(ice_servers), frames
        self._open = asyncio.Event()
        self._ready = asyncio.Event()
        self._closed = False
        self._jobs: list[asyncio.Task[None]] = []
        self._speaking = False
        """An utterance has begun and its end was not sent."""
        self._listening: asyncio.Task[None] | None = None
        self._dropping_until = 0.0
        self._register_event_handler("on_playback")

    def can_generate_metrics(self) -> bool:
        return True

    async def room(self) -> Room:
        """As soon as the figure is there."""
        await self._open.wait()
        return Room(self._stage.room_id, self._stage.stream_id, self._stage.task_id)

    # --- life

    async def setup(self, setup: FrameProcessorSetup) -> None:
        await super().setup(setup)
        try:
            await self._stage.open(self._human, *self._size, self._emotion)
            if self._frames:
                tracks = await self._stage.watch(self._ice)
                self._jobs = [
                    self.create_task(self._look(tracks["video"]), "look"),
                    self.create_task(self._hear(tracks["audio"]), "hear"),
                ]
            self._open.set()
        except Exception as error:
            await self.push_error(error_msg=f"no face: {error}", exception=error)

    async def stop(self, frame: EndFrame) -> None:
        await super().stop(frame)
        await self._close()

    async def cancel(self, frame: CancelFrame) -> None:
        await super().cancel(frame)
        await self._close()

    async def cleanup(self) -> None:
        await super().cleanup()
        await self._close()

    async def _close(self) -> None:
        """Called from three places; the first does it."""
        if self._closed:
            return
        self._closed = True
        for job in [*self._jobs, *([self._listening] if self._listening else [])]:
            await self.cancel_task(job)
        await self._stage.close()

    # --- speech

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, TTSAudioRawFrame):
            await self._speak(frame)
            if self._frames:
                return  # it comes back with the face
        elif isinstance(frame, TTSStartedFrame):
            await self.start_ttfb_metrics()
        elif isinstance(frame, TTSStoppedFrame):
            await self._finish()
        elif isinstance(frame, InterruptionFrame):
            await self._interrupt()
        elif isinstance(frame, BotStartedSpeakingFrame):
            await self.stop_ttfb_metrics()
        elif isinstance(frame, OutputTransportReadyFrame):
            self._ready.set()
        await self.push_frame(frame, direction)

    async def _speak(self, frame: TTSAudioRawFrame) -> None:
        if not self._speaking:
            if self._listening is not None:
                await self.cancel_task(self._listening)
            await self._stage.begin(frame.sample_rate, frame.num_channels)
            self._speaking = True
            self._listening = self.create_task(self._listen(), "listen")
        await self._stage.feed(frame.audio)

    async def _finish(self) -> None:
        if self._speaking:
            self._speaking = False
            await self._stage.finish()

    async def _interrupt(self) -> None:
        """Silent at once: what is on its way is dropped when it arrives."""
        if self._listening is None or self._listening.done():
            return
        self._speaking = False
        self._dropping_until = math.inf
        try:
            await self._stage.interrupt()
        finally:
            self._dropping_until = asyncio.get_running_loop().time() + TAIL

    async def _listen(self) -> None:
        """Until the utterance has been heard, to its end or not."""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            state, played = await self._stage.heard()
            if state in (ENDED, INTERRUPTED):
                await self._call_event_handler("on_playback", Playback(played, state == INTERRUPTED))
                return

    # --- what comes back

    async def _look(self, track: MediaStreamTrack) -> None:
        while (frame := await _next(track)) is not None:
            if isinstance(frame, VideoFrame) and self._ready.is_set():
                picture = frame.to_ndarray(format="rgb24")
                out = OutputImageRawFrame(picture.tobytes(), (frame.width, frame.height), "RGB")
                out.pts = frame.pts
                await self.push_frame(out)

    async def _hear(self, track: MediaStreamTrack) -> None:
        resampler = AudioResampler("s16", "mono", 24000)
        while (frame := await _next(track)) is not None:
            if not isinstance(frame, AudioFrame):
                continue
            for piece in resampler.resample(frame):
                if self._ready.is_set() and asyncio.get_running_loop().time() >= self._dropping_until:
                    samples = piece.to_ndarray().tobytes()
                    await self.push_frame(SpeechOutputAudioRawFrame(samples, 24000, 1))


async def _next(track: MediaStreamTrack) -> Any:
    """None when the stream is over."""
    try:
        return await track.recv()
    except MediaStreamError:
        return None
