"""Exits 0 when the server answers: the image's health check. ``HEALTH_URL`` where it serves HTTPS."""

import os
import ssl
import sys
import urllib.request

URL = os.environ.get("HEALTH_URL", f"http://127.0.0.1:{os.environ.get('BUNRAKU_PORT', '8080')}/healthz")
# The certificate names the public host, not loopback; whoever could stand between is this machine.
context = ssl._create_unverified_context() if URL.startswith("https:") else None  # noqa: S323, SLF001
try:
    with urllib.request.urlopen(URL, timeout=4, context=context) as answer:  # noqa: S310
        sys.exit(answer.read(8) != b"ok")
except OSError as error:
    sys.exit(f"{URL}: {error}")
