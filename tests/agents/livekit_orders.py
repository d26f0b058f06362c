"""LiveKit's own ``DataStreamAudioOutput`` against our worker, in random orders of speech, clears and losses.

Prints what went wrong, one line each, and how many segments were finished.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections.abc import Callable

from livekit import rtc
from livekit.agents.voice.avatar import DataStreamAudioOutput
from livekit.agents.voice.io import PlaybackFinishedEvent
from livekit_bunraku import worker as module
from livekit_bunraku.worker import PLAYBACK_FINISHED, AvatarWorker
from livekit_room import Room

RATE = 24000
FAST = 20.0  # times faster than real: how quickly the figure of this test speaks


class PretendFigure:
    """Speaks as fast as is told above, as a stage would: what is fed plays on, in its order."""

    def __init__(self) -> None:
        self.now: Callable[[], float] = asyncio.get_running_loop().time
        self._begun, self._fed, self._whole, self._cut = 0.0, 0.0, False, None

    async def begin(self, rate: int, channels: int) -> None:
        await asyncio.sleep(0.002)
        self._begun, self._fed, self._whole, self._cut = self.now(), 0.0, False, None

    async def feed(self, pcm: bytes) -> None:
        self._fed += len(pcm) / 2 / RATE

    async def finish(self) -> None:
        self._whole = True

    async def interrupt(self) -> None:
        await asyncio.sleep(0.002)
        self._cut = self._played()

    def _played(self) -> float:
        return min(self._fed, (self.now() - self._begun) * FAST)

    async def heard(self) -> tuple[int, int]:
        await asyncio.sleep(0.002)
        if self._cut is not None:
            return 5, round(self._cut * 1000)
        played = self._played()
        return (4 if self._whole and played >= self._fed else 2), round(played * 1000)


async def one(seed: int) -> tuple[list[str], int]:
    chance = random.Random(seed)
    world: dict[str, Room] = {}
    agent, avatar = Room(world, f"agent{seed}"), Room(world, f"avatar{seed}")
    agent.lose_trailer = lambda: chance.random() < 0.15
    worker = AvatarWorker(avatar, PretendFigure(), f"agent{seed}")
    worker.start()
    output = DataStreamAudioOutput(
        agent, destination_identity=f"avatar{seed}", sample_rate=RATE, wait_playback_start=True
    )
    finished: list[PlaybackFinishedEvent] = []
    output.on("playback_finished", finished.append)
    faults: list[str] = []
    pushed: list[float] = []
    cleared = 0
    silenced: list[int] = []
    for _ in range(chance.randint(1, 6)):
        seconds = 0.0
        for _ in range(chance.randint(1, 8)):
            frame = rtc.AudioFrame(bytes(RATE // 5), RATE, 1, RATE // 10)
            await output.capture_frame(frame)
            seconds += 0.1
            if chance.random() < 0.2:
                await asyncio.sleep(chance.random() * 0.02)
        output.flush()
        pushed.append(seconds)
        if chance.random() < 0.4:
            await asyncio.sleep(chance.random() * 0.05)
            already = len([m for m, _ in avatar.calls if m == PLAYBACK_FINISHED])
            output.clear_buffer()
            cleared += 1
            # The one that is being heard may end by itself as it is cut; those behind it cannot.
            silenced += range(already + 1, len(pushed))
        if chance.random() < 0.5:
            await asyncio.sleep(chance.random() * 0.1)
    try:
        await asyncio.wait_for(output.wait_for_playout(), 5)
    except TimeoutError:
        faults.append(f"seed {seed}: the agent waits for ever")
    await asyncio.sleep(0.03)
    told = [json.loads(p) for m, p in avatar.calls if m == PLAYBACK_FINISHED]
    if len(told) != len(pushed):
        faults.append(f"seed {seed}: {len(pushed)} segments, {len(told)} finished")
    for seconds, event in zip(pushed, told, strict=False):
        if event["playback_position"] > seconds + 0.001:
            faults.append(f"seed {seed}: more heard than was said: {event}, {seconds}")
        if not event["interrupted"] and abs(event["playback_position"] - seconds) > 0.001:
            faults.append(f"seed {seed}: whole and yet not: {event}, {seconds}")
    for index in silenced:
        if index < len(told) and not told[index]["interrupted"]:
            faults.append(f"seed {seed}: segment {index} was spoken after a clear")
    if not cleared and any(e["interrupted"] for e in told):
        faults.append(f"seed {seed}: interrupted by nobody")
    await worker.close()
    return faults, len(told)


async def run(order: dict) -> dict:
    module.LOOK_EVERY, module.STREAM_IDLE = 0.005, 0.2
    results = await asyncio.gather(*(one(seed) for seed in range(order["seeds"])))
    return {"faults": [f for fs, _ in results for f in fs], "segments": sum(n for _, n in results)}


if __name__ == "__main__":
    print("RESULT", json.dumps(asyncio.run(run(json.load(sys.stdin)))), flush=True)
