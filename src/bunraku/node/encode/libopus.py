"""libopus by its own C interface (RFC 6716; opus_encoder.h), as ``ctypes`` sees it.

FFmpeg's way to the same library leads through a filter graph that cuts sound into packets, which
costs as much again as the encoding does. The library is the one that PyAV brings; where it brings
none, the system's.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import av
import numpy as np

from bunraku.core.media import PCM, SAMPLE_RATE

APPLICATION_AUDIO, SET_BITRATE, SET_COMPLEXITY, SET_VBR_CONSTRAINT = 2049, 4002, 4010, 4020
SET_SIGNAL, SIGNAL_AUTO, SIGNAL_VOICE = 4024, -1000, 3001
MAX_PACKET = 1276
"""Bytes: the most one frame can take (RFC 6716 section 3.4, R2)."""

LONGEST = SAMPLE_RATE * 120 // 1000
"""Samples: the most one packet can hold (RFC 6716 section 3.4, R5)."""


def _candidates() -> Iterator[str]:
    package = Path(av.__file__).parent
    for folder, pattern in ((package.parent / "av.libs", "libopus*"), (package / ".dylibs", "libopus*")):
        yield from (str(path) for path in sorted(folder.glob(pattern)))
    yield from ("libopus.so.0", "libopus.0.dylib")


@cache
def library() -> ctypes.PyDLL | None:
    """None when there is none to be found.

    It keeps the interpreter's lock: encoding a packet takes a tenth of a millisecond, and taking the
    lock back from a thread that draws may take fifty times as long.
    """
    for name in _candidates():
        try:
            found = ctypes.PyDLL(name)
            found.opus_encoder_create.restype = ctypes.c_void_p
            found.opus_encoder_destroy.argtypes = [ctypes.c_void_p]
            # The rest is variadic: left out here, as ``ctypes`` wants it.
            found.opus_encoder_ctl.argtypes = [ctypes.c_void_p, ctypes.c_int]
            found.opus_encode.argtypes = [
                ctypes.c_void_p,
                ctypes.c_char_p,
                ctypes.c_int,
                ctypes.c_void_p,
                ctypes.c_int32,
            ]
            found.opus_encoder_get_size.argtypes = [ctypes.c_int]
            found.opus_decoder_create.restype = ctypes.c_void_p
            found.opus_decoder_destroy.argtypes = [ctypes.c_void_p]
            found.opus_decode.argtypes = [
                ctypes.c_void_p,
                ctypes.c_char_p,
                ctypes.c_int32,
                ctypes.c_void_p,
                ctypes.c_int,
                ctypes.c_int,
            ]
        except (OSError, AttributeError):
            continue
        return found
    return None


class PacketEncoder:
    """One mono stream. Raises ``RuntimeError`` where libopus reports an error.

    ``bitrate`` in bit/s, ``complexity`` from 0 to 10, ``signal`` what libopus shall take the sound for.
    """

    def __init__(self, lib: ctypes.PyDLL, bitrate: int, complexity: int, signal: int = SIGNAL_AUTO) -> None:
        self._lib, self.state = lib, None
        error = ctypes.c_int()
        state = lib.opus_encoder_create(SAMPLE_RATE, 1, APPLICATION_AUDIO, ctypes.byref(error))
        self.state = ctypes.c_void_p(state)
        if not state or error.value:
            raise RuntimeError(f"libopus: no encoder ({error.value})")
        settings = (
            (SET_BITRATE, bitrate),
            (SET_COMPLEXITY, complexity),
            (SET_VBR_CONSTRAINT, 0),
            (SET_SIGNAL, signal),
        )
        for request, value in settings:
            if lib.opus_encoder_ctl(self.state, request, ctypes.c_int(value)):
                raise RuntimeError(f"libopus: setting {request} refused")
        self._out = ctypes.create_string_buffer(MAX_PACKET)
        self._size: int = lib.opus_encoder_get_size(1)
        self._kept: ctypes.Array[ctypes.c_char] | None = None

    def mark(self) -> None:
        """Remember what was heard so far. The state is one block, which libopus lets be copied."""
        if self._kept is None:
            self._kept = ctypes.create_string_buffer(self._size)
        assert self.state is not None
        ctypes.memmove(self._kept, self.state, self._size)

    def rewind(self) -> None:
        """Unhear what was encoded since ``mark``."""
        if self._kept is not None and self.state is not None:
            ctypes.memmove(self.state, self._kept, self._size)

    def encode(self, samples: bytes) -> bytes:
        """One packet as long as ``samples``, 16 bits each in this machine's order: 2.5 to 60 ms."""
        size: int = self._lib.opus_encode(self.state, samples, len(samples) // 2, self._out, MAX_PACKET)
        if size < 0:
            raise RuntimeError(f"libopus: error {size}")
        return ctypes.string_at(self._out, size)

    def __del__(self) -> None:
        if self.state:
            self._lib.opus_encoder_destroy(self.state)


class PacketDecoder:
    """One source, in mono. Raises ``RuntimeError`` where libopus reports an error."""

    def __init__(self, lib: ctypes.PyDLL) -> None:
        self._lib, self.state = lib, None
        error = ctypes.c_int()
        state = lib.opus_decoder_create(SAMPLE_RATE, 1, ctypes.byref(error))
        self.state = ctypes.c_void_p(state)
        if not state or error.value:
            raise RuntimeError(f"libopus: no decoder ({error.value})")
        self._out = np.empty(LONGEST, np.int16)

    def decode(self, packet: bytes) -> PCM:
        return self._decode(packet, LONGEST, 0)

    def conceal(self, samples: int, following: bytes | None) -> PCM:
        """``samples`` is a multiple of 2.5 ms, at most ``LONGEST``."""
        return self._decode(following, samples, 1 if following is not None else 0)

    def _decode(self, packet: bytes | None, samples: int, spare: int) -> PCM:
        size = 0 if packet is None else len(packet)
        count: int = self._lib.opus_decode(self.state, packet, size, self._out.ctypes.data, samples, spare)
        if count < 0:
            raise RuntimeError(f"libopus: error {count}")
        return self._out[:count].copy()

    def __del__(self) -> None:
        if self.state:
            self._lib.opus_decoder_destroy(self.state)
