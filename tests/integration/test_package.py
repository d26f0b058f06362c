"""Installed as people do: the wheel and the sdist into empty environments, with what they ask for."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import venv
from pathlib import Path

import httpx
import pytest

from ..support.services import free_port

pytestmark = pytest.mark.network
ROOT = Path(__file__).parents[2]


def run(*command, timeout=500, **options):
    # Nothing of the tree that is tested may be found by accident.
    env = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(
        [str(c) for c in command], capture_output=True, text=True, timeout=timeout, env=env, **options
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The wheel and the sdist, made by the build backend; skips where no registry answers."""
    folder = tmp_path_factory.mktemp("dist")
    probe = ("pip", "download", "-q", "--no-deps", "--dest", str(folder / "probe"), "hatchling")
    if subprocess.run([sys.executable, "-m", *probe], capture_output=True, timeout=120).returncode:
        pytest.skip("no package registry")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-t", "sdist", "-d", folder, cwd=ROOT)
    return folder


def environment(folder, package):
    """An empty environment with the package and its espeak extra; gives its ``bin``."""
    venv.create(folder, with_pip=True)
    run(folder / "bin" / "python", "-m", "pip", "install", "-q", f"{package}[espeak]")
    return folder / "bin"


@pytest.mark.parametrize("kind", ["*.whl", "*.tar.gz"], ids=["wheel", "sdist"])
def test_a_package_starts_in_an_empty_environment(built, tmp_path, kind):
    (package,) = built.glob(kind)
    programs = environment(tmp_path / "venv", package)
    version = re.search(r'version = "(.+)"', (ROOT / "pyproject.toml").read_text())[1]
    assert run(programs / "bunraku", "--version").strip().endswith(version)
    where = run(programs / "python", "-c", "import bunraku; print(bunraku.__file__)", cwd=tmp_path)
    assert where.startswith(str(tmp_path))
    film = tmp_path / "film.mp4"
    run(
        programs / "bunraku",
        "render",
        "--text",
        "Good evening.",
        "--size",
        "256x256",
        "-o",
        film,
        cwd=tmp_path,
    )
    assert film.stat().st_size > 10_000
    demo(programs / "bunraku", tmp_path)


def demo(program, folder):
    port = free_port()
    with open(folder / "log.txt", "w") as log:
        process = subprocess.Popen(
            [program, "demo", "--port", str(port)], cwd=folder, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=5) as http:
            deadline = time.monotonic() + 60
            while True:
                try:
                    assert http.get("/healthz").text == "ok"
                    break
                except httpx.TransportError:
                    assert process.poll() is None, (folder / "log.txt").read_text()
                    assert time.monotonic() < deadline
                    time.sleep(0.1)
            for path in ("/", "/console/static/main.js", "/player/index.js", "/share", "/readyz"):
                assert http.get(path).status_code == 200, path
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) in (0, -signal.SIGTERM), (folder / "log.txt").read_text()
    assert "Traceback" not in (folder / "log.txt").read_text()
