"""RTMP against a server that is not ours: Debian's nginx with its RTMP module."""

from __future__ import annotations

import asyncio

import pytest

from bunraku.core.output import OutputStatus, Protocol
from bunraku.node.workers.pool import Workers

from ..support import nginx
from ..support.flashing import marks, worst_offset
from ..support.rtmps import tls_front
from .conftest import Desk

pytestmark = pytest.mark.skipif(not nginx.installed(), reason="needs Debian's libnginx-mod-rtmp")


async def test_a_stream_arrives_with_sound_and_picture_in_step(desk):
    with nginx.rtmp_server() as url:
        output = desk.add(Protocol.RTMP, url=f"{url}/secret-key?token=hidden")
        await desk.status(output, OutputStatus.ACTIVE)
        watching = asyncio.create_task(
            asyncio.to_thread(marks, f"{url}/secret-key", seconds=6.5, timeout=10.0)
        )
        await desk.until(watching.done)
        flashes, tones = watching.result()
        assert len(flashes) >= 3
        assert worst_offset((flashes, tones)) <= 0.04
        assert all(abs(b - a - 1.0) < 0.001 for a, b in zip(flashes, flashes[1:], strict=False))
        await desk.close()
    record = desk.record(output)
    assert record.status is OutputStatus.COMPLETE
    assert record.bytes > 10_000
    assert "secret" not in repr(record)
    assert "hidden" not in repr(record)
    assert record.url == f"{url}/…"


async def test_a_target_that_goes_and_comes_back_gets_a_new_publication(desk):
    port = nginx.free_port()
    with nginx.rtmp_server(port=port) as url:
        output = desk.add(Protocol.RTMP, url=f"{url}/key")
        await desk.status(output, OutputStatus.ACTIVE)
    retrying = await desk.status(output, OutputStatus.RETRYING)
    assert "127.0.0.1" not in (retrying.fail_reason or "")
    with nginx.rtmp_server(port=port):
        await desk.status(output, OutputStatus.ACTIVE)
        await desk.close()
    assert [s for _, s in desk.told] == [
        OutputStatus.STARTING,
        OutputStatus.ACTIVE,
        OutputStatus.RETRYING,
        OutputStatus.ACTIVE,
        OutputStatus.ENDING,
        OutputStatus.COMPLETE,
    ]


async def test_rtmps_needs_a_certificate_that_somebody_vouches_for(tmp_path, workers, monkeypatch):
    """One that signed itself is refused; with ``SSL_CERT_FILE`` an operator says whom to believe."""
    with nginx.rtmp_server() as plain, tls_front(plain, tmp_path) as url:
        desk = Desk(tmp_path, workers)
        output = desk.add(Protocol.RTMP, url=f"{url}/key")
        refused = await desk.status(output, OutputStatus.RETRYING)
        assert refused.fail_reason == "the target's certificate is not valid"
        await desk.close()

        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
        believing = Workers()
        desk = Desk(tmp_path, believing)
        output = desk.add(Protocol.RTMP, url=f"{url}/key")
        await desk.status(output, OutputStatus.ACTIVE)
        watching = asyncio.create_task(asyncio.to_thread(marks, f"{plain}/key", seconds=3.5, timeout=10.0))
        await desk.until(watching.done)
        assert worst_offset(watching.result()) <= 0.04
        await desk.close()
        assert desk.record(output).status is OutputStatus.COMPLETE
        await believing.close()
