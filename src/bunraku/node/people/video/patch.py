"""The piece of the face that a mouth is shown on: its place, its soft edge, its light.

A patch lies on the *head at rest*: points in px of the picture that the head was measured on. One px of the
patch is ``1 / scale`` px there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bunraku.node.avatars.pack.cv import cv2
from bunraku.node.people.photo.arrays import F32, F64, U8, Floats, smooth
from bunraku.node.people.photo.space import grid
from bunraku.node.people.video.steady import LIPS

WIDEST = 320  # px of a patch
JAW = (
    234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361, 323, 454,
)  # fmt: skip
CHIN = (152, 148, 377, 176, 400)
SIDE = (0.10, 0.36)  # of the eyes' distance beyond the corners: whole, gone
DOWN = (0.60, 0.87)  # of the way from the mouth's line to the chin's: whole, gone
LOWEST = 0.58  # of that way: where the lower lip's edge may be
UP = (0.78, 0.15)  # of the way from the nose to the upper lip: whole, gone
BASE = np.array([16.0, 128.0, 128.0])  # black of Y, U, V
LIGHTS = (0.5, 2.0)  # least and most of a gain
FALLS = (0.16, 0.42)
"""Of the eyes' distance: how far a jaw goes down that hardly moved in the clip, and the most."""


@dataclass(frozen=True)
class MouthSeat:
    """``width`` x ``height`` px of a patch whose px (0, 0) lies at ``origin`` of the head at rest; ``alpha``
    (h, w) 0 to 1; ``ring`` (h, w): weights of the skin by which light is compared, ``beside`` (h, w): of that
    of it which no jaw moves or shades; ``anchors`` (3, 3): the points of the head that carry the patch;
    ``line``, ``lip``, ``chin``: y of the mouth, of the lower lip's edge, of the chin, on the head at rest;
    ``unit``: between the eyes; ``fall``: how far down a jaw may be for a patch to hold it, px of the head at
    rest."""

    width: int
    height: int
    origin: F64
    scale: float
    alpha: F32
    ring: F32
    beside: F32
    anchors: F64
    line: float
    lip: float
    chin: float
    unit: float
    fall: float

    def on_patch(self, xy: Floats) -> F64:
        return (np.asarray(xy, np.float64) - self.origin) * self.scale


def eyes_apart(points: Floats) -> float:
    """Between the middles of the eyes, px: within a few per cent of what is between the pupils."""
    a, b = (points[list(ids), :2].mean(0) for ids in ((33, 133), (362, 263)))
    return float(np.linalg.norm(b - a))


def seat_of(head: Floats, fall: float = 0.0) -> MouthSeat:
    """``head`` (468, 3): the points of the head at rest, lips closed, eyes about level; ``fall``: how far the
    jaw goes down, px."""
    p = np.asarray(head, np.float64)
    unit = eyes_apart(p)
    fall = float(np.clip(fall, FALLS[0] * unit, FALLS[1] * unit))
    line = float(p[[13, 14], 1].mean())
    left, right = float(p[61, 0]), float(p[291, 0])
    nose, lip_top = float(p[2, 1]), float(p[0, 1])
    chin = float(p[list(CHIN), 1].max())
    x0, x1 = left - (SIDE[1] + 0.03) * unit, right + (SIDE[1] + 0.03) * unit
    y0, y1 = nose, line + 0.92 * (chin - line) + fall
    scale = min(1.0, WIDEST / (x1 - x0))
    width, height = (max(16, int(np.ceil((b - a) * scale / 2)) * 2) for a, b in ((x0, x1), (y0, y1)))
    origin = np.array([x0, y0])
    at = grid(width, height) / scale + origin
    x, y = at[..., 0], at[..., 1]
    jaw = p[list(JAW), :2]
    order = np.argsort(jaw[:, 0])
    below = np.interp(x, jaw[order, 0], jaw[order, 1])
    down = (y - line) / np.maximum(below - line, 0.05 * unit)
    side = np.maximum(left - x, x - right) / unit
    up = (y - nose) / max(lip_top - nose, 1.0)
    alpha = smooth(DOWN[1], DOWN[0], down) * smooth(SIDE[1], SIDE[0], side) * smooth(UP[1], UP[0], up)
    edge = np.minimum.reduce([grid(width, height)[..., 0], width - 1 - grid(width, height)[..., 0]])
    rows = np.minimum(grid(width, height)[..., 1], height - 1 - grid(width, height)[..., 1])
    alpha *= smooth(0, 3, np.minimum(edge, rows))  # nothing on the very rim
    # Skin beside and below the lips, away from them and from the nose's shadow.
    ring = smooth(0.02, 0.2, alpha) * smooth(0.98, 0.7, alpha) * smooth(0.45, 0.75, up)
    beside = ring * smooth(0.12, -0.02, (y - line) / unit)
    anchors = np.zeros((3, 3))
    anchors[:] = p[list(LIPS)].mean(0)
    anchors[1, 0] += 0.5 * unit
    anchors[2, 1] += 0.5 * unit
    return MouthSeat(
        width, height, origin, scale, alpha.astype(np.float32), ring.astype(np.float32),
        beside.astype(np.float32), anchors, line, float(p[17, 1]), chin, unit, fall,
    )  # fmt: skip


def taken(bgr: U8, place: Floats, seat: MouthSeat, drop: float, lip: float) -> U8:
    """BGR (h, w, 3): the patch of a picture, the jaw brought up to where a closed mouth has it.

    ``place`` (2, 3): from patch to picture; ``drop``: how far the chin is down, ``lip``: y of the lower lip's
    edge, both on the head at rest.
    """
    rows = np.arange(seat.height) / seat.scale + seat.origin[1]
    source = (lifted(rows, seat, drop, lip) - seat.origin[1]) * seat.scale
    own = grid(seat.width, seat.height).astype(np.float64)
    own[..., 1] = source[:, None]
    at = (own @ np.asarray(place, np.float64)[:, :2].T + place[:, 2]).astype(np.float32)
    return cv2.remap(bgr, at, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def seen_at(bgr: U8, place: Floats, seat: MouthSeat) -> U8:
    """BGR (h, w, 3): the patch of a picture as it is, wherever the jaw."""
    at = (grid(seat.width, seat.height) @ np.asarray(place, np.float64)[:, :2].T + place[:, 2]).astype(
        np.float32
    )
    return cv2.remap(bgr, at, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def softened(bgr: U8, spots: Floats, place: Floats, soft: float) -> U8:
    """(h, w): luma at ``spots`` (h, w, 2) of the patch, detail finer than ``soft`` px of it left out."""
    at = (np.asarray(spots) @ np.asarray(place, np.float64)[:, :2].T + place[:, 2]).astype(np.float32)
    grey = cv2.cvtColor(cv2.remap(bgr, at, None, cv2.INTER_LINEAR), cv2.COLOR_BGR2GRAY)
    return np.asarray(cv2.GaussianBlur(grey, (0, 0), soft), np.uint8)


def lifted(rows: Floats, seat: MouthSeat, drop: float, lip: float) -> F64:
    """Where each row (y on the head at rest) is found in a face whose chin is ``drop`` lower: skin between
    lip and chin is drawn together, and with it, where that is not enough, the lower lip."""
    drop = max(drop, 0.0)
    lip = max(lip, seat.lip)
    to = min(lip, seat.line + LOWEST * (seat.chin - seat.line))
    lip = min(lip, seat.chin + drop - 0.05 * seat.unit)
    far = 2 * seat.unit
    shown = [seat.line - far, seat.line, to, seat.chin, seat.chin + far]
    found = [seat.line - far, seat.line, lip, seat.chin + drop, seat.chin + drop + far]
    fine = np.linspace(rows[0] - far / 4, rows[-1] + far / 4, 256)
    offset = np.interp(fine, shown, found) - fine
    sigma = 0.03 * seat.unit / (fine[1] - fine[0])
    soft = cv2.GaussianBlur(offset[None], (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)[0]
    return rows + np.interp(rows, fine, soft)


def tone_of(patch: U8, ring: F32) -> F64:
    """(3,): mean Y, U, V of the skin around the mouth, limited range."""
    yuv = _yuv(patch)
    return np.asarray((yuv * ring[..., None]).sum((0, 1)) / ring.sum(), np.float64)


def match(tone: Floats, wanted: Floats) -> F32:
    """(2, 3): gain and offset, per Y, U, V, that bring a picture of ``tone`` to ``wanted``. Luma is scaled
    from its black, colour is scaled with it and moved; U and V are counted from 128."""
    gain = float(np.clip((wanted[0] - 16) / max(tone[0] - 16, 1.0), *LIGHTS))
    moved = (np.asarray(wanted) - 128) - gain * (np.asarray(tone) - 128)
    return np.array([[gain, gain, gain], [16 * (1 - gain), moved[1], moved[2]]], np.float32)


def lit(patch: U8, tone: Floats) -> U8:
    """The patch by gains and offsets (2, 3)."""
    yuv = _yuv(patch)
    yuv[..., 0] = yuv[..., 0] * tone[0, 0] + tone[1, 0]
    yuv[..., 1:] = (yuv[..., 1:] - 128) * tone[0, 1:] + tone[1, 1:] + 128
    return _bgr(yuv)


@dataclass(frozen=True)
class Relight:
    """Brightness by a slope across the patch (log, of place -0.5 to 0.5), colour as a whole."""

    slope: F64
    colour: F64

    def __call__(self, patch: U8) -> U8:
        w = patch.shape[1]
        yuv = _yuv(patch)
        gain = np.exp(self.slope[0] + (np.arange(w) / w - 0.5) * self.slope[1])
        yuv[..., 0] = (yuv[..., 0] - 16) * gain + 16
        yuv[..., 1:] += self.colour
        return _bgr(yuv)


def relight(patch: U8, model: U8, ring: F32) -> Relight:
    """What brings a patch into the light of ``model``. ``ring`` (h, w): weights of the skin that tells it
    (``MouthSeat.beside``)."""
    a, b = _yuv(patch), _yuv(model)
    sigma = 0.08 * patch.shape[1]

    def light(yuv: F32) -> F64:
        blurred = cv2.GaussianBlur((yuv[..., 0] - 14) * ring, (0, 0), sigma)
        return np.log(np.maximum(blurred / np.maximum(cv2.GaussianBlur(ring, (0, 0), sigma), 1e-4), 1.0))

    h, w = ring.shape
    across = (grid(w, h)[::4, ::4, 0].reshape(-1, 1) / w - 0.5).astype(np.float64)
    weight = np.sqrt(ring[::4, ::4].ravel().astype(np.float64))
    columns = np.column_stack([np.ones(len(across)), across])
    ratio = (light(b) - light(a))[::4, ::4].ravel()
    slope = np.linalg.lstsq(columns * weight[:, None], ratio * weight, rcond=None)[0]
    colour = ((b - a) * ring[..., None]).sum((0, 1))[1:] / ring.sum()
    return Relight(np.clip(np.asarray(slope, np.float64), -0.4, 0.4), np.asarray(colour, np.float64))


def laid(bgr: U8, patch: U8, place: Floats, tone: Floats, seat: MouthSeat) -> U8:
    """A picture with a patch laid on, as the player does it."""
    to = np.asarray(place, np.float32)
    size = (bgr.shape[1], bgr.shape[0])
    over = cv2.warpAffine(lit(patch, tone), to, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    alpha = cv2.warpAffine(seat.alpha, to, size, flags=cv2.INTER_LINEAR)[..., None]
    return np.clip(bgr + (over.astype(np.float32) - bgr) * alpha + 0.5, 0, 255).astype(np.uint8)


_YUV = np.array(
    [[0.098, 0.504, 0.257], [0.439, -0.291, -0.148], [-0.071, -0.368, 0.439]], np.float32
)  # from BGR; ITU-R BT.601, limited range
_BACK = np.linalg.inv(_YUV.astype(np.float64)).astype(np.float32)


def _yuv(bgr: U8) -> F32:
    return np.asarray(bgr.astype(np.float32) @ _YUV.T + BASE.astype(np.float32), np.float32)


def _bgr(yuv: F32) -> U8:
    back = (yuv - BASE.astype(np.float32)) @ _BACK.T
    return np.clip(back + 0.5, 0, 255).astype(np.uint8)
