"""The helper process of the neural voices: ``python -m bunraku.node.speech.kokoro.helper FOLDER``.

It speaks the protocol of ``bunraku.node.speech.helper``; numbers in, sound out. Request::

    {"sentence": "id", "style": "af_heart", "tokens": [...], "speed": 1.0, "pitch": 1.0, "gain": 1.0,
     "from": frame, "most": frames}

A sentence is asked for stretch by stretch; any helper can go on with it, the one that began it knows
it still. Reply: one block, PCM at 24 kHz with ``OVERLAP`` samples of the next stretch at its end, and
``{"start": sample, "next": frame or null, "frames": [...]}``: which sample of the sentence the first is,
where the next stretch begins, and how long each token lasts (pads included; first reply only).
"""

from __future__ import annotations

import json
import struct
import sys
from collections import OrderedDict
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bunraku.node.speech.kokoro.model import (
    F32,
    FRAME,
    RATE,
    WHOLE,
    Decoder,
    Plan,
    ProsodyNet,
    Usual,
    load_style,
)
from bunraku.node.speech.kokoro.selftest import MADE, load_test, works
from bunraku.node.speech.limiter import limited

OVERLAP = 240  # samples that a stretch shares with the next, to fade from one to the other
REMEMBERED = 8  # sentences
EARLY = 8  # frames before the first sound's that are decoded: it may begin ahead of its time
SILENCE = 0.004  # of full scale: below it a sentence has not begun, or is over
BEFORE, AFTER = 0.02, 0.06  # s kept before and after the sound of a sentence
FADE = 0.005  # s
CEILING = 0.72  # of full scale: resampling to 48 kHz adds more than 2 dB between samples


class Speaker:
    """Model, voices and the sentences being said."""

    def __init__(self, folder: Path) -> None:
        made = json.loads((folder / MADE).read_text())
        self._folder, self._kind = folder, made["decoder"]
        self._prosody = ProsodyNet(folder / "prosody.onnx")
        self._decoder = Decoder(folder / f"decoder-{self._kind}.onnx", made["channels"])
        self._voices: dict[str, tuple[F32, Usual]] = {}
        self._plans: OrderedDict[str, Plan] = OrderedDict()
        self.works = works(self._decoder, load_test(folder))

    def _voice(self, style: str) -> tuple[F32, Usual]:
        if style not in self._voices:
            if not style.replace("_", "").isalnum():
                raise ValueError(f"no voice {style!r}")
            usual = Usual.load(self._folder / "usual" / f"{style}.npy")
            self._voices[style] = load_style(self._folder / "styles" / f"{style}.bin"), usual
        return self._voices[style]

    def _plan(self, request: dict[str, Any]) -> Plan:
        key = request["sentence"]
        if key not in self._plans:
            style, _ = self._voice(request["style"])
            plan = self._prosody.plan(request["tokens"], style, float(request["speed"]))
            # The pitch is the model's own input: formants stay where they are.
            plan = replace(plan, pitch=plan.pitch * np.float32(request["pitch"]))
            self._plans[key] = plan
            while len(self._plans) > REMEMBERED:
                self._plans.popitem(last=False)
        return self._plans[key]

    def say(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        """Head and PCM of one stretch. Raises ``ValueError``, ``OSError``, ``KeyError``."""
        plan, (_, usual) = self._plan(request), self._voice(request["style"])
        first, length = int(request["from"]), plan.length
        begins, ends = first == 0, False
        if length <= WHOLE:
            sound, ends = self._decoder.sound(plan, None, 0, length), True
        else:
            if begins:
                first = max(0, int(plan.frames[0]) - EARLY)
            end = over(plan)
            cut = quietest(plan, first, int(request["most"]), end)
            ends = cut >= end
            sound = self._decoder.sound(plan, usual, first, cut if ends else cut + 1)
            if not ends:
                sound = sound[: (cut - first) * FRAME + OVERLAP]
            request["next"] = cut
        start = first * FRAME
        sound = sound * np.float32(request["gain"])
        if begins or ends:
            sound, skipped = trimmed(sound, begins=begins, ends=ends)
            start += skipped
        head: dict[str, Any] = {"start": start, "next": None if ends else request["next"]}
        if begins:
            head["frames"] = plan.frames.tolist()
        if ends:
            self._plans.pop(request["sentence"], None)
        return head, (limited(sound, CEILING, RATE // 1000) * 32767).astype("<i2").tobytes()


def over(plan: Plan) -> int:
    """The frame where nothing more is heard: most of the last mark and the pad are silence."""
    return max(1, plan.length - int(plan.frames[-1]) - max(0, int(plan.frames[-2]) - EARLY))


def quietest(plan: Plan, first: int, most: int, end: int) -> int:
    """Where to end a stretch: the frame of least energy not far from ``most`` frames on."""
    if first + most + most // 3 >= end:
        return end
    low, high = first + max(2, most * 2 // 3), min(end, first + most + most // 4)
    energy = plan.energy[0].reshape(-1, 2).mean(1)[low:high]
    return low + int(energy.argmin())


def trimmed(sound: F32, *, begins: bool, ends: bool) -> tuple[F32, int]:
    """Without the silence around a sentence, faded in and out, and the samples cut off in front."""
    loud = np.nonzero(np.abs(sound) > SILENCE)[0]
    if loud.size == 0:
        return sound[:0] if ends else sound, 0
    a = max(0, int(loud[0]) - int(BEFORE * RATE)) if begins else 0
    b = min(sound.size, int(loud[-1]) + int(AFTER * RATE)) if ends else sound.size
    out = sound[a:b].copy()
    ramp = np.linspace(0, 1, min(out.size, int(FADE * RATE)), dtype=np.float32)
    if begins:
        out[: ramp.size] *= ramp
    if ends:
        out[out.size - ramp.size :] *= ramp[::-1]
    return out, a


def main() -> None:
    out = sys.stdout.buffer

    def reply(head: dict[str, Any], pcm: bytes = b"") -> None:
        encoded = json.dumps(head).encode()
        out.write(struct.pack("<II", len(encoded), len(pcm)) + encoded + pcm)
        out.flush()

    speaker = Speaker(Path(sys.argv[1]))
    reply({"sample_rate": RATE, "works": speaker.works})
    for line in sys.stdin.buffer:
        try:
            reply(*speaker.say(json.loads(line)))
        except (ValueError, KeyError, OSError) as error:
            reply({"error": f"{type(error).__name__}: {error}"})
        out.write(struct.pack("<II", 0, 0))
        out.flush()


if __name__ == "__main__":
    try:
        main()
    except (KeyboardInterrupt, BrokenPipeError):
        sys.exit(0)
