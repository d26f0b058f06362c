"""The worker between LiveKit's own output and a real Bunraku server: a whole segment, then one cut short.

Pictures go into the real ``EncodedVideoSource``; sound into a sink that notes what came.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
import wave

import av
import numpy as np
from bunraku_stage import Api, Stage
from livekit import rtc
from livekit.agents.voice.avatar import DataStreamAudioOutput
from livekit_bunraku.tracks import is_keyframe, pictures, sounds
from livekit_bunraku.worker import AvatarWorker
from livekit_room import Room

LOUD = 200.0  # root mean square of int16 samples


class Ear:
    """In the place of ``rtc.AudioSource``."""

    def __init__(self) -> None:
        self.loud: list[float] = []

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        samples = np.frombuffer(frame.data, np.int16).astype(float)
        if np.sqrt((samples**2).mean()) > LOUD:
            self.loud.append(time.monotonic())


class Eye:
    """The real source, and a decoder beside it."""

    def __init__(self) -> None:
        self._source = rtc.EncodedVideoSource(512, 512)
        self._decoder = av.CodecContext.create("h264", "r")
        self.accepted = self.decoded = self.keys = 0
        self.ask = False

    def capture_frame(self, frame: rtc.EncodedVideoFrame) -> bool:
        data = bytes(frame.data)
        self.keys += is_keyframe(data)
        self.decoded += len(self._decoder.decode(av.Packet(data)))
        self.accepted += self._source.capture_frame(frame)
        return True

    def take_feedback(self) -> rtc.EncodedVideoSourceFeedback:
        real = self._source.take_feedback()
        asked, self.ask = self.ask, False
        return rtc.EncodedVideoSourceFeedback(real.keyframe_requested or asked, real.rate_control)


async def run(order: dict) -> dict:
    stage = Stage(Api(order["url"], order["app"], order["secret"]), "livekit", "livekit")
    await stage.open(order["human"], 512, 512, None)
    tracks = await stage.watch([], decode=False)
    world: dict[str, Room] = {}
    agent, avatar = Room(world, "agent"), Room(world, "avatar")
    worker, eye, ear = AvatarWorker(avatar, stage, "agent"), Eye(), Ear()
    worker.start()
    jobs = [
        asyncio.create_task(pictures(stage, tracks["video"], eye, (512, 512))),
        asyncio.create_task(sounds(tracks["audio"], ear)),
    ]
    output = DataStreamAudioOutput(
        agent, destination_identity="avatar", sample_rate=24000, wait_playback_start=True
    )
    finished, started = [], []
    output.on("playback_finished", lambda e: finished.append((e.playback_position, e.interrupted)))
    output.on("playback_started", lambda e: started.append(time.monotonic()))
    with wave.open(order["wav"], "rb") as w:
        pcm = w.readframes(w.getnframes())

    async def say() -> None:
        for at in range(0, len(pcm), 4800):
            piece = pcm[at : at + 4800]
            await output.capture_frame(rtc.AudioFrame(piece, 24000, 1, len(piece) // 2))
        output.flush()

    await say()
    await output.wait_for_playout()
    keys = eye.keys
    eye.ask = True
    begun = len(ear.loud)
    await say()
    await asyncio.sleep(1.5)
    cut = time.monotonic()
    output.clear_buffer()
    await output.wait_for_playout()
    told = time.monotonic() - cut
    await asyncio.sleep(0.6)
    found = {
        "finished": finished,
        "started": len(started),
        "told_after": told,
        "heard": ear.loud[-1] - ear.loud[begun],
        "loud_after_cut": ear.loud[-1] - cut,
        "accepted": eye.accepted,
        "decoded": eye.decoded,
        "keys": [keys, eye.keys],
    }
    await worker.close()
    for job in jobs:
        job.cancel()
    await asyncio.gather(*jobs, return_exceptions=True)
    await stage.close()
    return found


if __name__ == "__main__":
    print("RESULT", json.dumps(asyncio.run(run(json.load(sys.stdin)))), flush=True)
