"""The warp of a picture: a coarse field of nodes that says where each part of it comes from."""

from __future__ import annotations

import numpy as np

from bunraku.core.media import Pose, Rect
from bunraku.node.avatars.pack.cv import cv2
from bunraku.node.avatars.pack.plates import F32, NODE, NODE_AT, Plate

MAX_TURN = 13.0  # degrees of yaw the baked poses carry without visible stretching
MAX_TILT = 9.0
TURNS = frozenset({"yaw", "pitch", "nod"})
"""What moves the head and leaves the neck where it is."""


class Warp:
    """From a pose to nodes, for plates of one size whose ``bases`` bear these names."""

    def __init__(self, rows: int, columns: int, bases: tuple[str, ...]) -> None:
        self._names = bases
        x, y = np.meshgrid(np.arange(columns) * NODE + NODE_AT, np.arange(rows) * NODE + NODE_AT)
        self._grid = np.stack([x, y], -1).astype(np.float32)
        self._cells = (self._grid - NODE_AT) * np.float32(1 / NODE)

    def pushes(self, plate: Plate, pose: Pose, *, turned: bool = True) -> F32:
        """How much of each of the plate's ``bases`` there is in a pose; of what does not turn with the head,
        when not ``turned``."""
        yaw = max(-MAX_TURN, min(MAX_TURN, pose.yaw)) - plate.yaw
        pitch = max(-MAX_TILT, min(MAX_TILT, pose.pitch)) - plate.pitch
        values = {
            "yaw": yaw,
            "pitch": pitch,
            "roll": pose.roll,
            "sway": pose.sway,
            "breath": pose.breath,
            "nod": pose.nod,
            "brow_l": pose.brow_l,
            "brow_r": pose.brow_r,
            "brow_in": pose.brow_in,
        }
        return np.array([values[n] if turned or n not in TURNS else 0.0 for n in self._names], np.float32)

    def nodes(self, plate: Plate, pushes: F32) -> F32:
        """Where each node samples the canvas: shape (rows, columns, 2), frame px."""
        push = (pushes @ plate.bases.reshape(len(pushes), -1)).reshape(self._grid.shape)
        # The bases say where a point of the canvas goes; the warp needs where a point of the
        # picture comes from. One step of fixed-point iteration on the coarse grid is exact
        # enough for the angles between two poses.
        back = self._cells - push * np.float32(1 / NODE)
        push = cv2.remap(push, back, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return self._grid - push

    def reach(self, nodes: F32) -> float:
        """The farthest, px, that anything is moved along either axis."""
        return max(farthest(nodes, self._grid))


def farthest(a: F32, b: F32) -> list[float]:
    """How far, px, the nodes of each row lie apart at most, along either axis."""
    apart: list[float] = cv2.absdiff(a, b).reshape(len(a), -1).max(1).tolist()
    return apart


def enlarge(nodes: F32, factor: int, x: int, y: int, width: int, height: int) -> F32:
    """Bilinear values for a window whose corner lies (x, y) px after the first cell's end."""
    rows, columns = nodes.shape[:2]
    big = cv2.resize(nodes, (columns * factor, rows * factor), interpolation=cv2.INTER_LINEAR)
    return big[factor + y : factor + y + height, factor + x : factor + x + width]


def luma_map(nodes: F32, rect: Rect) -> F32:
    """Where each pixel of ``rect`` samples: shape (height, width, 2), frame px."""
    part, x, y = _window(nodes, rect)
    return enlarge(part, NODE, x, y, rect.width, rect.height)


def chroma_map(nodes: F32, rect: Rect) -> F32:
    """The same for the colour planes, in their px."""
    part, x, y = _window(nodes, rect)
    # Chroma sample c sits at luma 2c + 0.5 (H.264 4:2:0, centred as OpenCV averages it).
    return enlarge((part - 0.5) * 0.5, NODE // 2, x // 2, y // 2, rect.width // 2, rect.height // 2)


def _window(nodes: F32, rect: Rect) -> tuple[F32, int, int]:
    # One node more on each side, so that bilinear enlargement never meets its own border.
    c0, r0 = rect.x // NODE, rect.y // NODE
    c1, r1 = -(-(rect.x + rect.width) // NODE) + 2, -(-(rect.y + rect.height) // NODE) + 2
    return nodes[r0:r1, c0:c1], rect.x - c0 * NODE, rect.y - r0 * NODE
