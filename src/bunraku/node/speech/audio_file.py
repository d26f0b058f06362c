"""Speech from an audio file, decoded while it still downloads. The format is found from content."""

from __future__ import annotations

import asyncio
import io
import itertools
import tempfile
import threading
from collections.abc import AsyncGenerator, Iterator

import av
import av.container
import av.error
import numpy as np

from bunraku.core.media import PCM, SAMPLE_RATE, SpeechChunk
from bunraku.core.urls import FetchFailed
from bunraku.node.fetch import Fetcher
from bunraku.node.speech.base import SpeechFailed

IN_MEMORY = 4 * 1024 * 1024
CHUNK_SECONDS = 0.5
FORMATS = ("wav", "mp3", "flac", "ogg", "mov", "aac", "matroska")


class GrowingFile(io.RawIOBase):
    """A file that one thread reads while the event loop still writes it. Reads wait for data."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - closed in close()
        self._condition = threading.Condition()
        self._size = 0
        self._position = 0
        self._complete = False
        self._failure: str | None = None

    def append(self, data: bytes) -> None:
        with self._condition:
            self._file.seek(self._size)
            self._file.write(data)
            self._size += len(data)
            self._condition.notify_all()

    def complete(self, failure: str | None = None) -> None:
        with self._condition:
            self._complete = True
            self._failure = self._failure or failure
            self._condition.notify_all()

    @property
    def failure(self) -> str | None:
        return self._failure

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = 0) -> int:
        with self._condition:
            if whence == 2:
                self._condition.wait_for(lambda: self._complete)
            base = (0, self._position, self._size)[whence]
            self._position = max(0, base + offset)
            return self._position

    def read(self, size: int = -1) -> bytes:
        with self._condition:
            self._condition.wait_for(lambda: self._complete or self._size > self._position)
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


def decode(source: io.RawIOBase, voice_channel: int, max_seconds: float) -> Iterator[SpeechChunk]:
    """Blocking. ``voice_channel``: 0 the mix, 1 left, 2 right moves the lips (contract 5.6).

    Raises ``SpeechFailed`` when this is not audio, or too long.
    """
    played = 0
    try:
        with av.open(source, mode="r", options={"probesize": "16384", "analyzeduration": "0"}) as container:
            if not any(f in container.format.name for f in FORMATS):
                raise SpeechFailed(f"format {container.format.name}")
            if not container.streams.audio:
                raise SpeechFailed("no audio in file")
            stream = container.streams.audio[0]
            resampler = av.AudioResampler("s16", "stereo", SAMPLE_RATE)
            mono = stream.codec_context.channels == 1
            for frame in itertools.chain(_frames(container, stream), (None,)):
                for out in resampler.resample(frame):
                    pair = out.to_ndarray().reshape(-1, 2)
                    played += pair.shape[0]
                    if played > max_seconds * SAMPLE_RATE:
                        raise SpeechFailed("audio too long")
                    yield chunk_of(pair, 0 if mono else voice_channel)
    except (av.error.FFmpegError, ValueError, OSError) as error:
        raise SpeechFailed(f"not decodable ({type(error).__name__})") from error
    if played == 0:
        raise SpeechFailed("no audio in file")


def _frames(container: av.container.InputContainer, stream: av.AudioStream) -> Iterator[av.AudioFrame]:
    for packet in container.demux(stream):
        try:
            yield from packet.decode()
        except av.error.InvalidDataError:
            continue  # a damaged packet costs its own milliseconds


def chunk_of(pair: np.ndarray, voice_channel: int) -> SpeechChunk:
    """Mix an (n, 2) int16 array; one channel, when chosen, moves the lips."""
    mix: PCM = ((pair[:, 0].astype(np.int32) + pair[:, 1]) >> 1).astype(np.int16)
    if voice_channel == 0:
        return SpeechChunk(mix)
    return SpeechChunk(mix, lips=np.ascontiguousarray(pair[:, voice_channel - 1]))


class AudioFiles:
    """Opens URLs as speech."""

    def __init__(self, fetcher: Fetcher) -> None:
        self._fetcher = fetcher

    async def play(self, url: str, voice_channel: int, tenant: int) -> AsyncGenerator[SpeechChunk]:
        """Chunks of about half a second, for the app ``tenant``. Raises ``SpeechFailed``."""
        file = GrowingFile()
        download = asyncio.create_task(self._download(url, file, tenant))
        chunks: asyncio.Queue[SpeechChunk | SpeechFailed | None] = asyncio.Queue(8)
        loop = asyncio.get_running_loop()
        stopped = threading.Event()

        def hand_over(item: SpeechChunk | SpeechFailed | None) -> None:
            asyncio.run_coroutine_threadsafe(chunks.put(item), loop).result()

        def work() -> None:
            try:
                for chunk in _gather(decode(file, voice_channel, self._fetcher.settings.max_seconds)):
                    if stopped.is_set():
                        return
                    hand_over(chunk)
                hand_over(None)
            except SpeechFailed as error:
                if not stopped.is_set():
                    hand_over(SpeechFailed(file.failure) if file.failure else error)
            except RuntimeError:  # the loop is gone: nobody listens any more
                return

        # A thread of its own: it waits for the network and for the listener most of the time.
        threading.Thread(target=work, name="audio-file", daemon=True).start()
        try:
            while (item := await chunks.get()) is not None:
                if isinstance(item, SpeechFailed):
                    raise item
                yield item
            if file.failure:
                raise SpeechFailed(file.failure)
        finally:
            stopped.set()
            download.cancel()
            await asyncio.gather(download, return_exceptions=True)
            file.complete("cancelled")
            while not chunks.empty():  # a worker that waits for room may go on and see `stopped`
                chunks.get_nowait()

    async def _download(self, url: str, file: GrowingFile, tenant: int) -> None:
        try:
            async with self._fetcher.open(url, tenant) as body:
                async for piece in body:
                    file.append(piece)
        except FetchFailed as error:
            file.complete(str(error))
        else:
            file.complete()


def _gather(chunks: Iterator[SpeechChunk]) -> Iterator[SpeechChunk]:
    """Join decoder frames, the first alone so that sound starts early."""
    held: list[SpeechChunk] = []
    size = 0
    first = True
    for chunk in chunks:
        held.append(chunk)
        size += chunk.samples.size
        if first or size >= CHUNK_SECONDS * SAMPLE_RATE:
            yield _join(held)
            held, size, first = [], 0, False
    if held:
        yield _join(held)


def _join(chunks: list[SpeechChunk]) -> SpeechChunk:
    if len(chunks) == 1:
        return chunks[0]
    lips = [c.lips for c in chunks if c.lips is not None]
    return SpeechChunk(
        np.concatenate([c.samples for c in chunks]), lips=np.concatenate(lips) if lips else None
    )
