"""What to say, from what was written: plain text, cut where a speaker would breathe."""

from __future__ import annotations

import re

_TAG = re.compile(r"</?[A-Za-z][\w:.-]*(?:\s+[^<>]*)?/?>")
_SENTENCE = re.compile(r".+?(?:[.!?…]+[\"'”’)\]]*(?=\s|$)|[。！？!?；]+[”’」』）]*|\n+|$)", re.S)
_PAUSE = re.compile(r"(?<=[,;:，、；：])\s*")
_SILENT = re.compile("[\U0001f000-\U0001faff\u2600-\u27bf\ufe0e\ufe0f\u200d\u20e3\U000e0020-\U000e007f]")
MAX_PIECE = 240
"""Code points: longer sentences are cut at commas, then at spaces, so that no piece is slow."""


def strip_markup(text: str) -> str:
    """Drop SSML-looking tags (contract section 5.5) and signs that have no sound, such as emoji."""
    return _SILENT.sub(" ", _TAG.sub(" ", text))


def sentences(text: str) -> list[str]:
    """Pieces in order, none blank, none much longer than ``MAX_PIECE``."""
    out: list[str] = []
    for match in _SENTENCE.finditer(strip_markup(text)):
        sentence = " ".join(match.group().split())
        if any(c.isalnum() for c in sentence):
            out.extend(_cut(sentence))
    return out


def _cut(sentence: str) -> list[str]:
    if len(sentence) <= MAX_PIECE:
        return [sentence]
    pieces: list[str] = []
    current = ""
    for part in _PAUSE.split(sentence):
        while len(part) > MAX_PIECE:
            at = part.rfind(" ", 0, MAX_PIECE)
            at = at if at > 0 else MAX_PIECE
            pieces.extend(p for p in (current.strip(), part[:at].strip()) if p)
            current, part = "", part[at:]
        if len(current) + len(part) > MAX_PIECE and current:
            pieces.append(current.strip())
            current = ""
        current = f"{current} {part}" if current else part
    if current.strip():
        pieces.append(current.strip())
    return pieces
