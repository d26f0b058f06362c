"""A pack of kind ``loop`` on disk, as an ``AvatarPack``."""

from __future__ import annotations

import hashlib
import threading
import weakref
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import cv2

from bunraku.core.errors import DigitalHumanBroken
from bunraku.core.framing import Framing
from bunraku.node.avatars.loop.figure import LoopFigure
from bunraku.node.avatars.loop.footage import Footage
from bunraku.node.avatars.loop.manifest import LoopManifest, read_loop
from bunraku.node.avatars.loop.measures import read_frames, read_mouths
from bunraku.node.avatars.loop.mouths import PathSearch, step_costs, successors
from bunraku.node.avatars.loop.patches import TALLEST, Patches, decode_patches
from bunraku.node.avatars.loop.proxy import NAME, FrameUnreadable, read_proxy
from bunraku.node.avatars.loop.view import crop_of
from bunraku.node.avatars.mapped import ArrayFolder

DECODER = 1
"""Raise it when the same pack is decoded to other patches than before."""

NO_GESTURES: Mapping[str, float] = MappingProxyType({})
"""Of footage: a head that was filmed cannot be asked to nod."""

PROVED = 12  # frames of a file that are tried before it is shown
STEPS = 20  # of a patch's scale, to 1: sizes between share one set


class LoopPack:
    """Thread-safe. Holds no file open and no thread; its figures do, each its own, until their end."""

    def __init__(self, folder: Path, cache: Path | None = None) -> None:
        """Raises ``DigitalHumanVersion`` or ``DigitalHumanBroken``."""
        self.folder = folder
        self.manifest: LoopManifest = read_loop(folder)
        self._proxy = read_proxy(folder, self.manifest)
        self.frames, self.mouths = read_frames(folder, self.manifest), read_mouths(folder)
        self._following = successors(self.mouths.take)
        self._version = _digest(folder, self.manifest, len(self.mouths.at))
        self._files = ArrayFolder(cache) if cache is not None else None
        self._building = threading.Lock()
        self._patches: weakref.WeakValueDictionary[int, Patches] = weakref.WeakValueDictionary()
        self._held: Patches | None = None
        """The set that was last asked for, at hand for the next task."""
        self._proved = False

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
        return NO_GESTURES

    @property
    def portrait(self) -> Path | None:
        found = self.folder / "avatar.jpg"
        return found if found.is_file() else None

    def close(self) -> None:
        with self._building:
            self._held = None
            self._patches.clear()

    def stage(self, framing: Framing) -> LoopFigure:
        crop = crop_of(self.manifest, framing.width, framing.height)
        patches = self.patches(max(crop.scale))
        search = PathSearch(
            self.mouths.at, self.mouths.turn, self._following, step_costs(patches.apart, self._following)
        )
        footage = Footage(self._proxy, crop, self.manifest.frame_at)
        if not self._proved:
            every = max(1, self.manifest.frames // PROVED)
            try:
                footage.prove(tuple(range(0, self.manifest.frames, every)))
            except FrameUnreadable as error:
                raise DigitalHumanBroken(f"{error} unreadable") from error
            self._proved = True
        return LoopFigure(self.manifest, self.frames, self.mouths, patches, search, footage, crop, framing)

    def patches(self, scale: float) -> Patches:
        """Reduced as far as a picture of this scale needs. Raises ``DigitalHumanBroken``."""
        step = min(STEPS, -(-round(scale * STEPS * 100) // 100))
        with self._building:
            found = self._patches.get(step)
            if found is None:
                found = self._shared(step) or self._decode(step)
                self._patches[step] = found
            self._held = found
            return found

    def _decode(self, step: int) -> Patches:
        return decode_patches(self.folder, self.manifest, len(self.mouths.at), step / STEPS)

    def _shared(self, step: int) -> Patches | None:
        """By way of a file that is mapped; None when there can be none."""
        if self._files is None:
            return None
        name = f"{self._version}-{step}"
        kept = self._files.open(name)
        if kept is not None:
            try:
                return Patches.of(kept)
            except (KeyError, TypeError, ValueError):
                self._files.remove(name)
        made = self._files.make(name, lambda out: self._decode(step).write(out))
        return Patches.of(made) if made is not None else None


def _digest(folder: Path, manifest: LoopManifest, patches: int) -> str:
    """Of everything that is shown of a pack, the decoders included."""
    sheets = -(-patches // (TALLEST // manifest.patch.height))
    parts = ["manifest.json", NAME, "frames.npz", "mouths.npz", *(f"mouths_{i}.webp" for i in range(sheets))]
    digest = hashlib.sha256(f"loop {DECODER} {cv2.__version__}".encode())
    for part in parts:
        try:
            with (folder / part).open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        except OSError as error:
            raise DigitalHumanBroken(f"{part} missing") from error
    return digest.hexdigest()[:32]
