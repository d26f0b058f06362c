"""Decoded art of one pack at one size, shared by every figure that shows it.

A *plate* is one head pose; its *sprites* replace the mouth or the eyes. All planes are I420
(limited range, BT.601) with straight colour and a separate alpha plane, so that a figure can
be laid over any background.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeAlias
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from bunraku.core.errors import DigitalHumanBroken
from bunraku.core.media import Rect
from bunraku.node.avatars.pack.cv import cv2
from bunraku.node.avatars.pack.manifest import SPRITE_MARGIN, LimbArt, Manifest, View

U8: TypeAlias = npt.NDArray[np.uint8]
F32: TypeAlias = npt.NDArray[np.float32]

NODE = 16
"""Frame px between nodes of the warp field. Node i lies at px ``NODE * i + NODE_AT``: one cell
outside the frame and at cell centres, which is where ``cv2.resize`` expects samples."""

NODE_AT = -NODE / 2 - 0.5
BAND = 64  # rows that are warped together
STILL = 0.1  # px: the face shows the smallest move
STILL_ELSEWHERE = 0.4  # breathing and swaying pass this every other picture
REACH_X, REACH_Y = 28, 64  # art px: the farthest the bases carry the figure's edge, a deep bow included


@dataclass(frozen=True, slots=True)
class Layer:
    """I420 planes of a rectangle, straight colour; ``alpha`` and ``alpha_half`` are None when opaque."""

    rect: Rect
    y: U8
    u: U8
    v: U8
    alpha: U8 | None
    alpha_half: U8 | None

    @property
    def nbytes(self) -> int:
        """Bytes of its planes."""
        planes = (self.y, self.u, self.v, self.alpha, self.alpha_half)
        return sum(p.nbytes for p in planes if p is not None)


@dataclass(frozen=True, slots=True)
class Band:
    """Rows that are warped together, and how far (px) they may move before they are drawn anew."""

    rect: Rect
    still: float


@dataclass(frozen=True, slots=True)
class Plate:
    """One head pose. ``bases`` has shape (n, rows, columns, 2): frame px per parameter unit.

    ``bands`` cover, top to bottom, everything that can move. ``neck`` lies under ``body``.
    """

    yaw: float
    pitch: float
    body: Layer
    mouths: tuple[Layer, ...]
    eyes: tuple[Layer, ...]
    bases: F32
    bands: tuple[Band, ...]
    neck: Layer | None = None

    @property
    def nbytes(self) -> int:
        layers = (self.body, *self.mouths, *self.eyes, *((self.neck,) if self.neck else ()))
        return self.bases.nbytes + sum(layer.nbytes for layer in layers)


@dataclass(frozen=True, slots=True)
class Limb:
    """Premultiplied BGRA in frame scale; all lengths in frame px, angles in degrees."""

    gesture: str
    image: U8
    x: float
    y: float
    pivot: tuple[float, float]
    drop: float
    lean: float
    swing: float
    bob: float
    beats: float


class Decoded(NamedTuple):
    """All that is shown of a pack in pictures of one size; its planes may be read-only."""

    plates: tuple[Plate, ...]
    limbs: tuple[Limb, ...]

    @property
    def nbytes(self) -> int:
        return sum(p.nbytes for p in self.plates) + sum(limb.image.nbytes for limb in self.limbs)


def layer_from_bgra(bgra: U8, rect: Rect) -> Layer:
    """Convert straight BGRA of exactly ``rect``'s size."""
    width, height = rect.width, rect.height
    i420 = cv2.cvtColor(bgra, cv2.COLOR_BGRA2YUV_I420).reshape(-1)
    n = width * height
    alpha = np.ascontiguousarray(bgra[..., 3])
    opaque = bool(alpha.min() >= 254)
    half = None if opaque else cv2.resize(alpha, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    return Layer(
        rect,
        i420[:n].reshape(height, width).copy(),
        i420[n : n + n // 4].reshape(height // 2, width // 2).copy(),
        i420[n + n // 4 :].reshape(height // 2, width // 2).copy(),
        None if opaque else alpha,
        half,
    )


def decode(path: Path) -> U8:
    """Straight BGRA. Raises ``DigitalHumanBroken``."""
    try:
        data = np.fromfile(path, np.uint8)
    except OSError as error:
        raise DigitalHumanBroken(f"{path.name} missing") from error
    image = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if data.size else None
    if image is None or image.ndim != 3 or image.dtype != np.uint8:
        raise DigitalHumanBroken(f"{path.name} unreadable")
    return cv2.cvtColor(image, cv2.COLOR_BGR2BGRA) if image.shape[2] == 3 else image


@dataclass(frozen=True)
class Art:
    """A pack's pictures on disk, and how they are decoded."""

    manifest: Manifest
    folder: Path

    def _fields(self) -> F32:
        """Displacement bases in art px, shape (poses, bases, rows, columns, 2)."""
        try:
            with np.load(self.folder / "fields.npz", allow_pickle=False) as data:
                fields: F32 = data["bases"].astype(np.float32)
        except (OSError, KeyError, ValueError, BadZipFile) as error:
            raise DigitalHumanBroken("fields.npz unreadable") from error
        m = self.manifest
        if fields.ndim != 5 or fields.shape[:2] + fields.shape[4:] != (len(m.poses), len(m.bases), 2):
            raise DigitalHumanBroken("fields.npz does not fit the manifest")
        return fields

    def view(self, width: int, height: int) -> tuple[float, float, float]:
        """(scale, left, top): frame px = (art px - (left, top)) * scale.

        Portrait pictures show the half figure, square and wide ones head and shoulders; sides
        between the two are interpolated so that no aspect ratio jumps.
        """
        m = self.manifest
        aspect = height / width
        portrait, square = m.portrait, m.square
        slender = portrait.height / portrait.width - 1.0
        t = min(1.0, max(0.0, (aspect - 1.0) / slender)) if slender else 0.0

        def blend(name: str) -> float:
            a, b = getattr(square, name), getattr(portrait, name)
            return a + (b - a) * t

        shown = View(x=blend("x"), y=blend("y"), width=blend("width"), height=blend("height"))
        scale = max(height / shown.height, min(width / shown.width, height / shown.height))
        left, top = shown.x - width / scale / 2, shown.y - height / scale / 2
        # Nothing of the figure exists below the art's edge: never show the cut.
        top = min(top, m.art.height - height / scale)
        if abs(scale - 1) < 1e-6:  # whole pixels need no resampling
            return 1.0, float(round(left)), float(round(top))
        return scale, left, top

    def decode(self, width: int, height: int) -> Decoded:
        """Resample everything for a frame of this size. Takes CPU time: call it off the event loop.

        Raises ``DigitalHumanBroken``.
        """
        return Decoded(tuple(self.plates(width, height)), tuple(self.limbs(width, height)))

    def plates(self, width: int, height: int) -> Iterator[Plate]:
        """One after another, for whoever has no room for all at once."""
        lens = Lens(*self.view(width, height), width, height)
        m, fields = self.manifest, self._fields()
        for index, pose in enumerate(m.poses):
            base = decode(self.folder / f"pose_{index}.webp")
            if base.shape[:2] != (m.art.height, m.art.width):
                raise DigitalHumanBroken(f"pose_{index}.webp has the wrong size")
            body = layer_from_bgra(lens.shoot(base, 0, 0, lens.whole), lens.whole)
            mouths = self._sprites(lens, base, f"mouth_{index}.webp", pose.mouth_rect, len(m.mouths))
            eyes = self._sprites(lens, base, f"eyes_{index}.webp", pose.eyes_rect, len(m.eyes))
            bases = lens.field(fields[index], m.art.grid)
            bands = lens.bands(bases, body, (mouths[0].rect, eyes[0].rect))
            neck = self._neck(lens, f"neck_{index}.webp", pose.neck_rect) if pose.neck_rect else None
            yield Plate(pose.yaw, pose.pitch, body, mouths, eyes, bases, bands, neck)

    def _neck(self, lens: Lens, name: str, box: tuple[int, int, int, int]) -> Layer:
        x, y, w, h = box
        image = decode(self.folder / name)
        if image.shape[:2] != (h, w):
            raise DigitalHumanBroken(f"{name} has the wrong size")
        target = lens.frame_rect(box)
        return layer_from_bgra(lens.shoot(image, x, y, target), target)

    def limbs(self, width: int, height: int) -> Iterator[Limb]:
        lens = Lens(*self.view(width, height), width, height)
        for limb in self.manifest.limbs:
            yield self._limb(lens, limb)

    def _sprites(
        self, lens: Lens, base: U8, name: str, box: tuple[int, int, int, int], count: int
    ) -> tuple[Layer, ...]:
        x, y, w, h = box
        sheet = decode(self.folder / name)
        if sheet.shape[:2] != (h * count, w):
            raise DigitalHumanBroken(f"{name} has the wrong size")
        target, margin = lens.frame_rect(box), SPRITE_MARGIN
        # Sprites are resampled inside their surroundings, so that their edges match the base.
        patch = base[y - margin : y + h + margin, x - margin : x + w + margin].copy()
        layers: list[Layer] = []
        for i in range(count):
            patch[margin:-margin, margin:-margin] = sheet[i * h : (i + 1) * h]
            layers.append(layer_from_bgra(lens.shoot(patch, x - margin, y - margin, target), target))
        return tuple(layers)

    def _limb(self, lens: Lens, limb: LimbArt) -> Limb:
        image = decode(self.folder / limb.image)
        h, w = image.shape[:2]
        size = (max(1, round(w * lens.scale)), max(1, round(h * lens.scale)))
        bgra = cv2.resize(premultiply(image), size, interpolation=cv2.INTER_AREA)
        x, y = lens.to_frame(limb.x, limb.y)
        return Limb(
            limb.gesture,
            bgra,
            x,
            y,
            lens.to_frame(limb.pivot_x, limb.pivot_y),
            limb.drop * lens.scale,
            limb.lean,
            limb.swing,
            limb.bob * lens.scale,
            limb.beats,
        )


def _cut(bgra: U8, x: int, y: int, width: int, height: int) -> U8:
    """A rectangle of the art; transparent where it lies outside."""
    out = np.zeros((height, width, 4), np.uint8)
    x0, y0 = max(0, x), max(0, y)
    x1, y1 = min(bgra.shape[1], x + width), min(bgra.shape[0], y + height)
    if x1 > x0 and y1 > y0:
        out[y0 - y : y1 - y, x0 - x : x1 - x] = bgra[y0:y1, x0:x1]
    return out


def premultiply(bgra: U8) -> U8:
    """Colour weighted by alpha, in 8 bits."""
    alpha = bgra[..., 3]
    if alpha.min() == 255:
        return bgra
    weights = cv2.cvtColor(np.ascontiguousarray(alpha), cv2.COLOR_GRAY2BGR)
    colour = cv2.multiply(np.ascontiguousarray(bgra[..., :3]), weights, scale=1 / 255)
    return np.dstack([colour, alpha])


def straighten(bgra: U8) -> U8:
    """The inverse of ``premultiply``; black where nothing is."""
    alpha = bgra[..., 3]
    if alpha.min() == 255:
        return bgra
    weights = cv2.cvtColor(np.ascontiguousarray(alpha), cv2.COLOR_GRAY2BGR)
    colour = cv2.divide(np.ascontiguousarray(bgra[..., :3]), weights, scale=255)
    return np.dstack([colour, alpha])


@dataclass(frozen=True)
class Lens:
    """The map from art px to frame px: (art - (left, top)) * scale."""

    scale: float
    left: float
    top: float
    width: int
    height: int

    @property
    def whole(self) -> Rect:
        return Rect(0, 0, self.width, self.height)

    def to_frame(self, x: float, y: float) -> tuple[float, float]:
        return (x - self.left) * self.scale, (y - self.top) * self.scale

    def frame_rect(self, box: tuple[int, int, int, int]) -> Rect:
        """The smallest even rectangle inside the frame that covers an art rectangle."""
        x, y, w, h = box
        (x0, y0), (x1, y1) = self.to_frame(x, y), self.to_frame(x + w, y + h)
        left, top = max(0, math.floor(x0 / 2) * 2), max(0, math.floor(y0 / 2) * 2)
        right, bottom = min(self.width, math.ceil(x1 / 2) * 2), min(self.height, math.ceil(y1 / 2) * 2)
        return Rect(left, top, max(2, right - left), max(2, bottom - top))

    def shoot(self, bgra: U8, x: int, y: int, rect: Rect) -> U8:
        """Resample art whose corner lies at (x, y) into ``rect`` of the frame; straight BGRA."""
        if self.scale == 1.0 and self.left.is_integer() and self.top.is_integer():
            return _cut(
                bgra, rect.x + int(self.left) - x, rect.y + int(self.top) - y, rect.width, rect.height
            )
        art = premultiply(bgra)
        if self.scale < 0.95:  # bilinear sampling alone would alias the hair
            art = cv2.GaussianBlur(art, (0, 0), 0.42 * (1 / self.scale - 0.35))
        s = self.scale
        # Pixel centres: frame + 0.5 = (art + 0.5 - corner) * scale.
        dx = (x + 0.5 - self.left) * s - 0.5 - rect.x
        dy = (y + 0.5 - self.top) * s - 0.5 - rect.y
        out = cv2.warpAffine(
            art, np.array([[s, 0, dx], [0, s, dy]]), (rect.width, rect.height), flags=cv2.INTER_LINEAR
        )
        return straighten(out)

    def field(self, bases: F32, grid: int) -> F32:
        """Displacement bases resampled to the warp nodes of the frame, in frame px."""
        columns, rows = -(-self.width // NODE) + 2, -(-self.height // NODE) + 2
        x = ((np.arange(columns) * NODE + NODE_AT + 0.5) / self.scale + self.left - 0.5) / grid
        y = ((np.arange(rows) * NODE + NODE_AT + 0.5) / self.scale + self.top - 0.5) / grid
        map_x, map_y = np.meshgrid(x.astype(np.float32), y.astype(np.float32))
        planes = [
            cv2.remap(
                np.ascontiguousarray(b[..., c]),
                map_x,
                map_y,
                cv2.INTER_LINEAR,
                borderMode=cv2.BORDER_REPLICATE,
            )
            for b in bases
            for c in (0, 1)
        ]
        out = np.stack(planes, -1).reshape(rows, columns, len(bases), 2).transpose(2, 0, 1, 3) * self.scale
        return np.ascontiguousarray(out, np.float32)

    def bands(self, bases: F32, body: Layer, face: tuple[Rect, ...]) -> tuple[Band, ...]:
        """Everything that can move: where the bases push and the figure may come to lie."""
        moving = np.abs(bases).max((0, 3)) > 0.02
        aside, down = round(REACH_X * self.scale), round(REACH_Y * self.scale)
        solid = np.ones((self.height, self.width), bool) if body.alpha is None else body.alpha > 0
        out: list[Band] = []
        for y in range(0, self.height, BAND):
            height = min(BAND, self.height - y)
            nodes = np.nonzero(moving[y // NODE : -(-(y + height) // NODE) + 2].any(0))[0]
            drawn = np.nonzero(solid[max(0, y - down) : y + height + down].any(0))[0]
            if not nodes.size or not drawn.size:
                continue
            x0 = max(0, (int(nodes[0]) - 1) * NODE, (int(drawn[0]) - aside) // NODE * NODE)
            x1 = min(self.width, (int(nodes[-1]) + 1) * NODE, -(-(int(drawn[-1]) + aside) // NODE) * NODE)
            if x1 > x0:
                near = any(r.y < y + height and y < r.y + r.height for r in face)
                out.append(Band(Rect(x0, y, x1 - x0, height), STILL if near else STILL_ELSEWHERE))
        return tuple(out)
