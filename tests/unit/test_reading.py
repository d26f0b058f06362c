"""Captions of sentences that are read aloud."""

from hypothesis import given
from hypothesis import strategies as st

from bunraku.node.speech.reading import Reading


def read(sentence, *steps, end=9.0):
    """Words by a reader that reaches characters at their times."""
    reading = Reading(sentence)
    words = [reading.reach(character, time) for character, time in steps]
    return [(w.text, w.start, w.end) for w in [*words, reading.end(end)] if w is not None]


def test_words_are_shown_as_written():
    assert read("Well, then.", (0, 0.0), (6, 0.5)) == [("Well,", 0.0, 0.5), ("then.", 0.5, 9.0)]


def test_words_that_are_run_together_are_one():
    assert read("in the end", (0, 0.0), (7, 0.5)) == [("in the", 0.0, 0.5), ("end", 0.5, 9.0)]


def test_a_word_that_is_read_from_several_places_is_one():
    """As espeak-ng reads numbers, and a language that it does not speak."""
    steps = ((0, 0.0), (1, 0.3), (1, 0.6), (0, 0.9), (5, 1.0))
    assert read("3.50 euro", *steps) == [("3.50", 0.0, 1.0), ("euro", 1.0, 9.0)]


def test_scripts_without_spaces_begin_words_anywhere():
    assert read("你好，欢迎。", (0, 0.0), (3, 0.6)) == [("你好，", 0.0, 0.6), ("欢迎。", 0.6, 9.0)]


def test_signs_before_the_first_word_belong_to_it():
    assert read('"(Yes)" — so', (2, 0.1), (10, 0.5)) == [('"(Yes)" —', 0.1, 0.5), ("so", 0.5, 9.0)]


def test_nothing_is_shown_of_what_was_not_spoken():
    assert read("Hm.") == []


@given(
    st.text(st.sampled_from("ab1.,€é好。 \n"), max_size=30),
    st.lists(st.tuples(st.integers(0, 40), st.floats(0, 1)), max_size=20),
)
def test_the_words_make_up_the_sentence_in_order(sentence, steps):
    time, timed = 0.0, []
    for character, duration in steps:
        timed.append((character, time := time + duration))
    words = read(sentence, *timed, end=time)
    if words:
        assert "".join("".join(text for text, _, _ in words).split()) == "".join(sentence.split())
    assert all(a[2] == b[1] for a, b in zip(words, words[1:], strict=False))
    assert all(begin <= end for _, begin, end in words)
