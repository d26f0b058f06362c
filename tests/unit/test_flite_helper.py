"""How flite's sound is put together when the beginning of a sentence is made before the rest."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bunraku.node.speech.flite_helper import OVERLAP, RATE, EarlyPart, Progress, faded


def pieces(sound, sizes):
    """A sound in pieces of these sizes, as flite gives it."""
    at = 0
    for size in [*sizes, sound.size]:
        if at < sound.size:
            yield sound[at : at + size].tobytes()
        at += size


SIZES = st.lists(st.integers(1, 4000), max_size=8)


@given(first=SIZES, then=SIZES, lead=st.integers(0, 3000), early=st.integers(3200, 9000))
def test_the_beginning_and_the_rest_are_the_whole(first, then, lead, early):
    sound = (np.arange(16000) % 997).astype(np.int16)
    progress = Progress(0, EarlyPart(0, 0, time=early / RATE), taken=lead)
    sent = b""
    for piece in pieces(sound[: early + 2000], first):
        progress.take(piece)
    sent += progress.pcm
    progress.pcm.clear()
    progress.early.over, progress.made = True, 0
    for piece in pieces(sound, then):
        progress.take(piece)
    progress.join()
    sent += progress.pcm
    assert np.array_equal(np.frombuffer(sent, np.int16), sound[lead:])


def test_one_sound_fades_into_the_other():
    before, after = np.full(OVERLAP, 1000, np.int16), np.full(2 * OVERLAP, -1000, np.int16)
    mixed = np.frombuffer(faded(before.tobytes(), after.tobytes()), np.int16).astype(int)
    assert (mixed[OVERLAP:] == -1000).all()
    assert 900 < mixed[0] < 1000
    steps = np.diff(mixed)
    assert (steps <= 0).all()
    assert steps.min() > -20
