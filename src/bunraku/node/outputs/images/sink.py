"""The worker's side of the images output: keyframes into JPEG files."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import av
import cv2

from bunraku.core.media import EncodedUnit
from bunraku.core.output import OutputFile
from bunraku.node.outputs.base import Caption
from bunraku.node.outputs.keeping import Keeping
from bunraku.node.outputs.sink_job import Teller

QUALITY = 85  # of JPEG
EARLY = 0.25  # of the time between pictures: how much sooner a keyframe may come that others asked for


class ImagesSink:
    """A file for each picture; each keyframe can be decoded without the ones before."""

    def __init__(self, folder: Path, name: str, every_us: int, keeping: Keeping, teller: Teller) -> None:
        self._folder, self._name, self._every_us = folder, name, every_us
        self._keeping, self._teller = keeping, teller
        self._decoder = av.VideoCodecContext.create("h264", "r")
        self._decoder.thread_count = 1
        self._last_us: int | None = None

    def write(self, unit: EncodedUnit) -> None:
        if self._last_us is not None and unit.time_us - self._last_us < self._every_us * (1 - EARLY):
            return
        self._last_us = unit.time_us
        frames = self._decoder.decode(av.Packet(unit.data)) + self._decoder.decode(None)
        self._decoder.flush_buffers()
        for frame in frames:
            self._put(cv2.cvtColor(frame.to_ndarray(format="yuv420p"), cv2.COLOR_YUV2BGR_I420))

    def _put(self, picture: Any) -> None:
        _, jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
        self._folder.mkdir(parents=True, exist_ok=True)
        now = time.time()
        stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime(now)) + f"{int(now * 1000) % 1000:03}Z"
        path = self._folder / f"{self._name}-{stamp}.jpg"
        partial = path.with_name(f".{path.name}.partial")
        partial.write_bytes(jpeg.tobytes())
        partial.replace(path)
        size = path.stat().st_size
        self._keeping.keep(path)
        self._teller.file(OutputFile(path.name, size, 0.0))

    def caption(self, word: Caption) -> None:
        del word

    def close(self) -> None:
        pass


def open_sink(request: dict[str, Any], teller: Teller) -> ImagesSink:
    return ImagesSink(
        Path(request["folder"]), request["name"], request["every_us"], Keeping.of(request), teller
    )
