"""First sound, real-time factor and how well a recogniser understands each built-in English voice.

``python studio/lips/measure_voices.py``: word accuracy is that of PocketSphinx with its own
language model over the test sentences, a small recogniser that also misses words of people.
"""

from __future__ import annotations

import asyncio
import re
import time

import numpy as np
import soxr
from pocketsphinx import Decoder
from texts import TEST

from bunraku.app import installed_providers
from bunraku.core.media import SAMPLE_RATE
from bunraku.core.settings import load
from bunraku.node.speech.base import Prosody
from bunraku.node.speech.voices import Voices


def words(text: str) -> list[str]:
    return re.sub(r"[^a-z' ]", " ", text.lower()).split()


def errors(wanted: list[str], got: list[str]) -> int:
    """Insertions, deletions and substitutions (Levenshtein over words)."""
    row = list(range(len(got) + 1))
    for i, w in enumerate(wanted, 1):
        last, row[0] = row[0], i
        for j, g in enumerate(got, 1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (w != g))
    return row[-1]


async def main() -> None:
    voices = Voices(installed_providers(load(None)))
    await voices.start()
    decoder = Decoder(loglevel="FATAL")
    print("| Voice | first sound, ms (p50) | real-time factor | words understood |\n|---|---|---|---|")
    for timbre in voices.list():
        if not timbre.language.startswith("en"):
            continue
        first, spent, length, wrong, count = [], 0.0, 0.0, 0, 0
        for text in TEST:
            begin = time.perf_counter()
            sound: list[np.ndarray] = []
            async for chunk in voices.speak(timbre.id, text, Prosody()):
                if chunk.samples.size and not sound:
                    first.append((time.perf_counter() - begin) * 1e3)
                sound.append(chunk.samples)
            spent += time.perf_counter() - begin
            x = np.concatenate(sound)
            length += x.size / SAMPLE_RATE
            raw = soxr.resample(x.astype(np.float32), SAMPLE_RATE, 16000)
            decoder.start_utt()
            decoder.process_raw(raw.astype(np.int16).tobytes(), full_utt=True)
            decoder.end_utt()
            got = decoder.hyp()
            wrong += errors(words(text), words(got.hypstr if got else ""))
            count += len(words(text))
        accuracy = 1 - wrong / count
        print(f"| {timbre.id} | {np.median(first):.1f} | {spent / length:.4f} | {accuracy:.3f} |", flush=True)
    await voices.close()


if __name__ == "__main__":
    asyncio.run(main())
