"""Contract sections 3.3 and 8.2: every vector."""

import pytest

from bunraku.core import callback_signature as callback
from bunraku.core.call_signature import matches, sign

SECRET = "9193cc662a4c0ec135ec71fb57194b38"


@pytest.mark.parametrize(
    ("app_id", "nonce", "secret", "timestamp", "expected"),
    [
        (12345, "4fd24687296dd9f3", SECRET, 1615186943, "43e5cfcca828314675f91b001390566a"),
        (12345, "0123456789abcdef", SECRET, 1700000000, "86de51b396b60d05ebc4e66732d51ffe"),
        (12345, "15215528852396", SECRET, 1700000000, "8fc9b34f0dffb253815f3e5f247fa2d4"),
        (4294967295, "0.8412345", SECRET, 1700000000, "8b4cdc98cb2b368bd75d46dc39219664"),
        (123456, "abc", "secret", 1700000000, "8e3042f61b5129b85d2750e7a1d5d143"),
    ],
)
def test_section_3_3_vectors(app_id, nonce, secret, timestamp, expected):
    assert sign(app_id, nonce, secret, timestamp) == expected
    assert matches(expected, expected.upper())
    assert not matches(expected, expected[:-1] + "0" * (expected[-1] != "0") + "1" * (expected[-1] == "0"))


@pytest.mark.parametrize(
    ("secret", "timestamp", "nonce", "expected"),
    [
        ("secret", "1470820198", "123412", "5bd59fd62953a8059fb7eaba95720f66d19e4517"),
        (
            "demo_callback_secret",
            "1700000000123",
            "8f14e45fceea167a",
            "491d9161d2896f3116b07775c547a8aa52a04c46",
        ),
        (
            "demo_callback_secret",
            "1700000000",
            "8f14e45fceea167a",
            "5fa436650dc78c1cea968742a38dbc41491a7548",
        ),
        (
            "0a9b8c7d6e5f40312233445566778899",
            "1700000000123",
            "8f14e45fceea167a",
            "414f9b17d38787462accf836e11734330a8dcc27",
        ),
    ],
)
def test_section_8_2_vectors(secret, timestamp, nonce, expected):
    assert callback.sign(secret, timestamp, nonce) == expected
    assert callback.verify(secret, timestamp, nonce, expected)
    assert not callback.verify(secret, timestamp, nonce + "0", expected)
