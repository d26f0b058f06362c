"""Recordings in S3-compatible storage: a real server of the protocol (moto's), and one that goes away."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from moto.server import ThreadedMotoServer

from bunraku.core.output import OutputStatus, Protocol
from bunraku.node.outputs.storage import Place

from .conftest import Desk


class S3:
    def __init__(self) -> None:
        self.server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
        self.server.start()
        host, port = self.server.get_host_and_port()
        self.endpoint = f"http://{host}:{port}"
        httpx.put(f"{self.endpoint}/recordings").raise_for_status()

    @property
    def settings(self) -> dict[str, str]:
        return {
            "s3_url": "s3://recordings/all",
            "s3_endpoint": self.endpoint,
            "s3_region": "us-east-1",
            "s3_access_key": "key",
            "s3_secret_key": "s3-secret",
        }


@pytest.fixture
def s3() -> Iterator[S3]:
    made = S3()
    yield made
    made.server.stop()


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
