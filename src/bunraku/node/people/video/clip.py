"""The clip as a file: let in only when it is a film that can be handled, and read one picture at a time.

Pictures come upright, at an even size of at most ``LONGEST`` px, at an even rate near the clip's own;
none is kept here. Whole numbers count pictures from the clip's first.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

import av
import av.container
import av.error
import numpy as np
from av.video.reformatter import ColorRange, Colorspace

from bunraku.core.media import FRAME_RATE, PCM, SAMPLE_RATE
from bunraku.node.avatars.pack.cv import cv2
from bunraku.node.people.base import Unsuitable
from bunraku.node.people.photo.arrays import U8

BT601, LIMITED = Colorspace.ITU601, ColorRange.MPEG  # as OpenCV converts

LONGEST = 1280
"""px of the longer side that are kept."""
LEAST, MOST = 20.0, 180.0
"""Seconds."""
MAX_BYTES = 500 * 1024**2
MAX_SIDE, MAX_PIXELS = 4096, 9_000_000
SMALLEST = 160  # px of the shorter side
NEAR = (23.5, 31.0)
"""Rates (1/s) whose pictures are shown one by one at 25/s: a little slower or faster than they were filmed
is not seen, a picture left out at every sixth is."""
SLOWEST = 14.0  # pictures a second
MAX_RATE = 250.0

FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm"
CODECS = frozenset(
    ("h264", "hevc", "vp8", "vp9", "av1", "libdav1d", "libvpx", "libvpx-vp9", "mpeg4", "prores")
)
OPTIONS = {
    # FFmpeg must not find playlists in strangers' bytes, and may open nothing by itself.
    "format_whitelist": FORMATS,
    "protocol_whitelist": "none",
}
HDR = (16, 18)  # PQ and HLG among transfer characteristics (ITU-T H.273)

WANTED = "Bring an MP4, MOV or WebM of 20 seconds to 3 minutes, as a phone or a browser records it."


@dataclass(frozen=True)
class Clip:
    """``width`` x ``height`` is the size of the pictures that ``frames`` gives, ``rate`` how many a second,
    ``length`` in seconds as the file says, if it does."""

    path: Path
    sha256: str
    width: int
    height: int
    rate: float
    length: float | None
    sound: bool
    hdr: bool

    def frames(self, first: int = 0, last: int | None = None) -> Iterator[tuple[int, U8]]:
        """Number and BGR (height, width, 3) of those from ``first`` to before ``last``.

        Raises ``Unsuitable`` when the clip is longer than ``MOST``, or breaks off before ``first``.
        """
        with self.path.open("rb") as file, _opened(file) as container:
            try:
                yield from self._frames(container, first, last)
            except (av.error.FFmpegError, ValueError) as error:
                raise _damaged() from error

    def _frames(
        self, container: av.container.InputContainer, first: int, last: int | None
    ) -> Iterator[tuple[int, U8]]:
        begin, n = _begin(container), first
        held: tuple[float, av.VideoFrame] | None = None
        for time, frame in _timed(container, begin, first / self.rate):
            if frame.width * frame.height > MAX_PIXELS:
                raise _damaged()
            # Each moment of the even row shows the picture nearest to it.
            while held is not None and n / self.rate <= (held[0] + time) / 2:
                if n == last:
                    return
                yield n, self._upright(held[1])
                n += 1
            if time > MOST + 1:
                raise _too_long()
            held = time, frame
        while held is not None and n / self.rate <= held[0] + 0.5 / self.rate and n != last:
            yield n, self._upright(held[1])
            n += 1

    def _upright(self, frame: av.VideoFrame) -> U8:
        turns = round(frame.rotation / 90) % 4
        width, height = (self.height, self.width) if turns % 2 else (self.width, self.height)
        way = "AREA" if width < frame.width else "BICUBIC"
        # FFmpeg's own way to RGB rounds down: by a whole grey level, twice that when it comes back.
        planes = frame.reformat(
            width,
            height,
            "yuv420p",
            interpolation=way,
            dst_colorspace=BT601,
            dst_color_range=LIMITED,
            threads=1,
        )
        bgr = cv2.cvtColor(cast(U8, planes.to_ndarray()), cv2.COLOR_YUV2BGR_I420)
        return np.ascontiguousarray(np.rot90(bgr, turns))

    def heard(self) -> PCM | None:
        """Its sound, mono at ``SAMPLE_RATE``, sample 0 at the first picture; None when there is none."""
        if not self.sound:
            return None
        with self.path.open("rb") as file, _opened(file) as container:
            try:
                return _sound(container)
            except (av.error.FFmpegError, ValueError):
                return None  # pictures are what counts


def read(path: Path) -> Clip:
    """Raises ``Unsuitable``."""
    if path.stat().st_size > MAX_BYTES:
        raise Unsuitable("The file is too large.", WANTED)
    with path.open("rb") as file, _opened(file) as container:
        if not container.streams.video:
            raise Unsuitable("There are no pictures in the file.", WANTED)
        stream = container.streams.video[0]
        context = cast(av.VideoCodecContext | None, stream.codec_context)
        if context is None or context.name not in CODECS:
            raise Unsuitable("The film is of a kind that is not known here.", WANTED)
        _check_size(context.width, context.height)
        length = container.duration / 1e6 if container.duration else None
        if length is not None and length > MOST + 1:
            raise _too_long()
        if length is not None and length < LEAST - 0.5:
            raise too_short(length)
        rate = even_rate(float(stream.average_rate or 0))
        try:
            begin = _begin(container)
            frame = next(f for _, f in _timed(container, begin, 0.0))
        except (av.error.FFmpegError, ValueError, StopIteration) as error:
            raise _damaged() from error
        _check_size(frame.width, frame.height)
        width, height = _kept_size(frame, float(stream.sample_aspect_ratio or 1))
        sound = bool(container.streams.audio)
        hdr = int(frame.color_trc or 0) in HDR
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Clip(path, digest, width, height, rate, length, sound, hdr)


def too_short(seconds: float) -> Unsuitable:
    return Unsuitable(
        f"The clip is too short: {seconds:.0f} seconds, where {LEAST:.0f} are the least.", WANTED
    )


def _too_long() -> Unsuitable:
    return Unsuitable("The clip is too long: three minutes are the most.", "Cut out the best of it.")


def _damaged() -> Unsuitable:
    return Unsuitable("The file is damaged: its pictures cannot be read.", "Export it once more.")


def _opened(file: BinaryIO) -> av.container.InputContainer:
    try:
        return av.open(file, mode="r", options=dict(OPTIONS))
    except (av.error.FFmpegError, ValueError, OSError) as error:
        raise Unsuitable("The file is not a film that can be read.", WANTED) from error


def _check_size(width: int, height: int) -> None:
    if not 0 < width * height <= MAX_PIXELS or max(width, height) > MAX_SIDE:
        raise Unsuitable("The pictures are too large.", "Film in Full HD (1080p).")
    if min(width, height) < SMALLEST:
        raise Unsuitable("The pictures are too small.", "Film in Full HD (1080p).")


def even_rate(average: float) -> float:
    """Pictures a second that are kept of a clip with so many on average. Raises ``Unsuitable``."""
    for k in (1, 2, 4):
        if NEAR[0] <= average / k <= NEAR[1]:
            return average / k
    if 0 < average < SLOWEST:
        raise Unsuitable(
            f"The clip has only {average:.0f} pictures a second.", "Film with 25 or 30 pictures a second."
        )
    return float(FRAME_RATE)


def _kept_size(frame: av.VideoFrame, aspect: float) -> tuple[int, int]:
    width, height = frame.width * min(4.0, max(0.25, aspect)), float(frame.height)
    if round(frame.rotation / 90) % 2:
        width, height = height, width
    k = min(1.0, LONGEST / max(width, height))
    return max(2, round(width * k / 2) * 2), max(2, round(height * k / 2) * 2)


def _begin(container: av.container.InputContainer) -> float:
    """Time of the first picture, s."""
    stream = container.streams.video[0]
    return float(stream.start_time * stream.time_base) if stream.start_time and stream.time_base else 0.0


def _timed(
    container: av.container.InputContainer, begin: float, start: float
) -> Iterator[tuple[float, av.VideoFrame]]:
    """Pictures and their times, s from the first; at least all from ``start`` on."""
    stream: Any = container.streams.video[0]
    stream.thread_type = "NONE"  # each thread would hold pictures of its own
    if start > 2:
        container.seek(int((begin + start - 1) * 1e6), backward=True)
    last = -1.0
    for frame in _decoded(container, stream):
        time = cast(float | None, frame.time)
        if time is not None and time - begin > last:
            last = time - begin
            yield last, frame


def _decoded(container: av.container.InputContainer, stream: av.VideoStream) -> Iterator[av.VideoFrame]:
    for packet in container.demux(stream):
        try:
            yield from packet.decode()
        except av.error.InvalidDataError:
            continue  # a damaged picture is one less


def _sound(container: av.container.InputContainer) -> PCM:
    begin, stream = _begin(container), container.streams.audio[0]
    resampler = av.AudioResampler("s16", "mono", SAMPLE_RATE)
    room = int((MOST + 1) * SAMPLE_RATE)
    parts: list[PCM] = []
    held, late = 0, 0.0
    for packet in container.demux(stream):
        try:
            frames = packet.decode()
        except av.error.InvalidDataError:
            continue
        for frame in frames:
            if not parts:
                late = (frame.time or 0.0) - begin
            for out in resampler.resample(frame):
                parts.append(cast(PCM, out.to_ndarray()).reshape(-1))
                held += parts[-1].size
        if held > room:
            break
    if not parts:
        return np.zeros(0, np.int16)
    samples = np.concatenate(list(itertools.chain(parts)))[:room]
    shift = int(late * SAMPLE_RATE)
    if shift > 0:
        return np.concatenate([np.zeros(min(shift, room), np.int16), samples])
    return samples[-shift:]
