"""A worker's job: download an audio file and decode it, at the pace of whoever listens.

Asked: ``{"url", "allow_private", "connect_timeout", "max_bytes", "max_redirects", "voice_channel",
"max_seconds"}``. Answered in blocks ``{"lips": whether}`` with the samples, then as many for the
lips (int16, native order, mono at ``SAMPLE_RATE``); ``{"waiting": seconds}`` now and then while the
file's server keeps it waiting, so that silence means a decoder that hangs.
"""

from __future__ import annotations

import io
import tempfile
import threading
from collections.abc import Callable
from typing import Any, BinaryIO, cast

from bunraku.core.urls import FetchFailed
from bunraku.node.speech.base import SpeechFailed
from bunraku.node.speech.decoding import decode
from bunraku.node.workers.download import download, tls
from bunraku.node.workers.zygote import Link, limit_cpu, limit_memory

IN_MEMORY = 4 * 1024 * 1024
MEMORY = 192 * 1024 * 1024  # bytes beyond what the worker begins with
CPU = 30.0  # s, and CPU_SHARE of the sound
CPU_SHARE = 0.05
HEARTBEAT = 2.0  # s

tls()  # before the fork, once for all workers


class GrowingFile(io.RawIOBase):
    """A file that one thread reads while another still writes it. Reads wait for data.

    ``on_wait`` is called from the reading thread, at every ``HEARTBEAT`` of waiting.
    """

    def __init__(self, on_wait: Callable[[], None]) -> None:
        self._file = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - closed in close()
        self._on_wait = on_wait
        self._condition = threading.Condition()
        self._size = 0
        self._position = 0
        self._complete = False
        self.failure: str | None = None

    def append(self, data: bytes) -> None:
        with self._condition:
            self._file.seek(self._size)
            self._file.write(data)
            self._size += len(data)
            self._condition.notify_all()

    def complete(self, failure: str | None = None) -> None:
        with self._condition:
            self._complete = True
            self.failure = self.failure or failure
            self._condition.notify_all()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def _wait_for(self, there: Callable[[], bool]) -> None:
        while not self._condition.wait_for(lambda: self._complete or there(), HEARTBEAT):
            self._on_wait()

    def seek(self, offset: int, whence: int = 0) -> int:
        with self._condition:
            if whence == 2:
                self._wait_for(lambda: False)
            base = (0, self._position, self._size)[whence]
            self._position = max(0, base + offset)
            return self._position

    def read(self, size: int = -1) -> bytes:
        with self._condition:
            self._wait_for(lambda: self._size > self._position)
            if self._position >= self._size:
                return b""
            self._file.seek(self._position)
            data = self._file.read(size if size >= 0 else self._size - self._position)
            self._position += len(data)
            return data

    def close(self) -> None:
        self.complete()
        self._file.close()
        super().close()


def fill(file: GrowingFile, request: dict[str, Any]) -> None:
    """Download into ``file``. Whatever goes wrong is the file's ``failure``; never raises."""
    wanted = ("allow_private", "connect_timeout", "max_bytes", "max_redirects")
    try:
        with download(request["url"], **{k: request[k] for k in wanted}) as body:
            for piece in body:
                file.append(piece)
    except FetchFailed as error:
        file.complete(str(error))
    except Exception as error:  # no space left, no memory: the reader must not wait for ever
        file.complete(type(error).__name__)
    else:
        file.complete()


def run(request: dict[str, Any], link: Link) -> None:
    threading.stack_size(1 << 20)
    limit_memory(MEMORY)
    limit_cpu(CPU + CPU_SHARE * request["max_seconds"])
    file = GrowingFile(lambda: link.send({"waiting": HEARTBEAT}))
    threading.Thread(target=fill, args=(file, request), name="download", daemon=True).start()
    try:
        for chunk in decode(cast(BinaryIO, file), request["voice_channel"], request["max_seconds"]):
            lips = b"" if chunk.lips is None else chunk.lips.tobytes()
            link.send({"lips": chunk.lips is not None}, chunk.samples.tobytes() + lips)
    except SpeechFailed as error:
        # A file that broke off is the reason why it cannot be decoded.
        raise FetchFailed(file.failure or str(error)) from error
    if file.failure:
        raise FetchFailed(file.failure)
