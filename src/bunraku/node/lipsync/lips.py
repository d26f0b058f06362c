"""The lips of one drive: phonemes when the speech carries them, its sound when not."""

from __future__ import annotations

from collections.abc import Callable

from bunraku.core.media import PCM, Phoneme, Weights, Word
from bunraku.node.lipsync.coarticulation import VisemeTrack
from bunraku.node.lipsync.from_audio import AudioMouth
from bunraku.node.lipsync.transcript import TranscriptFollower


class LipSync:
    """Both ends of decision D2 behind one question: what does the mouth show now?"""

    def __init__(self, transcript: TranscriptFollower | None = None) -> None:
        """``transcript`` follows sound that comes without phonemes but with known words."""
        self._track = VisemeTrack()
        self._transcript = transcript
        self._mouth = AudioMouth(transcript)
        self._phonemes = False

    def hear(self, phonemes: tuple[Phoneme, ...]) -> None:
        for phoneme in phonemes:
            self._track.add(phoneme)
            self._phonemes = True

    def take_words(self) -> tuple[Word, ...]:
        """Words that the transcript has seen spoken since the last call."""
        return self._transcript.take_words() if self._transcript is not None else ()

    def weights(self, time: float, samples: PCM, ahead: Callable[[], PCM]) -> Weights:
        """``time`` counts the speech's own samples, in seconds; ``samples`` is this tick's sound,
        ``ahead`` gives what is known of the sound after it."""
        if self._phonemes:
            return self._track.weights(time)
        return self._mouth.weights(samples, ahead())

    def foresee(self, time: float) -> Weights | None:
        """What ``weights`` will give at a later ``time``, as far as is known; None: that cannot be known."""
        return self._track.foresee(time) if self._phonemes else None
