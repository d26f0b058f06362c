"""Array types, and the one curve that everything fades along."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

U8: TypeAlias = npt.NDArray[np.uint8]
F32: TypeAlias = npt.NDArray[np.float32]
F64: TypeAlias = npt.NDArray[np.float64]
Floats: TypeAlias = npt.NDArray[np.floating]
Box: TypeAlias = tuple[int, int, int, int]
"""(x, y, width, height), px."""


def smooth(low: float, high: float, x: Floats) -> F32:
    """0 at ``low``, 1 at ``high`` and beyond, without a kink; ``low`` may be the greater."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return (t * t * (3 - 2 * t)).astype(np.float32)


def step(low: float, high: float, x: float) -> float:
    """``smooth`` of one number."""
    t = min(1.0, max(0.0, (x - low) / (high - low)))
    return t * t * (3 - 2 * t)
