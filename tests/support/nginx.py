"""Debian's nginx with its RTMP module, on loopback."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

MODULE = Path("/usr/lib/nginx/modules/ngx_rtmp_module.so")
CONFIG = """
daemon off;
master_process off;
worker_processes 1;
pid {folder}/pid;
error_log {folder}/error.log;
load_module {module};
events {{ worker_connections 64; }}
rtmp {{
  server {{
    listen 127.0.0.1:{port};
    chunk_size 4096;
    application live {{
      live on;
      record off;
      {inside}
    }}
  }}
}}
"""


def installed() -> bool:
    return shutil.which("nginx") is not None and MODULE.is_file()


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@contextlib.contextmanager
def rtmp_server(inside: str = "", port: int | None = None) -> Iterator[str]:
    """Gives ``rtmp://127.0.0.1:PORT/live``."""
    with tempfile.TemporaryDirectory(prefix="bunraku-nginx-") as name:
        folder, port = Path(name), port or free_port()
        config = folder / "nginx.conf"
        config.write_text(CONFIG.format(folder=folder, module=MODULE, port=port, inside=inside))
        process = subprocess.Popen(
            ["nginx", "-p", name, "-c", str(config), "-e", str(folder / "error.log")],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            deadline = time.monotonic() + 10
            while True:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                assert process.poll() is None, "nginx did not start"
                assert time.monotonic() < deadline, "nginx did not answer"
                time.sleep(0.02)
            yield f"rtmp://127.0.0.1:{port}/live"
        finally:
            process.terminate()
            process.wait(10)
