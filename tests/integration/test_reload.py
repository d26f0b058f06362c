"""SIGHUP: a real server reads its file anew while a stream is watched."""

from __future__ import annotations

import asyncio
import secrets
import signal
import ssl
import time

import httpx
import pytest

from bunraku.bench.receiver import Receiver
from bunraku.client import query
from bunraku.core.errors import AppUnknown, NoResources, RateLimited
from bunraku.core.token import generate
from bunraku.testing.server import APP_ID, OTHER_APP_ID, OTHER_SECRET, SECRET

from ..support.certificates import served, write_certificate
from ..support.process import Process, statuses
from ..support.services import free_port
from ..support.waiting import wait_for

NEW_APP, NEW_SECRET = 777, "n" * 32


def app(app_id, secret, receiver=None):
    hook = f'callback_url = "{receiver}"\n' if receiver else ""
    return f'[[apps]]\napp_id = {app_id}\nserver_secret = "{secret}"\n{hook}'


def limits(**values):
    return "[limits]\n" + "".join(f"{k} = {v}\n" for k, v in ({"calls_per_second": 0} | values).items())


async def test_a_watched_stream_plays_on_while_apps_limits_and_callbacks_change(tmp_path, receivers):
    old, new = receivers(), receivers()
    mine = app(APP_ID, SECRET, old.url)
    process = Process(tmp_path, free_port(), text=mine + app(OTHER_APP_ID, OTHER_SECRET, old.url) + limits())
    api, other = process.api(), process.api(OTHER_APP_ID, OTHER_SECRET)
    human = api.digital_humans()[0]["DigitalHumanId"]

    def create(api, name):
        return api.create(human, room_id="r", stream_id=name, size=(128, 128))

    watched, theirs = create(api, "s"), create(other, "s")
    await asyncio.to_thread(wait_for, lambda: api.status(watched)["Status"] == 3)
    await asyncio.to_thread(wait_for, lambda: other.status(theirs)["Status"] == 3)

    receiver, stamps = Receiver(), []
    receiver.on_sound = lambda packet: stamps.append(packet.timestamp)
    token = generate(APP_ID, secrets.token_hex(4), SECRET, time.time())
    await receiver.play(f"{process.base_url}/whep/{APP_ID}/s", token)
    while len(stamps) < 10:
        await asyncio.sleep(0.02)

    # A wrong file changes nothing and says where.
    said = await asyncio.to_thread(process.reload, mine + "[limits]\ntasks = 0\ndrive_queu = 1\n")
    assert f"{process.config}:6: limits.tasks: " in said
    assert f"{process.config}:7: limits.drive_queu: no such setting; did you mean limits.drive_queue?" in said
    assert SECRET not in said
    assert "Traceback" not in said
    assert other.running()

    # One app goes, one comes, callbacks go elsewhere, two tasks are the most; the port stays.
    text = "port = 1\n" + app(APP_ID, SECRET, new.url) + app(NEW_APP, NEW_SECRET) + limits(tasks=2)
    said = await asyncio.to_thread(process.reload, text)
    assert "reloaded: apps, limits" in said
    assert "port" not in said  # the command line says which
    with pytest.raises(AppUnknown):
        other.running()
    # The tasks of the app that went are over, and it was told.
    ended = [(3, 1), (3, 3), (3, 4), (3, 5)]
    await asyncio.to_thread(wait_for, lambda: statuses(old.heard, theirs) == ended)
    with process.api(NEW_APP, NEW_SECRET) as added:
        second = create(added, "new")
        await asyncio.to_thread(wait_for, lambda: added.status(second)["Status"] == 3)
        with pytest.raises(NoResources):
            create(added, "too-many")
        added.stop(second)
    drive = api.speak(watched, "Still here.", timbre_id="en-us-ava")
    await asyncio.to_thread(wait_for, lambda: (4, 4) in statuses(new.heard, watched), 30)
    assert not any(drive in str(event) for event in old.heard)

    # Calls are counted, and what cannot change is named.
    said = await asyncio.to_thread(
        process.reload,
        "data_dir = '/elsewhere'\n" + mine + "[limits]\ncalls_per_second = 2\n[rtc]\nport = 9\n",
    )
    assert "rtc changes when the server starts anew" in said
    with pytest.raises(RateLimited):
        for _ in range(20):
            api.status(watched)
    said = await asyncio.to_thread(process.reload, mine + limits())
    assert api.status(watched)["Status"] == 3

    # Nobody who watched noticed any of it.
    heard = len(stamps)
    while len(stamps) < heard + 10:
        await asyncio.sleep(0.02)
    steps = {(b - a) & 0xFFFFFFFF for a, b in zip(stamps, stamps[1:], strict=False)}
    assert steps == {960}
    await receiver.close()
    api.close()
    other.close()
    assert process.end(signal.SIGTERM) in (0, -signal.SIGTERM)
    assert statuses(old.heard, watched)[-2:] == [(3, 4), (3, 5)]


def test_a_new_certificate_is_shown_to_new_connections_and_breaks_no_old_one(tmp_path):
    cert, key = write_certificate(tmp_path, 1)
    first = cert.read_text()
    text = f'tls_cert = "{cert}"\ntls_key = "{key}"\n' + app(APP_ID, SECRET) + limits()
    trusting = ssl.create_default_context(cafile=str(cert))
    process = Process(tmp_path, free_port(), text=text, verify=trusting)
    params = query("QueryDigitalHumanStreamTasks", APP_ID, SECRET)
    with httpx.Client(base_url=process.base_url, verify=trusting) as held:
        assert held.post("/", params=params).json()["Code"] == 0
        assert served(process.port) == first
        write_certificate(tmp_path, 2)
        second = cert.read_text()
        assert "reloaded: " in process.reload(text)
        assert served(process.port) == second != first
        assert held.post("/", params=params).json()["Code"] == 0  # trusts the first one only
        # What does not fit together is not taken, nor anything else of that file.
        key.write_text(key.read_text().replace("A", "B", 3))
        said = process.reload(text + app(NEW_APP, NEW_SECRET))
        assert "tls_cert and tls_key cannot be used: " in said
        assert served(process.port) == second
        signed = query("QueryDigitalHumanStreamTasks", NEW_APP, NEW_SECRET)
        assert held.post("/", params=signed).json()["Code"] == 100000010
        assert "HTTPS begins and ends with the server" in process.reload(app(APP_ID, SECRET) + limits())
        assert held.post("/", params=params).json()["Code"] == 0
    assert process.end(signal.SIGTERM) in (0, -signal.SIGTERM)
