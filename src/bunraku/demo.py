"""``bunraku demo``: a server with one ready app, whose secret belongs to the data directory."""

from __future__ import annotations

import json
import os
from pathlib import Path

from bunraku.core.apps import new_secret
from bunraku.core.settings import AppSettings
from bunraku.process import prepare_data_dir

APP_ID = 1234567890


def demo_app(data_dir: Path) -> AppSettings:
    """The demo's app; its secret is made once per data directory and kept in a file of mode 0600."""
    path = prepare_data_dir(data_dir) / "demo.json"
    if not path.exists():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump({"app_id": APP_ID, "server_secret": new_secret()}, file)
    stored = json.loads(path.read_text())
    return AppSettings(name="Demo", **stored)
