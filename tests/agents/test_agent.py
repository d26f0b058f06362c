"""The example of a whole agent (integrations/pipecat/examples/agent.py): a WAV is heard, an answer is spoken.

Voice activity is real; what would be a cloud is a server of the same API, with a script for a language model.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import threading
import wave
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import numpy as np
import pytest

from bunraku.testing.server import APP_ID, SECRET, RunningServer

from .conftest import INTEGRATIONS, PACKAGES, PYTHON

ANSWER = "We open at nine. You are very welcome."


class Cloud(BaseHTTPRequestHandler):
    """Transcription, chat and speech of the OpenAI API, as much of it as the agent asks for."""

    heard: ClassVar[list[float]] = []
    asked: ClassVar[list[dict]] = []
    speech = b""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path.endswith("/audio/transcriptions"):
            begin = body.index(b"RIFF")
            with wave.open(io.BytesIO(body[begin:])) as w:
                self.heard.append(w.getnframes() / w.getframerate())
            self._answer("application/json", json.dumps({"text": "When do you open?"}).encode())
        elif self.path.endswith("/chat/completions"):
            self.asked.append(json.loads(body))
            words = [f"{word} " for word in ANSWER.split()]
            events = [{"choices": [{"index": 0, "delta": {"content": w}}]} for w in words]
            events.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
            for event in events:
                event |= {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "script"}
            lines = [f"data: {json.dumps(e)}\n\n" for e in events]
            self._answer("text/event-stream", ("".join(lines) + "data: [DONE]\n\n").encode())
        else:
            self._answer("audio/pcm", self.speech)

    def _answer(self, kind: str, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def cloud(speech) -> Iterator[str]:
    with wave.open(str(speech[0])) as w:
        Cloud.speech = w.readframes(w.getnframes())[:48000]  # a second
    server = ThreadingHTTPServer(("127.0.0.1", 0), Cloud)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    server.server_close()


def test_a_question_is_heard_and_answered_with_a_face(cloud, speech, tmp_path):
    with wave.open(str(speech[0])) as w:
        samples = np.frombuffer(w.readframes(w.getnframes()), "<i2")
    question = tmp_path / "question.wav"
    with wave.open(str(question), "wb") as w:
        w.setnchannels(1)
        w.setsampwidth(2)
        w.setframerate(16000)
        w.writeframes(samples[: len(samples) // 6 * 3].reshape(-1, 3)[:, :2].tobytes())
    with RunningServer() as server:
        env = os.environ | {
            "PYTHONPATH": os.pathsep.join(map(str, PACKAGES)),
            "BUNRAKU_URL": server.base_url,
            "BUNRAKU_APP_ID": str(APP_ID),
            "BUNRAKU_SERVER_SECRET": SECRET,
            "OPENAI_BASE_URL": cloud,
            "OPENAI_API_KEY": "none",
        }
        example = INTEGRATIONS / "pipecat" / "examples" / "agent.py"
        try:
            done = subprocess.run(
                [PYTHON, example, question], capture_output=True, text=True, timeout=60, env=env
            )
        except subprocess.TimeoutExpired as late:
            pytest.fail(f"{late.stdout}\n{(late.stderr or b'')[-6000:].decode()}")
        assert "said: " + ANSWER in done.stdout, done.stderr[-3000:]
        heard = int(done.stdout.split("heard ")[1].split(" ms")[0])
        assert server.client().running() == []
    assert heard > 900
    assert max(Cloud.heard) > 1, "what was spoken was sent to be recognised"
    assert Cloud.asked[0]["messages"][-1]["content"] == "When do you open?"
