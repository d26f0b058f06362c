"""x264 alone, as ``python -m bunraku.bench.baseline WIDTH HEIGHT SECONDS``: prints JSON.

The yardstick of the budgets: our own encoder settings on pictures of a talking figure, rendered
before the clock starts, encoded in one thread at 25 a second. Nothing is sent.
"""

from __future__ import annotations

import json
import sys
import time

import numpy as np

from bunraku.core.framing import Framing, default_bitrate
from bunraku.core.media import FRAME_RATE, Picture
from bunraku.core.vocabulary import VISEMES
from bunraku.node.avatars.base import Moment
from bunraku.node.avatars.catalog import Catalog
from bunraku.node.encode.h264 import H264Encoder
from bunraku.node.lipsync.visemes import one_hot
from bunraku.node.performance.life import Life

SENTENCE = ("sil", "DD", "aa", "nn", "PP", "oh", "ou", "SS", "E", "kk", "ih", "FF", "RR", "CH", "TH", "aa")


def pictures(width: int, height: int, count: int) -> list[Picture]:
    """A figure that talks without pause: each mouth leads into the next within four pictures."""
    pack = Catalog((), {}).list()[0]
    figure = pack.stage(Framing(width, height, (223, 229, 238)))
    life = Life(seed=1, mood="neutral")
    out: list[Picture] = []
    weights = one_hot("sil")
    for i in range(count):
        target = one_hot(SENTENCE[(i // 4) % len(SENTENCE)])
        weights = np.asarray(weights + (target - weights) * 0.6, np.float32)
        figure.render(Moment(weights, life.pose(i / FRAME_RATE, 0.6, True)))
        kept = Picture(width, height)
        kept.buffer[:] = figure.picture.buffer
        out.append(kept)
    assert len(weights) == len(VISEMES)
    return out


def measure(width: int, height: int, seconds: float) -> dict[str, float]:
    frames = pictures(width, height, min(150, int(seconds * FRAME_RATE)))
    encoder = H264Encoder(width, height, default_bitrate(width, height))
    encoder.encode(frames[0], 0, True)
    begin, spent, count = time.monotonic(), 0.0, int(seconds * FRAME_RATE)
    size = 0
    for i in range(count):
        time.sleep(max(0.0, begin + i / FRAME_RATE - time.monotonic()))
        at = i % (2 * len(frames) - 2)  # to and fro, so that the loop has no cut
        frame = frames[at if at < len(frames) else 2 * len(frames) - 2 - at]
        cpu = time.thread_time()
        unit = encoder.encode(frame, (i + 1) * 1_000_000 // FRAME_RATE, False)
        spent += time.thread_time() - cpu
        size += len(unit.data) if unit else 0
    return {
        "encode_ms": round(spent / count * 1e3, 2),
        "core_percent": round(spent / seconds * 100, 1),
        "kbit_s": round(size * 8 / seconds / 1e3),
    }


if __name__ == "__main__":
    width, height, seconds = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    sys.stdout.write(json.dumps(measure(width, height, seconds)) + "\n")
