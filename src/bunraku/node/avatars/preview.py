"""Avatar images, rendered by the figures themselves. (Gesture previews are films: ``film``.)"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from bunraku.core.framing import Framing
from bunraku.core.media import Pose, Weights
from bunraku.core.vocabulary import VISEMES
from bunraku.node.avatars.base import AvatarPack, Moment
from bunraku.node.avatars.label import badge

U8 = npt.NDArray[np.uint8]
SILENT: Weights = np.array([name == "sil" for name in VISEMES], np.float32)
BACKDROP = (226, 232, 240)
PORTRAIT = Framing(512, 512, BACKDROP)
PREVIEW = Framing(360, 640, BACKDROP)
SIZE, QUALITY = 320, 88  # px, and of JPEG
THUMBNAIL = 96  # px, the longer side


def portrait(pack: AvatarPack, path: Path) -> None:
    """Write a portrait in the format of ``path``'s suffix: JPEG of ``SIZE``, or PNG of 512 px.

    Takes a second of CPU: call it off the event loop.
    """
    figure = pack.stage(PORTRAIT)
    figure.render(Moment(SILENT, Pose()))
    bgr = cv2.cvtColor(figure.picture.buffer, cv2.COLOR_YUV2BGR_I420)
    if path.suffix == ".jpg":
        bgr = cv2.resize(bgr, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Written beside, then renamed: a reader never sees half a file.
    partial = path.with_name(f".{path.stem}.partial{path.suffix}")
    cv2.imwrite(str(partial), bgr, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    partial.replace(path)


def thumbnail(i420: U8, width: int, label: str = "") -> bytes:
    """A small JPEG of a picture whose figure is ``width`` px wide; takes milliseconds of CPU. ``label`` is
    what the picture bears: it is drawn anew, or nobody could read it."""
    bgr = cv2.cvtColor(i420, cv2.COLOR_YUV2BGR_I420)[:, :width]
    height = bgr.shape[0]
    # The upper part: that is where the face is.
    square = bgr[: min(width, height), :width]
    small = np.asarray(cv2.resize(square, (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA), np.uint8)
    if label:
        badge(label, THUMBNAIL, THUMBNAIL).lay_bgr(small)
    _, jpeg = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 80])
    return jpeg.tobytes()
