"""A stream published by WHIP to a server that is not ours: Debian's Janus behind Debian's simple-whip-server.
What arrives in Janus is recorded by it, decoded here, and must flash and sound once a second.

``python scripts/whip_janus.py SERVER``: the folder of simple-whip-server's ``server.js``, beside whose parents
node finds its modules (async, colors, cors, debug, express 4, websocket). Needs ``janus``. Loopback only.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import av
import httpx
import numpy as np
from aiortc.codecs.h264 import H264PayloadDescriptor
from aiortc.rtp import RtpPacket
from tests.support.flashing import Flashing, stream
from tests.support.nginx import free_port

from bunraku.core.clock import SystemClock
from bunraku.core.output import OutputOrder, OutputStatus, Protocol
from bunraku.core.settings import OutputSettings
from bunraku.core.urls import Guard
from bunraku.node.outputs.base import Means
from bunraku.node.outputs.outputs import OutputMeans, Outputs
from bunraku.node.outputs.storage import Storage
from bunraku.node.workers.pool import Workers

PLUGINS = "/usr/lib/x86_64-linux-gnu/janus"
JANUS = """general: {{
  configs_folder = "{folder}"
  plugins_folder = "{plugins}/plugins"
  transports_folder = "{plugins}/transports"
  events_folder = "{plugins}/events"
  loggers_folder = "{plugins}/loggers"
}}
plugins: {{ disable = "libjanus_duktape.so,libjanus_lua.so,libjanus_sip.so,libjanus_nosip.so" }}
"""
SOCKETS = """general: {{ ws = true  ws_port = {port}  ws_ip = "127.0.0.1" }}
admin: {{ admin_ws = false }}
"""
ROOM = """room-1: {{ description = "r"  publishers = 2  audiocodec = "opus"  videocodec = "h264"
  record = true  rec_dir = "{folder}" }}
"""


@contextlib.contextmanager
def whip(source: Path, folder: Path) -> Iterator[str]:
    """Both servers; gives where to publish."""
    sockets, port = free_port(), free_port()
    (folder / "janus.jcfg").write_text(JANUS.format(folder=folder, plugins=PLUGINS))
    (folder / "janus.transport.websockets.jcfg").write_text(SOCKETS.format(port=sockets))
    (folder / "janus.plugin.videoroom.jcfg").write_text(
        ROOM.format(folder=folder).replace("room-1", "room-1234")
    )
    own = source / "config.js"
    own.unlink(missing_ok=True)  # a link into /etc
    own.write_text(
        f"module.exports = {{ janus: {{ address: 'ws://127.0.0.1:{sockets}' }}, port: {port}, rest: '/whip',"
        " allowTrickle: true, strictETags: false, iceServers: [] };"
    )
    with (folder / "log").open("wb") as log:
        started = [subprocess.Popen(["janus", "-F", str(folder), "-o"], stdout=log, stderr=log, cwd=folder)]
        time.sleep(2.0)
        node = ["node", "server.js"]
        started.append(subprocess.Popen(node, stdout=log, stderr=log, cwd=source))
        try:
            url, begin = f"http://127.0.0.1:{port}/whip", time.monotonic()
            deadline, again = begin + 25, begin + 5
            while True:
                if time.monotonic() > again:  # it may miss Janus's first answer, and waits for ever then
                    again += 5
                    started[-1].kill()
                    started[-1] = subprocess.Popen(node, stdout=log, stderr=log, cwd=source)
                with contextlib.suppress(httpx.TransportError):
                    made = {"id": "bunraku", "room": 1234, "token": "verysecret", "label": "Bunraku"}
                    httpx.post(f"{url}/create", json=made).raise_for_status()
                    break
                if time.monotonic() > deadline:
                    raise RuntimeError((folder / "log").read_text())
                time.sleep(0.1)
            yield f"{url}/endpoint/bunraku"
        finally:
            for process in reversed(started):
                process.terminate()
                process.wait(10)


def packets(path: Path) -> Iterator[tuple[float, RtpPacket]]:
    """When each came, in seconds, and what: Janus's own format of recordings."""
    data, at = path.read_bytes(), 0
    while at < len(data):
        assert data[at : at + 4] in (b"MJR0", b"MEET")
        arrived, size = struct.unpack_from(">IH", data, at + 4) if data[at : at + 4] == b"MEET" else (0, 0)
        if data[at : at + 4] == b"MJR0":
            at += 10 + struct.unpack_from(">H", data, at + 8)[0]
            continue
        with contextlib.suppress(ValueError):
            yield arrived / 1000, RtpPacket.parse(data[at + 10 : at + 10 + size])
        at += 10 + size


def begins(on: list[tuple[float, bool]]) -> list[float]:
    return [b[0] for a, b in pairwise(on) if b[1] and not a[1]]


def flashes(path: Path) -> list[float]:
    decoder, lit = av.VideoCodecContext.create("h264", "r"), []
    unit, stamp, at = b"", None, 0.0
    for arrived, packet in packets(path):
        if not packet.payload:
            continue
        if stamp is not None and packet.timestamp != stamp:
            with contextlib.suppress(av.FFmpegError):
                lit += [
                    (at, float(f.to_ndarray(format="gray")[96:].mean()) > 128)
                    for f in decoder.decode(av.Packet(unit))
                ]
            unit = b""
        at, stamp = arrived, packet.timestamp
        try:
            unit += H264PayloadDescriptor.parse(packet.payload)[1]
        except ValueError as error:
            print(f"a packet that is no H.264: {error}")
    return begins(lit)


def tones(path: Path) -> list[float]:
    decoder, loud = av.AudioCodecContext.create("opus", "r"), []
    decoder.layout, decoder.sample_rate = "stereo", 48000
    for arrived, packet in packets(path):
        if packet.payload:
            frames = decoder.decode(av.Packet(packet.payload))
            loud += [(arrived, float(np.abs(f.to_ndarray()).max()) > 0.1) for f in frames]
    return begins(loud)


async def publish(url: str, seconds: float) -> list[str]:
    workers, executor, told = Workers(), ThreadPoolExecutor(1), list[str]()
    storage = Storage(OutputSettings(), Path(tempfile.gettempdir()))
    means = Means(workers, storage, SystemClock(), Guard(allow_private=True), 15.0)
    to = stream()
    outputs = Outputs(
        1, "task", to, OutputMeans(means, executor, 5.0, 8.0),
        lambda o, _: told.append(f"{o.status.value} {o.fail_reason or ''}".strip()),
    )  # fmt: skip
    outputs.start()
    flashing = Flashing(to)
    outputs.add([OutputOrder(Protocol.WHIP, url=url, bearer_token="wrong")])
    outputs.add([OutputOrder(Protocol.WHIP, url=url, bearer_token="verysecret")])
    begin = time.monotonic()
    while outputs.records[1].status is not OutputStatus.ACTIVE and time.monotonic() - begin < 15:
        await flashing.play(0.2)
    await flashing.play(seconds)
    await outputs.close()
    await workers.close()
    executor.shutdown()
    print(f"{outputs.records[1].bytes} bytes sent")
    return told


def main() -> None:
    source = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with whip(source, folder) as url:
            told = asyncio.run(publish(url, 12.0))
            ended = httpx.get(url.replace("endpoint/bunraku", "endpoints")).json()
            time.sleep(1.0)
        print("; ".join(told), flush=True)
        if os.environ.get("KEEP_LOG"):
            for p in (folder / "log", *folder.rglob("*.mjr")):
                shutil.copy(p, os.environ["KEEP_LOG"])
        found = {p.name: p for p in folder.rglob("*.mjr")}
        video = flashes(next(p for n, p in found.items() if "video" in n))
        audio = tones(next(p for n, p in found.items() if "audio" in n))
    print(
        f"{len(video)} flashes from {video[0]:.2f} to {video[-1]:.2f} s, {len(audio)} tones in Janus; endpoint in use: {json.dumps(ended[0]['enabled'])}"
    )
    apart = [min((t - f for t in audio), key=abs) * 1e3 for f in video]
    print(f"tones came later by {np.median(apart):+.0f} ms ({min(apart):+.0f} to {max(apart):+.0f})")
    good = len(video) >= 8 and len(audio) >= 8 and told[-1] == "COMPLETE" and not ended[0]["enabled"]
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
