"""What the lip net hears of a whole recording."""

from __future__ import annotations

import numpy as np

from bunraku.node.lipsync.features import F32, HOP, WINDOW, mel_power


def recording_power(samples: F32) -> F32:
    """Power by band, shape (steps, bands); step i ends with sample ``(i + 1) * HOP``."""
    return mel_power(np.concatenate([np.zeros(WINDOW - HOP, np.float32), samples.astype(np.float32)]))
