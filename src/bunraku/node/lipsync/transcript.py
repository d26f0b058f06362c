"""Lips and captions of audio whose words are known (``Transcript``, contract section 13).

The words, as a synthesizer would say them, are a row of visemes with likely lengths. A Viterbi
search over that row, left to right, follows the live sound by the lip net's probabilities: it
knows which closure comes next, which the net alone can only guess. When the sound is not what the
transcript says, the path becomes unlikely and the net is believed instead.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bunraku.core.media import Phoneme, Word
from bunraku.node.lipsync.coarticulation import VisemeTrack
from bunraku.node.lipsync.visemes import CLOSURES, INDEX, SIL

F32 = npt.NDArray[np.float32]
STEP = 0.02  # s
PAUSE = 10.0  # steps a pause between words is likely to last
FLOOR = 0.004  # probability given to what the net rules out
BELIEF = 0.65  # share of the transcript in the mouth while the path is likely
LIKELY, UNLIKELY = -1.5, -2.2  # mean log probability of the path where belief is whole, and none
MEMORY = 0.03  # of that mean, a step
PRIOR: F32 = np.array(
    [0.2, 0.06, 0.04, 0.02, 0.08, 0.06, 0.03, 0.08, 0.1, 0.05, 0.09, 0.1, 0.09, 0.03, 0.06], np.float32
)
"""How common each viseme is: the net's probabilities are divided by it, as a search needs."""


class TranscriptFollower:
    """Feed it the probabilities of each 20 ms step in turn; used by one ``AudioMouth``."""

    def __init__(self, phonemes: tuple[Phoneme, ...], words: tuple[Word, ...]) -> None:
        """``phonemes`` and ``words`` as a synthesizer timed them; only order and lengths are used."""
        track = VisemeTrack()
        for phoneme in phonemes:
            track.add(phoneme)
        kinds, lengths, owners, optional = [SIL], [PAUSE], [-1], [True]
        for segment in track.segments:
            middle = (segment.start + segment.end) / 2
            owner = next((i for i, w in enumerate(words) if w.start <= middle < w.end), -1)
            viseme = INDEX[segment.viseme]
            if owners[-1] != owner and kinds[-1] != SIL and viseme != SIL:
                kinds, lengths = [*kinds, SIL], [*lengths, PAUSE]
                owners, optional = [*owners, -1], [*optional, True]
            kinds.append(viseme)
            lengths.append(max(1.5, (segment.end - segment.start) / STEP))
            owners.append(owner if viseme != SIL else -1)
            optional.append(viseme == SIL)
        kinds, lengths = [*kinds, SIL], [*lengths, 1e6]
        owners, optional = [*owners, -1], [*optional, False]
        self._kinds = np.array(kinds)
        stay = 1 - 1 / np.maximum(np.array(lengths), 1.5)
        self._stay = np.log(stay).astype(np.float32)
        self._leave = np.log(np.maximum(1 - stay, 1e-6)).astype(np.float32)
        self._owners = owners
        # A pause may be skipped: then its neighbours touch.
        self._skip = np.array([False, False, *optional[1:-1]])[: len(kinds)]
        self._words = words
        self._score: F32 = np.full(len(kinds), -1e9, np.float32)
        self._score[0] = 0.0
        self._score[1] = -0.7
        self.fit = LIKELY
        self._at = 0
        self._step = 0
        self._entered: dict[int, int] = {}
        self._told = -1

    def step(self, p: F32) -> F32:
        """The mouth of this step: probabilities (visemes), the transcript's opinion mixed in."""
        emission = np.log(np.maximum(p, FLOOR) / PRIOR)[self._kinds] * 0.5
        score = self._score + self._stay
        moved = self._score[:-1] + self._leave[:-1]
        score[1:] = np.maximum(score[1:], moved)
        skipped = np.where(self._skip[2:], self._score[:-2] + self._leave[:-2], -1e9)
        score[2:] = np.maximum(score[2:], skipped)
        score += emission
        self._score = (score - score.max()).astype(np.float32)
        at = int(self._score.argmax())
        said = float(np.log(max(float(p[self._kinds[at]]), FLOOR)))
        self.fit += (said - self.fit) * MEMORY
        owner = self._owners[at]
        if owner >= 0 and owner not in self._entered:
            self._entered[owner] = self._step
        self._step += 1
        belief = BELIEF * min(1.0, max(0.0, (self.fit - UNLIKELY) / (LIKELY - UNLIKELY)))
        shown = int(self._kinds[at])
        # The likeliest place may leap over a short closure, which must be seen all the same.
        leapt = [int(k) for k in self._kinds[self._at + 1 : at] if k in CLOSURES]
        if leapt:
            shown = leapt[-1]
        self._at = max(self._at, at)
        out = p * np.float32(1 - belief)
        out[shown] += np.float32(belief)
        return out

    @property
    def trusted(self) -> bool:
        """Whether the sound still seems to be what the transcript says."""
        return self.fit > (LIKELY + UNLIKELY) / 2

    def take_words(self) -> tuple[Word, ...]:
        """Words that were finished since the last call, timed by the sound."""
        out: list[Word] = []
        for i in range(self._told + 1, len(self._words)):
            begin = self._entered.get(i)
            after = min((s for w, s in self._entered.items() if w > i), default=None)
            if begin is None and after is not None:
                self._told = i  # jumped over: its time is not known
                continue
            done = after is not None or (begin is not None and self._owners[int(self._score.argmax())] < 0)
            if begin is None or not done:
                break
            end = after if after is not None else self._step
            if self.trusted:
                out.append(Word(begin * STEP, max(end, begin + 1) * STEP, self._words[i].text))
            self._told = i
        return tuple(out)
