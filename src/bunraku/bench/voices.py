"""``bunraku bench voices``: how soon each kind of voice is heard, and how many talk at once on one core.

The first is taken of a real server at a receiver (``bench.run``). For the second this process and its
helpers are kept on one core; what it does there is what a node does for a voice: asking a helper,
resampling, loudness.
"""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

from bunraku.bench.system import below, cpu_seconds
from bunraku.core.clock import SystemClock
from bunraku.core.media import SAMPLE_RATE
from bunraku.core.settings_speech import SpeechSettings
from bunraku.node.speech import espeak, flite, kokoro
from bunraku.node.speech.base import Prosody, SpeechFailed, SpeechProvider
from bunraku.node.speech.voices import Voices

log = logging.getLogger(__name__)

MADE = Path("build/kokoro")
"""A data directory whose neural voices are made once for all runs."""

SENTENCES = (
    "Good morning, and welcome to the theatre.",
    "The train to the city leaves at half past nine from platform two.",
    "Please take a seat, and mind the step.",
    "My colleague will show you to your room, which is on the second floor.",
    "She has asked me to give you this letter.",
    "If you would like to visit the exhibition this afternoon, please follow the signs to the second floor,"
    " where you can also have a cup of tea.",
    "How can I help you today?",
    "Tomorrow will be cloudy, with some rain in the evening.",
)
LONG = 60.0  # s of sound from which the work of a second is taken
SILENT = 0.05
"""Share of the time in which somebody who has something to say may be silent: they still talk at once."""


@dataclass(frozen=True)
class VoiceKind:
    """A provider's name in the figures, and a voice of it."""

    name: str
    timbre: str


def installed(*, neural: bool) -> list[VoiceKind]:
    """Those that this machine has; ``neural``: the neural voices are made."""
    found = [VoiceKind("espeak", "en-us-evan")] if espeak.available() else []
    found += [VoiceKind("flite", v.timbre.id) for v in flite.installed()[:1]]
    return found + ([VoiceKind("kokoro", "en-us-hazel")] if neural else [])


def neural_voices(data_dir: Path) -> bool:
    """Put the neural voices into a data directory, made before if need be; whether there are any."""
    if not kokoro.installed():
        return False
    from bunraku.node.speech.kokoro.make import folder_of, is_made

    made = folder_of(MADE)
    if not is_made(made):
        log.warning("neural voices are being made in %s, once", made)
        command = [sys.executable, "-m", "bunraku.node.speech.kokoro.make", str(made)]
        if subprocess.run(command, stdout=subprocess.DEVNULL).returncode:  # noqa: S603 - our own module
            return False
    data_dir.mkdir(parents=True, exist_ok=True)
    folder_of(data_dir).symlink_to(made.resolve())
    return True


class Talkers:
    """Voices of one provider on one core."""

    def __init__(self, kind: VoiceKind, provider: SpeechProvider) -> None:
        self._timbre, self._voices = kind.timbre, Voices([provider])

    async def start(self) -> None:
        await self._voices.start()

    async def close(self) -> None:
        await self._voices.close()

    async def work(self) -> float:
        """Seconds of processor time a second of sound."""
        made, before = 0, self._spent()
        for text in cycle(SENTENCES):
            async for chunk in self._voices.speak(self._timbre, text, Prosody()):
                made += chunk.samples.size
            if made > LONG * SAMPLE_RATE:
                break
        return (self._spent() - before) / (made / SAMPLE_RATE)

    def _spent(self) -> float:
        return sum(cpu_seconds(pid) for pid in (os.getpid(), *below(os.getpid())))

    async def together(self, count: int, seconds: float) -> float:
        """The share of time in which those who talk at once are silent after their first sound, though they
        have sentence after sentence to say."""
        shares = await asyncio.gather(*(self._talk(n, seconds) for n in range(count)))
        return sum(shares) / count

    async def _talk(self, number: int, seconds: float) -> float:
        end = time.monotonic() + seconds
        begun, until, silent = 0.0, 0.0, 0.0
        texts = cycle(SENTENCES[number % len(SENTENCES) :] + SENTENCES[: number % len(SENTENCES)])
        while max(until, time.monotonic()) < end:
            with suppress(SpeechFailed):
                async for chunk in self._voices.speak(self._timbre, next(texts), Prosody(), tenant=number):
                    now = time.monotonic()
                    begun = begun or now
                    silent += max(0.0, min(now, end) - max(until, begun))
                    until = max(until, now) + chunk.samples.size / SAMPLE_RATE
            # The next sentence is asked for while this one plays, as a queued drive's is.
            await asyncio.sleep(max(0.0, until - time.monotonic() - 1.0))
        return silent / (end - begun) if begun < end else 1.0


def _provider(name: str, data_dir: Path) -> SpeechProvider:
    """With one helper, which is what a core has time for."""
    match name:
        case "espeak":
            return espeak.EspeakProvider(1)
        case "flite":
            return flite.FliteProvider(flite.installed(), 1)
        case _:
            return kokoro.new_provider(data_dir, SpeechSettings(kokoro_helpers=1), SystemClock())


async def talkers(kinds: list[VoiceKind], seconds: float, data_dir: Path) -> dict[str, Any]:
    """By kind: seconds of work a second of sound, how many at once that allows on a core, and the most
    that were seen to."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    found: dict[str, Any] = {}
    for kind in kinds:
        crowd = Talkers(kind, _provider(kind.name, data_dir))
        await crowd.start()
        work = await crowd.work()
        most = int(1 / work)
        # Tried upwards from half of what the work allows, as far as it goes.
        held, steps = 0, sorted({max(1, int(most * share)) for share in (0.4, 0.6, 0.8, 1.0)})
        for count in steps:
            share = await crowd.together(count, seconds)
            log.warning("%s: %d at once, silent for %.1f %%", kind.name, count, 100 * share)
            if share > SILENT:
                break
            held = count
        found[f"talkers_{kind.name}"] = {"work": round(work, 4), "by_work": most, "held": held}
        await crowd.close()
    return found
