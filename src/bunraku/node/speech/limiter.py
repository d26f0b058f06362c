"""Peaks turned down before they clip, the wave's shape kept. Pure numbers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

F32 = npt.NDArray[np.float32]
REACH = 5
"""Blocks on either side in which a peak is felt."""


def limited(sound: F32, ceiling: float, block: int) -> F32:
    """``sound`` no louder than ``ceiling``: the gain moves within a few ``block`` samples (1 ms),
    slower than the waves of speech do."""
    blocks = -(-sound.size // block)
    padded = np.zeros(blocks * block, np.float32)
    padded[: sound.size] = np.abs(sound)
    peaks = padded.reshape(blocks, block).max(1, initial=0)
    wanted = np.minimum(1, ceiling / np.maximum(peaks, 1e-6))
    if wanted.min(initial=1.0) >= 1:
        return sound
    # Twice REACH at the edges: once for the least, once more for the mean of that.
    wide = np.lib.stride_tricks.sliding_window_view(np.pad(wanted, 2 * REACH, mode="edge"), 2 * REACH + 1)
    mean = np.lib.stride_tricks.sliding_window_view(wide.min(1), 2 * REACH + 1).mean(1)
    centres = np.arange(blocks) * block + block / 2
    return sound * np.interp(np.arange(sound.size), centres, mean).astype(np.float32)
