"""How Mandarin is said: words by jieba's dictionary, their pinyin by pypinyin's, and the model's signs.

The model was trained on syllables in IPA with arrows for the tones; the correspondence is misaki's.
"""

from __future__ import annotations

import importlib.util
import logging
import threading
from functools import lru_cache
from typing import Any

log = logging.getLogger(__name__)

PACKAGES = ("rjieba", "pypinyin", "ordered_set", "cn2an")
_SIGNS = (
    ("˧˩˧", "↓"), ("˧˥", "↗"), ("˥˩", "↘"), ("˥", "→"), ("ɻ\u0329", "ɨ"), ("ɹ\u0329", "ɨ"), ("\u032f", ""),
)  # fmt: skip


def installed() -> bool:
    return all(importlib.util.find_spec(name) is not None for name in PACKAGES)


class Mandarin:
    """Its dictionaries (about 90 MB) are read when the first Chinese is to be said: ``load`` it in a
    thread, for it takes half a second."""

    def __init__(self) -> None:
        self._modules: tuple[Any, Any] | None = None
        self._lock = threading.Lock()

    def load(self) -> None:
        with self._lock:
            if self._modules is None:
                import pypinyin
                import rjieba

                pypinyin.lazy_pinyin("好")
                rjieba.cut("好")
                self._modules = rjieba, pypinyin

    def words(self, text: str) -> list[tuple[int, str]]:
        """The words of a run of Chinese characters: where each begins, and its phonemes."""
        self.load()
        assert self._modules is not None
        rjieba, pypinyin = self._modules
        found: list[tuple[int, str]] = []
        at = 0
        for word in rjieba.cut(text):
            syllables = pypinyin.lazy_pinyin(
                word, style=pypinyin.Style.TONE3, neutral_tone_with_five=True, errors="ignore"
            )
            said = "".join(_syllable(s) for s in syllables)
            if said:
                found.append((at, said))
            else:
                log.warning("a Chinese character without a known reading was left out")
            at += len(word)
        return found


@lru_cache(4096)
def _syllable(pinyin: str) -> str:
    """One syllable such as ``hao3``; empty for what is none."""
    from misaki.transcription import pinyin_to_ipa

    try:
        said = "".join(next(iter(pinyin_to_ipa(pinyin))))
    except (ValueError, StopIteration):
        return ""
    for written, sign in _SIGNS:
        said = said.replace(written, sign)
    return said
