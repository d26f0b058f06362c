"""What readers of plain text are given, and where each part of it was written."""

import pytest

pytest.importorskip("num2words", reason="needs the extra bunraku[kokoro]")

from hypothesis import given
from hypothesis import strategies as st

from bunraku.node.speech.said_line import hosts, line_of, prepare
from bunraku.node.speech.spelled.languages import rules_of


def test_numbers_are_words_that_know_where_they_were_written():
    line = line_of("It costs $3.50, see https://example.com/a?b=c.", "en-US")
    assert line.text == "It costs three dollars and fifty cents, see example dot com."
    assert line.written(line.text.index("fifty")) == 9
    assert line.written(line.text.index("dot")) == 20
    assert line.written(line.text.index("see") + 1) == 17


def test_words_that_are_said_by_phonemes_keep_their_place():
    line = line_of("I pay 5 for tomato.", "en-US", {12: (18, "x")})
    assert line.text == "I pay five for tomato."
    assert line.sounds == ((15, 21, "x"),)
    plain = line_of("यह http://example.com/x tomato.", "hi-IN", {24: (30, "x")})
    assert plain.text == "यह example.com tomato."
    assert [plain.text[a:b] for a, b, _ in plain.sounds] == ["tomato"]
    assert plain.written(plain.text.index("tomato")) == 24


def test_scripts_without_spaces_are_left_without():
    pytest.importorskip("cn2an", reason="needs the extra bunraku[kokoro-zh]")
    line = line_of("一共1299元, OK吗?", "zh-CN")
    assert line.text == "一共一千二百九十九元, OK吗?"
    assert line.written(line.text.index("OK")) == 9


def test_without_the_libraries_of_numbers_only_addresses_change(monkeypatch):
    def none(*_):
        raise ModuleNotFoundError("num2words")

    monkeypatch.setattr("bunraku.node.speech.spelled.spell_out", none)
    line = line_of("At https://example.com/x?y=1 it is $3.", "en-US")
    assert line.text == "At example.com it is $3."
    assert line.written(line.text.index("$")) == 35


def test_of_addresses_the_host_is_said():
    assert hosts("see https://www.example.com:8080/a?b=c#d, or http://x.org.") == "see example.com, or x.org."
    assert hosts("见https://example.com/a，好") == "见example.com，好"


def test_what_the_first_sentence_needs_is_made_before():
    prepare()
    before = rules_of.cache_info().misses
    for language in ("en-US", "en-GB", "es-ES", "fr-FR", "it-IT", "pt-BR", "de-DE", "zh-CN"):
        line_of("It costs $3.", language)
    assert rules_of.cache_info().misses == before


@given(
    st.text(st.sampled_from("ab1.,€é好% -/:\nhttps://x.de/?"), max_size=40),
    st.sampled_from(["en-US", "fr-FR", "zh-CN", "hi-IN"]),
)
def test_places_are_within_the_sentence_and_go_on(sentence, language):
    line = line_of(sentence, language)
    places = [line.written(i) for i in range(len(line.text))]
    assert places == sorted(places)
    assert all(0 <= p <= len(sentence) for p in places)
