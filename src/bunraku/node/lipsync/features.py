"""What the lip net hears: log-mel power with its slow mean removed, streamed.

16 kHz, Hann windows of 25 ms every 10 ms, 40 mel bands from 60 to 7600 Hz. A window ends at the
last sample of its step, so nothing waits for the future. The mean of the *loud* steps is removed
band by band (cepstral mean normalisation, in the log-mel domain), which takes away the loudness
of the recording and the colour of the microphone; it begins at ``PRIOR`` and follows slowly.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bunraku.core.media import PCM, SAMPLE_RATE

F32 = npt.NDArray[np.float32]
RATE = 16_000
HOP = 160
WINDOW = 400
FFT = 512
BANDS = 40
FLOOR = 1e-6
STACK = 4  # steps of 10 ms per input vector: two new, two before them
INPUT = BANDS * STACK

# Normalisation of the mean: prior's weight and memory in 10 ms steps; what counts as loud.
PRIOR_WEIGHT, MEMORY = 40.0, 300.0
LOUD = 3.5  # nepers of power below the recent peak, about 15 dB
PEAK_DECAY = 0.004  # a step
SCALE = np.float32(1 / 2.5)
PEAK_FLOOR = -9.0

DECIMATE = SAMPLE_RATE // RATE
_TAPS = 63


def _mel_matrix() -> F32:
    def mel(hertz: float) -> float:
        return 2595 * float(np.log10(1 + hertz / 700))

    edges = 700 * (10 ** (np.linspace(mel(60), mel(7600), BANDS + 2) / 2595) - 1)
    bins = np.floor((FFT + 1) * edges / RATE)
    k = np.arange(FFT // 2 + 1)
    matrix = np.zeros((FFT // 2 + 1, BANDS), np.float32)
    for i in range(BANDS):
        low, top = bins[i], max(bins[i + 1], bins[i] + 1)
        high = max(bins[i + 2], top + 1)
        matrix[:, i] = np.clip(np.minimum((k - low) / (top - low), (high - k) / (high - top)), 0, None)
    return matrix


MEL = _mel_matrix()
HANN: F32 = np.hanning(WINDOW).astype(np.float32)


def _low_pass() -> F32:
    t = np.arange(_TAPS) - (_TAPS - 1) / 2
    taps = np.sinc(t * 0.94 / DECIMATE) * np.hamming(_TAPS)
    return (taps / taps.sum()).astype(np.float32)


LOW_PASS = _low_pass()


def mel_power(padded: F32) -> F32:
    """Power by band, shape (steps, BANDS), of each whole window in ``padded``; the first begins with it."""
    if padded.size < WINDOW:
        return np.zeros((0, BANDS), np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
    spectrum = np.abs(np.fft.rfft(windows * HANN, FFT, axis=1)).astype(np.float32)
    return np.asarray(spectrum**2 @ MEL, np.float32)


class Normaliser:
    """The running mean of one stream."""

    def __init__(self, prior: F32) -> None:
        self._mean: F32 = prior.astype(np.float32).copy()
        self._count = PRIOR_WEIGHT
        self._peak = PEAK_FLOOR

    def push(self, power: F32) -> F32:
        """Normalised log power of further steps, same shape."""
        x = np.log(power + FLOOR)
        out = np.empty_like(x)
        loudness = x.mean(1)
        for i in range(len(x)):
            loud = float(loudness[i])
            self._peak = max(loud, self._peak - PEAK_DECAY, PEAK_FLOOR)
            if loud > self._peak - LOUD:
                self._count = min(self._count + 1, MEMORY)
                self._mean += (x[i] - self._mean) / np.float32(self._count)
            out[i] = (x[i] - self._mean) * SCALE
        return out


class Features:
    """48 kHz ticks in, input vectors of the net out: one per 20 ms."""

    def __init__(self, prior: F32) -> None:
        self._normaliser = Normaliser(prior)
        self._raw: F32 = np.zeros(_TAPS - 1, np.float32)
        self._samples: F32 = np.zeros(WINDOW - HOP, np.float32)
        self._steps: F32 = np.zeros((STACK - 2, BANDS), np.float32)
        self._skip = 0

    def push(self, samples: PCM) -> F32:
        """Shape (n, INPUT) for every 20 ms completed by these samples."""
        self._samples = np.concatenate([self._samples, self._decimate(samples)])
        ready = (self._samples.size - (WINDOW - HOP)) // (2 * HOP) * 2
        if ready <= 0:
            return np.zeros((0, INPUT), np.float32)
        used = ready * HOP
        power = mel_power(self._samples[: used + WINDOW - HOP])
        self._samples = self._samples[used:]
        self._steps = np.concatenate([self._steps, self._normaliser.push(power)])
        out = stack(self._steps)
        self._steps = self._steps[-(STACK - 2) :]
        return out

    def _decimate(self, samples: PCM) -> F32:
        self._raw = np.concatenate([self._raw, samples.astype(np.float32) * np.float32(1 / 32768)])
        usable = self._raw.size - (_TAPS - 1)
        if usable <= self._skip:
            return np.zeros(0, np.float32)
        windows = np.lib.stride_tricks.sliding_window_view(self._raw, _TAPS)[self._skip :: DECIMATE]
        out = windows @ LOW_PASS
        # Keep the filter's memory, and where in it the next output begins.
        consumed = self._skip + len(out) * DECIMATE
        self._raw = self._raw[usable:]
        self._skip = consumed - usable
        return out.astype(np.float32)


def stack(steps: F32) -> F32:
    """Vectors of ``STACK`` successive steps, every second one; the first two steps are history."""
    windows = np.lib.stride_tricks.sliding_window_view(steps, STACK, axis=0)[::2]
    return np.ascontiguousarray(windows.transpose(0, 2, 1)).reshape(len(windows), INPUT)
