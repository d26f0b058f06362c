"""DriveByAudio: real files over real HTTP, and the guard against forged requests."""

from __future__ import annotations

import io
import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import av
import numpy as np
import pytest

from bunraku.core import errors
from bunraku.core.settings import FetchSettings
from bunraku.core.urls import FetchRefused, check_url
from bunraku.node.fetch import Fetcher
from bunraku.node.speech.audio_file import AudioFiles
from bunraku.node.speech.base import SpeechFailed
from bunraku.node.workers.download import post
from bunraku.testing.server import RunningServer
from bunraku.testing.voices import ToneVoices

from ..support.files import childless, get, stereo, wav
from ..support.waiting import drive_status, wait_for


def encode(name, codec, layout="stereo"):
    samples, rate = stereo()
    if layout == "mono":
        samples = samples[:, :1]
    out = io.BytesIO()
    with av.open(out, "w", format=name) as container:
        stream = container.add_stream(codec, rate=44100 if codec != "libopus" else 48000, layout=layout)
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), "s16", layout)
        frame.sample_rate = rate
        resampler = av.AudioResampler(stream.format, layout, stream.rate, stream.frame_size or 0)
        for f in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(f))
        container.mux(stream.encode(None))
    return out.getvalue()


FILES = {
    "wav": wav,
    "mp3": lambda: encode("mp3", "libmp3lame"),
    "flac": lambda: encode("flac", "flac"),
    "ogg": lambda: encode("ogg", "libopus"),
    "m4a": lambda: encode("mp4", "aac"),
}


@pytest.fixture(scope="module")
def host():
    """A file server: /NAME serves a file under a misleading type, other paths misbehave."""
    made = {name: make() for name, make in FILES.items()}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            name = self.path.strip("/")
            if name.startswith("hop"):
                left = int(name[3:])
                self.send_response(302)
                self.send_header("Location", f"/hop{left - 1}" if left else "/wav")
                self.end_headers()
            elif name == "text":
                self.reply(b"this is not audio " * 100)
            elif name == "empty":
                self.reply(b"")
            elif name == "huge":
                self.reply(b"\0" * 300_000)
            elif name in made:
                self.reply(made[name])
            else:
                self.send_error(404)

        def reply(self, body):
            self.send_response(200)
            self.send_header("Content-Type", "text/plain")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


async def fetch(url, channel=0, **settings):
    files = AudioFiles(Fetcher(FetchSettings(**({"allow_private": True} | settings))))
    return [c async for c in files.play(url, channel, 1)]


@pytest.mark.parametrize("name", FILES)
async def test_section_5_6_formats_are_found_from_content(host, name):
    chunks = await fetch(f"{host}/{name}")
    sound = np.concatenate([c.samples for c in chunks])
    assert abs(sound.size / 48000 - 0.5) < 0.12
    assert np.abs(sound).max() > 3000


async def test_section_5_6_voice_channel_moves_the_lips_and_the_mix_is_heard(host):
    for channel, expected in ((0, None), (1, True), (2, False)):
        chunks = await fetch(f"{host}/wav", channel)
        assert np.abs(np.concatenate([c.samples for c in chunks])).max() > 3000
        if expected is None:
            assert all(c.lips is None for c in chunks)
        else:
            lips = np.concatenate([c.lips for c in chunks])
            assert (np.abs(lips).max() > 3000) == expected


@pytest.mark.parametrize("name", ["text", "empty", "missing", "hop9"])
async def test_what_is_not_audio_fails(host, name):
    with pytest.raises(SpeechFailed):
        await fetch(f"{host}/{name}")


async def test_section_5_6_redirects_within_bounds(host):
    assert await fetch(f"{host}/hop2")


async def test_section_5_6_limits_of_size_and_length(host):
    with pytest.raises(SpeechFailed, match="too large"):
        await fetch(f"{host}/huge", max_bytes=100_000)
    with pytest.raises(SpeechFailed, match="too long"):
        await fetch(f"{host}/wav", max_seconds=0.1)


async def test_an_abandoned_file_leaves_no_process(host):
    fetcher = Fetcher(FetchSettings(allow_private=True))
    files = AudioFiles(fetcher)
    for _ in range(5):
        stream = files.play(f"{host}/wav", 0, 1)
        await anext(stream)
        await stream.aclose()
    await childless(fetcher)


@pytest.mark.parametrize(
    "host", ["localhost", "localhost.", "a.localhost", "127.1", "0x7f000001", "2130706433"]
)
def test_other_spellings_of_this_machine(host):
    with pytest.raises(FetchRefused):
        check_url(f"http://{host}/", allow_private=False)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ftp://a/b",
        "file:///etc/passwd",
        "http://",
        "http://a:99999/",
        "x",
        " http://e.example/",
        "http://e.example/a\n",
    ],
)
def test_urls_that_are_none(url):
    with pytest.raises(ValueError):
        check_url(url, allow_private=False)


def test_a_name_that_resolves_to_this_machine_is_refused(host, monkeypatch):
    def resolve(name, port, **_):
        return [(2, 1, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    port = host.rsplit(":", 1)[1]
    for url in (f"http://innocent.example:{port}/wav", f"http://user:word@innocent.example:{port}/wav"):
        with pytest.raises(FetchRefused, match="not public"):
            get(url, allow_private=False)
        with pytest.raises(FetchRefused, match="not public"):
            post(url, b"{}", {}, 5.0, guarded=True)


@pytest.fixture(scope="module")
def open_server():
    with RunningServer(providers=[ToneVoices()], fetch={"allow_private": True}) as s:
        yield s


def test_files_and_text_share_the_queue_and_a_failure_does_not_stop_it(open_server, host):
    with open_server.client() as api:
        human = api.digital_humans()[0]["DigitalHumanId"]
        task = api.create(human, room_id="r", stream_id="s", size=(128, 128))
        drives = [api.play(task, f"{host}/{name}") for name in ("mp3", "missing", "wav")]
        drives.append(api.speak(task, "and text", timbre_id="tone-a"))
        wait_for(lambda: drive_status(api, drives[-1]) == 4, 15)
        assert [d["Status"] for d in api.drives(task)] == [4, 3, 4, 4]
        api.stop(task)


def test_section_5_6_bad_urls_are_refused_at_the_call(api, create):
    task = create()
    for url in (
        "ftp://x/y",
        "http://127.0.0.1/a.wav",
        "http://[::1]/",
        "http://169.254.169.254/latest",
        "nope",
    ):
        with pytest.raises(errors.InvalidParams, match="AudioUrl"):
            api.play(task, url)
    with pytest.raises(errors.InvalidParams, match="VoiceChannel"):
        api.call("DriveByAudio", TaskId=task, AudioUrl="https://e.example/a", VoiceChannel=3)
    assert api.drives(task) == []
