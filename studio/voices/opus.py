"""Opus settings by a listening-grade measure: ``opus.py FOLDER`` with the sound of ``measure.py say FOLDER``.

Each voice's sentences go through libopus as a stream does, packet by packet, and what comes out is compared
with what went in by wideband PESQ (ITU-T P.862.2, the package ``pesq``: built from source, so it wants a C
compiler). Prints the table of docs/voices.md: the mean of the voices and the worst of them, the bits that were
really spent, and the time a packet of 20 ms takes.
"""

from __future__ import annotations

import ctypes
import sys
import time
import wave
from pathlib import Path

import numpy as np
import soxr
from pesq import pesq

from bunraku.core.media import PCM, SAMPLE_RATE
from bunraku.node.encode import libopus
from bunraku.node.encode.opus import PACKET_SAMPLES

VOICES = (
    "en-us-hazel",
    "en-us-miles",
    "en-gb-edith",
    "es-es-diego",
    "zh-cn-lan",
    "en-us-grace",
    "en-us-evan",
)
SENTENCES = 2
CHOSEN = (48, 0, "VBR", "speech")
SET_VBR, GET_LOOKAHEAD = 4006, 4027
SIGNALS = {"speech": libopus.SIGNAL_VOICE, "anything": libopus.SIGNAL_AUTO}
MODES = {"VBR": (1, 0), "constrained VBR": (1, 1), "CBR": (0, 0)}
"""Each as VBR, and its constraint."""
ROWS = (
    CHOSEN,
    *((bits, 0, "VBR", "speech") for bits in (24, 32, 40, 64)),
    *((40, complexity, "VBR", "speech") for complexity in (1, 2, 3, 5, 8, 10)),
    *((40, 0, mode, "speech") for mode in MODES if mode != "VBR"),
    *((bits, 5, "VBR", "anything") for bits in (24, 40, 64)),
    *((40, complexity, "VBR", "anything") for complexity in (0, 8)),
    (40, 5, "CBR", "anything"),
)
"""kbit/s, complexity, mode, and what libopus is told that the sound is."""


def read(path: Path) -> PCM:
    with wave.open(str(path)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.int16)
    return np.pad(samples, (0, -samples.size % PACKET_SAMPLES))


def through(sound: PCM, kbits: int, complexity: int, mode: str, signal: str) -> tuple[PCM, float, float]:
    """What a receiver hears, in step with ``sound``; kbit/s; microseconds a packet."""
    lib = libopus.library()
    assert lib is not None
    encoder = libopus.PacketEncoder(lib, kbits * 1000, complexity, SIGNALS[signal])
    decoder = libopus.PacketDecoder(lib)
    state = encoder.state
    vbr, constrained = MODES[mode]
    lib.opus_encoder_ctl(state, SET_VBR, ctypes.c_int(vbr))
    lib.opus_encoder_ctl(state, libopus.SET_VBR_CONSTRAINT, ctypes.c_int(constrained))
    ahead = ctypes.c_int()
    lib.opus_encoder_ctl(state, GET_LOOKAHEAD, ctypes.byref(ahead))
    padded = np.pad(sound, (0, PACKET_SAMPLES))
    packets, spent = [], 0.0
    for at in range(0, padded.size, PACKET_SAMPLES):
        packet = padded[at : at + PACKET_SAMPLES].tobytes()
        begin = time.thread_time()
        packets.append(encoder.encode(packet))
        spent += time.thread_time() - begin
    heard = np.concatenate([decoder.decode(p) for p in packets])[ahead.value :][: sound.size]
    bits = 8 * sum(map(len, packets)) / (padded.size / SAMPLE_RATE) / 1000
    return heard, bits, spent / len(packets) * 1e6


def mark(sound: PCM, heard: PCM) -> float:
    wide = [soxr.resample(x.astype(np.float32), SAMPLE_RATE, 16000).astype(np.int16) for x in (sound, heard)]
    return float(pesq(16000, *wide, "wb"))


def main() -> None:
    folder = Path(sys.argv[1])
    sounds = {
        v: np.concatenate([read(folder / f"{v}-{n}.wav") for n in range(SENTENCES)])
        for v in VOICES
        if (folder / f"{v}-0.wav").exists()
    }
    print(
        "| kbit/s asked | complexity | mode | told to be | PESQ, mean | the worst | kbit/s spent | µs a packet |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for row in ROWS:
        marks, bits, times = [], [], []
        for voice in sounds:
            heard, rate, took = through(sounds[voice], *row)
            marks.append((mark(sounds[voice], heard), voice))
            bits.append(rate)
            times.append(took)
        worst, who = min(marks)
        mean = np.mean([m for m, _ in marks])
        print(
            f"| {row[0]} | {row[1]} | {row[2]} | {row[3]} | {mean:.2f} | {worst:.2f} ({who}) "
            f"| {np.mean(bits):.1f} | {np.median(times):.0f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
