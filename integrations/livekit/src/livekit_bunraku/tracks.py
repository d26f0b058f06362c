"""Picture and sound from the server to LiveKit: pictures as they were encoded, sound decoded once."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av.audio.resampler import AudioResampler
from bunraku_stage import Stage
from livekit import rtc

RATE, QUEUE_MS = 48000, 200
VIDEO_CLOCK = 90000
_IDR = 5


class EncodedSink(Protocol):
    """``rtc.EncodedVideoSource``."""

    def capture_frame(self, frame: rtc.EncodedVideoFrame) -> bool: ...

    def take_feedback(self) -> Any: ...


class SoundSink(Protocol):
    """``rtc.AudioSource``."""

    async def capture_frame(self, frame: rtc.AudioFrame) -> None: ...


async def pictures(stage: Stage, track: MediaStreamTrack, to: EncodedSink, size: tuple[int, int]) -> None:
    """Until the stream is over. Nothing is sent before the first keyframe."""
    width, height = size
    begun, time, last = False, 0, None
    while (unit := await _next(track)) is not None:
        key = is_keyframe(unit.data)
        time += 0 if last is None else (unit.timestamp - last) & 0xFFFFFFFF  # RTP time wraps
        last = unit.timestamp
        if to.take_feedback().keyframe_requested or not (begun or key):
            await stage.request_keyframe()
        begun = begun or key
        if begun:
            kind = rtc.EncodedFrameType.ENCODED_FRAME_KEY if key else rtc.EncodedFrameType.ENCODED_FRAME_DELTA
            to.capture_frame(
                rtc.EncodedVideoFrame(
                    data=unit.data,
                    width=width,
                    height=height,
                    codec=rtc.VideoCodec.H264,
                    frame_type=kind,
                    timestamp_us=time * 1_000_000 // VIDEO_CLOCK,
                )
            )


async def sounds(track: MediaStreamTrack, to: SoundSink) -> None:
    """Until the stream is over."""
    resampler = AudioResampler("s16", "mono", RATE)
    while (frame := await _next(track)) is not None:
        for piece in resampler.resample(frame):
            await to.capture_frame(rtc.AudioFrame(piece.to_ndarray().tobytes(), RATE, 1, piece.samples))


def is_keyframe(unit: bytes) -> bool:
    """Whether an access unit in Annex B form holds an IDR slice (H.264 sections 7.4.1 and B.1)."""
    at = unit.find(b"\0\0\1")
    while at >= 0 and at + 3 < len(unit):
        if unit[at + 3] & 0x1F == _IDR:
            return True
        at = unit.find(b"\0\0\1", at + 3)
    return False


async def _next(track: MediaStreamTrack) -> Any:
    try:
        return await track.recv()
    except (MediaStreamError, asyncio.CancelledError):
        if asyncio.current_task().cancelling():  # type: ignore[union-attr]
            raise
        return None
