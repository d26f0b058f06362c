"""Strangers' servers, files and pictures: each of these once stopped the show."""

from __future__ import annotations

import asyncio
import contextlib
import http.server
import io
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zlib

import cv2
import numpy as np
import psutil
import pytest

from bunraku.core.meter import Meter
from bunraku.core.settings import FetchSettings
from bunraku.core.urls import FetchFailed
from bunraku.node.avatars import backdrop
from bunraku.node.avatars.picture_file import BackdropFailed, read, size_of
from bunraku.node.callbacks.couriers import Couriers
from bunraku.node.compose import WARM, WARM_PACKS
from bunraku.node.fetch import Fetcher
from bunraku.node.speech import audio_job, decoding
from bunraku.node.speech.audio_file import AudioFiles
from bunraku.node.speech.base import SpeechFailed
from bunraku.node.workers.pool import JobFailed, Workers
from bunraku.testing.server import RunningServer, test_apps
from bunraku.testing.voices import ToneVoices

from ..strangers import strangers
from ..support.files import childless, get, wav
from ..support.waiting import drive_status, wait_for

LAG, SKIPPED = 80.0, 5
"""Milliseconds that a tick may be late under attack (p99), and ticks that may be skipped, on a busy
machine. Parsed on the event loop, the same attacks made it 360 to 1240, and 900 to 1800."""
ATTACKS = 3


@pytest.fixture(scope="module")
def hostile():
    with strangers() as url:
        yield url


@pytest.fixture(scope="module")
def shelf():
    """A file server: what is put into it is served by name."""
    files = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = files.get(self.path.strip("/"))
            self.send_response(200 if body is not None else 404)
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            with contextlib.suppress(ConnectionError):
                self.wfile.write(body or b"")

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    files["url"] = f"http://127.0.0.1:{server.server_port}"
    yield files
    server.shutdown()


@pytest.fixture
async def fetcher():
    made = Fetcher(FetchSettings(allow_private=True, connect_timeout=3.0))
    await made.workers.start()
    yield made
    await made.workers.close()


async def play(fetcher, url):
    async with asyncio.timeout(15):
        return [c async for c in AudioFiles(fetcher).play(url, 0, 1)]


# --- servers

HOSTILE = {
    "crumbs": "crumbs",
    "continue": "without end",
    "headers": "without end|Protocol",
    "drip": "Timeout",
    "silent": "Timeout",
}


@pytest.mark.parametrize("how", HOSTILE)
async def test_a_file_server_that_never_comes_to_the_point_is_given_up(fetcher, hostile, how):
    begin = time.monotonic()
    with pytest.raises(SpeechFailed, match=HOSTILE[how]):
        await play(fetcher, f"{hostile}/{how}")
    assert time.monotonic() - begin < 8
    await childless(fetcher)


async def test_a_body_that_trickles_is_given_up(fetcher, hostile, monkeypatch):
    from bunraku.node.workers import download

    monkeypatch.setattr(download, "PATIENCE", 0.5)
    with pytest.raises(FetchFailed, match="too slow"):
        await asyncio.to_thread(lambda: audio_bytes(f"{hostile}/trickle"))


def audio_bytes(url):

    return get(url)


@pytest.mark.parametrize("how", ["continue", "headers", "drip", "silent", "crumbs"])
async def test_a_receiver_that_never_comes_to_the_point_delays_its_own_app_only(
    fetcher, hostile, receivers, how
):
    couriers = Couriers(fetcher.workers, 2.0)
    good = receivers()

    async def slow():
        begin = time.monotonic()
        if how == "crumbs":  # the status is all that is read of an answer
            assert await couriers.post(1, f"{hostile}/{how}", b"{}", guarded=False) == 200
        else:
            with pytest.raises(FetchFailed):
                await couriers.post(1, f"{hostile}/{how}", b"{}", guarded=False)
        return time.monotonic() - begin

    async with asyncio.timeout(10):
        jobs = [asyncio.create_task(slow()) for _ in range(8)]
        await asyncio.sleep(0)
        begin = time.monotonic()
        assert await couriers.post(2, good.url, b'{"A": 1}', guarded=False) == 200
        assert time.monotonic() - begin < 1.5
        assert max(await asyncio.gather(*jobs)) < 4
    with pytest.raises(FetchFailed, match="not public"):
        await couriers.post(1, good.url, b"{}", guarded=True)
    assert await couriers.post(1, good.url, b"{}", guarded=False) == 200
    await couriers.close()
    await childless(fetcher)


async def test_a_lost_courier_is_replaced(fetcher, receivers, monkeypatch):
    monkeypatch.setattr("bunraku.node.callbacks.couriers.IDLE", 0.5)
    couriers, good = Couriers(fetcher.workers, 0.5), receivers()
    assert await couriers.post(1, good.url, b"{}", guarded=False) == 200
    (courier,) = psutil.Process(fetcher.workers.pid).children()
    courier.suspend()
    with pytest.raises(FetchFailed, match=r"no answer|ended"):
        await couriers.post(1, good.url, b"{}", guarded=False)
    assert await couriers.post(1, good.url, b"{}", guarded=False) == 200
    await couriers.close()
    await childless(fetcher)


# --- a running stream under attack


@pytest.fixture(scope="module")
def on_air(hostile):
    apps = test_apps(callback_url=f"{hostile}/continue")
    with RunningServer(providers=[ToneVoices()], apps=apps, fetch={"allow_private": True}) as s:
        # What a start does beside must not be taken for the attack's doing.
        warm = s.parts.stage.warm(s.parts.catalog.list()[:WARM_PACKS], WARM)
        s.begin(warm).result(60)
        yield s


@pytest.mark.parametrize("how", ["nothing", "crumbs", "continue", "headers", "callbacks"])
def test_a_running_stream_is_not_late_under_attack(on_air, hostile, how, monkeypatch):
    late = []
    monkeypatch.setattr(Meter, "ticked", lambda _, seconds: late.append(max(0.0, seconds) * 1e3))
    with on_air.client() as api:
        human = api.digital_humans()[0]["DigitalHumanId"]
        tasks = [api.create(human, room_id="r", stream_id=f"s{how}{i}", size=(128, 128)) for i in range(5)]
        for task in tasks:
            wait_for(lambda task=task: api.status(task)["Status"] == 3)
        time.sleep(0.5)
        told = []
        # What another program does to this machine's cores passes; what an attack does comes again.
        while not told or told[-1][0] >= LAG or told[-1][1] > SKIPPED:
            assert len(told) < ATTACKS, told
            late.clear()
            skipped = on_air.parts.manager.totals().ticks_skipped
            drives = []
            if how in HOSTILE:
                drives = [api.play(t, f"{hostile}/{how}") for t in tasks[1:]]
            elif how == "callbacks":  # to a receiver that answers without end, three times a drive
                for i in range(4):
                    for t in tasks[1:]:
                        api.speak(t, f"{i}", timbre_id="tone-a")
            time.sleep(4)
            skipped = on_air.parts.manager.totals().ticks_skipped - skipped
            told.append((float(np.percentile(late, 99)), skipped))
            assert [drive_status(api, drive) for drive in drives] == [3] * len(drives)
        for task in tasks:
            api.stop(task)


# --- sound


def flac(rate, channels=1, samples=65535):
    """One frame of silence in a few bytes (RFC 9639)."""

    def crc(data, width, polynomial):
        value = 0
        for byte in data:
            value ^= byte << (width - 8)
            for _ in range(8):
                value = (value << 1) ^ (polynomial if value >> (width - 1) else 0)
                value &= (1 << width) - 1
        return value

    packed = rate << 44 | (channels - 1) << 41 | 15 << 36 | samples
    info = struct.pack(">HH6xQ16x", samples, samples, packed)
    head = b"\xff\xf8\x70" + bytes([(channels - 1) << 4 | 0x08, 0]) + struct.pack(">H", samples - 1)
    head += bytes([crc(head, 8, 0x07)])
    frame = head + b"\0\0\0" * channels
    return b"fLaC\x80\0\0\x22" + info + frame + struct.pack(">H", crc(frame, 16, 0x8005))


def riff(tag, rate=16000, channels=1, bits=16):
    """A WAV of a second with any format tag."""
    width = channels * bits // 8
    form = struct.pack("<HHIIHH", tag, channels, rate, rate * width & 0xFFFFFFFF, width, bits)
    sound = bytes(32_000)
    body = b"WAVEfmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", len(sound)) + sound
    return b"RIFF" + struct.pack("<I", len(body)) + body


def test_the_flac_is_one():
    assert len(flac(1)) == 55
    sound = [c.samples.size for c in decoding.decode(io.BytesIO(flac(8000)), 0, 60.0)]
    assert abs(sum(sound) - 65535 * 6) < 100
    assert max(sound) <= 24_000  # a frame of eight seconds comes in pieces


STRANGE = {
    "flac of 1 Hz": (flac(1), "1 Hz"),
    "flac of 3999 Hz": (flac(3999), "3999 Hz"),
    "flac of 655350 Hz": (flac(655350), "655350 Hz"),
    "wav of 1 Hz": (riff(1, 1), "1 Hz"),
    "wav of 2 GHz": (riff(1, 2_000_000_000), "Hz"),
    "wav of 64 channels": (riff(1, 16000, 64), "64 channels"),
    "wav of an unknown format": (riff(0x1234), "unknown codec|decodable"),
    "sdp": (
        b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
        b"m=audio 41234 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n",
        "decodable",
    ),
    "ffconcat": (b"ffconcat version 1.0\nfile '/tmp/other.wav'\n", "decodable"),
    "hls": (b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nhttp://127.0.0.1:9/a.ts\n", "decodable"),
}


@pytest.mark.parametrize("name", STRANGE)
async def test_strange_files_are_refused(fetcher, shelf, name):
    data, why = STRANGE[name]
    shelf["strange"] = data
    with pytest.raises(SpeechFailed, match=why):
        await play(fetcher, f"{shelf['url']}/strange")
    await childless(fetcher)


def test_no_file_makes_ffmpeg_open_anything(tmp_path, monkeypatch):
    """Neither a socket of a session description's choosing, nor a file a list names."""
    other = tmp_path / "other.wav"
    other.write_bytes(riff(1))
    before = {c.laddr for c in psutil.Process().net_connections()}
    lists = [STRANGE["sdp"][0], f"ffconcat version 1.0\nfile '{other}'\n".encode(), STRANGE["hls"][0]]
    for data in lists:
        with pytest.raises(SpeechFailed):
            for _ in decoding.decode(io.BytesIO(data), 0, 60.0):
                assert {c.laddr for c in psutil.Process().net_connections()} <= before
                raise AssertionError("it is read")


def test_every_fault_of_a_drive_ends_it_and_the_next_goes_on(on_air, shelf):
    shelf["strange"], shelf["good"] = riff(0x1234), wav()
    with on_air.client() as api:
        human = api.digital_humans()[0]["DigitalHumanId"]
        task = api.create(human, room_id="r", stream_id="faults", size=(128, 128))
        drives = [api.play(task, f"{shelf['url']}/{name}") for name in ("strange", "good")]
        wait_for(lambda: drive_status(api, drives[1]) == 4, 10)
        assert [d["Status"] for d in api.drives(task)] == [3, 4]
        api.stop(task)


def test_no_space_for_a_file_ends_it(shelf, monkeypatch):
    class Full(io.BytesIO):
        def write(self, data):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "SpooledTemporaryFile", lambda *_: Full())
    shelf["good"] = wav()
    file = audio_job.GrowingFile(lambda: None)
    request = {"url": f"{shelf['url']}/good", "allow_private": True, "connect_timeout": 5.0}
    worker = threading.Thread(
        target=audio_job.fill, args=(file, request | {"max_bytes": 1 << 20, "max_redirects": 0}), daemon=True
    )
    worker.start()
    with pytest.raises(SpeechFailed):
        list(decoding.decode(file, 0, 60.0))
    assert file.failure == "OSError"
    worker.join(5)
    assert not worker.is_alive()


# --- pictures


def png(width, height):
    """A whole picture of zeros, small in the file."""

    def chunk(name, body):
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    squeeze = zlib.compressobj(9)
    row = bytes(1 + width * 3)
    data = b"".join(squeeze.compress(row) for _ in range(height)) + squeeze.flush()
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def slow_jpeg(width, height, scans):
    """A progressive JPEG whose later scans say next to nothing, again and again."""
    image = np.zeros((height, width), np.uint8)
    data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes()
    at = data.rindex(b"\xff\xda")
    last, end = data[at:-2], data[-2:]
    return data[:at] + last * scans + end


PICTURES = {".png": [], ".jpg": [], ".webp": [], ".bmp": []}


@pytest.mark.parametrize("kind", PICTURES)
@pytest.mark.parametrize("shape", [(7, 1234), (480, 640), (1, 1)])
def test_the_size_is_in_the_header(kind, shape):
    data = cv2.imencode(kind, np.zeros((*shape, 3), np.uint8))[1].tobytes()
    assert size_of(data)[1:] == shape[::-1]


@pytest.mark.parametrize("options", [[cv2.IMWRITE_JPEG_PROGRESSIVE, 1], [cv2.IMWRITE_WEBP_QUALITY, 30]])
def test_the_size_of_progressive_jpeg_and_lossy_webp(options):
    kind = ".jpg" if options[0] == cv2.IMWRITE_JPEG_PROGRESSIVE else ".webp"
    data = cv2.imencode(kind, np.zeros((48, 100, 3), np.uint8), options)[1].tobytes()
    assert size_of(data)[1:] == (100, 48)
    for cut in range(2, 40):
        with pytest.raises(BackdropFailed):
            read(data[:cut], 64, 64)


def test_a_bomb_is_refused_by_its_header_and_takes_nothing():
    data = png(9_000, 9_000)
    assert len(data) < 2_000_000
    before = peak()
    with pytest.raises(BackdropFailed, match="too large"):
        read(data, 64, 64)
    assert peak() - before < 10 << 20


def peak():
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


async def test_one_tenants_slow_picture_is_not_in_anothers_way(fetcher, shelf, monkeypatch):
    """Nor does it outlive whoever asked for it."""
    shelf["slow"] = slow_jpeg(6000, 6000, 6000)
    assert len(shelf["slow"]) < backdrop.MAX_BYTES
    shelf["good"] = cv2.imencode(".png", np.full((90, 160, 3), 200, np.uint8))[1].tobytes()
    slow = [
        asyncio.create_task(backdrop.fetch(fetcher, f"{shelf['url']}/slow", 1, 256, 256)) for _ in range(3)
    ]
    await asyncio.sleep(1.0)
    begin = time.monotonic()
    picture = await backdrop.fetch(fetcher, f"{shelf['url']}/good", 2, 256, 256)
    assert time.monotonic() - begin < 3
    assert abs(int(picture.y.mean()) - int(picture.y[0, 0])) <= 1
    assert not any(s.done() for s in slow)
    for job in slow:
        job.cancel()
    await asyncio.gather(*slow, return_exceptions=True)
    await childless(fetcher)


async def test_a_picture_that_takes_too_long_is_given_up(fetcher, shelf, monkeypatch):
    monkeypatch.setattr(backdrop, "DECODE_TIME", 1.0)
    shelf["slow"] = slow_jpeg(6000, 6000, 6000)
    with pytest.raises(BackdropFailed, match="too much time"):
        await backdrop.fetch(fetcher, f"{shelf['url']}/slow", 1, 256, 256)
    await childless(fetcher)


@pytest.mark.parametrize(
    ("kind", "options"), [(".jpg", []), (".jpg", [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]), (".png", [])]
)
async def test_the_largest_ordinary_picture_is_shown(fetcher, shelf, kind, options):
    image = np.repeat(np.random.default_rng(1).integers(0, 255, (63, 63, 3), np.uint8), 100, 0).repeat(100, 1)
    shelf["large"] = cv2.imencode(kind, image, options)[1].tobytes()
    picture = await backdrop.fetch(fetcher, f"{shelf['url']}/large", 1, 256, 256)
    assert picture.y.std() > 10


def test_a_worker_maps_no_more_than_it_may_and_computes_no_longer():
    """In processes of their own, as the limits stay."""
    begin = "from bunraku.node.workers.zygote import limit_cpu, limit_memory\n"
    memory = (
        begin
        + "limit_memory(64 << 20)\nbytearray(32 << 20)\ntry:\n bytearray(96 << 20)\nexcept MemoryError:\n print('held')"
    )
    done = subprocess.run([sys.executable, "-c", memory], capture_output=True, text=True, timeout=30)
    assert done.stdout == "held\n"
    endless = begin + "limit_cpu(1)\nwhile True: pass"
    done = subprocess.run([sys.executable, "-c", endless], capture_output=True, timeout=30)
    assert done.returncode in (-signal.SIGXCPU, -signal.SIGKILL)


# --- workers


async def test_workers_end_with_their_zygote_and_another_takes_over(fetcher, shelf, hostile):
    shelf["good"] = wav()
    waiting = asyncio.create_task(play(fetcher, f"{hostile}/silent"))
    await asyncio.sleep(0.3)
    zygote = psutil.Process(fetcher.workers.pid)
    workers = zygote.children()
    assert len(workers) == 1
    os.kill(zygote.pid, signal.SIGKILL)
    with pytest.raises(SpeechFailed, match="ended"):
        await waiting
    psutil.wait_procs(workers, 5)
    assert not any(w.is_running() and w.status() != psutil.STATUS_ZOMBIE for w in workers)
    assert await play(fetcher, f"{shelf['url']}/good")


async def test_closing_ends_every_process(hostile):
    workers = Workers()
    await workers.start()
    pid = workers.pid
    job = workers.job("post", {}, None)
    await job.__aenter__()
    family = [psutil.Process(pid), *psutil.Process(pid).children()]
    await workers.close()
    psutil.wait_procs(family, 5)
    assert not any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in family)
    await job.__aexit__(None, None, None)


async def test_a_worker_is_over_when_its_time_is(fetcher):
    async with fetcher.workers.job("post", {}, 0.3) as job:
        with pytest.raises(JobFailed, match="ended"):
            await job.receive(3.0)
    await childless(fetcher)


async def test_a_job_that_breaks_says_so(fetcher):
    with pytest.raises(JobFailed, match="KeyError"):
        async with fetcher.workers.job("audio", {"nothing": 1}, 5.0) as job:
            await job.receive(3.0)


async def test_no_secret_of_the_servers_reaches_a_worker(fetcher, monkeypatch):
    environment = psutil.Process(fetcher.workers.pid).environ()
    assert not any(k.startswith("BUNRAKU_") for k in environment)


def test_a_closed_port_is_said_so():

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(FetchFailed, match="Connect"):
        get(f"http://127.0.0.1:{port}/")
