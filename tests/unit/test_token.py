"""Contract section 10."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bunraku.core.identifiers import MAX_USER_ID, legal
from bunraku.core.token import (
    TokenError,
    TokenExpired,
    TokenFormat,
    TokenRefused,
    generate,
    verify,
)

SECRET = "9193cc662a4c0ec135ec71fb57194b38"
NOW = 1700000000
A = (
    "04AAAAAGVT/xAAEDAxMjM0NTY3ODlhYmNkZWYAcCNYnkTh/LpUEyrNMa/LbBPLf7rLJl19CJXilqkPSkVCenbMg3yZjyfMkhitO+dov1"
    "FaXFS9Ut2EXvglMjqNQBPPhReNQKndIfbZEOjLxOvwsokntWdKO0/CEYSXgmrz33bM50PrQoeBDkdMF+sFKr0="
)
B = (
    "04AAAAAGVT/xAAEGFiY2RlZmdoaWowMTIzNDUAwD87eZEYC8H0yP9dJ1ATJq9zXBSuF1k18u9abQ184kBdZzQ/g30QDt3HlbjhAeDC3i"
    "JYgyPJR2EkyNqL9a9fc8GCO9lTwQnlu/0xZbSJNZ0aq3Bfq0GGkpKMmWUqrWKu86tuZ3w+uCs/EQnGRjWXXM4bGwyQEYaJrxoLCMQN+f"
    "DzOHQE9hd650eqvuvZz5sL/4LmM/5/CDJnC5NiGfvwvNPkWTbFVR6XO+RRX9RmDmnTWayDne4+3n6IBLH0r02n9A=="
)
PAYLOAD_B = '{"room_id":"room_1","privilege":{"1":1,"2":0},"stream_id_list":null}'


def test_section_10_2_vector_a():
    made = generate(12345, "user_1", SECRET, NOW, nonce=123456789, iv="0123456789abcdef")
    assert made == A
    token = verify(A, 12345, SECRET, NOW, "user_1")
    assert (token.user_id, token.expire) == ("user_1", 1700003600)
    token.admit("any room")
    token.admit_publishing("any room", "any-stream")


def test_section_10_2_vector_b():
    assert generate(12345, "user_1", SECRET, NOW, payload=PAYLOAD_B, nonce=-42, iv="abcdefghij012345") == B
    token = verify(B, 12345, SECRET, NOW, "user_1")
    token.admit("room_1")
    with pytest.raises(TokenRefused):
        token.admit("room_2")
    with pytest.raises(TokenRefused):
        token.admit_publishing("room_1", "s")


def test_missing_padding_and_url_safe_alphabet_are_accepted():
    assert verify(A.rstrip("="), 12345, SECRET, NOW).user_id == "user_1"
    assert verify(A.replace("+", "-").replace("/", "_"), 12345, SECRET, NOW).user_id == "user_1"


@pytest.mark.parametrize(
    ("token", "app_id", "secret", "now", "user", "kind"),
    [
        (A, 12345, SECRET, 1700003600, "user_1", TokenExpired),
        (A, 12346, SECRET, NOW, "user_1", TokenRefused),
        (A, 12345, SECRET, NOW, "user_2", TokenRefused),
        (A, 12345, SECRET[::-1], NOW, "user_1", TokenFormat),
        ("03" + A[2:], 12345, SECRET, NOW, "user_1", TokenFormat),
        ("04!!!", 12345, SECRET, NOW, "user_1", TokenFormat),
        ("04", 12345, SECRET, NOW, "user_1", TokenFormat),
        (A[:-10], 12345, SECRET, NOW, "user_1", TokenFormat),
    ],
)
def test_section_10_3_refusals(token, app_id, secret, now, user, kind):
    with pytest.raises(kind):
        verify(token, app_id, secret, now, user)


def test_header_expiry_must_equal_the_sealed_one():
    blob = bytearray(base64.b64decode(A[2:]))
    blob[7] ^= 1
    with pytest.raises(TokenRefused):
        verify("04" + base64.b64encode(blob).decode(), 12345, SECRET, NOW)


@pytest.mark.parametrize(
    "payload",
    [
        '{"privilege":{"1":1,"2":1},"stream_id_list":[]}',
        "",
        "text",
        "[1]",
        '{"demoPayload": ""}',
        '{"privilege": 3}',
    ],
)
def test_other_payloads_do_not_restrict(payload):
    token = verify(generate(1, "u", SECRET, NOW, payload=payload), 1, SECRET, NOW)
    token.admit("r")
    token.admit_publishing("r", "s")


def test_stream_list_limits_publishing():
    payload = json.dumps({"room_id": "r", "privilege": {"1": 1, "2": 1}, "stream_id_list": ["a"]})
    token = verify(generate(1, "u", SECRET, NOW, payload=payload), 1, SECRET, NOW)
    token.admit_publishing("r", "a")
    with pytest.raises(TokenRefused):
        token.admit_publishing("r", "b")


@given(st.text())
def test_nothing_but_token_errors(text):
    with pytest.raises(TokenError):
        verify("04" + text, 1, SECRET, NOW)


@given(st.binary(max_size=200))
def test_nothing_but_token_errors_for_blobs(blob):
    with pytest.raises(TokenError):
        verify("04" + base64.b64encode(blob).decode(), 1, SECRET, NOW)


USERS = st.text(min_size=1, max_size=64).filter(lambda user: legal(user, MAX_USER_ID))


@given(st.integers(1, 2**32 - 1), USERS, st.integers(1, 86400))
def test_round_trip(app_id, user, seconds):
    user = user.encode("utf-8", "ignore").decode() or "u"
    token = verify(generate(app_id, user, SECRET, NOW, seconds), app_id, SECRET, NOW, user)
    assert (token.app_id, token.user_id, token.expire) == (app_id, user, NOW + seconds)
