"""The things that travel: frames, units, viseme weights. They belong to nobody and import nothing of ours.

Time everywhere is *program time*: integer microseconds since the performance began.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

SAMPLE_RATE = 48_000
"""Hz. Everything inside a performance is mono at this rate."""

TICK_US = 40_000
"""Length of a tick: one picture and exactly ``TICK_SAMPLES`` samples of audio."""

TICK_SAMPLES = SAMPLE_RATE * TICK_US // 1_000_000
FRAME_RATE = 1_000_000 // TICK_US

PCM: TypeAlias = npt.NDArray[np.int16]
"""Mono signed 16-bit samples, shape (n,)."""

Weights: TypeAlias = npt.NDArray[np.float32]
"""Shape (15,), order of ``vocabulary.VISEMES``, each in [0, 1], sum 1."""


@dataclass(frozen=True, slots=True)
class Rect:
    """Pixels, even-aligned so that it is whole in the chroma planes too."""

    x: int
    y: int
    width: int
    height: int

    @property
    def empty(self) -> bool:
        return self.width <= 0 or self.height <= 0


class Picture:
    """One I420 picture in a single buffer of shape (height * 3 / 2, width); even sizes only.

    ``y``, ``u`` and ``v`` are views into ``buffer``: limited range, BT.601.
    """

    __slots__ = ("buffer", "height", "u", "v", "width", "y")

    def __init__(self, width: int, height: int) -> None:
        if width % 2 or height % 2 or width <= 0 or height <= 0:
            raise ValueError(f"picture sides must be positive and even, not {width}x{height}")
        self.width, self.height = width, height
        self.buffer: npt.NDArray[np.uint8] = np.zeros((height * 3 // 2, width), np.uint8)
        flat = self.buffer.reshape(-1)
        luma, chroma = width * height, width * height // 4
        self.y = self.buffer[:height]
        self.u = flat[luma : luma + chroma].reshape(height // 2, width // 2)
        self.v = flat[luma + chroma :].reshape(height // 2, width // 2)
        self.y[:] = 16
        self.u[:] = 128
        self.v[:] = 128


class Kind(Enum):
    AUDIO = "audio"
    VIDEO = "video"


class Codec(Enum):
    H264 = "H264"
    VP8 = "VP8"
    OPUS = "opus"
    AAC = "AAC"

    @property
    def kind(self) -> Kind:
        return Kind.AUDIO if self in (Codec.OPUS, Codec.AAC) else Kind.VIDEO

    @property
    def clock_rate(self) -> int:
        return 48_000 if self.kind is Kind.AUDIO else 90_000


class EncodedUnit(NamedTuple):
    """One access unit: a whole picture (Annex B for H.264), one Opus packet or one AAC frame. Never empty."""

    codec: Codec
    time_us: int
    data: bytes
    keyframe: bool

    @property
    def kind(self) -> Kind:
        return Kind.AUDIO if self.codec is Codec.OPUS or self.codec is Codec.AAC else Kind.VIDEO


DRAWN_VERSION = 2
"""Of what a watcher that draws is sent and must know (docs/drawing.md)."""


class Drawn(NamedTuple):
    """What a viewer's machine needs to draw one moment itself; ``state`` is in the words of the avatar's
    kind (docs/drawing.md)."""

    time_us: int
    art: int
    """8 bits of the name of what it is drawn from."""
    state: bytes


@dataclass(slots=True)
class Pose:
    """What the face and body do, apart from the lips. Angles in degrees, the rest unitless.

    ``yaw`` > 0 turns towards the viewer's right, ``pitch`` > 0 up, ``roll`` > 0 clockwise.
    ``gaze_*`` in [-1, 1], ``lid`` 0 open to 1 closed, ``brow_*`` in [-1, 1], ``smile`` and
    ``squint`` in [0, 1], ``breath`` and ``sway`` in [-1, 1]; ``nod`` lowers the head.
    ``gesture`` names the gesture in progress and ``gesture_phase`` in [0, 1] how far it is.
    """

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    gaze_x: float = 0.0
    gaze_y: float = 0.0
    lid: float = 0.0
    squint: float = 0.0
    brow_l: float = 0.0
    brow_r: float = 0.0
    brow_in: float = 0.0
    smile: float = 0.5
    breath: float = 0.0
    sway: float = 0.0
    nod: float = 0.0
    gesture: str | None = None
    gesture_phase: float = 0.0


@dataclass(frozen=True, slots=True)
class Phoneme:
    """One timed speech sound. ``start`` and ``end`` in seconds from the start of the speech."""

    start: float
    end: float
    symbol: str
    alphabet: str = "ipa"


@dataclass(frozen=True, slots=True)
class Word:
    """One timed word: seconds from the start of the speech, text as the caller wrote it."""

    start: float
    end: float
    text: str


@dataclass(frozen=True, slots=True)
class SpeechChunk:
    """Speech as it streams: PCM at ``SAMPLE_RATE`` and what the provider knows about it.

    ``lips``, when given, selects the mono signal that moves the lips (VoiceChannel, contract
    section 5.6); it has the same length as ``samples``. ``phonemes`` is empty for raw audio.
    """

    samples: PCM
    phonemes: tuple[Phoneme, ...] = ()
    words: tuple[Word, ...] = ()
    lips: PCM | None = field(default=None)
