"""Audio files to speech. The format is found from content, among those that are let in."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import BinaryIO, cast

import av
import av.container
import av.error
import numpy as np

from bunraku.core.media import PCM, SAMPLE_RATE, SpeechChunk
from bunraku.node.speech.base import SpeechFailed

CHUNK_SECONDS = 0.5
FORMATS = "wav,mp3,flac,ogg,mov,mp4,m4a,aac,matroska,webm"
OPTIONS = {
    "probesize": "16384",
    "analyzeduration": "0",
    # FFmpeg must not find playlists and session descriptions in strangers' bytes, and may open
    # nothing by itself: our own file is all there is.
    "format_whitelist": FORMATS,
    "protocol_whitelist": "none",
}
MIN_RATE, MAX_RATE = 4000, 192_000
"""Hz. At one Hz a few bytes are hours of sound."""
MAX_CHANNELS = 8
MAX_FRAME_SECONDS = 20.0  # a decoder's own frames are shorter, FLAC's longest at MIN_RATE is 16.4


def decode(source: BinaryIO, voice_channel: int, max_seconds: float) -> Iterator[SpeechChunk]:
    """Chunks of at most ``CHUNK_SECONDS``, the first short so that sound starts early.

    Blocking, and not for strangers' files in the server's own process: a decoder may hang.
    ``voice_channel``: 0 the mix, 1 left, 2 right moves the lips (contract 5.6). Raises
    ``SpeechFailed`` when this is not audio, or too long.
    """
    played = 0
    try:
        with av.open(source, mode="r", options=OPTIONS) as container:
            for chunk in _even(_chunks(container, voice_channel)):
                played += chunk.samples.size
                if played > max_seconds * SAMPLE_RATE:
                    raise SpeechFailed("audio too long")
                yield chunk
    except (av.error.FFmpegError, ValueError, OSError) as error:
        raise SpeechFailed(f"not decodable ({type(error).__name__})") from error
    if played == 0:
        raise SpeechFailed("no audio in file")


def _chunks(container: av.container.InputContainer, voice_channel: int) -> Iterator[SpeechChunk]:
    if not container.streams.audio:
        raise SpeechFailed("no audio in file")
    stream = container.streams.audio[0]
    # The bindings declare it always there; for a codec FFmpeg does not know it is None.
    context = cast(av.AudioCodecContext | None, stream.codec_context)
    if context is None:
        raise SpeechFailed("unknown codec")
    _check(context.sample_rate, context.channels)
    resampler = av.AudioResampler("s16", "stereo", SAMPLE_RATE)
    mono = context.channels == 1
    for frame in itertools.chain(_frames(container, stream), (None,)):
        if frame is not None:
            _check(frame.sample_rate, frame.layout.nb_channels)
            if frame.samples > MAX_FRAME_SECONDS * frame.sample_rate:
                raise SpeechFailed("too much in one frame")
        for out in resampler.resample(frame):
            yield chunk_of(out.to_ndarray().reshape(-1, 2), 0 if mono else voice_channel)


def _check(rate: int, channels: int) -> None:
    if not MIN_RATE <= rate <= MAX_RATE:
        raise SpeechFailed(f"sample rate of {rate} Hz")
    if not 1 <= channels <= MAX_CHANNELS:
        raise SpeechFailed(f"{channels} channels")


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


def _even(chunks: Iterator[SpeechChunk]) -> Iterator[SpeechChunk]:
    """Decoder frames joined, or cut, to ``CHUNK_SECONDS``."""
    wanted = int(CHUNK_SECONDS * SAMPLE_RATE)
    held: list[SpeechChunk] = []
    size = 0
    first = True
    for chunk in chunks:
        for at in range(0, chunk.samples.size, wanted):
            piece = _cut(chunk, at, at + wanted)
            held.append(piece)
            size += piece.samples.size
            if first or size >= wanted:
                yield _join(held)
                held, size, first = [], 0, False
    if held:
        yield _join(held)


def _cut(chunk: SpeechChunk, start: int, end: int) -> SpeechChunk:
    lips = None if chunk.lips is None else chunk.lips[start:end]
    return SpeechChunk(chunk.samples[start:end], lips=lips)


def _join(chunks: list[SpeechChunk]) -> SpeechChunk:
    if len(chunks) == 1:
        return chunks[0]
    lips = [c.lips for c in chunks if c.lips is not None]
    return SpeechChunk(
        np.concatenate([c.samples for c in chunks]), lips=np.concatenate(lips) if lips else None
    )
