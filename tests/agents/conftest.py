"""Agents' frameworks as their users have them, in an environment of their own: they are no part of the server."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bunraku.core.media import SAMPLE_RATE
from bunraku.node.speech.espeak import EspeakProvider
from bunraku.testing.server import RunningServer

from ..e2e.conftest import inner_mouth
from ..support.speech import say

HERE = Path(__file__).parent
AGENTS = HERE.parents[1] / "build" / "agents"
PYTHON = AGENTS / "bin" / "python"
NEWEST_SIMLI = AGENTS / "simli-2.1"
INTEGRATIONS = HERE.parents[1] / "integrations"
PACKAGES = [INTEGRATIONS / name / "src" for name in ("stage", "pipecat", "livekit")]
ANNA = "6f0c3a52-9b1e-4c57-8d43-1f2a7be05c11"
TEXT = "Maybe my brother bought five pairs of brown boots. Please open all the maps above the pond."
LOUD = 200.0  # root mean square of int16 samples


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if PYTHON.exists() or os.environ.get("TESTS_REQUIRE_AGENTS"):
        return
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(
                pytest.mark.skip(reason="make build/agents: the agents' frameworks are not there")
            )


@pytest.fixture(scope="session")
def speech(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    """A sentence as a WAV of 24 kHz, and its seconds."""

    async def spoken() -> np.ndarray:
        provider = EspeakProvider(1)
        await provider.start()
        try:
            return (await say(provider, "en-us-evan", TEXT))[0]
        finally:
            await provider.close()

    samples = asyncio.run(spoken())
    path = tmp_path_factory.mktemp("speech") / "speech.wav"
    with wave.open(str(path), "wb") as w:
        w.setnchannels(1)
        w.setsampwidth(2)
        w.setframerate(24000)
        w.writeframes(samples[::2].astype("<i2").tobytes())
    return path, len(samples) / SAMPLE_RATE


class Run:
    """What came out of a pipeline (``pipeline.py``); times in seconds on its own clock."""

    def __init__(self, found: dict[str, Any]) -> None:
        self.told: dict[str, float] = found["told"]
        self.pictures = np.array(found["pictures"])
        self.sounds = np.array(found["sounds"])
        self.size = found["size"]
        self.playback: list[dict[str, Any]] = found["playback"]
        self.ttfb: list[float] = found["ttfb"]

    def loud(self, begin: float, end: float) -> np.ndarray:
        """When sound came between these."""
        s = self.sounds
        return s[(s[:, 0] >= begin) & (s[:, 0] < end) & (s[:, 1] > LOUD)][:, 0]

    def mouth(self, begin: float, end: float) -> np.ndarray:
        """How far open it was, in each picture."""
        p = self.pictures
        return p[(p[:, 0] >= begin) & (p[:, 0] < end)][:, 1]


def run_pipeline(
    server: RunningServer, service: str, options: dict[str, Any], speech: tuple[Path, float], *paths: Path
) -> Run:
    """One whole sentence, then one that is cut short after 1.5 s, through a real pipeline."""
    wav, seconds = speech
    order = {
        "service": service,
        "options": options,
        "wav": str(wav),
        "first": seconds + 1.2,
        "cut_after": 1.5,
        "mouth": [int(v) for v in inner_mouth(server)],
    }
    return Run(run_script("pipeline.py", order, *paths))


def run_script(name: str, order: dict[str, Any], *paths: Path) -> dict[str, Any]:
    """What a script of this folder answers when the agents' Python runs it with ``paths`` before all others."""
    done = subprocess.run(
        [PYTHON, HERE / name],
        input=json.dumps(order),
        capture_output=True,
        text=True,
        timeout=90,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, paths))},
    )
    if done.returncode or "ERROR" in done.stderr:
        print(done.stderr[-4000:])
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    assert lines, done.stderr[-3000:]
    return json.loads(lines[0].removeprefix("RESULT "))


def check(run: Run, seconds: float) -> None:
    """Picture and sound as a viewer has them; prints what a person wants to know."""
    told = run.told
    loud = run.loud(told["first"], told["second"])
    assert run.size == [512, 512]
    assert loud[-1] - loud[0] > 0.8 * seconds
    speaking = run.mouth(loud[0], loud[-1])
    assert len(speaking) > 0.6 * 25 * (loud[-1] - loud[0]), "pictures are missing"
    cut = run.loud(told["cut"], told["end"])
    silent_after = cut[-1] - told["cut"] if len(cut) else 0.0
    assert seconds - 1.5 > 2.0 > silent_after + 1.0, "it spoke on"
    resting = run.mouth(told["cut"] + 0.8, told["end"])
    assert len(resting) > 5
    assert np.quantile(speaking, 0.9) > 4 * np.quantile(resting, 0.9) + 0.02, "the mouth does not follow"
    print(
        f"first sound after {loud[0] - told['first']:.3f} s, silent {silent_after:.3f} s after the interruption"
    )
