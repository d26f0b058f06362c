"""A realtime speech model with a face: its voice goes to a digital human, an interruption silences both.

The model is reached at a WebSocket of the OpenAI Realtime shape: 24 kHz PCM in base64 both ways. What people
heard when they cut the figure short is told to the model, so that it remembers what it really said. Needs
``bunraku-stage`` (integrations/stage).

    BUNRAKU_URL=http://127.0.0.1:8080 BUNRAKU_APP_ID=... BUNRAKU_SERVER_SECRET=... \
    REALTIME_URL=wss://api.openai.com/v1/realtime?model=gpt-realtime OPENAI_API_KEY=... \
    python bridge.py question.wav

The WAV (24 kHz, mono) stands for a microphone: it is heard at its own pace, then silence follows.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import secrets
import sys
import wave
from collections.abc import AsyncIterator

import websockets
from bunraku_stage import ENDED, INTERRUPTED, Api, Stage
from websockets.asyncio.client import ClientConnection

RATE = 24000
PIECE = 0.04  # s of sound in a message
LOOK_EVERY = 0.2  # s
AUDIO = ("response.output_audio.delta", "response.audio.delta")  # today's name, and the beta's
AUDIO_DONE = ("response.output_audio.done", "response.audio.done")


async def microphone(path: str) -> AsyncIterator[bytes]:
    with wave.open(path, "rb") as w:
        pcm = w.readframes(w.getnframes())
    size = int(RATE * PIECE) * 2
    begun, at = asyncio.get_running_loop().time(), 0
    while True:
        yield pcm[at : at + size].ljust(size, b"\0")
        at += size
        await asyncio.sleep(begun + at / 2 / RATE - asyncio.get_running_loop().time())


class Bridge:
    """Between one session of a model and one figure."""

    def __init__(self, model: ClientConnection, stage: Stage) -> None:
        self._model, self._stage = model, stage
        self._item: str | None = None
        """What the figure is saying, by the model's name for it."""
        self._over: set[str] = set()
        """Items that were cut short: more of them may be on its way."""

    async def listen(self, path: str) -> None:
        async for pcm in microphone(path):
            sound = base64.b64encode(pcm).decode()
            await self._model.send(json.dumps({"type": "input_audio_buffer.append", "audio": sound}))

    async def speak(self) -> None:
        """Until the model leaves."""
        async for message in self._model:
            event = json.loads(message)
            kind = event["type"]
            if kind in AUDIO:
                await self._say(event["item_id"], base64.b64decode(event["delta"]))
            elif kind in AUDIO_DONE and event["item_id"] == self._item:
                await self._stage.finish()
            elif kind == "input_audio_buffer.speech_started":
                await self._cut()
            elif kind == "error":
                print("the model:", event["error"].get("message"), flush=True)

    async def _say(self, item: str, pcm: bytes) -> None:
        if item in self._over:
            return
        if item != self._item:
            await self._stage.begin(RATE, 1)
            self._item = item
        await self._stage.feed(pcm)

    async def _cut(self) -> None:
        item, self._item = self._item, None
        if item is None:
            return
        self._over.add(item)
        state, played = await self._stage.heard()
        if state != ENDED:
            await self._stage.interrupt()
            while state not in (ENDED, INTERRUPTED):
                state, played = await self._stage.heard()
        cut = {"item_id": item, "content_index": 0, "audio_end_ms": played}
        await self._model.send(json.dumps({"type": "conversation.item.truncate", **cut}))
        print(f"cut short after {played} ms", flush=True)


async def main() -> None:
    env = os.environ
    name = f"realtime-{secrets.token_hex(4)}"
    api = Api(env["BUNRAKU_URL"], int(env["BUNRAKU_APP_ID"]), env["BUNRAKU_SERVER_SECRET"])
    stage = Stage(api, name, name)
    headers = {"Authorization": f"Bearer {env['OPENAI_API_KEY']}"}
    try:
        human = env.get("BUNRAKU_HUMAN", "6f0c3a52-9b1e-4c57-8d43-1f2a7be05c11")
        await stage.open(human, 720, 1280, None)
        print(f"watch room {name}, stream {name}", flush=True)
        async with websockets.connect(
            env["REALTIME_URL"], additional_headers=headers, max_size=None
        ) as model:
            bridge = Bridge(model, stage)
            listening = asyncio.create_task(bridge.listen(sys.argv[1]))
            try:
                await bridge.speak()
            finally:
                listening.cancel()
                await asyncio.gather(listening, return_exceptions=True)
    finally:
        await stage.close()


if __name__ == "__main__":
    asyncio.run(main())
