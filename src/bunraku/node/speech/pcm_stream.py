"""The WebSocket audio protocol as a pure state machine (contract section 7); no sockets here.

```
FRESH --binary--> OPEN (implicit Start)      OPEN --Stop/timeout--> CLOSED | RESUMABLE
FRESH, CLOSED, RESUMABLE, DROPPING --Start--> OPEN
RESUMABLE (timed out) --binary--> OPEN       OPEN --interrupted--> DROPPING
CLOSED, DROPPING --binary--> dropped
```
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np

from bunraku.core import strict_json
from bunraku.core.media import SpeechChunk
from bunraku.node.speech.decoding import chunk_of
from bunraku.node.speech.resample import Resampler

MIN_RATE, MAX_RATE = 8000, 48000
DEFAULT_RATE = 16000
MAX_TEXT = 64 * 1024  # characters; a Start has about a hundred
HEADER_LIMIT = 64 * 1024  # a RIFF header that has no data chunk by then is not one


class StartRefused(Exception):
    """Close the socket with 1008 and this reason."""


@dataclass(frozen=True, slots=True)
class Format:
    """How binary frames are read."""

    rate: int = DEFAULT_RATE
    channels: int = 1
    voice_channel: int = 0


@dataclass(frozen=True, slots=True)
class Start:
    """Begin an utterance. ``drive_id`` None means the token's own."""

    drive_id: str | None
    format: Format


class Stop:
    """No more audio is coming."""


def parse_text(text: str) -> Start | Stop | None:
    """A text frame; None for what is to be ignored. Raises ``StartRefused``."""
    if len(text) > MAX_TEXT:
        return None
    try:
        message = strict_json.loads(text)
    except ValueError:
        return None
    if not isinstance(message, dict):
        return None
    action = message.get("Action")
    if action == "Stop":
        return Stop()
    if action != "Start":
        return None
    payload = message.get("Payload")
    if not isinstance(payload, dict):
        payload = {}
    return Start(_drive_id(payload), _format(payload))


def _drive_id(payload: dict[str, Any]) -> str | None:
    value = payload.get("DriveId")
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise StartRefused("unknown DriveId")
    return value


def _integer(payload: dict[str, Any], name: str, default: int) -> int:
    value = payload.get(name)
    if value is None or (name != "VoiceChannel" and value is not False and value == 0):
        return default
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1:
        raise StartRefused(f"{name} must be an integer")
    return int(value)


def _format(payload: dict[str, Any]) -> Format:
    rate = _integer(payload, "SampleRate", DEFAULT_RATE)
    if not MIN_RATE <= rate <= MAX_RATE:
        raise StartRefused(f"SampleRate must be in [{MIN_RATE}, {MAX_RATE}]")
    channels = _integer(payload, "Channel", 1)
    if channels not in (1, 2):
        raise StartRefused("Channel must be 1 or 2")
    if channels == 1:
        return Format(rate)  # VoiceChannel is ignored then, whatever it holds
    voice = _integer(payload, "VoiceChannel", 0)
    if voice not in (0, 1, 2):
        raise StartRefused("VoiceChannel must be 0, 1 or 2")
    return Format(rate, channels, voice)


class PcmReader:
    """Bytes of one utterance to speech; frames may break anywhere, a WAV header may lead."""

    def __init__(self, format: Format) -> None:
        self._format = format
        self._rest = b""
        # Held until it is known where a RIFF header ends, or that there is none.
        self._header: bytearray | None = bytearray()
        self._chunk_at = 12
        self._adopted = False
        self._resamplers = self._new_resamplers()

    def _new_resamplers(self) -> list[Resampler]:
        return [Resampler(self._format.rate) for _ in range(self._format.channels)]

    @property
    def heading(self) -> bool:
        """It is not known yet where the sound begins."""
        return self._header is not None

    def push(self, data: bytes) -> SpeechChunk:
        if self._header is not None:
            self._header += data
            parsed = self._read_header()
            if parsed is None:
                return SpeechChunk(np.zeros(0, np.int16))
            data, self._header = parsed, None
        data = self._rest + data
        width = 2 * self._format.channels
        whole = len(data) // width * width
        self._rest = data[whole:]
        samples = np.frombuffer(data[:whole], "<i2").reshape(-1, self._format.channels)
        return self._chunk([r.push(samples[:, i].copy()) for i, r in enumerate(self._resamplers)])

    def finish(self) -> SpeechChunk:
        """What is still held; half a sample at the very end is dropped."""
        tail = SpeechChunk(np.zeros(0, np.int16))
        if self._header:
            header, self._header = self._header, None
            tail = self.push(bytes(header))
        rest = self._chunk([r.flush() for r in self._resamplers])
        if tail.samples.size == 0:
            return rest
        lips = None
        if tail.lips is not None and rest.lips is not None:
            lips = np.concatenate([tail.lips, rest.lips])
        return SpeechChunk(np.concatenate([tail.samples, rest.samples]), lips=lips)

    def _chunk(self, channels: list[np.ndarray]) -> SpeechChunk:
        if len(channels) == 1:
            return SpeechChunk(channels[0])
        count = min(c.size for c in channels)
        return chunk_of(np.stack([c[:count] for c in channels], 1), self._format.voice_channel)

    def _read_header(self) -> bytes | None:
        """Audio bytes after a RIFF/WAVE header, all bytes when there is none, None to wait.

        No chunk is looked at twice, however the bytes are cut.
        """
        held = self._header or bytearray()
        if not held.startswith(b"RIFF"[: len(held)]):
            return bytes(held)
        if len(held) < 12:
            return None
        if not held.startswith(b"WAVE", 8):
            return bytes(held)
        while len(held) >= self._chunk_at + 8 and self._chunk_at < HEADER_LIMIT:
            at = self._chunk_at
            name, size = bytes(held[at : at + 4]), struct.unpack_from("<I", held, at + 4)[0]
            if name == b"data":
                return bytes(held[at + 8 :])
            if name == b"fmt " and not self._adopted:
                if len(held) < at + 24 and size >= 16:
                    break  # the rest of it comes
                if size >= 16:
                    self._adopt(bytes(held[at + 8 : at + 24]))
            self._chunk_at += 8 + size + size % 2
        return bytes(held) if len(held) > HEADER_LIMIT else None

    def _adopt(self, body: bytes) -> None:
        """The header's format wins over Start when it is one we can play."""
        self._adopted = True
        _, channels, rate, _, _, bits = struct.unpack("<HHIIHH", body)
        if bits == 16 and channels in (1, 2) and MIN_RATE <= rate <= MAX_RATE:
            voice = self._format.voice_channel if channels == 2 else 0
            self._format = Format(rate, channels, voice)
            self._resamplers = self._new_resamplers()


class Phase(Enum):
    FRESH = "fresh"  # never had a Start
    OPEN = "open"
    RESUMABLE = "resumable"  # ended by silence: binary starts again
    CLOSED = "closed"  # stopped explicitly: binary is dropped
    DROPPING = "dropping"  # interrupted: binary is dropped


FIRST_AUDIO_TIMEOUT = 30.0
NEXT_AUDIO_TIMEOUT = 5.0
