"""A clip of somebody of our cast, as a phone would bring one: silent at first, then talking."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av

from bunraku.core.framing import Framing
from bunraku.core.media import FRAME_RATE, Phoneme
from bunraku.node.avatars.base import Moment
from bunraku.node.avatars.catalog import BUILT_IN
from bunraku.node.avatars.kinds import open_pack
from bunraku.node.lipsync.coarticulation import VisemeTrack
from bunraku.node.performance.life import Life

SENTENCE = "h ə l oʊ m aɪ f ɹ ɛ n d z b ɹ eɪ v p iː p əl t ɔː k"
WALL = (196, 205, 214)


def write_clip(
    path: Path,
    name: str = "imani",
    *,
    seconds: float = 20.4,
    silent: float = 8.0,
    size: tuple[int, int] = (360, 480),
) -> Path:
    """H.264 in MP4, 25 pictures a second, without sound."""
    figure, life, track = open_pack(BUILT_IN / name).stage(Framing(*size, WALL)), Life(3), VisemeTrack()
    at = silent
    while at < seconds - 0.5:
        for symbol in (*SENTENCE.split(), "sil"):
            track.add(Phoneme(at, at + 0.09, symbol))
            at += 0.09
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=FRAME_RATE, options={"preset": "superfast", "crf": "18"})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for i in range(int(seconds * FRAME_RATE)):
            now = i / FRAME_RATE
            figure.render(Moment(track.weights(now), life.pose(now, 0.4, now > silent)))
            frame = av.VideoFrame.from_ndarray(figure.picture.buffer, "yuv420p")
            frame.pts, frame.time_base = i, Fraction(1, FRAME_RATE)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path
