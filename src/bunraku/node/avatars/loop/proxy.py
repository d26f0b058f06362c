"""The footage as it lies in its file: compressed frames by number, each decoded by itself."""

from __future__ import annotations

import os
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, cast

import av
import av.codec.context
import av.error
import numpy as np
import numpy.typing as npt

from bunraku.core.errors import DigitalHumanBroken
from bunraku.node.avatars.loop.manifest import LoopManifest

NAME = "loop.mp4"
MOST_BYTES = 256 * 1024 * 1024
CONTAINER = "mp4"
"""The only format that is tried; the file is handed over opened, so that no protocol is spoken for it."""

CODECS = ("h264", "mjpeg")
LAYOUTS = ("yuv420p", "yuvj420p")

U8 = npt.NDArray[np.uint8]


class Planes(NamedTuple):
    """I420 of one frame; views that last as long as they are held."""

    y: U8
    u: U8
    v: U8


class FrameUnreadable(Exception):
    """This frame of a file that is sound otherwise."""


@dataclass(frozen=True)
class Proxy:
    """Where the frames lie in ``path``: (offset, size) of each; and what their decoder must know."""

    path: Path
    codec: str
    extradata: bytes
    width: int
    height: int
    packets: tuple[tuple[int, int], ...]


def read_proxy(folder: Path, manifest: LoopManifest) -> Proxy:
    """The index of ``loop.mp4``. Reads the file once. Raises ``DigitalHumanBroken``."""
    path = folder / NAME
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size > MOST_BYTES:
                raise DigitalHumanBroken(f"{NAME}: more than {MOST_BYTES} bytes")
            with av.open(file, format=CONTAINER) as container:
                return _index(path, container, manifest)
    except FileNotFoundError as error:
        raise DigitalHumanBroken(f"{NAME} missing") from error
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise DigitalHumanBroken(f"{NAME} unreadable") from error


def _index(path: Path, container: Any, manifest: LoopManifest) -> Proxy:
    streams = list(container.streams)
    if len(streams) != 1 or streams[0].type != "video":
        raise DigitalHumanBroken(f"{NAME}: must hold one stream of video and nothing else")
    context = streams[0].codec_context
    size = context.width, context.height
    if context.name not in CODECS or context.pix_fmt not in LAYOUTS:
        raise DigitalHumanBroken(
            f"{NAME}: {context.name} {context.pix_fmt}, must be one of {CODECS} in 4:2:0"
        )
    if size != (manifest.art.width, manifest.art.height):
        raise DigitalHumanBroken(f"{NAME}: {size[0]} x {size[1]}, art is another size")
    packets: list[tuple[int, int]] = []
    for packet in container.demux(streams[0]):
        if not packet.size:
            continue
        if not packet.is_keyframe or packet.pos is None or len(packets) == manifest.frames:
            raise DigitalHumanBroken(f"{NAME}: must be {manifest.frames} frames, each a keyframe")
        packets.append((packet.pos, packet.size))
    if len(packets) != manifest.frames:
        raise DigitalHumanBroken(f"{NAME}: {len(packets)} frames, must be {manifest.frames}")
    return Proxy(path, context.name, bytes(context.extradata or b""), *size, tuple(packets))


class FrameDecoder:
    """Decodes any frame of a proxy; of one thread at a time. Its file is closed when it is given up."""

    def __init__(self, proxy: Proxy) -> None:
        """Raises ``DigitalHumanBroken``."""
        self._proxy = proxy
        try:
            # Not mapped: a file that is cut short under a running server must cost a frame, not the server.
            self._file = os.open(proxy.path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        except OSError as error:
            raise DigitalHumanBroken(f"{NAME} missing") from error
        weakref.finalize(self, os.close, self._file)
        self._context = self._fresh()

    def _fresh(self) -> av.VideoCodecContext:
        context = cast(av.VideoCodecContext, av.CodecContext.create(self._proxy.codec, "r"))
        context.thread_count = 1
        if self._proxy.extradata:
            context.extradata = self._proxy.extradata
        # A frame may claim another size than its file. FFmpeg counts the rows as they lie in memory.
        most = (self._proxy.width + 128) * (self._proxy.height + 128)
        context.options = {"max_pixels": str(most)}
        context.flags |= av.codec.context.Flags.low_delay
        return context

    def decode(self, index: int) -> Planes:
        """Raises ``FrameUnreadable``."""
        offset, size = self._proxy.packets[index]
        try:
            frames = self._context.decode(av.Packet(os.pread(self._file, size, offset)))
        except (av.error.FFmpegError, OSError, ValueError) as error:
            self._context = self._fresh()
            raise FrameUnreadable(f"{NAME}: frame {index}") from error
        if len(frames) != 1:
            self._context = self._fresh()
            raise FrameUnreadable(f"{NAME}: frame {index}")
        frame, w, h = frames[0], self._proxy.width, self._proxy.height
        if (frame.width, frame.height) != (w, h) or frame.format.name not in LAYOUTS:
            raise FrameUnreadable(f"{NAME}: frame {index}")
        y, u, v = (np.frombuffer(cast(Any, plane), np.uint8) for plane in frame.planes)
        wide, half = frame.planes[0].line_size, frame.planes[1].line_size
        return Planes(
            y[: wide * h].reshape(h, wide)[:, :w],
            u[: half * (h // 2)].reshape(h // 2, half)[:, : w // 2],
            v[: half * (h // 2)].reshape(h // 2, half)[:, : w // 2],
        )
