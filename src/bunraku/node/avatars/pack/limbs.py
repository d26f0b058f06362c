"""Raised arms, laid over the finished picture."""

from __future__ import annotations

import math

import numpy as np

from bunraku.core.framing import Framing
from bunraku.core.media import Picture, Pose, Rect
from bunraku.node.avatars.pack.cv import cv2
from bunraku.node.avatars.pack.geometry import NOTHING
from bunraku.node.avatars.pack.plates import U8, Limb


def lay(limb: Limb, picture: Picture, framing: Framing, pose: Pose) -> Rect:
    """Draw a limb as it is at this moment of its gesture; returns what it covered."""
    raised = raise_curve(pose.gesture_phase)
    if raised <= 0:
        return NOTHING
    beat = math.sin(pose.gesture_phase * math.tau * limb.beats) * raised
    angle = math.radians(limb.swing * beat + limb.lean * (1 - raised))
    cos, sin = math.cos(angle), math.sin(angle)
    ax, ay = limb.x - limb.pivot[0], limb.y - limb.pivot[1]
    drop = (1 - raised) * limb.drop + limb.bob * beat - 2.2 * pose.breath
    matrix = np.array(
        [
            [cos, -sin, ax * cos - ay * sin + limb.pivot[0]],
            [sin, cos, ax * sin + ay * cos + limb.pivot[1] + drop],
        ]
    )
    h, w = limb.image.shape[:2]
    corners = np.array([[0, 0, 1], [w, 0, 1], [0, h, 1], [w, h, 1]]) @ matrix.T
    x0, y0 = np.floor(corners.min(0) / 2).astype(int) * 2
    x1, y1 = np.ceil(corners.max(0) / 2).astype(int) * 2
    x0, y0 = max(0, int(x0)), max(0, int(y0))
    x1, y1 = min(framing.width, int(x1)), min(framing.height, int(y1))
    if x1 <= x0 or y1 <= y0:
        return NOTHING
    matrix[:, 2] -= (x0, y0)
    over = cv2.warpAffine(limb.image, matrix, (x1 - x0, y1 - y0), flags=cv2.INTER_LINEAR)
    alpha = over[..., 3]
    straight = over[..., :3].astype(np.float32) * 255 / np.maximum(alpha[..., None], 1)
    i420 = cv2.cvtColor(np.clip(straight, 0, 255).astype(np.uint8), cv2.COLOR_BGR2YUV_I420).reshape(-1)
    n = (x1 - x0) * (y1 - y0)
    half_shape = ((y1 - y0) // 2, (x1 - x0) // 2)
    half_alpha = cv2.resize(alpha, half_shape[::-1], interpolation=cv2.INTER_AREA)
    layers = (
        (picture.y[y0:y1, x0:x1], i420[:n].reshape(y1 - y0, x1 - x0), alpha),
        (
            picture.u[y0 // 2 : y1 // 2, x0 // 2 : x1 // 2],
            i420[n : n + n // 4].reshape(half_shape),
            half_alpha,
        ),
        (
            picture.v[y0 // 2 : y1 // 2, x0 // 2 : x1 // 2],
            i420[n + n // 4 :].reshape(half_shape),
            half_alpha,
        ),
    )
    for under, colour, matte in layers:
        a = matte.astype(np.float32) * (1 / 255)
        under[:] = cv2.convertScaleAbs((colour.astype(np.float32) - under) * a + under)
    if framing.transparent:
        plane = picture.y[y0:y1, framing.width + x0 : framing.width + x1]
        np.maximum(plane, video_range(alpha), out=plane)
    return Rect(x0, y0, x1 - x0, y1 - y0)


def raise_curve(phase: float) -> float:
    """0 at both ends of a gesture, 1 while it is held; smooth."""
    t = min(1.0, max(0.0, min(phase, 1 - phase) / 0.2))
    return t * t * (3 - 2 * t)


def lay_over(premultiplied: U8, behind: U8, matte: U8) -> None:
    """In place: what is developed over nothing comes to lie over ``behind``."""
    cv2.add(premultiplied, cv2.multiply(behind, 255 - matte, scale=1 / 255), dst=premultiplied)


def video_range(matte: U8) -> U8:
    """Alpha as luma: 0 to 255 becomes 16 to 235."""
    return 16 + (matte.astype(np.uint16) * 219 // 255).astype(np.uint8)
