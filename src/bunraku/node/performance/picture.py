"""The picture of a performance on its way out: drawn and encoded on a worker thread, one at a time.

Pictures are what is shed: while one is under way the next is skipped, and sound goes on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Protocol

from bunraku.core.media import PCM, Codec, EncodedUnit, Picture, Pose, Weights
from bunraku.core.meter import Meter
from bunraku.node.avatars.base import NO_SOUND, Avatar, Moment
from bunraku.node.encode.h264 import H264Encoder
from bunraku.node.encode.video import VideoEncoder
from bunraku.node.encode.vp8 import Vp8Encoder
from bunraku.node.lipsync.visemes import rest
from bunraku.node.performance.rate import RateControl

log = logging.getLogger(__name__)

KEYFRAME_GAP_US = 500_000


class VideoOutlet(Protocol):
    """Where pictures go, and what is asked of them there. Nothing here blocks or raises."""

    @property
    def video_codecs(self) -> set[Codec]:
        """Each is encoded once, whatever the number of watchers."""
        ...

    @property
    def video_limit(self) -> int | None:
        """Bits per second the median watcher can take; None while it does not complain."""
        ...

    def keyframe_requested(self, codec: Codec) -> bool: ...

    def keyframe_sent(self, codec: Codec) -> None: ...

    def push(self, unit: EncodedUnit) -> None: ...


class VideoOpener(Protocol):
    def __call__(self, codec: Codec, width: int, height: int, rate: int, /) -> VideoEncoder: ...


def open_video_encoder(codec: Codec, width: int, height: int, rate: int, /) -> VideoEncoder:
    """The live encoder of a codec, capped at ``rate`` bits per second."""
    kind = H264Encoder if codec is Codec.H264 else Vp8Encoder
    return kind(width, height, rate)


class PictureTrack:
    """Owns the face and its encoders. ``now`` gives monotonic seconds; ``bitrate`` is the full rate."""

    def __init__(
        self,
        now: Callable[[], float],
        avatar: Avatar,
        outlet: VideoOutlet,
        executor: Executor,
        meter: Meter,
        *,
        bitrate: int,
        open_video: VideoOpener,
    ) -> None:
        self._now, self.avatar, self._outlet = now, avatar, outlet
        self._executor, self._meter, self._open = executor, meter, open_video
        self.rate = RateControl(bitrate)
        self._encoders: dict[Codec, VideoEncoder] = {}
        self._last_keyframe: dict[Codec, int] = {}
        self._under_way: Future[list[EncodedUnit]] | None = None
        self._glanced = False

    @property
    def picture(self) -> Picture:
        """What the figure shows: its own buffer, drawn anew under the reader's eyes."""
        return self.avatar.picture

    def glance(self) -> None:
        """Have one picture drawn at the next ``send``, also when nobody watches pictures."""
        self._glanced = True

    @property
    def encoders(self) -> tuple[VideoEncoder, ...]:
        """Those that are open."""
        return tuple(self._encoders.values())

    async def first(self, pose: Pose) -> None:
        """Draw and encode one picture for nobody, to know that it can be done.

        Raises what rendering or encoding raises.
        """
        await asyncio.get_running_loop().run_in_executor(self._executor, self._prove, pose)

    def _prove(self, pose: Pose) -> None:
        self.avatar.render(Moment(rest(), pose))
        picture = self.avatar.picture
        if H264Encoder(picture.width, picture.height, self.rate.rate).encode(picture, 0, True) is None:
            raise RuntimeError("x264 gave no picture")

    def send(self, weights: Weights, pose: Pose, time_us: int, samples: PCM = NO_SOUND) -> None:
        """Have a picture drawn, unless the one before is not done; it goes out as soon as it is there.

        ``samples`` is the tick's sound, for avatars that move by it.
        """
        if self._under_way is not None:
            self._meter.frames_late += 1
            return
        glanced, self._glanced = self._glanced, False
        codecs = self._outlet.video_codecs
        if not codecs:
            self.rest()  # everybody here only listens, or draws
            if not glanced:
                return
        moment = Moment(weights, pose, time_us, samples)
        changed = self.rate.update(time_us / 1e6, self._outlet.video_limit)
        if changed:
            self._meter.rate_changes += 1
        # A new rate needs a new encoder, and that begins with a keyframe.
        keyframes = {c: changed or self._keyframe_due(c, time_us) for c in codecs}
        for codec in [c for c, due in keyframes.items() if due]:
            # Cleared now: a request that comes while this one is encoded needs another.
            self._outlet.keyframe_sent(codec)
            self._last_keyframe[codec] = time_us
        loop, begun = asyncio.get_running_loop(), self._now()
        self._under_way = video = self._executor.submit(self._work, moment, keyframes, self.rate.rate)
        # Straight from the worker: an awaited future would cost a turn of the event loop more.
        video.add_done_callback(lambda done: loop.call_soon_threadsafe(self._done, begun, done))

    def _keyframe_due(self, codec: Codec, time_us: int) -> bool:
        if codec not in self._encoders:
            return True
        recent = time_us - self._last_keyframe.get(codec, -KEYFRAME_GAP_US) < KEYFRAME_GAP_US
        return self._outlet.keyframe_requested(codec) and not recent

    def _work(self, moment: Moment, keyframes: dict[Codec, bool], rate: int) -> list[EncodedUnit]:
        """On a worker thread; only one runs at a time per performance."""
        with self._meter.render():
            self.avatar.render(moment)
        picture = self.avatar.picture
        units: list[EncodedUnit] = []
        with self._meter.encode():
            for codec in [c for c in self._encoders if c not in keyframes]:
                del self._encoders[codec]
            for codec, keyframe in keyframes.items():
                encoder = self._encoders.get(codec)
                if encoder is None or (keyframe and encoder.bitrate != rate):
                    encoder = self._open(codec, picture.width, picture.height, rate)
                    self._encoders[codec] = encoder
                unit = encoder.encode(picture, moment.time_us, keyframe)
                if unit is not None:
                    units.append(unit)
        self._meter.frames += 1
        return units

    def _done(self, begun: float, video: Future[list[EncodedUnit]]) -> None:
        self._under_way = None  # here, not when the thread is done: what follows belongs to this picture
        if video.cancelled():
            return
        error = video.exception()
        if error is not None:
            log.error("picture lost", exc_info=error)
            self._meter.frames_failed += 1
            self._encoders.clear()
            return
        for unit in video.result():
            self._outlet.push(unit)
        self._meter.av_offset_ms.observe((self._now() - begun) * 1e3)

    async def settled(self) -> None:
        """Return when no picture is under way and the units of the last one were sent."""
        while (video := self._under_way) is not None:
            await asyncio.wait([asyncio.wrap_future(video)])
            await asyncio.sleep(0)

    def rest(self) -> None:
        """Nobody watches: encoders are freed, and reopened with a keyframe when somebody does."""
        if self._under_way is None:
            self._encoders.clear()
            self._last_keyframe.clear()

    async def close(self) -> None:
        """Wait for the worker, then free the encoders."""
        if self._under_way is not None:
            await asyncio.wait([asyncio.wrap_future(self._under_way)])
        self._encoders.clear()
