"""Timed words as WebVTT (W3C WebVTT, section 4)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bunraku.core.media import Word

CUE_CHARACTERS = 42
CUE_SECONDS = 6.0
PAUSE = 0.8  # s of silence that ends a cue
_ENDS = (".", "!", "?", "…", "。", "！", "？")


def cues(words: Iterable[Word]) -> list[tuple[float, float, str]]:
    """Words gathered into lines that can be read: (start, end, text), in seconds."""
    out: list[tuple[float, float, str]] = []
    line: list[Word] = []

    def close() -> None:
        if line:
            out.append((line[0].start, line[-1].end, join(line)))
            line.clear()

    for word in words:
        if line and (
            len(join([*line, word])) > CUE_CHARACTERS
            or word.end - line[0].start > CUE_SECONDS
            or word.start - line[-1].end > PAUSE
            or line[-1].text.endswith(_ENDS)
        ):
            close()
        line.append(word)
    close()
    return out


def join(words: Sequence[Word]) -> str:
    """Words with spaces between, where their script has them."""
    text = ""
    for word in words:
        if text and not (_wide(text[-1]) and _wide(word.text[:1])):
            text += " "
        text += word.text
    return text


def _wide(char: str) -> bool:
    return "\u3000" <= char <= "\u9fff" or "\uff00" <= char <= "\uffef"


def webvtt(words: Iterable[Word]) -> str:
    """The whole file. Times are those of the words; text is escaped."""
    blocks = ["WEBVTT"]
    for start, end, text in cues(words):
        safe = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        blocks.append(f"{_stamp(start)} --> {_stamp(max(end, start + 0.001))}\n{safe}")
    return "\n\n".join(blocks) + "\n"


def _stamp(seconds: float) -> str:
    milliseconds = round(seconds * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest // 1000:02}.{rest % 1000:03}"
