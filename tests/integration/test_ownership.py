"""The same command typed twice, and directories nobody can write to, with real processes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from bunraku.core.settings import load
from bunraku.process import CannotStart, bind, owned
from bunraku.serve import run
from bunraku.testing.server import APP_ID, SECRET

from ..support.process import Process, statuses
from ..support.services import free_port


def typed(command, *arguments):
    """Run to its end; gives the exit status and what it said."""
    done = subprocess.run(
        [sys.executable, "-m", "bunraku", command, *arguments], capture_output=True, text=True, timeout=40
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("same_port", [True, False], ids=["same port", "another port"])
def test_the_same_command_typed_twice_leaves_the_first_alone(tmp_path, receiver, same_port):
    url = f"http://127.0.0.1:{receiver.server_port}/cb"
    first = Process(tmp_path, free_port(), f'callback_url = "{url}"')
    with first.api() as api:
        human = api.digital_humans()[0]["DigitalHumanId"]
        task = api.create(human, room_id="r", stream_id="s", size=(128, 128))
        while api.status(task)["Status"] != 3:
            time.sleep(0.02)
        port = first.port if same_port else free_port()
        config, data = str(tmp_path / "bunraku.toml"), str(tmp_path / "data")
        code, said = typed("serve", "--port", str(port), "--config", config, "--data-dir", data)
        assert code == 1
        assert said.count("\n") == 1
        assert "Traceback" not in said
        assert (str(port) if same_port else data) in said
        code, said = typed("demo", "--port", str(free_port()), "--data-dir", data)
        assert (code, said.count("\n")) == (1, 1)
        assert data in said
        time.sleep(1.0)  # what recovery would have sent
        assert api.status(task)["Status"] == 3
        assert statuses(receiver.heard, task) == [(3, 1), (3, 3)]
    first.end(signal.SIGKILL)  # which leaves a file behind, but no lock
    again = Process(tmp_path, first.port)
    again.end(signal.SIGTERM)


def test_a_data_directory_nobody_can_write_to_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    for folder in ("/proc/bunraku", str(tmp_path / "file" / "data")):  # root writes nearly anywhere
        for command in (["demo"], ["serve", "--config", str(config(tmp_path))]):
            code, said = typed(*command, "--port", str(free_port()), "--data-dir", folder)
            assert code == 1, said
            assert said.startswith(f"Error: data directory {folder}: ")
            assert said.count("\n") == 1


def config(folder):
    path = folder / "bunraku.toml"
    path.write_text(f'[[apps]]\napp_id = {APP_ID}\nserver_secret = "{SECRET}"\n')
    return path


def test_a_udp_port_that_is_taken_is_one_line(tmp_path):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("0.0.0.0", 0))
        port = taken.getsockname()[1]
        path = config(tmp_path)
        path.write_text(path.read_text() + f"[rtc]\nport = {port}\n")
        code, said = typed(
            "serve", "--config", str(path), "--port", str(free_port()), "--data-dir", str(tmp_path / "d")
        )
    assert code == 1
    assert said == f"Error: rtc.port {port} cannot be used: another program listens there\n"


def test_certificates_that_are_not_there_or_none_are_one_line(tmp_path):
    path, pem = config(tmp_path), tmp_path / "not.pem"
    tls = ("--tls-cert", str(pem), "--tls-key", str(pem))
    for _ in range(2):
        code, said = typed(
            "serve", "--config", str(path), "--port", "0", "--data-dir", str(tmp_path / "d"), *tls
        )
        assert (code, said.count("\n")) == (1, 1)
        assert said.startswith("Error: tls_cert and tls_key cannot be used: ")
        pem.write_text("no certificate")


def test_a_directory_is_owned_by_one_and_given_back(tmp_path):
    data = tmp_path / "data"
    with owned(data), pytest.raises(CannotStart, match=f"another Bunraku server .process {os.getpid()}"):
        owned(data).__enter__()
    with owned(tmp_path / "data"):
        pass


def test_every_address_of_a_name_is_listened_on_at_one_port():
    sockets = bind("localhost", 0)
    assert len({s.getsockname()[1] for s in sockets}) == 1
    for s in sockets:
        s.close()
    with pytest.raises(CannotStart, match=r"192\.0\.2\.1 port 80"):
        bind("192.0.2.1", 80)


class Made(Exception):
    """So far all was well."""


def make():
    raise Made


def test_a_front_needs_no_udp_port_and_each_node_its_own(tmp_path):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as node:
        node.bind(("0.0.0.0", 0))
        port = node.getsockname()[1]
        settings = load(None, port=0, data_dir=tmp_path, rtc={"port": port})
        with pytest.raises(Made):
            run(make, settings, nodes=0)
        settings = load(None, port=0, data_dir=tmp_path, rtc={"port": port - 1})
        with pytest.raises(CannotStart, match=f"rtc.port {port} cannot be used"):
            run(make, settings, nodes=2)
