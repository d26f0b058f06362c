"""A digital-human pack on disk, as an ``AvatarPack``."""

from __future__ import annotations

import threading
from collections import OrderedDict
from functools import cache
from pathlib import Path

from bunraku.avatars.base import Framing
from bunraku.avatars.pack.figure import PackFigure
from bunraku.avatars.pack.manifest import Manifest, read
from bunraku.avatars.pack.plates import Arm, Art, Plate
from bunraku.errors import DigitalHumanBroken

SIZES_KEPT = 4  # decoded sizes held per pack; running figures keep theirs alive regardless

HEAD_GESTURES = ("nod", "shake_head", "bow", "idle_action", "mute_action")


@cache
def open_pack(folder: Path) -> Pack:
    """The pack in a folder, decoded once per process however many servers and tasks show it.

    Raises ``DigitalHumanVersion`` or ``DigitalHumanBroken``, which are not remembered.
    """
    return Pack(folder)


class Pack:
    """Thread-safe; decoding a size happens once even when many tasks ask for it together."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest: Manifest = read(folder)
        parts = ["fields.npz", *([self.manifest.arm.image] if self.manifest.arm else [])]
        for i in range(len(self.manifest.poses)):
            parts += [f"pose_{i}.webp", f"mouth_{i}.webp", f"eyes_{i}.webp"]
        missing = [p for p in parts if not (folder / p).is_file()]
        if missing:
            raise DigitalHumanBroken(f"{missing[0]} missing")
        self._art = Art(self.manifest, folder)
        self._lock = threading.Lock()
        self._sizes: OrderedDict[tuple[int, int], tuple[tuple[Plate, ...], Arm | None]] = OrderedDict()

    @property
    def id(self) -> str:
        return self.manifest.id

    @property
    def name(self) -> str:
        return self.manifest.name

    @property
    def gestures(self) -> tuple[str, ...]:
        return (*HEAD_GESTURES[:3], *(("wave",) if self.manifest.arm else ()), *HEAD_GESTURES[3:])

    def stage(self, framing: Framing) -> PackFigure:
        plates, arm = self.plates(framing.width, framing.height)
        return PackFigure(self.manifest, plates, arm, framing)

    def plates(self, width: int, height: int) -> tuple[tuple[Plate, ...], Arm | None]:
        key = (width, height)
        with self._lock:
            if key not in self._sizes:
                self._sizes[key] = self._art.build(width, height)
                while len(self._sizes) > SIZES_KEPT:
                    self._sizes.popitem(last=False)
            self._sizes.move_to_end(key)
            return self._sizes[key]

    @property
    def decoded_bytes(self) -> int:
        """Memory of all sizes held."""
        total = 0
        for plates, _ in self._sizes.values():
            for p in plates:
                total += p.body.nbytes + p.bases.nbytes + sum(s.nbytes for s in (*p.mouths, *p.eyes))
        return total
