"""The mouth patches at one scale, shared by every figure that shows them; and how one is laid in.

All planes are I420 (limited range, BT.601) with straight colour and a separate alpha.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bunraku.core.errors import DigitalHumanBroken
from bunraku.node.avatars.loop.manifest import LoopManifest
from bunraku.node.avatars.loop.proxy import Planes
from bunraku.node.avatars.mapped import Array, ArrayFile, ArrayWriter
from bunraku.node.avatars.pack.cv import cv2
from bunraku.node.avatars.picture_file import BackdropFailed, size_of

U8 = npt.NDArray[np.uint8]
F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]

TALLEST = 16383
"""px: WebP knows no longer side."""

LARGEST_SHEET = 32 * 1024 * 1024  # bytes of a file
LOOK = 24
"""Columns to which patches are reduced to compare how they look."""

FIELDS = ("y", "u", "v", "alpha", "apart")


@dataclass(frozen=True)
class Patches:
    """Of k patches of h x w px: ``y`` (k, h, w); ``u``, ``v`` and ``alpha`` (k, h/2, w/2), the alpha of one
    when all are alike; ``apart`` (k, k) float32: the mean squared difference of their looks, grey levels.
    ``scale``: px of these per px of the pack's, in x and y."""

    scale: tuple[float, float]
    y: Array
    u: Array
    v: Array
    alpha: Array
    apart: Array

    def write(self, out: ArrayWriter) -> object:
        return {"scale": self.scale} | {name: out.add(getattr(self, name)) for name in FIELDS}

    @staticmethod
    def of(file: ArrayFile) -> Patches:
        """What ``write`` wrote. Raises ``KeyError``, ``TypeError`` or ``ValueError`` for anything else."""
        arrays = {name: file.array(file.index[name]) for name in FIELDS}
        x, y = file.index["scale"]
        return Patches((float(x), float(y)), **arrays)


def decode_patches(folder: Path, manifest: LoopManifest, count: int, scale: float) -> Patches:
    """All ``count`` patches at ``scale`` (at most 1) of their size. Takes CPU time. Raises
    ``DigitalHumanBroken``."""
    size = manifest.patch
    w, h = (max(8, round(side * scale / 2) * 2) for side in (size.width, size.height))
    y = np.empty((count, h, w), np.uint8)
    u, v, alpha = (np.empty((count, h // 2, w // 2), np.uint8) for _ in range(3))
    looks = []
    for i, bgra in enumerate(_patches(folder, manifest, count)):
        if bgra[0, :, 3].any() or bgra[-1, :, 3].any() or bgra[:, 0, 3].any() or bgra[:, -1, 3].any():
            raise DigitalHumanBroken(f"mouths: the edge of patch {i} is not transparent")
        if (w, h) != (size.width, size.height):
            bgra = cv2.resize(bgra, (w, h), interpolation=cv2.INTER_AREA)
        i420 = cv2.cvtColor(np.ascontiguousarray(bgra[..., :3]), cv2.COLOR_BGR2YUV_I420).reshape(-1)
        n = w * h
        y[i] = i420[:n].reshape(h, w)
        u[i], v[i] = i420[n : n + n // 4].reshape(h // 2, w // 2), i420[n + n // 4 :].reshape(h // 2, w // 2)
        half = cv2.resize(bgra[..., 3], (w // 2, h // 2), interpolation=cv2.INTER_AREA)
        half[[0, -1]], half[:, [0, -1]] = 0, 0  # nothing is known beyond
        alpha[i] = half
        looks.append(_look(y[i], u[i], v[i], half))
    if count > 1 and (alpha == alpha[0]).all():
        alpha = alpha[:1].copy()
    return Patches((w / size.width, h / size.height), y, u, v, alpha, _apart(np.stack(looks)))


def _patches(folder: Path, manifest: LoopManifest, count: int) -> Iterator[U8]:
    width, height = manifest.patch.width, manifest.patch.height
    most = TALLEST // height
    for sheet in range(-(-count // most)):
        here = min(most, count - sheet * most)
        bgra = _sheet(folder / f"mouths_{sheet}.webp", width, height * here)
        for i in range(here):
            yield bgra[i * height : (i + 1) * height]


def _sheet(path: Path, width: int, height: int) -> U8:
    """Straight BGRA."""
    try:
        if path.stat().st_size > LARGEST_SHEET:
            raise DigitalHumanBroken(f"{path.name} too large")
        data = path.read_bytes()
    except OSError as error:
        raise DigitalHumanBroken(f"{path.name} missing") from error
    try:
        # Nothing is unfolded before its size is known.
        codec, *size = size_of(data)
    except BackdropFailed as error:
        raise DigitalHumanBroken(f"{path.name} unreadable") from error
    if codec != "webp" or size != [width, height]:
        raise DigitalHumanBroken(f"{path.name}: {codec} of {size}, must be webp of {[width, height]}")
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if image is None or image.shape != (height, width, 4) or image.dtype != np.uint8:
        raise DigitalHumanBroken(f"{path.name} unreadable, or without alpha")
    return image


def _look(y: U8, u: U8, v: U8, alpha: U8) -> F32:
    """A patch in few numbers, as far as it covers what it is laid on."""
    rows = max(4, round(LOOK * y.shape[0] / y.shape[1]))

    def small(plane: U8) -> F32:
        return cv2.resize(plane, (LOOK, rows), interpolation=cv2.INTER_AREA).astype(np.float32)

    cover = np.sqrt(small(alpha) / 255.0)
    colour = [0.5 * (small(plane) - 128.0) for plane in (u, v)]
    return np.stack([small(y) * cover, *(c * cover for c in colour)]).reshape(-1) / math.sqrt(
        max(1.0, float((cover**2).sum()))
    )


def _apart(looks: F32) -> F32:
    square = (looks**2).sum(1)
    apart = square[:, None] + square[None, :] - 2.0 * looks @ looks.T
    return np.maximum(apart, 0.0).astype(np.float32)


class Painter:
    """Lays patches of one set into pictures."""

    def __init__(self, patches: Patches, width: int, height: int) -> None:
        self._patches, self._width, self._height = patches, width, height

    def lay(self, picture: Planes, patch: int, place: F64, tone: F32, share: float) -> None:
        """``place`` (2, 3) maps the pack's patch px to picture px, at pixel centres; ``tone`` (2, 3) is gain
        and offset of Y, U and V; ``share`` in (0, 1] is how much of the patch is seen."""
        p = self._patches
        # From the px of these patches to those of the pack's: (q + 0.5) / scale - 0.5.
        turn = place[:, :2] / p.scale
        shift = place[:, 2] + turn.sum(1) * 0.5 - place[:, :2].sum(1) * 0.5
        h, w = p.y.shape[1:]
        corners = turn @ np.array([[0.0, w, 0.0, w], [0.0, 0.0, h, h]]) + shift[:, None]
        x0, y0 = (max(0, math.floor(c / 2) * 2) for c in corners.min(1))
        x1 = min(self._width, math.ceil(corners[0].max() / 2) * 2 + 2)
        y1 = min(self._height, math.ceil(corners[1].max() / 2) * 2 + 2)
        if x1 <= x0 or y1 <= y0:
            return
        i, j = patch, patch if len(p.alpha) > 1 else 0
        luma = np.column_stack([turn, shift - (x0, y0)])
        # Of chroma pixels, each over four of luma: its centre lies at 2 c + 0.5.
        half = np.column_stack([turn, (turn.sum(1) * 0.5 + shift - 0.5 - (x0, y0)) / 2])
        size, size_half = (x1 - x0, y1 - y0), ((x1 - x0) // 2, (y1 - y0) // 2)
        cover_half = _warp(p.alpha[j], half, size_half, 0)
        if share < 1:
            cover_half = cv2.LUT(cover_half, _table(np.array([share, 0.0], np.float32), 0))
        # The edge is soft: seen at half the size it is no other.
        cover = cv2.resize(cover_half, size, interpolation=cv2.INTER_LINEAR)
        inside = slice(y0, y1), slice(x0, x1)
        inside_half = slice(y0 // 2, y1 // 2), slice(x0 // 2, x1 // 2)
        _blend(picture.y[inside], _warp(p.y[i], luma, size), _table(tone[:, 0], 0), cover)
        for plane, source, which in ((picture.u, p.u, 1), (picture.v, p.v, 2)):
            shown = _warp(source[i], half, size_half)
            _blend(plane[inside_half], shown, _table(tone[:, which], 128), cover_half)


def _warp(plane: Any, place: F64, size: tuple[int, int], beyond: int | None = None) -> U8:
    edge = cv2.BORDER_REPLICATE if beyond is None else cv2.BORDER_CONSTANT
    return cv2.warpAffine(plane, place, size, flags=cv2.INTER_LINEAR, borderMode=edge)


def _table(tone: F32, zero: int) -> U8:
    """What becomes of each value of a plane whose neutral value is ``zero``."""
    values = (np.arange(256, dtype=np.float32) - zero) * tone[0] + tone[1] + zero
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def _blend(into: U8, shown: U8, table: U8, cover: U8) -> None:
    """Where ``cover`` is 0 nothing changes."""
    over = cv2.multiply(cv2.LUT(shown, table), cover, scale=1 / 255)
    under = cv2.multiply(into, cv2.bitwise_not(cover), scale=1 / 255)
    cv2.add(over, under, dst=into)
