"""``bunraku doctor`` where something is wrong, and beside a server where nothing is."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from aioice import stun

from bunraku.core.settings import Settings
from bunraku.doctor import machine, media, people, reach, storage
from bunraku.doctor.finding import FAIL, OK, WARN
from bunraku.node.people import models

from ..support.process import Process
from ..support.services import free_port

REALM, USER, PASSWORD = "r", "u", "p"


def states(findings):
    return [f.state for f in findings]


def run(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "bunraku", "doctor", *arguments],
        capture_output=True,
        text=True,
        env=os.environ | environment,
    )


def test_beside_a_running_server_its_ports_are_its_own(tmp_path, monkeypatch):
    port, udp = free_port(), free_port()
    monkeypatch.setenv("BUNRAKU_RTC__PORT", str(udp))
    monkeypatch.setenv("BUNRAKU_SPEECH__FLITE_HELPERS", "0")
    process = Process(tmp_path, port)
    pid = process.process.pid
    try:
        before = sorted(os.listdir(tmp_path / "data"))
        done = run(
            "--json",
            "--config",
            str(tmp_path / "bunraku.toml"),
            "--data-dir",
            str(tmp_path / "data"),
            BUNRAKU_PORT=str(port),
        )
        assert sorted(os.listdir(tmp_path / "data")) == before
        with process.api() as api:
            assert api.running() == []
    finally:
        process.end(signal.SIGTERM)
    found = {f["check"]: f for f in json.loads(done.stdout)}
    assert f"our own running server (process {pid})" in found["http_port"]["text"]
    assert f"our own running server (process {pid})" in found["udp_port"]["text"]
    assert f"in use by a running server (process {pid})" in found["data_dir"]["text"]
    assert done.returncode == any(f["state"] == FAIL for f in json.loads(done.stdout))
    assert not [f for f in json.loads(done.stdout) if f["state"] != OK and not f["remedy"]]


def test_a_mistake_in_the_settings_fails_with_its_line(tmp_path):
    config = tmp_path / "bunraku.toml"
    config.write_text('[console]\npasword = "hush-hush"\n')
    done = run("--config", str(config))
    assert done.returncode == 1
    assert done.stdout.startswith("FAIL  settings")
    assert f"{config}:2" in done.stdout
    assert "console.password" in done.stdout
    assert "hush" not in done.stdout


async def test_ports_that_another_program_has(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
        udp.bind(("0.0.0.0", 0))
        taken = Settings(
            port=tcp.getsockname()[1], rtc={"port": udp.getsockname()[1]}, data_dir=tmp_path / "d"
        )
        for check in (reach.http_port, reach.udp_port):
            (finding,) = await check(taken)
            assert (finding.state, f"process {os.getpid()}" in finding.text) == (FAIL, True)
    assert states(await reach.http_port(taken)) == states(await reach.udp_port(taken)) == [OK]
    assert not (tmp_path / "d").exists()


async def test_a_data_directory_nobody_can_write_to(tmp_path, monkeypatch):
    monkeypatch.delenv("BUNRAKU_CACHE_DIR")
    (tmp_path / "file").write_text("")
    for path in ("/proc/bunraku", tmp_path / "file", tmp_path / "file" / "data"):
        (finding,) = await storage.data_dir(Settings(data_dir=path))
        assert finding.state == FAIL
        assert finding.remedy
    (tmp_path / "open").mkdir(mode=0o755)
    assert states(await storage.data_dir(Settings(data_dir=tmp_path / "open"))) == [WARN]
    assert states(await storage.data_dir(Settings(data_dir=tmp_path / "new"))) == [OK]


async def test_databases_that_will_not_do(tmp_path):
    settings = Settings(data_dir=tmp_path)
    assert states(await storage.database(settings)) == [OK]
    path = tmp_path / "bunraku.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num TEXT)")
        connection.execute("INSERT INTO alembic_version VALUES ('0001')")
    assert states(await storage.database(settings)) == [WARN, OK]
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    assert FAIL in states(await storage.database(settings))
    path.write_bytes(b"no database at all" * 100)
    assert states(await storage.database(settings)) == [FAIL]
    away = Settings(data_dir=tmp_path, database_url=f"postgresql+asyncpg://u:hush@127.0.0.1:{free_port()}/x")
    (finding,) = await storage.database(away)
    assert (finding.state, "hush" in str(finding)) == (FAIL, False)


async def test_redis_away():
    storage_url = f"redis://:hush@127.0.0.1:{free_port()}/0"
    (finding,) = await storage.redis(Settings(limits={"storage": storage_url}))
    assert (finding.state, "hush" in str(finding)) == (FAIL, False)


class Turn(asyncio.DatagramProtocol):
    """Long-term credentials of RFC 8489 and an Allocate of RFC 8656; relays nothing."""

    def __init__(self):
        self.key = hashlib.md5(f"{USER}:{REALM}:{PASSWORD}".encode()).digest()
        self.freed = False

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        asked = stun.parse_message(data)
        kind = stun.Class.RESPONSE
        try:
            if asked.message_method is not stun.Method.BINDING:
                assert "USERNAME" in asked.attributes
                assert asked.check_message_integrity(self.key)
        except (ValueError, AssertionError):
            kind = stun.Class.ERROR
        answer = stun.Message(asked.message_method, kind, transaction_id=asked.transaction_id)
        if kind is stun.Class.ERROR:
            answer.attributes.update({"ERROR-CODE": (401, "Unauthorized"), "REALM": REALM, "NONCE": b"n"})
        elif asked.message_method is stun.Method.BINDING:
            answer.attributes["XOR-MAPPED-ADDRESS"] = addr
        else:
            self.freed = self.freed or asked.attributes.get("LIFETIME") == 0
            lifetime = asked.attributes.get("LIFETIME", 600)
            answer.attributes.update(
                {
                    "XOR-RELAYED-ADDRESS": ("198.51.100.1", 49152),
                    "XOR-MAPPED-ADDRESS": addr,
                    "LIFETIME": lifetime,
                }
            )
            answer.add_message_integrity(self.key)
        self.transport.sendto(bytes(answer), addr)


async def test_turn_allocates_for_real_and_says_what_is_wrong(monkeypatch):
    monkeypatch.setattr(reach, "ANSWER", 1.0)
    transport, server = await asyncio.get_running_loop().create_datagram_endpoint(
        Turn, local_addr=("127.0.0.1", 0)
    )
    port = transport.get_extra_info("sockname")[1]

    async def ask(url, password=PASSWORD):
        servers = [{"url": url, "username": USER, "credential": password}]
        (finding,) = await reach.ice_servers(Settings(rtc={"ice_servers": servers}))
        return finding

    good = await ask(f"turn:127.0.0.1:{port}")
    assert (good.state, good.text.endswith("relays from 198.51.100.1")) == (OK, True)
    assert server.freed, "and gives it back"
    bound = await ask(f"stun:127.0.0.1:{port}")
    assert (bound.state, "sees us as 127.0.0.1" in bound.text) == (OK, True)
    wrong = await ask(f"turn:127.0.0.1:{port}", "hush")
    assert (wrong.state, "401" in wrong.text, "hush" in str(wrong)) == (FAIL, True, False)
    transport.close()
    for scheme in ("turn", "stun"):
        nobody = await ask(f"{scheme}:127.0.0.1:{free_port()}")
        assert (nobody.state, "does not answer" in nobody.text) == (FAIL, True)


@pytest.mark.parametrize(
    ("address", "state"), [("localhost", FAIL), ("0.0.0.0", FAIL), ("127.0.0.1", FAIL), ("203.0.113.7", OK)]
)
async def test_addresses_told_to_watchers(address, state):
    settings = Settings(host="0.0.0.0", rtc={"advertise": [address], "port": 7000})
    assert states(await reach.advertise(settings)) == [state]


async def test_few_open_files(monkeypatch):
    def limit(hard):
        monkeypatch.setattr(resource, "getrlimit", lambda _: (min(256, hard), hard))

    for hard, state in ((256, FAIL), (2048, WARN), (65536, OK)):
        limit(hard)
        assert states(await machine.files(Settings())) == [state]


async def test_clocks_that_are_wrong(monkeypatch):
    real = machine.time.time
    monkeypatch.setattr(machine.time, "time", lambda: real() - 3e9)
    assert FAIL in states(await machine.clock(Settings()))
    start = real()
    monkeypatch.setattr(machine.time, "time", lambda: real() + (real() - start))
    assert any("part by" in f.text for f in await machine.clock(Settings()))


async def test_access_and_certificates(tmp_path):
    assert states(await reach.access(Settings(console={"enabled": False}))) == [FAIL]
    assert WARN in states(await reach.access(Settings(host="0.0.0.0")))
    (tmp_path / "cert.pem").write_text("no certificate")
    assert states(await reach.tls(Settings(tls_cert=tmp_path / "cert.pem"))) == [FAIL]


async def test_codecs_encode_and_one_that_does_not(monkeypatch):
    assert states(await media.codecs(Settings())) == [OK] * 4

    def broken(*_):
        raise RuntimeError("no such encoder")

    monkeypatch.setattr(media, "H264Encoder", broken)
    first, *rest = await media.codecs(Settings())
    assert (first.state, "no such encoder" in first.text, states(rest)) == (FAIL, True, [OK] * 3)


async def test_nets_that_are_not_there_and_cannot_come(tmp_path, monkeypatch):
    settings = Settings(data_dir=tmp_path / "data", people={"nets": tmp_path / "nets"})
    (finding,) = await media.nets(settings)
    assert (finding.state, f"bunraku people nets {tmp_path / 'nets'}" in finding.remedy) == (WARN, True)
    assert "fetches them" in finding.text
    monkeypatch.setattr(media, "can_fetch", lambda: False)
    (finding,) = await media.nets(settings)
    assert (finding.state, "no pip" in finding.text) == (WARN, True)
    monkeypatch.setattr(models, "missing", lambda folder: [] if folder == tmp_path / "nets" else ["all"])
    assert states(await media.nets(settings)) == [OK]
    assert states(await media.nets(Settings(data_dir=tmp_path / "nets"))) == [WARN]
    assert not (tmp_path / "nets").exists()


@pytest.mark.voices
async def test_voices_say_a_word_and_one_that_is_silent(monkeypatch, tmp_path):
    from bunraku.node.speech.espeak import EspeakProvider

    settings = Settings(data_dir=tmp_path, speech={"kokoro_helpers": 0, "flite_helpers": 0})
    (well,) = await media.voices(settings)
    assert (well.state, "each of" in well.text) == (OK, True)
    speak = EspeakProvider.speak

    async def mute(self, timbre_id, text, prosody):
        if timbre_id != "en-us-ava":
            async for chunk in speak(self, timbre_id, text, prosody):
                yield chunk

    monkeypatch.setattr(EspeakProvider, "speak", mute)
    (ill,) = await media.voices(settings)
    assert (ill.state, "en-us-ava" in ill.text, "1 of" in ill.text) == (FAIL, True, True)


async def test_people_are_kept_where_every_machine_finds_them(tmp_path, monkeypatch):
    settings = Settings(data_dir=tmp_path / "data")
    (kept,) = await people.people(settings)
    assert states([kept]) == [OK]
    assert "will be made" in kept.text
    assert not settings.data_dir.exists()

    async def three(_):
        return 3

    monkeypatch.setattr(people, "_machines", three)
    assert "3 machines" in (alone := (await people.people(settings))[0]).text
    assert alone.state == WARN
    monkeypatch.setattr(people, "kind_of", lambda _: "nfs4")
    assert (await people.people(settings))[0].state == OK
    (tmp_path / "file").touch()
    for wrong in (tmp_path / "file", tmp_path / "file" / "below"):
        settings = Settings(data_dir=tmp_path, people={"folder": wrong})
        assert (await people.people(settings))[0].state == FAIL
    settings = Settings(data_dir=tmp_path, people={"folder": wrong, "s3_url": "s3://bucket/people"})
    assert (await people.people(settings))[0].state == OK


def test_the_file_system_of_a_folder_is_found():
    assert people.kind_of(Path("/proc/self")) == "proc"
    assert people.kind_of(Path("/")) != ""
