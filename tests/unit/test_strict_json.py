"""JSON of strangers: refused when it is none, and when there is too much of it."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bunraku.core import strict_json
from bunraku.front.rpc.parameters import from_body
from bunraku.node.speech.pcm_stream import MAX_TEXT, parse_text

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(JSON)
def test_what_is_json_is_read(value):
    assert strict_json.loads(json.dumps(value)) == value
    assert strict_json.loads(json.dumps(value).encode()) == value


@given(st.text() | st.binary())
def test_nothing_but_value_errors(text):
    with contextlib.suppress(ValueError):
        strict_json.loads(text)


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", '{"a": -Infinity}', "", "\xff", b"\xff", "[" * 4000])
def test_what_is_not_json_is_refused(text):
    with pytest.raises(ValueError):
        strict_json.loads(text)


HEAVY = {
    "arrays": "[" + "[]," * 340_000 + "[]]",
    "objects": "[" + "{}," * 340_000 + "{}]",
    "numbers": "[" + "0," * 500_000 + "0]",
    "a number": "9" * 1_000_000,
}


@pytest.mark.parametrize("name", HEAVY)
def test_what_would_take_longer_than_a_tick_is_not_read(name, monkeypatch):
    """A megabyte of empty arrays stopped every stream for a quarter of a second."""
    read = []

    def scanned(text, **options):
        read.append(text)
        return real(text, **options)

    real = json.loads
    monkeypatch.setattr(json, "loads", scanned)
    with pytest.raises(ValueError):
        strict_json.loads(HEAVY[name])
    assert read == [] or name == "a number"  # whose digits Python counts itself


def test_a_long_text_is_no_heavy_one():
    text = json.dumps({"Text": "one, two, [three] " * 2000})
    assert len(from_body(text.encode())["Text"]) == 36_000


def test_text_of_a_drive_socket_is_short():
    """Sixteen megabytes of it may come, where PCM may."""
    start = '{"Action": "Start", "Payload": {"SampleRate": 16000}%s}'
    assert parse_text(start % "") is not None
    assert parse_text(start % (" " * MAX_TEXT)) is None
