"""The files of a pack of kind ``loop``."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import numpy as np

from bunraku.core.media import FRAME_RATE
from bunraku.node.avatars.pack.cv import cv2
from bunraku.node.people.photo.arrays import F32, U8

CRF = "19"
SHEET = 16383  # px: no side of a WebP may be longer
SHEET_BYTES = 4 * 1024**2
"""Of all sheets together."""
QUALITIES = (90, 82, 72, 60, 45)


class LoopFilm:
    """``loop.mp4``: every picture a keyframe, so that any may be decoded next."""

    def __init__(self, path: Path, width: int, height: int) -> None:
        self._file = av.open(str(path), "w", format="mp4")
        stream = self._file.add_stream("libx264", rate=FRAME_RATE)
        context = stream.codec_context
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        context.time_base = Fraction(1, FRAME_RATE)
        context.thread_count = 1
        # Limited range, BT.601, as OpenCV converts and ``core.media.Picture`` wants.
        context.color_range, context.colorspace, context.color_primaries, context.color_trc = 1, 6, 6, 6
        stream.options = {"preset": "veryfast", "tune": "fastdecode", "crf": CRF, "g": "1", "bf": "0"}
        self._stream, self.count = stream, 0

    def add(self, bgr: U8) -> None:
        planes = cv2.cvtColor(bgr, cv2.COLOR_BGR2YUV_I420)
        frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
        frame.pts, frame.time_base = self.count, Fraction(1, FRAME_RATE)
        self.count += 1
        self._file.mux(self._stream.encode(frame))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self._file.mux(self._stream.encode(None))
        finally:
            self._file.close()


def sheets(folder: Path, patches: list[U8], alphas: list[F32]) -> None:
    """``mouths_0.webp`` …: patches one below the other, BGR each, with their soft edges."""
    height = patches[0].shape[0]
    each = SHEET // height
    cut = [np.dstack([p, _edge(a)]) for p, a in zip(patches, alphas, strict=True)]
    files: list[bytes] = []
    for quality in QUALITIES:
        files = [_sheet(cut[at : at + each], quality) for at in range(0, len(cut), each)]
        if sum(map(len, files)) <= SHEET_BYTES:
            break
    for i, data in enumerate(files):
        (folder / f"mouths_{i}.webp").write_bytes(data)


def _edge(alpha: F32) -> U8:
    """In steps of four, of which nobody sees one: a third of the bytes."""
    out = np.clip(alpha * 64 + 0.5, 0, 64).astype(np.int32) * 4
    return np.minimum(out, 255).astype(np.uint8)


def _sheet(patches: list[U8], quality: int) -> bytes:
    done, data = cv2.imencode(".webp", np.concatenate(patches), [cv2.IMWRITE_WEBP_QUALITY, quality])
    if not done:
        raise OSError("WebP")
    return data.tobytes()
