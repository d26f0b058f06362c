"""Captions of a sentence that is read aloud: its words as written, timed by how far its reader is.

A reader names places, not words: it reads a number or a date from several places of one word, and
runs short words together. Here every word is shown once, as written and with its punctuation, and
the words of a sentence make up the sentence: what the reader runs together is one word.
"""

from __future__ import annotations

import re
from bisect import bisect_right

from bunraku.core.media import Word

_WIDE = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
_PLACE = re.compile(f"[{_WIDE}]|[^\\s{_WIDE}]+")
"""Where a word may begin: after a space, and at every character of scripts written without them."""


class Reading:
    """Of one sentence; its reader only goes on."""

    def __init__(self, sentence: str) -> None:
        self._sentence = sentence
        self._places = [m.start() for m in _PLACE.finditer(sentence)]
        self._since: float | None = None
        self._shown = 0
        """Characters whose words are over."""
        self._at = -1

    def reach(self, character: int, time: float) -> Word | None:
        """The reader is at this character, from 0, at ``time`` seconds. Gives the word that is over."""
        place = bisect_right(self._places, character) - 1
        if place <= self._at:
            return None
        self._at = place
        since, self._since = self._since, time
        # What precedes the first word that is spoken, or takes no time, is shown with the next.
        return None if since is None or since == time else self._word(self._places[place], since, time)

    def end(self, time: float) -> Word | None:
        """The sentence is over; gives its last word, if any was spoken."""
        since = self._since
        return None if since is None else self._word(len(self._sentence), since, max(since, time))

    def _word(self, until: int, since: float, time: float) -> Word:
        text = self._sentence[self._shown : until].strip()
        self._shown = until
        return Word(since, time, text)
