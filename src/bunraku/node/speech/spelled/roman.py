"""Roman numerals, where they can be told from abbreviations."""

from __future__ import annotations

import re

NUMERAL = r"(?:X{1,3}(?:IX|IV|V?I{0,3})|IX|IV|VI{1,3}|I{2,3})"
"""From two to 39, without single letters: V and X are letters oftener. C, D, L and M would find CD, DC
and MD."""


def value(numeral: str) -> int | None:
    """None for what is no numeral."""
    if not re.fullmatch(rf"{NUMERAL}|[IVX]", numeral):
        return None
    values = [{"I": 1, "V": 5, "X": 10}[c] for c in numeral]
    return sum(-a if a < b else a for a, b in zip(values, [*values[1:], 0], strict=True))
