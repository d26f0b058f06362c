"""Measure the ranges of the neural voices' convolutions: ``python studio/voices/ranges.py FOLDER``.

Writes ``src/bunraku/node/speech/kokoro/ranges.json``. FOLDER is where ``bunraku`` made the voices:
the front half and the styles are taken from it. Takes some minutes and 3 GB.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import onnx

from bunraku.node.speech.kokoro import requantise, weights
from bunraku.node.speech.kokoro.alphabet import encode
from bunraku.node.speech.kokoro.cast import CAST, REHEARSED
from bunraku.node.speech.kokoro.model import ENERGY, PITCH, TEXT, ProsodyNet, load_style

TARGET = Path(__file__).parents[2] / "src/bunraku/node/speech/kokoro/ranges.json"


def main() -> None:
    folder = Path(sys.argv[1])
    whole = onnx.load_from_string(weights.model(None))
    requantise.float_convolutions(whole)
    _, decoder = requantise.split(whole)
    voice = ProsodyNet(folder / "prosody.onnx")
    feeds = []
    for number, member in enumerate(CAST):
        texts = REHEARSED.get(member.timbre.language, REHEARSED["es-ES"])
        plan = voice.plan(
            encode(texts[number % 3]), load_style(folder / "styles" / f"{member.style}.bin"), 1.0
        )
        feeds.append({TEXT: plan.text, PITCH: plan.pitch, ENERGY: plan.energy, "style": plan.style})
    found = requantise.measure(decoder, feeds)
    rounded = {name: (float(f"{low:.5g}"), float(f"{high:.5g}")) for name, (low, high) in found.items()}
    TARGET.write_text(json.dumps(rounded, indent=0) + "\n")


if __name__ == "__main__":
    main()
