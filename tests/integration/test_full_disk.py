"""A data directory on a disk that is full for a while: a small tmpfs, filled for real."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager

import httpx
import pytest

from bunraku.core.errors import SystemBusy
from bunraku.testing.server import RunningServer, test_apps
from bunraku.testing.voices import ToneVoices

from ..support.waiting import wait_for


@pytest.fixture
def disk(tmp_path):
    """Of 2 MB, with nothing else on it."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("no small disk can be mounted here")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def full(disk):
    filler = disk / "filler"
    try:
        with open(filler, "wb", buffering=0) as file:
            for size in (65536, 512, 1):  # to the last byte
                try:
                    while True:
                        file.write(b"x" * size)
                except OSError:
                    continue
        yield
    finally:
        filler.unlink()


def ready(server):
    return httpx.get(f"{server.base_url}/readyz").status_code


def test_what_happens_while_the_disk_is_full_is_written_when_there_is_space(disk, human_id, receivers):
    receiver = receivers()
    settings = {
        "data_dir": disk / "data",
        "providers": [ToneVoices(word_seconds=0.1)],
        "apps": test_apps(callback_url=receiver.url, callback_secret="s" * 32),
        "fetch": {"allow_private": True},
    }
    with RunningServer(**settings) as server, server.client() as api:
        voice = server.parts.voices.list()[0].id
        tasks = [
            api.create(human_id, room_id="r", stream_id=name, size=(128, 128)) for name in ("plays", "ends")
        ]
        for task in tasks:
            wait_for(lambda task=task: api.status(task)["Status"] == 3)
        drives = []
        with full(disk):
            # So much that no page has room for it by chance.
            for _ in range(40):
                drives.append(api.speak(tasks[0], "one", timbre_id=voice))
            api.stop(tasks[1])
            wait_for(lambda: api.status(tasks[1])["Status"] == 5)
            wait_for(lambda: api.drives(tasks[0])[-1]["Status"] == 4, 30)
            wait_for(lambda: ready(server) == 503)
            with pytest.raises(SystemBusy):
                api.create(human_id, room_id="r", stream_id="never", size=(128, 128))
            assert ready(server) == 503
            wait_for(lambda: server.parts.journal.waiting)
        wait_for(lambda: ready(server) == 200)
        later = api.create(human_id, room_id="r", stream_id="never", size=(128, 128))
        wait_for(lambda: api.status(later)["Status"] == 3)
    heard = len(receiver.heard)
    told = {
        task: [(b["EventType"], b["Detail"]["Status"]) for b in receiver.heard if b["TaskId"] == task]
        for task in [*tasks, later]
    }
    assert told[later] == told[tasks[1]] == [(3, 1), (3, 3), (3, 4), (3, 5)]
    by_drive = {
        drive: [b["Detail"]["Status"] for b in receiver.heard if drive in str(b["Detail"])]
        for drive in drives
    }
    assert set(map(tuple, by_drive.values())) == {(1, 2, 4)}
    with RunningServer(**settings) as server, server.client() as api:
        assert {api.status(task)["Status"] for task in [*tasks, later]} == {5}
        assert [(d["DriveId"], d["Status"]) for d in api.drives(tasks[0])] == [(d, 4) for d in drives]
    assert len(receiver.heard) == heard, "nothing is told twice"
