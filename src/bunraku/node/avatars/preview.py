"""Avatar images, rendered by the figures themselves. (Gesture previews are films: ``film``.)"""

from __future__ import annotations

from pathlib import Path

import cv2

from bunraku.core.media import Pose
from bunraku.node.avatars.base import AvatarPack, Framing, Moment
from bunraku.node.lipsync.visemes import rest

BACKDROP = (226, 232, 240)
PORTRAIT = Framing(512, 512, BACKDROP)
PREVIEW = Framing(360, 640, BACKDROP)


def avatar_png(pack: AvatarPack, path: Path) -> None:
    """A portrait. Takes a second of CPU: call it off the event loop."""
    figure = pack.stage(PORTRAIT)
    figure.render(Moment(rest(), Pose()))
    bgr = cv2.cvtColor(figure.picture.buffer, cv2.COLOR_YUV2BGR_I420)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Written beside, then renamed: a reader never sees half a file.
    partial = path.with_name(f".{path.stem}.partial{path.suffix}")
    cv2.imwrite(str(partial), bgr)
    partial.replace(path)
