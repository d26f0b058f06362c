"""Streaming resampling to the rate everything inside runs at."""

from __future__ import annotations

import av
import numpy as np

from bunraku.core.media import PCM, SAMPLE_RATE


class Resampler:
    """Mono int16 at ``rate`` Hz in, mono int16 at ``SAMPLE_RATE`` out (libswresample)."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._pts = 0
        self._resampler = None if rate == SAMPLE_RATE else av.AudioResampler("s16", "mono", SAMPLE_RATE)

    def push(self, samples: PCM) -> PCM:
        if self._resampler is None or samples.size == 0:
            return samples
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples).reshape(1, -1), "s16", "mono")
        frame.sample_rate = self._rate
        frame.pts = self._pts
        self._pts += samples.size
        return _join(self._resampler.resample(frame))

    def flush(self) -> PCM:
        """The last few samples held back by the filter."""
        if self._resampler is None or self._pts == 0:
            return np.zeros(0, np.int16)
        return _join(self._resampler.resample(None))


def _join(frames: list[av.AudioFrame]) -> PCM:
    if not frames:
        return np.zeros(0, np.int16)
    return np.concatenate([f.to_ndarray().reshape(-1) for f in frames]).astype(np.int16, copy=False)


def apply_gain(samples: PCM, gain: float) -> PCM:
    """Scale with a soft knee above 80 % of full scale, so that a loud voice does not clip."""
    if gain == 1.0:
        return samples
    x = samples.astype(np.float32) * (gain / 32768)
    knee = 0.8
    over = np.abs(x) > knee
    x[over] = np.sign(x[over]) * (knee + (1 - knee) * np.tanh((np.abs(x[over]) - knee) / (1 - knee)))
    return (x * 32767).astype(np.int16)
