"""What recordings do to speech, and sounds that are no speech at all."""

from __future__ import annotations

import numpy as np
import soxr

RATE = 16_000


def reverb(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A made-up room: exponentially decaying noise after the direct sound."""
    n = int(rng.uniform(0.1, 0.6) * RATE)
    h = rng.standard_normal(n) * np.exp(-6.9 * np.arange(n) / n)
    h[: int(0.002 * RATE)] = 0
    h *= rng.uniform(0.1, 0.5) / np.sqrt((h**2).sum())
    h[0] = 1
    size = 1 << int(np.ceil(np.log2(len(x) + n)))
    return np.fft.irfft(np.fft.rfft(x, size) * np.fft.rfft(h, size), size)[: len(x)]


def noise(count: int, rng: np.random.Generator) -> np.ndarray:
    """Steady noise of a random colour, sometimes swelling."""
    w = np.fft.rfft(rng.standard_normal(count))
    w /= (np.arange(len(w)) + 1) ** rng.uniform(0, 1.2)
    x = np.fft.irfft(w, count)
    if rng.random() < 0.4:
        x *= 1 + 0.8 * np.sin(2 * np.pi * rng.uniform(0.1, 6) * np.arange(count) / RATE + rng.uniform(0, 6))
    return x / (x.std() + 1e-9)


def tones(count: int, rng: np.random.Generator) -> np.ndarray:
    """Beeps, sweeps and steady whistles, with or without overtones."""
    t = np.arange(count) / RATE
    x = np.zeros(count)
    for _ in range(rng.integers(1, 4)):
        f = np.exp(rng.uniform(np.log(70), np.log(5000)))
        glide = np.exp(rng.normal(0, 0.25) * t / max(t[-1], 0.1)) if rng.random() < 0.4 else 1.0
        phase = 2 * np.pi * np.cumsum(f * glide * np.ones(count)) / RATE
        voice = sum(np.sin(k * phase) / k ** rng.uniform(0.7, 2.5) for k in range(1, rng.integers(2, 9)))
        if rng.random() < 0.5:
            voice = voice * (np.sin(2 * np.pi * rng.uniform(0.5, 5) * t) > rng.uniform(-0.7, 0.5))
        x += voice * rng.uniform(0.3, 1)
    return x / (np.abs(x).max() + 1e-9)


def music(count: int, rng: np.random.Generator) -> np.ndarray:
    """Chords, a tune and a drum, in some key and tempo."""
    x = np.zeros(count + RATE)
    beat = 60 / rng.uniform(65, 160)
    root, scale = rng.uniform(90, 220), np.array([0, 2, 4, 5, 7, 9, 11, 12, 14, 16])

    def note(at: float, semitone: float, seconds: float, level: float) -> None:
        n = int(seconds * RATE)
        t = np.arange(n) / RATE
        f = root * 2 ** (semitone / 12)
        partials = sum(np.sin(2 * np.pi * f * k * t) / k ** rng.uniform(1, 2) for k in range(1, 8))
        envelope = np.minimum(1, t / rng.uniform(0.004, 0.08)) * np.exp(-t * rng.uniform(0.5, 5))
        start = int(at * RATE)
        end = min(len(x), start + n)
        x[start:end] += (partials * envelope * level)[: max(0, end - start)]

    at = 0.0
    while at < count / RATE:
        chord = rng.integers(0, 6)
        for degree in (0, 2, 4):
            note(at, float(scale[min(9, chord + degree)]), beat * 4, 0.35)
        for quarter in range(4):
            if rng.random() < 0.8:
                note(at + quarter * beat, float(scale[rng.integers(0, 10)]) + 12, beat, 0.5)
            start = int((at + quarter * beat) * RATE)
            n = min(len(x) - start, int(0.12 * RATE))
            if n > 0:
                x[start : start + n] += rng.standard_normal(n) * np.exp(-np.arange(n) / (0.02 * RATE)) * 0.4
        at += beat * 4
    x = x[:count]
    return x / (np.abs(x).max() + 1e-9)


def not_speech(count: int, rng: np.random.Generator) -> np.ndarray:
    """Sound at which a mouth stays shut."""
    kind = rng.choice(("noise", "tones", "music", "music", "clicks"))
    if kind == "clicks":
        x = np.zeros(count)
        for at in rng.integers(0, count, rng.integers(2, 30)):
            n = min(count - at, int(rng.uniform(0.005, 0.2) * RATE))
            x[at : at + n] += rng.standard_normal(n) * np.exp(-np.arange(n) * 5 / n) * rng.uniform(0.2, 1)
    else:
        x = {"noise": noise, "tones": tones, "music": music}[str(kind)](count, rng)
    x = x / (np.abs(x).max() + 1e-9)
    return (x * 10 ** (-rng.uniform(3, 40) / 20)).astype(np.float32)


def spoil(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Speech as some recording might carry it, at some level."""
    x = x / (np.abs(x).max() + 1e-6)
    if rng.random() < 0.35:
        x = reverb(x, rng)
    level = np.sqrt((x**2).mean())
    if rng.random() < 0.55:
        x = x + noise(len(x), rng) * level * 10 ** (-rng.uniform(6, 38) / 20)
    if rng.random() < 0.15:
        m = music(len(x), rng)
        x = x + m / (m.std() + 1e-9) * level * 10 ** (-rng.uniform(8, 28) / 20)
    if rng.random() < 0.2:
        rate = int(rng.choice((8000, 11025)))
        y = soxr.resample(soxr.resample(x, RATE, rate), rate, RATE)
        x = np.pad(y, (0, max(0, len(x) - len(y))))[: len(x)]
    if rng.random() < 0.15:
        x = np.tanh(x * rng.uniform(1, 4))
    return (x / (np.abs(x).max() + 1e-6) * 10 ** (-rng.uniform(1, 22) / 20)).astype(np.float32)
