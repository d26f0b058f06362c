"""Avatar images, rendered by the figures themselves. (Gesture previews are films: ``film``.)"""

from __future__ import annotations

from pathlib import Path

import cv2

from bunraku.node.avatars.base import AvatarPack, Framing
from bunraku.node.lipsync.visemes import rest
from bunraku.node.performance.life import Life

BACKDROP = (226, 232, 240)
PORTRAIT = Framing(512, 512, BACKDROP)
PREVIEW = Framing(360, 640, BACKDROP)
SIZE, QUALITY = 320, 88  # px, and of JPEG


def portrait(pack: AvatarPack, path: Path) -> None:
    """Write a portrait in the format of ``path``'s suffix: JPEG of ``SIZE``, or PNG of 512 px.

    Takes a second of CPU: call it off the event loop.
    """
    figure = pack.stage(PORTRAIT)
    pose = Life(7).pose(0.0, 0.0, False)
    pose.gaze_x = pose.gaze_y = pose.lid = 0.0
    figure.render(rest(), pose)
    bgr = cv2.cvtColor(figure.picture.buffer, cv2.COLOR_YUV2BGR_I420)
    if path.suffix == ".jpg":
        bgr = cv2.resize(bgr, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    _publish(path, lambda p: cv2.imwrite(str(p), bgr, [cv2.IMWRITE_JPEG_QUALITY, QUALITY]))


def _publish(path: Path, write: object) -> None:
    """Write beside, then rename: a reader never sees half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.stem}.partial{path.suffix}")
    write(partial)  # type: ignore[operator]
    partial.replace(path)
