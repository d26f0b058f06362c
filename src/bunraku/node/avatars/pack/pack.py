"""A digital-human pack on disk, as an ``AvatarPack``."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path

import cv2

from bunraku.core.errors import DigitalHumanBroken
from bunraku.core.framing import Framing
from bunraku.node.avatars.mapped import ArrayFolder
from bunraku.node.avatars.pack import bundle as bundled
from bunraku.node.avatars.pack import stored
from bunraku.node.avatars.pack.figure import PackFigure
from bunraku.node.avatars.pack.manifest import Manifest, read
from bunraku.node.avatars.pack.plates import Art, Decoded
from bunraku.node.avatars.pack.tracer import MomentTracer

CACHE_BYTES = 400_000_000
"""Decoded art kept at hand for the next task; running figures keep theirs alive regardless."""

DECODER = 2
"""Of ``plates``: raise it when the same pack is decoded to other planes than before."""


class ArtCache:
    """Decoded sizes of all packs of the process, the least recently used given up first."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._lock = threading.Lock()
        self._held: OrderedDict[str, Decoded] = OrderedDict()

    def get(self, name: str) -> Decoded | None:
        with self._lock:
            if name in self._held:
                self._held.move_to_end(name)
            return self._held.get(name)

    def put(self, name: str, decoded: Decoded) -> None:
        with self._lock:
            self._held[name] = decoded
            while len(self._held) > 1 and sum(d.nbytes for d in self._held.values()) > self._capacity:
                self._held.popitem(last=False)

    def drop(self, prefix: str) -> None:
        with self._lock:
            for name in [n for n in self._held if n.startswith(prefix)]:
                del self._held[name]


ART = ArtCache(CACHE_BYTES)


class Pack:
    """Thread-safe; decoding a size happens once even when many tasks ask for it together.

    With a ``cache`` folder what was decoded is mapped from there, in every process that is given
    the same one; without, or when its disk is full, it stays in memory.
    """

    def __init__(self, folder: Path, cache: Path | None = None) -> None:
        self.folder = folder
        self.manifest: Manifest = read(folder)
        self._version = _digest(folder, self.manifest)
        self._gestures = self.manifest.gestures
        self._art = Art(self.manifest, folder)
        self._files = ArrayFolder(cache) if cache is not None else None
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
    def gestures(self) -> Mapping[str, float]:
        return self._gestures

    @property
    def portrait(self) -> Path | None:
        found = self.folder / "avatar.jpg"
        return found if found.is_file() else None

    def close(self) -> None:
        ART.drop(f"{self._version}-")

    def stage(self, framing: Framing) -> PackFigure:
        tracer = MomentTracer(self.manifest, self.art)
        return PackFigure(self.manifest, self.decoded(framing.width, framing.height), framing, tracer)

    @property
    def art(self) -> str:
        return hashlib.sha256(f"{bundled.FORMAT} {self._version}".encode()).hexdigest()[:32]

    def bundle(self) -> bytes:
        return bundled.bundle(self.manifest, self.folder)

    def decoded(self, width: int, height: int) -> Decoded:
        """The art at one size of picture. Raises ``DigitalHumanBroken``."""
        name = f"{self._version}-{width}x{height}"
        with self._building:
            found = ART.get(name)
            if found is None:
                found = self._shared(name, width, height) or self._art.decode(width, height)
                ART.put(name, found)
            elif self._files is not None:
                self._files.touch(name)
            return found

    def _shared(self, name: str, width: int, height: int) -> Decoded | None:
        """By way of a file that is mapped; None when there can be none."""
        if self._files is None:
            return None
        kept = self._files.open(name)
        if kept is not None:
            try:
                return stored.load(kept)
            except stored.Damaged:
                self._files.remove(name)
        made = self._files.make(name, lambda out: stored.save(out, self._art, width, height))
        return stored.load(made) if made is not None else None


def _digest(folder: Path, manifest: Manifest) -> str:
    """Of everything that the planes of a pack are made from, the decoders included."""
    parts = ["manifest.json", "fields.npz", *(limb.image for limb in manifest.limbs)]
    for i, pose in enumerate(manifest.poses):
        parts += [f"pose_{i}.webp", f"mouth_{i}.webp", f"eyes_{i}.webp"]
        parts += [f"neck_{i}.webp"] if pose.neck_rect else []
    digest = hashlib.sha256(f"{DECODER} {cv2.__version__}".encode())
    for part in parts:
        try:
            with (folder / part).open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        except OSError as error:
            raise DigitalHumanBroken(f"{part} missing") from error
    return digest.hexdigest()[:32]
