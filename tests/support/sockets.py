"""Callers of drive sockets, and an ear on what a stream publishes."""

from __future__ import annotations

import asyncio
import json
import time

import numpy as np
import websockets

from .waiting import wait_for

RATE = 16000


def pcm(seconds, hertz=440, rate=RATE, channels=1):
    wave = (np.sin(np.arange(int(seconds * rate)) * 2 * np.pi * hertz / rate) * 9000).astype("<i2")
    return (np.repeat(wave, channels) if channels > 1 else wave).tobytes()


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
