"""How far the jaw opens for each viseme; 0 shut, 1 as far as speech goes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

JAW: npt.NDArray[np.float32] = np.array(
    [0.02, 0.0, 0.08, 0.15, 0.18, 0.2, 0.15, 0.1, 0.2, 0.25, 0.75, 0.45, 0.25, 0.5, 0.3], np.float32
)
"""In the order of ``vocabulary.VISEMES``."""
