"""Avatar images, rendered by the figures themselves. (Gesture previews are films: ``film``.)"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from bunraku.core.framing import Framing
from bunraku.node.avatars.base import AvatarPack
from bunraku.node.lipsync.visemes import rest
from bunraku.node.performance.life import Life

U8 = npt.NDArray[np.uint8]
BACKDROP = (226, 232, 240)
PORTRAIT = Framing(512, 512, BACKDROP)
PREVIEW = Framing(360, 640, BACKDROP)
THUMBNAIL = 96  # px, the longer side


def avatar_png(pack: AvatarPack, path: Path) -> None:
    """A portrait. Takes a second of CPU: call it off the event loop."""
    figure = pack.stage(PORTRAIT)
    pose = Life(7).pose(0.0, 0.0, False)
    pose.gaze_x = pose.gaze_y = pose.lid = 0.0
    figure.render(rest(), pose)
    bgr = cv2.cvtColor(figure.picture.buffer, cv2.COLOR_YUV2BGR_I420)
    _publish(path, lambda p: cv2.imwrite(str(p), bgr))


def thumbnail(i420: U8, width: int) -> bytes:
    """A small JPEG of a picture whose figure is ``width`` px wide; takes milliseconds of CPU."""
    bgr = cv2.cvtColor(i420, cv2.COLOR_YUV2BGR_I420)[:, :width]
    height = bgr.shape[0]
    # The upper part: that is where the face is.
    square = bgr[: min(width, height), :width]
    small = cv2.resize(square, (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA)
    _, jpeg = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 80])
    return jpeg.tobytes()


def _publish(path: Path, write: object) -> None:
    """Write beside, then rename: a reader never sees half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.stem}.partial{path.suffix}")
    write(partial)  # type: ignore[operator]
    partial.replace(path)
