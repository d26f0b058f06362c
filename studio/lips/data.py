"""Training data: spoken, labelled, spoilt and turned into mel power.

``python studio/lips/data.py OUT [--scale 1.0]`` writes one ``.npz`` per source, each with ``power``
(float16 log power, 10 ms steps) and ``labels`` (int8, 20 ms steps). Seeds are fixed.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import mix
import numpy as np
import texts
from power import recording_power
from voices import RATE, EspeakVoices, FliteVoices, Take, espeak_voice, festival

from bunraku.node.lipsync.features import FLOOR

# Minutes of each source. The test voices (flite slt, festival slt) are never among them.
SOURCES = {"rms": 110.0, "awb": 110.0, "kal16": 25.0, "espeak": 130.0, "other": 45.0}


def flite(voice: str, rng: random.Random) -> Iterator[Take]:
    voices = FliteVoices()
    while True:
        text = " ".join(texts.line(rng) for _ in range(rng.randint(1, 3)))
        f0 = rng.choice((1.0, 1.0, rng.uniform(0.85, 1.7)))
        yield voices.say(voice, text, f0).warped(rng.uniform(0.86, 1.24))


def espeak(rng: random.Random) -> Iterator[Take]:
    voices = EspeakVoices()
    while True:
        language, name = espeak_voice(rng)
        if language.startswith("en"):
            text = texts.line(rng) + " " + texts.line(rng)
        else:
            text = rng.choice(texts.MANDARIN if language == "cmn" else texts.OTHERS[language])
        take = voices.say(name, text, rng.randint(110, 230), rng.randint(15, 85))
        if take is not None and len(take.samples) > RATE // 4:
            yield take.warped(rng.uniform(0.86, 1.16))


def other(rng: random.Random) -> Iterator[Take]:
    """Sounds that are no speech; the mouth stays shut."""
    noise = np.random.default_rng(rng.randint(0, 1 << 30))
    while True:
        yield Take(mix.not_speech(int(rng.uniform(2, 8) * RATE), noise), [])


def source(name: str, minutes: float, out: str) -> str:
    rng = random.Random(f"bunraku {name}")
    noise = np.random.default_rng(rng.randint(0, 1 << 30))
    makers: dict[str, Callable[[], Iterator[Take]]] = {
        "espeak": lambda: espeak(rng),
        "other": lambda: other(rng),
    }
    takes = makers[name]() if name in makers else flite(name, rng)
    begin, seconds = time.process_time(), 0.0
    power: list[np.ndarray] = []
    labels: list[np.ndarray] = []
    while seconds < minutes * 60:
        take = next(takes)
        x = take.samples if name == "other" else mix.spoil(take.samples, noise)
        p, y = recording_power(x), take.labels()
        n = min(len(y), len(p) // 2)
        power.append(np.log(p[: 2 * n] + FLOOR).astype(np.float16))
        labels.append(y[:n].astype(np.int8))
        seconds += n * 0.02
    np.savez(Path(out) / f"{name}.npz", power=np.concatenate(power), labels=np.concatenate(labels))
    return f"{name}: {seconds / 60:.0f} min, {time.process_time() - begin:.0f} s of CPU"


def test_takes() -> dict[str, list[Take]]:
    """The held-out voices reading the held-out sentences."""
    voices = FliteVoices()
    return {
        "flite slt": [voices.say("slt", text) for text in texts.TEST],
        "festival slt (HTS)": festival("cmu_us_slt_arctic_hts", list(texts.TEST)),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--scale", type=float, default=1.0)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(2) as pool:
        jobs = [pool.submit(source, n, m * arguments.scale, str(arguments.out)) for n, m in SOURCES.items()]
        for job in jobs:
            print(job.result(), flush=True)
