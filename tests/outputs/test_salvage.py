"""Recordings that kill -9 or a power cut left behind: closed where they are whole, signed, sent on."""

from __future__ import annotations

import asyncio
import fcntl
import io
import logging
import os
import shutil
import time

import av
import httpx
import pytest
from click.testing import CliRunner

from bunraku.cli import main
from bunraku.core.output import OutputStatus, Protocol
from bunraku.core.settings import OutputSettings, ProvenanceSettings
from bunraku.node.outputs import salvage as module
from bunraku.node.outputs.finishing import Finisher
from bunraku.node.outputs.salvage import Salvage, whole
from bunraku.node.outputs.storage import Place, Storage
from bunraku.node.outputs.unfinished import mark_of
from bunraku.testing.server import RunningServer

from ..support.waiting import wait_for
from .conftest import Desk

NAME = "take-20260701T101112345Z.mp4"


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    pytest.importorskip("c2pa", reason="bunraku[c2pa] is not installed")
    folder = tmp_path_factory.mktemp("keys")
    done = CliRunner().invoke(main, ["provenance", "make-certificate", str(folder)])
    assert done.exit_code == 0, done.output
    return folder


@pytest.fixture
async def recorded(desk):
    """The bytes of a recording while it is written, and once it is closed in order."""
    output = desk.add(Protocol.FILE, name="take")
    await desk.until(lambda: desk.flashing.tick > 100, speed=4)
    (path,) = desk.folder(output).glob("*.mp4")
    running = path.read_bytes()
    await desk.close()
    assert desk.record(output).status is OutputStatus.COMPLETE
    return running, path.read_bytes()


def left(desk, data, name=NAME, age=1000.0, task="former"):
    path = desk.storage.root / "1" / task / "take" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    then = time.time() - age
    os.utime(path, (then, then))
    return path


def salvage(desk):
    return Salvage(desk.clock, desk.storage, desk.finisher)


def pictures(path):
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def test_what_is_whole_is_found_by_its_boxes():
    def box(kind, size=16):
        return size.to_bytes(4, "big") + kind + bytes(size - 8)

    def end(data):
        return whole(io.BytesIO(data))

    head, fragment = box(b"ftyp") + box(b"moov", 40), box(b"moof", 32) + box(b"mdat", 100)
    cut = head + fragment + fragment
    assert end(b"") == end(head) == end(head[:-1]) == end(head + fragment[:-1]) == 0
    assert end(cut) == end(cut + fragment[:31]) == end(cut + fragment[:-1]) == end(cut + b"\0\0") == len(cut)
    assert end(cut + bytes(5000)) == len(cut), "a file system may give zeros back"
    assert end(cut + box(b"moov", 60)) == len(cut), "killed while it was closed"
    long = (1).to_bytes(4, "big") + b"mdat" + (50).to_bytes(8, "big") + bytes(34)
    assert end(cut + box(b"moof") + long) == len(cut) + 16 + 50
    assert end(cut + box(b"moof") + long[:-1]) == len(cut)
    assert end(box(b"ftyp") + box(b"mdat", 500) + box(b"moov")) is None
    manifest = (
        (40).to_bytes(4, "big") + b"uuid" + bytes.fromhex("d8fec3d61b0e483c92975828877ec481") + bytes(16)
    )
    assert end(box(b"ftyp") + manifest + cut) is None


@pytest.mark.parametrize("cut", ["head", "middle", "nowhere"])
async def test_one_that_was_cut_is_closed_and_signed(recorded, tmp_path, workers, keys, caplog, cut):
    from bunraku.node.provenance import credentials

    running, _ = recorded
    begin = running.rindex(b"moof") - 4
    data = running[: begin + {"head": 5, "middle": 30, "nowhere": 0}[cut]]
    signing = ProvenanceSettings(certificate=keys / "chain.pem", key=keys / "key.pem")
    desk = Desk(tmp_path / "other", workers, sealing=signing)
    path = left(desk, data)
    half = path.with_name(f".{path.stem}.signed.mp4")
    half.write_bytes(b"of who was killed while he signed")
    saver = salvage(desk)
    with caplog.at_level(logging.WARNING):
        assert await saver.look() == [path]
        assert await saver.look() == []
    assert [r.getMessage() for r in caplog.records] == [
        f"recording cut off: {NAME} ends with its last whole fragment"
    ]
    found = credentials(path, (keys / "root.pem").read_bytes())
    assert found is not None
    assert (found.state, found.title) == ("Trusted", NAME)
    assert pictures(path) > 60
    assert list(path.parent.iterdir()) == [path]
    # After the next start it is known for whole.
    os.utime(path, (0, 0))
    assert await salvage(desk).look() == []
    await desk.close()


async def test_what_is_whole_or_written_to_or_not_a_recording_is_left_alone(recorded, tmp_path, workers):
    running, closed = recorded
    cut = running[: running.rindex(b"moof") + 26]
    desk = Desk(tmp_path / "other", workers)
    kept = {
        left(desk, closed, task="closed"): closed,
        left(desk, cut, age=10, task="written"): cut,
        left(desk, cut, name="take-of-mine.mp4"): cut,
        left(desk, cut, name="life-init.mp4"): cut,
        left(desk, cut[:100], task="short"): cut[:100],
    }
    claimed = left(desk, cut, task="claimed")
    kept[claimed] = cut
    with claimed.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert await salvage(desk).look() == []
    assert {path: path.read_bytes() for path in kept} == kept
    await desk.close()


async def test_without_a_certificate_it_is_closed_and_counts_as_old_as_it_is(recorded, tmp_path, workers):
    running, _ = recorded
    begin = running.rindex(b"moof") - 4
    desk = Desk(tmp_path / "other", workers)
    path = left(desk, running[: begin + 30])
    before = path.stat().st_mtime_ns
    assert await salvage(desk).look() == [path]
    assert path.read_bytes() == running[:begin]
    assert path.stat().st_mtime_ns == before
    await desk.close()


async def test_it_goes_to_s3_as_any_other(recorded, tmp_path, workers, s3):
    running, _ = recorded
    begin = running.rindex(b"moof") - 4
    desk = Desk(tmp_path / "other", workers, **s3.settings)
    path = left(desk, running[: begin + 30])
    assert await salvage(desk).look() == [path]
    assert not path.exists()
    copy = tmp_path / "copy.mp4"
    await asyncio.to_thread(desk.storage.bucket.get, f"1/former/take/{NAME}", copy)
    assert copy.read_bytes() == running[:begin]
    await desk.close()


@pytest.mark.parametrize("done", ["nothing", "signed"])
async def test_one_that_was_closed_but_not_finished_is_known_by_its_mark(
    recorded, tmp_path, workers, keys, s3, caplog, done
):
    """A worker whose server was killed closes its file in order, and nobody signs or sends it."""
    from bunraku.node.provenance import credentials

    _, closed = recorded
    signing = ProvenanceSettings(certificate=keys / "chain.pem", key=keys / "key.pem")
    desk = Desk(tmp_path / "other", workers, sealing=signing, **s3.settings)
    path = left(desk, closed)
    captions = left(desk, b"WEBVTT\n", name=NAME.replace(".mp4", ".vtt"))
    mark_of(path).touch()
    if done == "signed":
        await Finisher(workers, Storage(OutputSettings(), desk.storage.root.parent), signing, 6.0).late(
            Place(1, "former", "take"), NAME
        )
        os.utime(path, (0, 0))
    before = path.read_bytes()
    with mark_of(path).open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert await salvage(desk).look() == [], "somebody finishes it"
    with caplog.at_level(logging.WARNING):
        assert await salvage(desk).look() == [path]
    assert [r.getMessage() for r in caplog.records] == [
        f"recording left behind: {NAME} had been closed; what else was to be done with it is done now"
    ]
    assert not any(p.exists() for p in (path, captions, mark_of(path)))
    copy = tmp_path / "copy.mp4"
    await asyncio.to_thread(desk.storage.bucket.get, f"1/former/take/{NAME}", copy)
    found = credentials(copy, (keys / "root.pem").read_bytes())
    assert found is not None
    assert (found.state, found.title) == ("Trusted", NAME)
    assert (copy.read_bytes() == before) == (done == "signed"), "signed once"
    await asyncio.to_thread(desk.storage.bucket.get, f"1/former/take/{captions.name}", copy)
    assert copy.read_bytes() == b"WEBVTT\n"
    await desk.close()


async def test_what_the_storage_did_not_take_is_tried_again(recorded, tmp_path, workers, s3):
    _, closed = recorded
    desk = Desk(tmp_path / "other", workers, **{**s3.settings, "s3_url": "s3://nowhere/all"})
    path = left(desk, closed)
    mark_of(path).touch()
    saver = salvage(desk)
    assert await saver.look() == [path]
    assert (path.exists(), mark_of(path).exists()) == (True, True)
    httpx.put(f"{s3.endpoint}/nowhere").raise_for_status()
    assert await saver.look() == [path]
    assert (path.exists(), mark_of(path).exists()) == (False, False)
    await desk.close()


async def test_a_mark_is_there_while_something_is_left_to_do(desk):
    output = desk.add(Protocol.FILE, name="take")
    await desk.until(lambda: list(desk.folder(output).glob("*.mp4")) and desk.flashing.tick > 20)
    (path,) = desk.folder(output).glob("*.mp4")
    assert mark_of(path).exists()
    os.utime(mark_of(path), (0, 0))
    forgetting = Storage(OutputSettings(keep_seconds=5000), desk.storage.root.parent)
    assert (forgetting.root, forgetting.sweep(time.time())) == (desk.storage.root, 0), (
        "it goes with its recording"
    )
    await desk.close()
    assert sorted(p.name for p in path.parent.iterdir()) == [path.name]


async def test_a_server_looks_for_them_when_it_has_started(recorded, tmp_path, monkeypatch):
    running, _ = recorded
    begin = running.rindex(b"moof") - 4
    path = tmp_path / "data" / "outputs" / "1" / "former" / "take" / NAME
    path.parent.mkdir(parents=True)
    path.write_bytes(running[: begin + 30])
    monkeypatch.setattr(module, "UNTOUCHED", 0.2)
    with RunningServer(data_dir=tmp_path / "data"):
        await asyncio.to_thread(wait_for, lambda: path.stat().st_size == begin)


async def test_a_key_that_is_gone_is_said_and_the_recording_kept(recorded, tmp_path, workers, keys, caplog):
    running, _ = recorded
    own = tmp_path / "own"
    shutil.copytree(keys, own)
    signing = ProvenanceSettings(certificate=own / "chain.pem", key=own / "key.pem")
    (own / "key.pem").unlink()
    desk = Desk(tmp_path / "other", workers, sealing=signing)
    path = left(desk, running[:-40])
    with caplog.at_level(logging.WARNING):
        assert await salvage(desk).look() == [path]
    assert any("not signed" in r.getMessage() and NAME in r.getMessage() for r in caplog.records)
    assert pictures(path) > 60
    await desk.close()
