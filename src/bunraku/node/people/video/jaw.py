"""How the lower face of footage goes down with the jaw: the photo route's mesh, as one smooth field."""

from __future__ import annotations

import numpy as np

from bunraku.node.avatars.loop.jaw import JawField
from bunraku.node.avatars.pack.cv import cv2
from bunraku.node.people.photo.arrays import F32, Floats, smooth
from bunraku.node.people.photo.mouth import JAW, PHILTRUM, STILL
from bunraku.node.people.photo.space import Spline, grid
from bunraku.node.people.video.patch import MouthSeat

NODES = 49  # across
UPPER_LIP = (61, 291, 0, 37, 267, 13)
THROAT = (0.62, 0.85)  # of the eyes' distance below the chin: where nothing goes down any more
RIM = 0.1  # of the field's sides, over which it fades
HINGE = 2.0
"""Power of the photo route's shares. A jaw turns about joints before the ears: what of it lies near them goes
down less than a smooth stretch of the face would have it."""
BESIDE = {(132, 361): (0.2, 0.0), (58, 288): (0.2, 0.0), (172, 397): (0.22, 0.0), (136, 365): (0.24, 0.06),
          (150, 379): (0.26, 0.14), (149, 378): (0.26, 0.28)}  # fmt: skip
"""Outside the face, beside and below points of its outline, in parts of the eyes' distance: hair, shoulders
and what is behind stay."""


def field_of(head: Floats, seat: MouthSeat) -> JawField:
    """``head`` (468, 3): the points of the head at rest."""
    p = np.asarray(head, np.float64)[:, :2]
    jaw = {i: share for pair, share in JAW.items() for i in pair}
    fixed = [i for i in (*STILL, *PHILTRUM, *UPPER_LIP) if i not in jaw]
    throat = [p[152] + seat.unit * np.array([s, d]) for d in THROAT for s in (-0.9, -0.45, 0, 0.45, 0.9)]
    beside = [
        p[i] + seat.unit * np.array([side * x, y])
        for pair, (x, y) in BESIDE.items()
        for i, side in zip(pair, (-1, 1), strict=True)
    ]
    points = seat.on_patch(np.concatenate([p[[*jaw, *fixed]], beside, throat]))
    values = np.zeros((len(points), 1))
    values[: len(jaw), 0] = np.array(list(jaw.values())) ** HINGE
    unit = seat.unit * seat.scale
    sides = seat.on_patch(p[[234, 454]])[:, 0]
    x0, x1 = int(sides[0] - 0.12 * unit), int(sides[1] + 0.12 * unit)
    y0, y1 = int(seat.on_patch(p[[1]])[0, 1]), int(points[-1, 1] + 0.12 * unit)
    width, height = x1 - x0, y1 - y0
    share = Spline(points, (x0, y0, width, height))(values).reshape(height, width)
    at = grid(width, height)
    across = np.minimum(at[..., 0], width - 1 - at[..., 0]) / width
    down = np.minimum(at[..., 1], height - 1 - at[..., 1]) / height
    share = np.clip(share, 0, 1) * smooth(0, RIM, np.minimum(across, down))
    rows = max(8, round(NODES * height / width))
    return JawField(_nodes(share.astype(np.float32), rows), (x0, y0, width - 1, height - 1))


def _nodes(share: F32, rows: int) -> F32:
    h, w = share.shape
    x, y = np.meshgrid(np.linspace(0, w - 1, NODES), np.linspace(0, h - 1, rows))
    out = cv2.remap(share, x.astype(np.float32), y.astype(np.float32), cv2.INTER_LINEAR)
    out[[0, -1]], out[:, [0, -1]] = 0, 0
    return np.asarray(out, np.float32)


def lowered_edge(alpha: F32, field: JawField, fall: float) -> F32:
    """A patch's soft edge ``alpha`` (h, w) where it belongs when the jaw is down by ``fall`` patch px."""
    h, w = alpha.shape
    x, y = field.box[:2]
    own = grid(w, h)
    nodes = (own - np.array([x, y], np.float32)) / np.array(field.step, np.float32)
    push = cv2.remap(field.moved(fall), nodes[..., 0], nodes[..., 1], cv2.INTER_LINEAR)
    out = cv2.remap(alpha, own[..., 0], own[..., 1] - push, cv2.INTER_LINEAR)
    out[[0, -1]], out[:, [0, -1]] = 0, 0
    return np.asarray(out, np.float32)
