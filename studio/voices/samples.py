"""Samples of the voices to play on their page, by ``bunraku render``: ``make samples``.

``samples.py FOLDER`` renders a sentence by each, and keeps its sound: AAC, a few seconds, under 40 kB.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import av

SAMPLES = {
    "en-us-hazel": "Good morning, and welcome. How can I help you today?",
    "en-us-miles": "Good morning, and welcome. How can I help you today?",
    "en-gb-edith": "Good morning, and welcome. How can I help you today?",
    "es-es-marisol": "Buenos días y bienvenidos. ¿En qué puedo ayudarle?",
    "fr-fr-manon": "Bonjour, et bienvenue. Comment puis-je vous aider ?",
    "it-it-chiara": "Buongiorno e benvenuti. Come posso aiutarla?",
    "pt-br-beatriz": "Bom dia e sejam bem-vindos. Como posso ajudar?",
    "zh-cn-lan": "早上好，欢迎光临。请问您需要什么帮助？",
    "ja-jp-sora": "おはようございます、ようこそ。何かお手伝いしましょうか。",
}
RATE = 48_000  # bit/s
LARGEST = 40_000  # bytes


def main() -> None:
    target = Path(sys.argv[1])
    target.mkdir(exist_ok=True)
    for voice, text in SAMPLES.items():
        with tempfile.TemporaryDirectory() as folder:
            film = Path(folder) / "film.mp4"
            command = [
                sys.executable,
                "-m",
                "bunraku",
                "render",
                "--text",
                text,
                "--voice",
                voice,
                "--size",
                "64x64",
            ]
            command += ["-o", str(film)]
            subprocess.run(command, check=True)
            sample = target / f"{voice}.m4a"
            keep_sound(film, sample)
        assert sample.stat().st_size < LARGEST, sample
        print(sample, sample.stat().st_size)


def keep_sound(film: Path, sample: Path) -> None:
    """The sound of a film, as AAC at ``RATE``."""
    with av.open(str(film)) as source, av.open(str(sample), "w", format="mp4") as sink:
        track = sink.add_stream("aac", rate=48_000, layout="mono")
        track.bit_rate = RATE
        resampler = av.AudioResampler("fltp", "mono", 48_000, track.codec_context.frame_size or 1024)
        for frame in source.decode(audio=0):
            for block in resampler.resample(frame):
                sink.mux(track.encode(block))
        for block in resampler.resample(None):
            sink.mux(track.encode(block))
        sink.mux(track.encode(None))


if __name__ == "__main__":
    main()
