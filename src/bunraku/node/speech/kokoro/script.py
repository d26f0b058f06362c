"""A sentence as tokens of the model, each knowing where in the text it comes from."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from bunraku.core.media import Phoneme, Word
from bunraku.node.speech.kokoro.alphabet import LONGEST, MODIFIERS, STRESS, TOKENS, ipa
from bunraku.node.speech.kokoro.model import FRAME, RATE
from bunraku.node.speech.reading import Reading

LEAD = 0.0625
"""Seconds by which the sound is ahead of the lengths that the model gives its tokens: measured by the
energy of five voices, vowels against closures (``studio/voices/lead.py``)."""


LONGEST_SOUND = 0.3  # s


@dataclass(frozen=True, slots=True)
class Spoken:
    """One word as it is said: phonemes in the model's alphabet, its ``place`` in the sentence, and the
    mark that follows, if any."""

    place: int
    phonemes: str
    mark: str = ""


@dataclass(slots=True)
class Script:
    """What the model is given for one sentence, or for a part of one that is too long."""

    tokens: list[int] = field(default_factory=list)
    signs: list[str] = field(default_factory=list)
    places: list[int] = field(default_factory=list)

    def add(self, word: Spoken) -> None:
        text = (" " if self.tokens else "") + word.phonemes + word.mark
        for sign in text:
            if sign in TOKENS:
                self.tokens.append(TOKENS[sign])
                self.signs.append(sign)
                self.places.append(word.place)

    def timed(self, sentence: str, frames: list[int], offset: float) -> tuple[list[Phoneme], list[Word]]:
        """Phonemes and words by the lengths of the tokens (pads included), ``offset`` being the time of
        the first frame."""
        phonemes: list[Phoneme] = []
        words: list[Word] = []
        reading = Reading(sentence)
        at = over_at = offset + frames[0] * FRAME / RATE - LEAD
        for sign, place, count in zip(self.signs, self.places, frames[1:], strict=False):
            until = at + count * FRAME / RATE
            sound = ipa(sign)
            if sound and until > at:
                # The last sound before a pause is given part of the pause.
                over_at = min(until, at + LONGEST_SOUND)
                phonemes.append(Phoneme(max(0.0, at), max(0.0, over_at), sound))
            elif sign in MODIFIERS and phonemes and until > at == over_at:
                # Length and tone are tokens of their own: the mouth goes on with the sound before.
                over_at = min(until, phonemes[-1].start + LONGEST_SOUND)
                phonemes[-1] = replace(phonemes[-1], end=max(0.0, over_at))
            if sound or sign in STRESS:
                over = reading.reach(place, max(0.0, at))
                if over is not None:
                    words.append(over)
            at = until
        last = reading.end(over_at)
        if last is not None:
            words.append(last)
        return phonemes, words


def scripts(words: list[Spoken]) -> list[Script]:
    """One script, or several where the words are too many for the model."""
    out = [Script()]
    for word in words:
        if len(out[-1].tokens) + len(word.phonemes) + 2 > LONGEST:
            out.append(Script())
        out[-1].add(word)
    return [s for s in out if s.tokens]
