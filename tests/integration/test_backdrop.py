"""A picture behind the figure, from the caller's URL to the stream."""

from __future__ import annotations

import contextlib
import http.server
import resource
import struct
import threading
import zlib

import cv2
import numpy as np
import pytest

from bunraku.core.errors import ApiError
from bunraku.node.avatars.picture_file import BackdropFailed, read
from bunraku.testing.server import APP_ID, RunningServer
from bunraku.testing.voices import ToneVoices

from ..support.waiting import wait_for


def quarters(width: int = 600, height: int = 400) -> np.ndarray:
    """Blue and green above, red and white below (BGR)."""
    image = np.zeros((height, width, 3), np.uint8)
    image[: height // 2, : width // 2] = (200, 0, 0)
    image[: height // 2, width // 2 :] = (0, 200, 0)
    image[height // 2 :, : width // 2] = (0, 0, 200)
    image[height // 2 :, width // 2 :] = 230
    return image


def encoded(image: np.ndarray, kind: str = ".png") -> bytes:
    return cv2.imencode(kind, image)[1].tobytes()


def bomb(width: int, height: int) -> bytes:
    """A PNG header that promises more than anybody should decode."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(1 << 16))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


@pytest.mark.parametrize("kind", [".png", ".jpg", ".webp", ".bmp"])
@pytest.mark.parametrize("size", [(64, 128), (128, 64), (720, 1280)])
def test_pictures_fill_the_frame_uncut_in_the_middle(kind, size):
    picture = read(encoded(quarters(), kind), *size)
    bgr = cv2.cvtColor(picture.buffer, cv2.COLOR_YUV2BGR_I420)
    assert bgr.shape == (size[1], size[0], 3)
    h, w = bgr.shape[:2]
    for y, x, colour in ((4, 4, (200, 0, 0)), (4, w - 5, (0, 200, 0)), (h - 5, 4, (0, 0, 200))):
        assert np.abs(bgr[y, x].astype(int) - colour).max() < 22


@pytest.mark.parametrize("data", [b"", b"GIF89a", b"<svg/>", bomb(40_000, 40_000), encoded(quarters())[:90]])
def test_what_is_no_picture_says_so(data):
    with pytest.raises(BackdropFailed):
        read(data, 64, 64)


@pytest.mark.parametrize("shape", [(16000, 1), (1, 16000), (4000, 2), (60000, 16)])
def test_a_narrow_picture_is_cut_before_it_is_enlarged(shape):
    """Enlarged whole, it would take gigabytes."""
    image = np.full((*shape, 3), 200, np.uint8)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    picture = read(encoded(image), 720, 1280)
    assert np.abs(picture.y.astype(int) - int(picture.y[0, 0])).max() <= 2
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # KiB


@pytest.fixture(scope="module")
def shelf():
    files = {"/room.png": encoded(quarters()), "/text.png": b"no picture", "/big.png": bytes(11 << 20)}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = files.get(self.path)
            self.send_response(200 if body is not None else 404)
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            with contextlib.suppress(ConnectionError):
                self.wfile.write(body or b"")

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture(scope="module")
def open_server():
    with RunningServer(providers=[ToneVoices()], fetch={"allow_private": True}) as s:
        yield s


def test_the_stream_shows_it(open_server, shelf, human_id):
    with open_server.client() as api:
        task = api.create(
            human_id, room_id="r", stream_id="furnished", size=(256, 256), background_url=f"{shelf}/room.png"
        )
        wait_for(lambda: api.status(task)["Status"] == 3)
        live = open_server.parts.manager.get(APP_ID, task)
        bgr = cv2.cvtColor(live.picture().buffer, cv2.COLOR_YUV2BGR_I420)
        assert np.abs(bgr[3, 3].astype(int) - (200, 0, 0)).max() < 22
        assert np.abs(bgr[3, 252].astype(int) - (0, 200, 0)).max() < 22
        assert live.record.framing.backdrop is None  # records outlive their tasks by an hour
        api.stop(task)


@pytest.mark.parametrize(
    ("name", "reason"), [("text.png", "not a picture"), ("gone.png", "404"), ("big.png", "too large")]
)
def test_a_backdrop_that_cannot_be_had_fails_the_task_and_says_why(
    open_server, shelf, human_id, name, reason
):
    with open_server.client() as api:
        task = api.create(
            human_id, room_id="r", stream_id="bare", size=(256, 256), background_url=f"{shelf}/{name}"
        )
        state = wait_for(lambda: (s := api.status(task))["Status"] == 2 and s)
        assert state["FailReason"].startswith("ExtraConfig.BackgroundUrl")
        assert reason in state["FailReason"]


def test_private_and_malformed_urls_are_refused_at_the_call(server, human_id):
    with server.client() as api:
        for url in ("http://127.0.0.1/a.png", "file:///etc/passwd", "http://"):
            with pytest.raises(ApiError) as refused:
                api.create(human_id, room_id="r", stream_id="no", size=(256, 256), background_url=url)
            assert refused.value.code == 400000001
            assert "BackgroundUrl" in refused.value.message
        assert api.running() == []
