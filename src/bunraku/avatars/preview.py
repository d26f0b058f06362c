"""Avatar images and gesture previews, rendered by the figures themselves."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import cv2

from bunraku.avatars.base import AvatarPack, Framing
from bunraku.lipsync.visemes import rest
from bunraku.media import FRAME_RATE
from bunraku.performance.life import GESTURE_S, Life

BACKDROP = (226, 232, 240)
PORTRAIT = Framing(512, 512, BACKDROP)
PREVIEW = Framing(360, 640, BACKDROP)
LEAD = 0.3  # s of stillness around a gesture


def avatar_png(pack: AvatarPack, path: Path) -> None:
    """A portrait. Takes a second of CPU: call it off the event loop."""
    figure = pack.stage(PORTRAIT)
    pose = Life(7).pose(0.0, 0.0, False)
    pose.gaze_x = pose.gaze_y = pose.lid = 0.0
    figure.render(rest(), pose)
    bgr = cv2.cvtColor(figure.picture.buffer, cv2.COLOR_YUV2BGR_I420)
    _publish(path, lambda p: cv2.imwrite(str(p), bgr))


def gesture_mp4(pack: AvatarPack, gesture: str, path: Path) -> None:
    """A silent clip of one gesture. Takes seconds of CPU: call it off the event loop."""
    figure = pack.stage(PREVIEW)
    life = Life(11)
    frames = round((GESTURE_S[gesture] + 2 * LEAD) * FRAME_RATE)

    def write(target: Path) -> None:
        with av.open(str(target), "w", format="mp4", options={"movflags": "faststart"}) as container:
            stream = container.add_stream("libx264", rate=FRAME_RATE)
            stream.width, stream.height, stream.pix_fmt = PREVIEW.width, PREVIEW.height, "yuv420p"
            stream.options = {"preset": "veryfast", "crf": "24"}
            for i in range(frames):
                t = i / FRAME_RATE
                if i == round(LEAD * FRAME_RATE):
                    life.gesture(gesture, t)
                figure.render(rest(), life.pose(t, 0.0, False))
                frame = av.VideoFrame.from_ndarray(figure.picture.buffer, "yuv420p")
                frame.pts, frame.time_base = i, Fraction(1, FRAME_RATE)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))

    _publish(path, write)


def _publish(path: Path, write: object) -> None:
    """Write beside, then rename: a reader never sees half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.stem}.partial{path.suffix}")
    write(partial)  # type: ignore[operator]
    partial.replace(path)
