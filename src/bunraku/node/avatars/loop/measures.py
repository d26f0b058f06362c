"""What was measured of frames and patches: ``frames.npz`` and ``mouths.npz``, read without trust.

An array's kind and shape are known before a byte of it is unpacked: a small zip may unfold to anything.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import numpy as np
import numpy.typing as npt

from bunraku.core.errors import DigitalHumanBroken
from bunraku.node.avatars.loop.jaw import JawField
from bunraku.node.avatars.loop.manifest import LoopManifest
from bunraku.node.avatars.pack.mouth import AXES

F32 = npt.NDArray[np.float32]
I32 = npt.NDArray[np.int32]
MOST_PATCHES = 400
MOST_FALL = 0.4  # of the jaw's field: one that falls farther is drawn over itself
HEADER = 10_000  # bytes before an array's own that are believed
KINDS = (np.float16, np.float32, np.float64, np.int16, np.int32, np.int64)
FARTHEST = 4.0  # lengths of the footage's longer side that a patch's corner may lie outside


@dataclass(frozen=True)
class FrameMeasures:
    """Of n frames: ``place`` (n, 2, 3), from patch px to art px, both counted at pixel centres; ``tone``
    (n, 2, 3), gain and offset of Y, U and V for a patch in this frame's light; ``turn`` (n, 2), yaw and
    pitch in degrees."""

    place: F32
    tone: F32
    turn: F32


@dataclass(frozen=True)
class MouthMeasures:
    """Of k patches: ``at`` (k, 6), the point in mouth space (``AXES``); ``turn`` (k, 2), yaw and pitch at
    which it was seen; ``take`` (k, 2), the run it is of (below zero: of none) and its place there; ``fall``
    (k,), how far the jaw is down in it, patch px; ``jaw``: what of the face goes down with it, if anything
    does."""

    at: F32
    turn: F32
    take: I32
    fall: F32
    jaw: JawField | None


def read_frames(folder: Path, manifest: LoopManifest) -> FrameMeasures:
    """Raises ``DigitalHumanBroken``."""
    name, n = "frames.npz", manifest.frames
    with _Npz(folder, name) as file:
        place, tone = file.floats("place", (n, 2, 3)), file.floats("tone", (n, 2, 3))
        turn = np.stack([file.floats("yaw", (n,)), file.floats("pitch", (n,))], 1)
    w, h = manifest.patch.width, manifest.patch.height
    corners = place @ np.array([[0, w, 0, w], [0, 0, h, h], [1, 1, 1, 1]], np.float32)
    if np.abs(corners).max() > FARTHEST * max(manifest.art.width, manifest.art.height):
        raise DigitalHumanBroken(f"{name}: place lies outside the footage")
    if (np.abs(np.linalg.det(place[:, :, :2].astype(np.float64))) < 1e-3).any():
        raise DigitalHumanBroken(f"{name}: place is no place")
    if np.abs(tone[:, 0]).max() > 8 or np.abs(tone[:, 1]).max() > 255:
        raise DigitalHumanBroken(f"{name}: tone is out of range")
    return FrameMeasures(place, tone, turn)


def read_mouths(folder: Path) -> MouthMeasures:
    """Raises ``DigitalHumanBroken``."""
    name = "mouths.npz"
    with _Npz(folder, name) as file:
        k = file.length("at")
        if not 1 <= k <= MOST_PATCHES:
            raise DigitalHumanBroken(f"{name}: {k} patches, of 1 to {MOST_PATCHES}")
        at, turn = file.floats("at", (k, len(AXES))), file.floats("pose", (k, 2))
        take = file.floats("take", (k, 2))
        jaw = _jaw(file)
        fall = file.floats("fall", (k,)) if jaw else np.zeros(k, np.float32)
    if np.abs(at).max() > 100 or np.abs(turn).max() > 360 or np.abs(take).max() > 1e6:
        raise DigitalHumanBroken(f"{name}: out of range")
    if jaw and (fall.min() < 0 or fall.max() > MOST_FALL * jaw.box[3]):
        raise DigitalHumanBroken(f"{name}: fall is out of range")
    return MouthMeasures(at, turn, take.astype(np.int32), fall, jaw)


def _jaw(file: _Npz) -> JawField | None:
    """None in a pack that has none."""
    if not file.has("jaw"):
        return None
    shape = file.shape("jaw")
    if len(shape) != 2 or not 4 <= min(shape) <= max(shape) <= 256:
        raise DigitalHumanBroken(f"mouths.npz: jaw of {shape}"[:200])
    share, (x, y, width, height) = file.floats("jaw", shape), file.floats("jaw_box", (4,)).tolist()
    if (
        share.min() < 0
        or share.max() > 1
        or max(abs(x), abs(y)) > 4096
        or not 8 <= min(width, height) <= 4096
    ):
        raise DigitalHumanBroken("mouths.npz: jaw is out of range")
    if share[[0, -1]].any() or share[:, [0, -1]].any():
        raise DigitalHumanBroken("mouths.npz: the rim of jaw moves")
    return JawField(share, (x, y, width, height))


class _Npz:
    def __init__(self, folder: Path, name: str) -> None:
        self._name = name
        try:
            self._zip = ZipFile(folder / name)
        except FileNotFoundError as error:
            raise DigitalHumanBroken(f"{name} missing") from error
        except (OSError, BadZipFile, ValueError) as error:
            raise DigitalHumanBroken(f"{name} unreadable") from error

    def __enter__(self) -> _Npz:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    def has(self, field: str) -> bool:
        return f"{field}.npy" in self._zip.namelist()

    def shape(self, field: str) -> tuple[int, ...]:
        return self._read(field, 0)[0]

    def length(self, field: str) -> int:
        shape = self.shape(field)
        return shape[0] if shape else 0

    def floats(self, field: str, shape: tuple[int, ...]) -> F32:
        found, kind, data = self._read(field, int(np.prod(shape)) * 8)
        count = int(np.prod(shape))
        if found != shape or kind not in KINDS or len(data) < count * np.dtype(kind).itemsize:
            raise DigitalHumanBroken(f"{self._name}: {field} must be {shape}, is {found} of {kind}"[:200])
        out = np.frombuffer(data, kind, count).reshape(shape).astype(np.float32)
        if not np.isfinite(out).all():
            raise DigitalHumanBroken(f"{self._name}: {field} holds what is no number")
        return out

    def _read(self, field: str, most: int) -> tuple[tuple[int, ...], Any, bytes]:
        """Shape, kind and at most ``most`` bytes of an array."""
        try:
            with self._zip.open(f"{field}.npy") as file:
                start = io.BytesIO(file.read(HEADER + most))
            version = np.lib.format.read_magic(start)
            read = {
                (1, 0): np.lib.format.read_array_header_1_0,
                (2, 0): np.lib.format.read_array_header_2_0,
            }[version]
            shape, fortran, kind = read(start)
        except (OSError, KeyError, ValueError, BadZipFile, NotImplementedError, RuntimeError) as error:
            raise DigitalHumanBroken(f"{self._name}: {field} unreadable") from error
        except Exception as error:  # zlib's own, and what else a damaged stream brings forth
            raise DigitalHumanBroken(f"{self._name}: {field} damaged") from error
        if fortran and len(shape) > 1:
            raise DigitalHumanBroken(f"{self._name}: {field} must be in C order")
        return tuple(shape), kind, start.read()
