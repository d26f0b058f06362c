"""The bridge from a realtime speech model (examples/realtime) to a real figure. The model is a small server of the
same shape: it answers when it has heard speech end, and says so when it hears speech begin."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import subprocess
import threading
import wave

import numpy as np
import pytest
from websockets.asyncio.server import ServerConnection, serve

from bunraku.testing.server import APP_ID, SECRET, RunningServer

from ..support.ear import listen
from .conftest import INTEGRATIONS, PACKAGES, PYTHON

BRIDGE = INTEGRATIONS.parent / "examples" / "realtime" / "bridge.py"
RATE = 24000
LOUD, QUIET = 1000, 0.5  # a peak of int16; s of silence that end a turn


class Model:
    """``answer`` is said when a turn has ended; ``truncated`` is what the bridge said of it."""

    def __init__(self, answer: np.ndarray) -> None:
        self._answer, self.truncated, self.key = answer, None, ""
        self.url = ""
        self._up, self._loop = threading.Event(), asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=[self._run()], daemon=True)

    def __enter__(self) -> Model:
        self._thread.start()
        assert self._up.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    async def _run(self) -> None:
        self._stop = asyncio.Event()
        async with serve(self._session, "127.0.0.1", 0) as server:
            self.url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            self._up.set()
            await self._stop.wait()

    async def _session(self, socket: ServerConnection) -> None:
        self.key = socket.request.headers["Authorization"]
        speaking, silence, turns = False, 0.0, 0
        async for message in socket:
            event = json.loads(message)
            if event["type"] == "conversation.item.truncate":
                self.truncated = event
                return
            sound = np.frombuffer(base64.b64decode(event["audio"]), "<i2")
            silence = 0.0 if np.abs(sound).max() > LOUD else silence + len(sound) / RATE
            if not silence and not speaking:
                speaking = True
                await socket.send(json.dumps({"type": "input_audio_buffer.speech_started"}))
            elif speaking and silence > QUIET:
                speaking, turns = False, turns + 1
                item = {"item_id": f"item{turns}"}
                for at in range(0, len(self._answer), RATE // 2):  # faster than it can be heard, as models do
                    delta = base64.b64encode(self._answer[at : at + RATE // 2].tobytes()).decode()
                    await socket.send(
                        json.dumps({"type": "response.output_audio.delta", "delta": delta, **item})
                    )
                await socket.send(json.dumps({"type": "response.output_audio.done", **item}))


def test_a_model_speaks_through_a_figure_and_learns_how_much_was_heard(speech, tmp_path):
    with wave.open(str(speech[0])) as w:
        samples = np.frombuffer(w.readframes(w.getnframes()), "<i2")
    question = tmp_path / "question.wav"
    with wave.open(str(question), "wb") as w:
        w.setnchannels(1)
        w.setsampwidth(2)
        w.setframerate(RATE)
        turn = samples[:RATE]
        w.writeframes(np.concatenate([turn, np.zeros(RATE * 5 // 2, "<i2"), turn]).tobytes())
    with RunningServer() as server, Model(samples) as model:
        env = os.environ | {
            "PYTHONPATH": os.pathsep.join(map(str, PACKAGES)),
            "BUNRAKU_URL": server.base_url,
            "BUNRAKU_APP_ID": str(APP_ID),
            "BUNRAKU_SERVER_SECRET": SECRET,
            "REALTIME_URL": model.url,
            "OPENAI_API_KEY": "none",
        }
        bridge = subprocess.Popen([PYTHON, BRIDGE, question], stdout=subprocess.PIPE, text=True, env=env)
        stream = bridge.stdout.readline().split("stream ")[1].strip()
        ear = listen(server, stream)
        rest, _ = bridge.communicate(timeout=30)
        assert bridge.returncode == 0
        assert server.client().running() == []
    assert model.key == "Bearer none"
    heard = model.truncated["audio_end_ms"]
    assert model.truncated["item_id"] == "item1"
    assert f"cut short after {heard} ms" in rest
    loud = [at for at, level in ear.levels if level > 0.02]
    assert 1000 < heard < 2500
    assert loud[-1] - loud[0] == pytest.approx(heard / 1000, abs=0.2)
