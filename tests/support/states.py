"""What a state of a drawn pack says (docs/drawing.md), read independently of who writes it."""

from __future__ import annotations

from dataclasses import dataclass

FORMER = 3


@dataclass
class Said:
    plate: int
    sprites: list[tuple[int, int]]
    """Mouth and eyes: of three ticks before, the tick itself, and those foretold."""
    gesture: int
    phases: tuple[int, int]
    first: list[int]
    last: list[int]
    """Values of the bases, in 256ths, of the tick and of the last one foretold."""

    @property
    def foretold(self) -> int:
        return len(self.sprites) - FORMER - 1


def read(state: bytes, bases: int) -> Said:
    rest = iter(state)

    def number() -> int:
        value, shift = 0, 0
        while True:
            byte = next(rest)
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return -(value + 1) // 2 if value % 2 else value // 2

    kind, plate = next(rest), next(rest)
    count = FORMER + 1 + kind % 4
    mouths = [next(rest) for _ in range(count)]
    eyes = [next(rest) for _ in range(count)] if kind & 4 else [next(rest)] * count
    gesture, phases = 0, (0, 0)
    if kind & 8:
        gesture = next(rest)
        phases = next(rest) << 8 | next(rest), next(rest) << 8 | next(rest)
    first = [number() for _ in range(bases)]
    last = [value + number() for value in first] if kind % 4 else first
    assert next(rest, None) is None
    return Said(plate, list(zip(mouths, eyes, strict=True)), gesture, phases, first, last)
