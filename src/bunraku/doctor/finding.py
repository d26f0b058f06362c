"""What a check finds."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

State = Literal["OK", "WARN", "FAIL"]
OK: State = "OK"
WARN: State = "WARN"
FAIL: State = "FAIL"
SOON = 14 * 24 * 3600.0
"""Seconds before its end that a certificate is worth a word."""


@dataclass(frozen=True, slots=True)
class Finding:
    """``text`` holds no secret; ``remedy`` is what to do, empty when it is well."""

    check: str
    state: State
    text: str
    remedy: str = ""

    def described(self) -> dict[str, str]:
        return asdict(self)
