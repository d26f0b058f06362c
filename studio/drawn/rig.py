"""What a drawn figure can do, and the shape its face has in depth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass
class Rig:
    yaw: float = 0
    pitch: float = 0
    roll: float = 0
    gaze_x: float = 0
    gaze_y: float = 0
    blink_l: float = 0
    blink_r: float = 0
    squint: float = 0
    brow_l: float = 0
    brow_r: float = 0
    brow_in: float = 0
    smile: float = 0.5
    open: float = 0
    width: float = 0
    round: float = 0
    upper: float = 0
    tuck: float = 0
    press: float = 0
    teeth_u: float = 1
    teeth_l: float = 0
    tongue: float = 0
    tongue_up: float = 0
    tongue_out: float = 0
    breath: float = 0
    sway: float = 0
    nod: float = 0


PIV = np.array([0.0, 105.0])


def zface(u, v):
    z = np.maximum(118 * (1 - np.abs(u / 146) ** 2.4 - ((v + 5) / 262) ** 2), -60)
    return (
        z
        + 28 * np.exp(-((u / 20) ** 2) - ((v - 62) / 26) ** 2)
        + 8 * np.exp(-((u / 46) ** 2) - ((v - 117) / 30) ** 2)
    )
