"""Callers of drive sockets, and an ear on what a stream publishes."""

from __future__ import annotations

import asyncio
import json
import time

import numpy as np
import websockets

from bunraku.core.media import SAMPLE_RATE, Codec, Kind
from bunraku.testing.server import APP_ID

from .waiting import wait_for

RATE = 16000


def pcm(seconds, hertz=440, rate=RATE, channels=1):
    wave = (np.sin(np.arange(int(seconds * rate)) * 2 * np.pi * hertz / rate) * 9000).astype("<i2")
    return (np.repeat(wave, channels) if channels > 1 else wave).tobytes()


class Ear:
    """Listens to what a stream publishes, as a watcher would: decodes its Opus units."""

    video_codec, video_limit = None, None

    def __init__(self, server, stream_id):
        import av

        self._decoder = av.AudioCodecContext.create("libopus", "r")
        self._decoder.sample_rate, self._decoder.layout = SAMPLE_RATE, "mono"
        self._av = av
        self.levels = []
        self.stream = server.parts.rooms.stream(APP_ID, stream_id)
        self.stream.watchers.add(self)

    def push(self, unit):
        if unit.kind is not Kind.AUDIO:
            return
        assert unit.codec is Codec.OPUS
        for frame in self._decoder.decode(self._av.Packet(unit.data)):
            x = frame.to_ndarray().astype(float).reshape(-1)
            scale = 1 if frame.format.name.startswith("flt") else 32768
            self.levels.append((time.monotonic(), float(np.sqrt((x * x).mean())) / scale))

    async def close(self):
        return

    @property
    def voiced(self):
        """Seconds of sound above a whisper."""
        return sum(0.02 for _, level in self.levels if level > 0.02)


def start(drive=None, **more):
    payload = {"DriveId": drive, "SampleRate": RATE, "Channel": 1} | more
    return json.dumps({"Action": "Start", "SequenceID": "1", "Payload": payload})


STOP = json.dumps({"Action": "Stop", "Payload": {}})


def connect(address):
    return websockets.connect(address, proxy=None, max_size=None)


async def ended(stage, drive, status=4):
    await asyncio.to_thread(wait_for, lambda: stage.status(drive) == status)


def heard(stage, seconds, tolerance=0.12):
    wait_for(lambda: stage.ear.voiced >= seconds - tolerance, 5)
    time.sleep(0.2)
    assert abs(stage.ear.voiced - seconds) < tolerance
