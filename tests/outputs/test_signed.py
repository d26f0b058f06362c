"""Recordings are signed, each file of them; what cannot be is kept, and said."""

from __future__ import annotations

import asyncio
import logging
import shutil
import socket
from pathlib import Path

import pytest
from click.testing import CliRunner

from bunraku.cli import main
from bunraku.core.output import OutputFile, OutputStatus, Protocol
from bunraku.core.settings import ProvenanceSettings, Settings
from bunraku.doctor import media
from bunraku.doctor.finding import FAIL, OK
from bunraku.node.outputs.storage import Place
from bunraku.node.provenance import SOURCE_TYPE, credentials, seal_of

from .conftest import Desk

pytest.importorskip("c2pa", reason="bunraku[c2pa] is not installed")


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    done = CliRunner().invoke(main, ["provenance", "make-certificate", str(folder)])
    assert done.exit_code == 0, done.output
    return folder


def sealing(keys: Path, **changes) -> ProvenanceSettings:
    return ProvenanceSettings(**{"certificate": keys / "chain.pem", "key": keys / "key.pem"} | changes)


async def test_every_segment_says_that_it_is_synthetic_and_who_signed_it(tmp_path, workers, keys):
    desk = Desk(tmp_path, workers, sealing=sealing(keys))
    output = desk.add(Protocol.FILE, name="take", segment_seconds=2)
    await desk.status(output, OutputStatus.ACTIVE)
    await desk.until(lambda: desk.flashing.tick >= 150, speed=4)
    await desk.close()
    record = desk.record(output)
    assert record.status is OutputStatus.COMPLETE
    assert len(record.files) >= 3
    root = (keys / "root.pem").read_bytes()
    for file in record.files:
        path = desk.folder(output) / file.name
        assert path.stat().st_size == file.bytes
        found = credentials(path, root)
        assert found is not None
        assert (found.state, found.faults) == ("Trusted", ())
        assert (found.title, found.source_types) == (file.name, (SOURCE_TYPE,))
    assert abs(sum(f.seconds for f in record.files) - desk.flashing.tick * 0.04) < 0.1
    left = {p.name for p in desk.folder(output).iterdir()}
    assert left == {f.name for f in record.files}
    changed = bytearray(path.read_bytes())
    changed[changed.rindex(b"mdat") + 100] ^= 1
    path.write_bytes(changed)
    assert credentials(path).state == "Invalid"


async def test_what_goes_to_s3_is_signed_before(tmp_path, workers, keys, s3):
    desk = Desk(tmp_path, workers, sealing=sealing(keys), **s3.settings)
    output = desk.add(Protocol.FILE, name="take", segment_seconds=2)
    await desk.until(lambda: len([f for f in desk.record(output).files if f.bytes]) >= 2, speed=2)
    await desk.close()
    record = desk.record(output)
    assert record.status is OutputStatus.COMPLETE
    assert list(desk.folder(output).iterdir()) == []
    for file in record.files:
        copy = tmp_path / file.name
        await asyncio.to_thread(desk.storage.bucket.get, f"1/task/take/{file.name}", copy)
        assert copy.stat().st_size == file.bytes
        assert credentials(copy).state == "Valid"


async def test_a_key_that_is_gone_ends_nothing_and_one_that_is_back_signs_again(
    tmp_path, workers, keys, caplog
):
    own = tmp_path / "own"
    shutil.copytree(keys, own)
    (own / "key.pem").rename(own / "away.pem")
    desk = Desk(tmp_path, workers, sealing=sealing(own))
    output = desk.add(Protocol.FILE, segment_seconds=2)
    with caplog.at_level(logging.WARNING):
        await desk.until(lambda: len([f for f in desk.record(output).files if f.bytes]) >= 1)
        (own / "away.pem").rename(own / "key.pem")
        await desk.until(lambda: len([f for f in desk.record(output).files if f.bytes]) >= 3)
        await desk.close()
    record = desk.record(output)
    assert record.status is OutputStatus.COMPLETE
    first, *_, last = record.files
    assert credentials(desk.folder(output) / first.name) is None
    assert credentials(desk.folder(output) / last.name).state == "Valid"
    said = [r.getMessage() for r in caplog.records if "not signed" in r.getMessage()]
    assert len(said) >= 1
    assert first.name in said[0]
    assert "provenance.key" in said[0]
    assert all(last.name not in line for line in said)


async def test_an_authority_that_never_answers_delays_no_media_and_the_end_only_so_long(
    tmp_path, workers, keys, caplog
):
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"http://127.0.0.1:{mute.getsockname()[1]}/"
        desk = Desk(tmp_path, workers, sealing=sealing(keys, timestamps=url), patience=30.0)
        output = desk.add(Protocol.FILE, segment_seconds=2)
        await desk.status(output, OutputStatus.ACTIVE)
        # The first file is being signed all the while; the ones after it are written.
        await desk.until(lambda: len(desk.record(output).files) >= 3)
        assert desk.record(output).files[0].bytes == 0
        desk.finisher.patience = 0.5
        await desk.close()
    record = desk.record(output)
    assert record.status is OutputStatus.COMPLETE, record.fail_reason
    assert abs(sum(f.seconds for f in record.files) - desk.flashing.tick * 0.04) < 0.1
    said = [r.getMessage() for r in caplog.records if "not signed" in r.getMessage()]
    assert len(said) == len(record.files)
    assert all("took too long" in line for line in said)
    assert {p.name for p in desk.folder(output).iterdir()} == {f.name for f in record.files}


async def test_a_fragmented_file_is_signed_whole_and_one_that_was_cut_is_left_as_it_is(desk, keys, tmp_path):
    """What a recording is while it is written: FFmpeg's fragmented form."""
    output = desk.add(Protocol.FILE)
    await desk.until(lambda: desk.flashing.tick > 100, speed=4)
    (path,) = desk.folder(output).glob("*.mp4")
    data = path.read_bytes()
    whole, cut, begin = tmp_path / "whole.mp4", tmp_path / "cut.mp4", data.rindex(b"moof") - 4
    whole.write_bytes(data[:begin])
    cut.write_bytes(data[: begin + 30])
    seal = seal_of(sealing(keys))
    seal.sign(whole, "whole.mp4")
    assert credentials(whole).state == "Valid"
    with pytest.raises(Exception, match="cannot be signed"):
        seal.sign(cut, "cut.mp4")
    assert cut.read_bytes() == data[: begin + 30]


async def test_captions_are_not_signed_but_kept(tmp_path, workers, keys):
    desk = Desk(tmp_path, workers, sealing=sealing(keys))
    place = Place(1, "task", "take")
    folder = desk.storage.folder(place)
    folder.mkdir(parents=True)
    (folder / "a.vtt").write_text("WEBVTT\n")
    told = []

    class Told:
        def file(self, file):
            told.append(file)

    await desk.finisher.finish(place, OutputFile("a.vtt", 7, 1.0), None, Told())
    assert told == [OutputFile("a.vtt", 7, 1.0)]
    await desk.close()


async def test_the_doctor_knows_whether_recordings_will_be_signed(keys, tmp_path):
    assert await media.provenance(Settings()) == []
    (well,) = await media.provenance(Settings(provenance=sealing(keys)))
    assert (well.state, "signed until" in well.text) == (OK, True)
    (bad,) = await media.provenance(Settings(provenance=sealing(keys, key=tmp_path / "none.pem")))
    assert (bad.state, "no such file" in bad.text) == (FAIL, True)
