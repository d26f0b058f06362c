"""A digital-human pack on disk, as an ``AvatarPack``."""

from __future__ import annotations

import threading
import zlib
from collections import OrderedDict
from functools import cache
from pathlib import Path

from bunraku.core.errors import DigitalHumanBroken
from bunraku.node.avatars.base import Framing
from bunraku.node.avatars.pack.figure import PackFigure
from bunraku.node.avatars.pack.manifest import Manifest, read
from bunraku.node.avatars.pack.plates import Art, Limb, Plate

CACHE_BYTES = 400_000_000
"""Decoded art kept for the next task; running figures keep theirs alive regardless."""

HEAD_GESTURES = ("nod", "shake_head", "bow", "idle_action", "mute_action")

Decoded = tuple[tuple[Plate, ...], tuple[Limb, ...]]


class ArtCache:
    """Decoded sizes of all packs of the process, the least recently used given up first."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._lock = threading.Lock()
        self._held: OrderedDict[tuple[Path, int, int], Decoded] = OrderedDict()

    def get(self, key: tuple[Path, int, int]) -> Decoded | None:
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
            return self._held.get(key)

    def put(self, key: tuple[Path, int, int], decoded: Decoded) -> None:
        with self._lock:
            self._held[key] = decoded
            while len(self._held) > 1 and sum(map(size_of, self._held.values())) > self._capacity:
                self._held.popitem(last=False)


ART = ArtCache(CACHE_BYTES)


def size_of(decoded: Decoded) -> int:
    """Bytes of decoded art."""
    plates, limbs = decoded
    return sum(p.nbytes for p in plates) + sum(limb.image.nbytes for limb in limbs)


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
        parts = ["fields.npz", *(limb.image for limb in self.manifest.limbs)]
        for i in range(len(self.manifest.poses)):
            parts += [f"pose_{i}.webp", f"mouth_{i}.webp", f"eyes_{i}.webp"]
        missing = [p for p in parts if not (folder / p).is_file()]
        if missing:
            raise DigitalHumanBroken(f"{missing[0]} missing")
        sizes = ",".join(str((folder / p).stat().st_size) for p in parts)
        self._version = f"{zlib.crc32((folder / 'manifest.json').read_bytes() + sizes.encode()):08x}"
        self._art = Art(self.manifest, folder)
        self._building = threading.Lock()

    @property
    def id(self) -> str:
        return self.manifest.id

    @property
    def name(self) -> str:
        return self.manifest.name

    @property
    def version(self) -> str:
        return self._version

    @property
    def emotion(self) -> str:
        return self.manifest.emotion

    @property
    def voices(self) -> dict[str, tuple[str, ...]]:
        return self.manifest.voices

    @property
    def gestures(self) -> tuple[str, ...]:
        raised = dict.fromkeys(limb.gesture for limb in self.manifest.limbs)
        return (*HEAD_GESTURES[:3], *raised, *HEAD_GESTURES[3:])

    def stage(self, framing: Framing) -> PackFigure:
        plates, limbs = self.plates(framing.width, framing.height)
        return PackFigure(self.manifest, plates, limbs, framing)

    def plates(self, width: int, height: int) -> Decoded:
        key = (self.folder, width, height)
        with self._building:
            decoded = ART.get(key)
            if decoded is None:
                decoded = self._art.build(width, height)
                ART.put(key, decoded)
            return decoded
