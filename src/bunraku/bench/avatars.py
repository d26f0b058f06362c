"""What a picture of an avatar costs, as ``python -m bunraku.bench.avatars [FOLDER...]``: prints JSON.

A built-in digital human and the packs in the folders, each talking without pause, picture by picture at
the pace of a stream; CPU time of the whole process, so that what other threads decode ahead counts.
The encoder's share is not in it. Packs take turns, so that all meet the same machine.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import cv2
import numpy as np

from bunraku.bench.baseline import SENTENCE
from bunraku.core.framing import Framing
from bunraku.core.media import TICK_US
from bunraku.node.avatars.base import Avatar, AvatarPack, Moment
from bunraku.node.avatars.catalog import Catalog
from bunraku.node.avatars.kinds import open_pack
from bunraku.node.lipsync.visemes import one_hot
from bunraku.node.performance.life import Life

SIZES = ((512, 512), (720, 1280))
ROUNDS, PICTURES = 6, 50


class Talker:
    """One figure that talks on and on."""

    def __init__(self, figure: Avatar) -> None:
        self._figure, self._life, self._tick = figure, Life(seed=1), 0
        self._weights = one_hot("sil")
        self.spent: list[float] = []

    def talk(self, count: int) -> None:
        """Draw pictures at the pace of a stream and keep what they cost, in ms of CPU."""
        begin, cpu = time.monotonic(), time.process_time()
        for i in range(count):
            time.sleep(max(0.0, begin + i * TICK_US / 1e6 - time.monotonic()))
            target = one_hot(SENTENCE[(self._tick // 4) % len(SENTENCE)])
            self._weights = np.asarray(self._weights + (target - self._weights) * 0.6, np.float32)
            pose = self._life.pose(self._tick * TICK_US / 1e6, 0.6, True)
            self._figure.render(Moment(self._weights, pose, self._tick * TICK_US))
            self._tick += 1
        self.spent.append((time.process_time() - cpu) / count * 1e3)


def measure(packs: list[AvatarPack]) -> dict[str, dict[str, float]]:
    """Median over the rounds, ms of CPU a picture, by size and id."""
    out: dict[str, dict[str, float]] = {}
    for width, height in SIZES:
        talkers = {pack.id: Talker(pack.stage(Framing(width, height, (223, 229, 238)))) for pack in packs}
        for _ in range(ROUNDS):
            for talker in talkers.values():
                talker.talk(PICTURES)
        out[f"{width}x{height}"] = {i: round(float(np.median(t.spent[1:])), 2) for i, t in talkers.items()}
    return out


if __name__ == "__main__":
    cv2.setNumThreads(1)  # as a server has it
    packs: list[AvatarPack] = [Catalog().list()[0], *(open_pack(Path(folder)) for folder in sys.argv[1:])]
    sys.stdout.write(json.dumps(measure(packs)) + "\n")
