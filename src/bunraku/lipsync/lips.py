"""The lips of one drive: phonemes when the speech carries them, its sound when not."""

from __future__ import annotations

from bunraku.lipsync.coarticulation import VisemeTrack
from bunraku.lipsync.from_audio import AudioMouth
from bunraku.media import PCM, Phoneme, Weights


class Lips:
    """Both ends of D2 behind one question: what does the mouth show now?"""

    def __init__(self) -> None:
        self._track = VisemeTrack()
        self._mouth = AudioMouth()
        self._phonemes = False

    def hear(self, phonemes: tuple[Phoneme, ...]) -> None:
        for phoneme in phonemes:
            self._track.add(phoneme)
            self._phonemes = True

    def weights(self, time: float, samples: PCM, ahead: PCM | None = None) -> Weights:
        """``time`` counts the speech's own samples, in seconds; ``samples`` is this tick's sound,
        ``ahead`` what is known of the sound after it."""
        if self._phonemes:
            return self._track.weights(time)
        return self._mouth.weights(samples, ahead)
