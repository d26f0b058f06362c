"""Recordings in S3-compatible storage: a real server of the protocol (moto's), and one that goes away."""

from __future__ import annotations

import asyncio
import time

import pytest

from bunraku.core.output import ErasedFiles, OutputStatus, Protocol
from bunraku.core.settings import OutputSettings
from bunraku.core.settings_people import PeopleSettings
from bunraku.node.outputs import storage as storage_module
from bunraku.node.outputs.storage import Bucket, Place, Storage, StorageAway
from bunraku.node.people import archive
from bunraku.node.people.shelf import NotAsKept, Shelf

from .conftest import Desk


async def test_whole_files_leave_for_the_bucket_and_are_read_from_there(tmp_path, workers, s3):
    desk = Desk(tmp_path, workers, **s3.settings)
    output = desk.add(Protocol.FILE, name="take", segment_seconds=2)
    await desk.status(output, OutputStatus.ACTIVE)
    await desk.until(lambda: len(desk.record(output).files) >= 3, speed=2)
    await desk.close()
    record = desk.record(output)
    assert record.status is OutputStatus.COMPLETE
    assert list(desk.folder(output).glob("*.mp4")) == []
    place = Place(1, "task", "take")
    for file in record.files:
        found = await desk.storage.read_kept(place, file.name, 4, 4)
        assert found == (b"ftyp", file.bytes)
    assert await desk.storage.read_kept(place, "none.mp4", 0, 4) is None
    assert "s3-secret" not in repr(desk.storage.bucket)


async def test_an_app_s_files_are_erased_from_the_bucket_and_no_other_s(tmp_path, workers, s3):
    desk = Desk(tmp_path, workers, **s3.settings)
    output = desk.add(Protocol.FILE, name="take", segment_seconds=2)
    await desk.status(output, OutputStatus.ACTIVE)
    await desk.until(lambda: len(desk.record(output).files) >= 2, speed=2)
    await desk.close()
    storage, film = desk.storage, tmp_path / "film.mp4"
    film.write_bytes(b"film")
    assert storage.bucket is not None
    for app_id in (2, 11, 111):  # names that begin as the app's
        await asyncio.to_thread(storage.bucket.put, film, f"{app_id}/task/take/a.mp4")
    beside = Bucket("s3://recordings/else", storage.bucket.options)
    await asyncio.to_thread(beside.put, film, "1/task/take/a.mp4")
    kept = [key for _, _, key in storage.bucket.listed()]
    mine = [key for key in kept if key.startswith("1/")]
    assert len(mine) >= 2
    assert await storage.erase_kept(1) == ErasedFiles(len(mine))
    others = {f"{app_id}/task/take/a.mp4" for app_id in (2, 11, 111)}
    assert {key for _, _, key in storage.bucket.listed()} == others
    assert len(list(beside.listed())) == 1
    assert await storage.erase_kept(1) == ErasedFiles(0)


async def test_erasing_from_storage_that_is_away_ends_in_time_and_says_so(tmp_path, s3, monkeypatch):
    storage = Storage(OutputSettings(**s3.settings), tmp_path)
    s3.server.stop()
    monkeypatch.setattr(storage_module, "ERASING", 1.5)
    began = time.monotonic()
    assert await storage.erase_kept(1) == ErasedFiles(0, "the storage is away or slow")
    assert time.monotonic() - began < 15


async def test_storage_that_is_gone_ends_the_output_and_the_file_stays(tmp_path, workers, s3):
    desk = Desk(tmp_path, workers, **s3.settings)
    output = desk.add(Protocol.FILE)
    images = desk.add(Protocol.HLS)
    await desk.until(lambda: desk.flashing.tick > 50)
    s3.server.stop()
    desk.outputs.remove(output.id)
    record = await desk.status(output, OutputStatus.FAILED, OutputStatus.COMPLETE)
    assert record.status is OutputStatus.FAILED
    assert record.fail_reason == "the storage is away"
    assert len(list(desk.folder(output).glob("*.mp4"))) == 1
    assert desk.record(images).status is OutputStatus.ACTIVE
    await desk.close()


def test_packs_of_people_are_kept_found_and_deleted_there_and_damage_is_seen(tmp_path, s3):
    outputs = OutputSettings(**s3.settings)
    shelf = Shelf(PeopleSettings(s3_url="s3://recordings/people"), outputs, tmp_path)
    mine, other = (1, "a"), (12, "b")
    for key in (mine, other):
        (tmp_path / key[1]).write_bytes(key[1].encode() * 3_000_000)
        shelf.put(key, tmp_path / key[1])
    digest, out = archive.digest(tmp_path / "a"), tmp_path / "out"
    shelf.get(mine, digest, out)
    assert out.read_bytes() == (tmp_path / "a").read_bytes()
    with pytest.raises(NotAsKept):
        shelf.get(other, digest, out)
    with pytest.raises(FileNotFoundError):
        shelf.get((1, "b"), digest, out)
    assert sorted(key for _, key in shelf.listed()) == [mine, other]
    shelf.erase(mine)
    shelf.erase(mine)
    assert [key for _, key in shelf.listed()] == [other]
    shelf.put(mine, tmp_path / "a")
    assert asyncio.run(shelf.erase_kept(1)) == ErasedFiles(1)
    assert [key for _, key in shelf.listed()] == [other]
    assert not (tmp_path / "people").exists()
    s3.server.stop()
    with pytest.raises(StorageAway):
        shelf.get(other, digest, out)
    s3.server.start()
