"""Speech with exact labels: espeak-ng and flite by library, festival as a program.

Every ``Take`` is float32 at 16 kHz and its visemes as (start, end, name) in seconds.
"""

from __future__ import annotations

import ctypes
import random
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import soundfile
import soxr

from bunraku.core.media import Phoneme
from bunraku.core.vocabulary import VISEMES
from bunraku.node.lipsync.coarticulation import Segment, VisemeTrack
from bunraku.node.speech import flite_helper
from bunraku.node.speech.espeak import Timeline
from bunraku.node.speech.espeak_helper import EspeakSynthesizer as Espeak
from bunraku.node.speech.said_line import SaidLine

RATE = 16_000
STEP = 0.02
VISUAL = {"sil": 0, "PP": 1, "FF": 2, "aa": 3, "oh": 4, "ou": 4, "RR": 5, "CH": 5, "E": 6, "ih": 6}
CLASSES = [VISUAL.get(v, 7) for v in VISEMES]
"""The class that an eye can tell apart, of each viseme."""

VARIANTS = [""] + [f"+m{i}" for i in range(1, 8)] + [f"+f{i}" for i in range(1, 6)] + [
    "+klatt", "+klatt2", "+klatt3", "+klatt4", "+Alex", "+Annie", "+Andrea", "+Denis", "+Lee", "+Marco", "+Mario",
    "+Mike", "+Storm", "+adam", "+anika", "+belinda", "+benjamin", "+caleb", "+david", "+linda", "+max", "+pablo",
    "+paul", "+rob", "+sandro", "+steph", "+travis", "+victor",
]  # fmt: skip


@dataclass
class Take:
    samples: np.ndarray
    segments: list[Segment]

    def labels(self) -> np.ndarray:
        """Viseme index of every 20 ms, by the middle of the step."""
        count = int(len(self.samples) / RATE / STEP)
        out = np.zeros(count, np.int64)
        for s in self.segments:
            first, last = round(s.start / STEP), round(s.end / STEP)
            out[max(0, first) : max(0, last)] = VISEMES.index(s.viseme)
        return out

    def warped(self, factor: float) -> Take:
        """Played ``factor`` times as fast: pitch, formants and tempo together."""
        samples = soxr.resample(self.samples, RATE * factor, RATE)
        segments = [Segment(s.start / factor, s.end / factor, s.viseme) for s in self.segments]
        return Take(samples.astype(np.float32), segments)


def visemes(phonemes: list[Phoneme]) -> list[Segment]:
    track = VisemeTrack()
    for phoneme in phonemes:
        track.add(phoneme)
    return list(track.segments)


class _Kept:
    """Takes what a helper would reply."""

    def __init__(self) -> None:
        self.blocks: list[tuple[dict[str, Any], bytes]] = []

    def reply(self, head: dict[str, Any], pcm: bytes = b"") -> None:
        self.blocks.append((head, pcm))

    def aborted(self) -> bool:
        return False


class EspeakVoices:
    """espeak-ng in this process; any of its voices by name."""

    def __init__(self) -> None:
        kept = _Kept()
        self._blocks = kept.blocks
        self._engine = Espeak(cast(Any, kept))

    def say(self, voice: str, text: str, rate: int, pitch: int) -> Take | None:
        """None for a voice that is not there."""
        self._blocks.clear()
        try:
            self._engine.speak({"voice": voice, "text": text, "rate": rate, "pitch": pitch})
        except ValueError:
            return None
        line = SaidLine(text, (0,), (0,), (True,))
        timeline = Timeline(text, line, self._engine.sample_rate, 0.0)
        phonemes: list[Phoneme] = []
        pcm = b""
        for head, block in self._blocks:
            phonemes.extend(timeline.push(head["events"], np.frombuffer(block, np.int16)).phonemes)
            pcm += block
        phonemes.extend(timeline.finish().phonemes)
        x = np.frombuffer(pcm, np.int16).astype(np.float32) / 32768
        return Take(soxr.resample(x, self._engine.sample_rate, RATE).astype(np.float32), visemes(phonemes))


class FliteVoices(flite_helper.FliteSynthesizer):
    """flite, with its fundamental frequency moved where the voice allows it."""

    def __init__(self) -> None:
        self._kept = _Kept()
        super().__init__(cast(Any, self._kept))

    def say(self, voice: str, text: str, f0: float = 1.0) -> Take:
        handle = self._voice(voice)
        features = ctypes.cast(handle, ctypes.POINTER(ctypes.c_void_p))[1]  # cst_voice.features
        self._lib.feat_set_float.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_float]
        self._lib.feat_set_float(features, b"f0_shift", f0)
        self._kept.blocks.clear()
        self.speak(voice, text)
        head, pcm = self._kept.blocks[0][0], b"".join(pcm for _, pcm in self._kept.blocks)
        phonemes: list[Phoneme] = []
        start = 0.0
        for symbol, end in head["phonemes"]:
            phonemes.append(Phoneme(start, end, symbol, "arpabet"))
            start = end
        return Take(np.frombuffer(pcm, np.int16).astype(np.float32) / 32768, visemes(phonemes))


def festival(voice: str, texts: list[str]) -> list[Take]:
    """Festival reads a list of texts. Raises ``RuntimeError`` when it is not installed."""
    if shutil.which("festival") is None:
        raise RuntimeError("festival is not installed")
    takes: list[Take] = []
    with tempfile.TemporaryDirectory() as folder:
        script = (
            f"(voice_{voice})\n"
            + r"""(define (say text name)
 (let ((u (utt.synth (eval (list 'Utterance 'Text text)))))
  (utt.save.wave u name 'riff) (format t "@%s" name)
  (mapcar (lambda (s) (format t " %s:%2.4f" (item.name s) (item.feat s 'end))) (utt.relation.items u 'Segment))
  (format t "\n")))
"""
        )
        for i, text in enumerate(texts):
            plain = re.sub(r"[^\w .,?!'-]", "", text)
            script += f'(say "{plain}" "{folder}/{i}.wav")\n'
        (Path(folder) / "all.scm").write_text(script)
        out = subprocess.run(["festival", "-b", f"{folder}/all.scm"], capture_output=True, text=True).stdout
        for reply in out.splitlines():
            if not reply.startswith("@"):
                continue
            name, *marks = reply[1:].split()
            x, rate = soundfile.read(name, dtype="float32")
            phonemes, start = [], 0.0
            for mark in marks:
                symbol, end = mark.rsplit(":", 1)
                phonemes.append(Phoneme(start, float(end), symbol, "arpabet"))
                start = float(end)
            takes.append(Take(soxr.resample(x, rate, RATE).astype(np.float32), visemes(phonemes)))
    return takes


def espeak_voice(rng: random.Random) -> tuple[str, str]:
    """(language, voice name): English most of the time."""
    r = rng.random()
    if r < 0.7:
        language = rng.choice(("en-us", "en-us", "en-us", "en", "en-gb-scotland", "en-gb-x-rp"))
    else:
        language = "cmn" if r < 0.82 else rng.choice(("de", "fr-fr", "es", "it"))
    return language, language + rng.choice(VARIANTS)
