"""How far the neural voices' sound is ahead of their phonemes: ``python studio/voices/lead.py FOLDER``.

Prints the lag, in ms, at which energy fits the phonemes best (vowels loud, stops quiet), voice by voice.
After a change of ``script.LEAD`` it must be near 0.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import numpy as np

from bunraku.core.clock import SystemClock
from bunraku.node.speech.base import Prosody
from bunraku.node.speech.kokoro.provider import KokoroProvider

TEXTS = (
    "Good morning, and welcome to our hotel.",
    "Peter picked a pepper, but Bob bought maps.",
    "Up above the baby's bed the puppet began to bob.",
)
STEP = 240  # samples, 5 ms
FARTHEST = 40  # steps


async def main() -> None:
    provider = KokoroProvider(Path(sys.argv[1]), SystemClock(), helpers=1, timeout=120)
    await provider.start()
    for timbre in provider.timbres:
        fits = np.zeros(2 * FARTHEST + 1)
        for text in TEXTS:
            sound, phonemes = [], []
            async for chunk in provider.speak(timbre.id, text, Prosody()):
                sound.append(chunk.samples)
                phonemes += chunk.phonemes
            x = np.concatenate(sound).astype(float)
            count = len(x) // STEP
            energy = np.log10((x[: count * STEP].reshape(count, STEP) ** 2).mean(1) + 100)
            wanted = np.zeros(count)
            for p in phonemes:
                kind = 1 if p.symbol[0] in "aæɑɒɔəɛɜɪiʊuʌeoɐ" else -1 if p.symbol in "pbtkdɡ" else 0
                wanted[int(p.start * 200) : int(p.end * 200)] = kind
            energy, wanted = energy - energy.mean(), wanted - wanted.mean()
            for k, lag in enumerate(range(-FARTHEST, FARTHEST + 1)):
                a, b = (energy[lag:], wanted[: count - lag]) if lag >= 0 else (energy[:lag], wanted[-lag:])
                fits[k] += (a * b).sum()
        print(timbre.id, (int(fits.argmax()) - FARTHEST) * 5, "ms", flush=True)
    await provider.close()


if __name__ == "__main__":
    asyncio.run(main())
