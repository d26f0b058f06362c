"""Score the packaged net as the server runs it: ``python studio/lips/evaluate.py [MODEL.onnx]``.

Test voices and sentences were never trained on. Intervals are 95 % bootstrap over sentences. The
human recordings are those of Debian's ``alsa-utils`` and ``pocketsphinx-testdata``; their labels
are PocketSphinx's own forced alignment, which flatters PocketSphinx.
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path

import mix
import numpy as np
import soundfile
import soxr
from data import test_takes
from pocketsphinx import Decoder, get_model_path
from power import recording_power
from voices import CLASSES, RATE, Take, visemes

from bunraku.core.media import Phoneme
from bunraku.core.vocabulary import VISEMES
from bunraku.node.lipsync import lipnet
from bunraku.node.lipsync.features import Normaliser, stack
from bunraku.node.lipsync.mouth_shapes import JAW

COARSE = np.array(CLASSES)
HUMAN = Path("/usr/share/pocketsphinx/test/data")
ALSA = Path("/usr/share/sounds/alsa")
Guess = Callable[[np.ndarray], np.ndarray]


class Runner:
    """The net over a whole recording, a tick at a time, state carried."""

    def __init__(self, model: Path | None) -> None:
        self.net = lipnet.LipNet(model)

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """Probabilities (steps, heads, visemes)."""
        power = recording_power(samples)
        steps = Normaliser(self.net.prior).push(power[: len(power) // 2 * 2])
        x = stack(np.concatenate([np.zeros((2, steps.shape[1]), np.float32), steps]))
        state, out = self.net.begin(), []
        for i in range(0, len(x), 2):
            p, state = self.net.step(x[None, i : i + 2], state)
            out.append(p[0])
        return np.concatenate(out)


def ahead(p: np.ndarray, head: int) -> np.ndarray:
    """Probabilities of each step by the head that has heard ``2 * head`` steps more."""
    shift = lipnet.LOOK_AHEAD[head]
    q = p[:, head]
    return np.concatenate([q[shift:], np.repeat(q[-1:], shift, 0)]) if shift else q


def interval(hits: list[float], sizes: list[int]) -> tuple[float, float]:
    rng = np.random.default_rng(0)
    h, n = np.array(hits), np.array(sizes)
    draws = rng.integers(0, len(h), (2000, len(h)))
    ratios = h[draws].sum(1) / n[draws].sum(1)
    return float(h.sum() / n.sum()), float(np.diff(np.percentile(ratios, [2.5, 97.5]))[0] / 2)


def runs(wanted: np.ndarray, viseme: int) -> list[tuple[int, int]]:
    d = np.diff(np.r_[0, (wanted == viseme).astype(int), 0])
    return list(zip(np.nonzero(d == 1)[0], np.nonzero(d == -1)[0], strict=True))


def closures(guess: np.ndarray, wanted: np.ndarray, viseme: int, slack: int = 2) -> tuple[int, int, int, int]:
    asked, shown = runs(wanted, viseme), runs(guess, viseme)
    hit = sum((guess[max(0, a - slack) : b + slack] == viseme).any() for a, b in asked)
    right = sum((wanted[max(0, a - slack) : b + slack] == viseme).any() for a, b in shown)
    return int(hit), len(asked), int(right), len(shown)


def smooth(x: np.ndarray) -> np.ndarray:
    window = np.hanning(7)[1:-1]
    return np.convolve(x, window / window.sum(), "same")


def score(name: str, takes: list[Take], guess: Guess) -> None:
    fine: list[float] = []
    coarse: list[float] = []
    sizes: list[int] = []
    lips = np.zeros(4, int)
    teeth = np.zeros(4, int)
    jaw_wanted, jaw_shown = [], []
    for take in takes:
        wanted, p = take.labels(), guess(take.samples)
        n = min(len(wanted), len(p))
        wanted, best = wanted[:n], p[:n].argmax(1)
        fine.append(float((best == wanted).sum()))
        coarse.append(float((COARSE[best] == COARSE[wanted]).sum()))
        sizes.append(n)
        lips += closures(best, wanted, VISEMES.index("PP"))
        teeth += closures(best, wanted, VISEMES.index("FF"))
        jaw_wanted.append(smooth(JAW[wanted]))
        jaw_shown.append(smooth(p[:n] @ JAW))
    f, fi = interval(fine, sizes)
    c, ci = interval(coarse, sizes)
    r = np.corrcoef(np.concatenate(jaw_wanted), np.concatenate(jaw_shown))[0, 1]
    shut = f"{lips[0] / max(1, lips[1]):.2f} / {lips[2] / max(1, lips[3]):.2f}"
    tuck = f"{teeth[0] / max(1, teeth[1]):.2f} / {teeth[2] / max(1, teeth[3]):.2f}"
    print(f"| {name} | {f:.3f} ± {fi:.3f} | {c:.3f} ± {ci:.3f} | {shut} | {tuck} | {r:.2f} |", flush=True)


def human_takes() -> list[Take]:
    """Recordings with PocketSphinx's alignment as labels."""
    files: list[tuple[Path, str]] = []
    for folder, listing in (("librivox", "transcription"), ("cards", "cards.transcription")):
        for line in (HUMAN / folder / listing).read_text().splitlines():
            text, name = line.strip().rsplit("(", 1)
            words = re.sub(r"</?s>", "", text).split()
            files.append((HUMAN / folder / f"{name[:-1]}.wav", " ".join(words)))
    files.append((HUMAN / "goforward.raw", "go forward ten meters"))
    files.append((HUMAN / "something.raw", "go somewhere and do something"))
    files += [(p, p.stem.replace("_", " ").lower()) for p in sorted(ALSA.glob("*_*.wav"))]
    takes: list[Take] = []
    decoder = Decoder(lm=None, loglevel="FATAL", bestpath=False)
    for path, text in files:
        if not path.exists():
            continue
        if path.suffix == ".raw":
            x = np.fromfile(path, np.int16).astype(np.float32) / 32768
        else:
            x, rate = soundfile.read(path, dtype="float32")
            x = x if x.ndim == 1 else x.mean(1)
            x = soxr.resample(x, rate, RATE)
        x = (x / np.abs(x).max() * 0.7).astype(np.float32)
        raw = (x * 32767).astype(np.int16).tobytes()
        try:
            for _ in range(2):
                decoder.set_align_text(text) if _ == 0 else decoder.set_alignment()
                decoder.start_utt()
                decoder.process_raw(raw, full_utt=True)
                decoder.end_utt()
            phonemes = [
                Phoneme(p.start / 100, (p.start + p.duration) / 100, p.name, "arpabet")
                for word in decoder.get_alignment()
                for p in word
            ]
        except (RuntimeError, TypeError):
            continue
        takes.append(Take(x, visemes(phonemes)))
    return takes


class Allphone:
    """PocketSphinx's phone loop, its answer taken 80 ms late, as a stream would."""

    def __init__(self) -> None:
        model = os.path.join(get_model_path(), "en-us/en-us-phone.lm.bin")
        self._decoder = Decoder(lm=None, allphone=model, lw=2.0, loglevel="FATAL")

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        raw = (samples * 30000).astype(np.int16).tobytes()
        count = int(len(samples) / RATE / 0.02)
        out = np.zeros((count, len(VISEMES)), np.float32)
        out[:, 0] = 0.01
        self._decoder.start_utt()
        for k, i in enumerate(range(0, len(raw), 1280)):
            self._decoder.process_raw(raw[i : i + 1280])
            segments = list(self._decoder.seg()) if self._decoder.hyp() else []
            phonemes = [
                Phoneme(s.start_frame / 100, (s.end_frame + 1) / 100, s.word, "arpabet") for s in segments
            ]
            labels = Take(samples, visemes(phonemes)).labels() if phonemes else np.zeros(count, int)
            for step in (2 * k - 3, 2 * k - 2):
                if 0 <= step < count:
                    out[step, labels[min(step, len(labels) - 1)]] = 1
        self._decoder.end_utt()
        return out


def quiet(run: Runner) -> None:
    """Share of steps with a shut mouth on sounds that are no speech."""
    rng = np.random.default_rng(99)
    for kind, make in (("noise", mix.noise), ("tones", mix.tones), ("music", mix.music)):
        shut = []
        for _ in range(12):
            x = make(5 * RATE, rng)
            x = (x / np.abs(x).max() * 10 ** (-rng.uniform(3, 30) / 20)).astype(np.float32)
            shut.append((ahead(run(x), 1)[:, 0] > 0.5).mean())
        print(f"| {kind} | {np.mean(shut):.3f} |", flush=True)


def speed(run: Runner) -> None:
    x = np.random.default_rng(0).standard_normal((10, 2, 160)).astype(np.float32)
    state = np.concatenate([run.net.begin()] * 10, 1)
    for _ in range(20):
        run.net.step(x, state)
    begin = time.process_time()
    for _ in range(200):
        _, state = run.net.step(x, state)
    print(f"\nTen streams, one tick: {(time.process_time() - begin) / 200 * 1e3:.2f} ms of CPU", flush=True)


def main() -> None:
    run = Runner(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
    sets = {**test_takes(), "human": human_takes()}
    print("| Recordings, by | 15 visemes | 8 visual classes | lips shut: recall / precision | f, v | jaw r |")
    print("|---|---|---|---|---|---|")
    for name, takes in sets.items():
        for head in range(len(lipnet.LOOK_AHEAD)):
            label = f"{name}, {lipnet.LOOK_AHEAD[head] * 20} ms ahead"
            score(label, takes, lambda x, h=head: ahead(run(x), h))
        score(f"{name}, PocketSphinx, 80 ms", takes, Allphone())
    print("\n| Not speech | steps shut |\n|---|---|")
    quiet(run)
    speed(run)


if __name__ == "__main__":
    main()
