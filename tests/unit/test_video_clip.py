"""A clip's pictures, as they were filmed."""

from __future__ import annotations

from fractions import Fraction

import av
import cv2
import numpy as np

from bunraku.node.people.video import clip as clips


def test_pictures_are_no_darker_than_they_were_filmed(tmp_path):
    wanted = np.tile(np.linspace(30, 220, 320).astype(np.uint8), (240, 1))
    planes = np.vstack([wanted, np.full((120, 320), 122, np.uint8)])
    path = tmp_path / "ramp.mp4"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=25, options={"crf": "0", "preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for i in range(21 * 25):
            frame = av.VideoFrame.from_ndarray(planes, "yuv420p")
            frame.pts, frame.time_base = i, Fraction(1, 25)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    clip = clips.read(path)
    _, bgr = next(clip.frames())
    back = cv2.cvtColor(bgr, cv2.COLOR_BGR2YUV_I420).astype(np.float32)
    assert abs(float((back[:240] - wanted).mean())) < 0.1
    assert abs(float(back[240:].mean()) - 122) < 0.6
