import pytest
from hypothesis import given
from hypothesis import strategies as st

from bunraku.core.vocabulary import EMOTIONS, PACE
from bunraku.node.speech.base import Prosody
from bunraku.node.speech.markup import strip_markup
from bunraku.node.speech.text import MAX_PIECE, opened, sentences


def test_cuts_at_sentences_in_several_scripts():
    assert sentences("Hello there. How are you?") == ["Hello there.", "How are you?"]
    assert sentences("早上好。欢迎光临！") == ["早上好。", "欢迎光临！"]
    assert sentences("It costs 3.50 today.") == ["It costs 3.50 today."]


def test_markup_and_emoji_are_not_spoken():
    assert sentences('<speak>Good <break time="1s"/>morning</speak> 🙂') == ["Good morning"]
    assert "<" in strip_markup("3 < 4 and 5 > 2")


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("<!-- hidden --> Hello &amp; welcome.", ["Hello & welcome."]),
        ("<?xml version='1.0'?><speak>Hi.</speak>", ["Hi."]),
        ("a<b and c>d", ["a<b and c>d"]),
        ("vector<int> and x<y>z", ["vector<int> and x<y>z"]),
        ('I <b>like</b> <a href="x">it</a><br/>.', ["I like it"]),
        ("<foo>bar</foo>", ["bar"]),
        ("**Bold**, *slanted* and `code`, ~~gone~~.", ["Bold, slanted and code, gone."]),
        ("2*3*4 is snake_case_name", ["2*3*4 is snake_case_name"]),
        ("# Title\n- one\n- two\n1. three", ["Title", "one", "two", "1. three"]),
        ("See [the docs](https://example.org/x).", ["See the docs."]),
        ("```python\nprint(1)\n```\nDone.", ["Done."]),
        ("| a | b |\n|---|---|\n| 1 | 2 |", ["a, b", "1, 2"]),
        ("👋🏽 Hi ❤️ there", ["Hi there"]),
        ("<script>alert(1)</script>Hello", ["Hello"]),
    ],
)
def test_what_is_not_speech_is_not_spoken(written, said):
    assert sentences(written) == said


def test_abbreviations_do_not_end_sentences():
    assert sentences("Dr. Ray met J. R. Smith on Jan. 5. He left.") == [
        "Dr. Ray met J. R. Smith on Jan. 5.",
        "He left.",
    ]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("Der 3. Mai ist ein Montag. Bis dann.", ["Der 3. Mai ist ein Montag.", "Bis dann."]),
        ("Montag, 3. Mai, und am 2. Platz.", ["Montag, 3. Mai, und am 2. Platz."]),
        ("Vom 1. bis 5. Juni.", ["Vom 1. bis 5. Juni."]),
        ("Ludwig XIV. und sein Hof.", ["Ludwig XIV. und sein Hof."]),
        ("Es sind 3. Danach kommt einer.", ["Es sind 3.", "Danach kommt einer."]),
        ("We won in 2019. Then came 3. Nobody left.", ["We won in 2019.", "Then came 3.", "Nobody left."]),
        ("Call ext. 12 or tél. 01 23.", ["Call ext. 12 or tél. 01 23."]),
    ],
)
def test_ordinals_and_extensions_do_not_end_sentences(written, said):
    assert sentences(written) == said


def test_blank_and_unspeakable_texts_give_nothing():
    assert sentences("  \n ... !?") == []


def test_a_long_sentence_is_cut():
    pieces = sentences("word " * 360)
    assert all(len(p) <= MAX_PIECE for p in pieces)
    assert " ".join(pieces).split() == ["word"] * 360


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("if a < b && c > d", ["if a < b && c > d"]),
        ("x <y z> w", ["x <y z> w"]),
        ("1 < 2 <3> 4", ["1 < 2 <3> 4"]),
        ("<![CDATA[a<b]]> rest", ["a<b rest"]),
        ("&lt;b&gt; is bold &copy; 5&nbsp;km", ["<b> is bold © 5 km"]),
        ("<p>One</p><p>Two</p>", ["One", "Two"]),
        ("~~~\ncode\n~~~ \nafter", ["after"]),
        ("```\nnever closed", []),
        ("see <https://example.org> now", ["see https://example.org now"]),
        ("![a cat](cat.png) sleeps", ["a cat sleeps"]),
        ("> quoted\n> more", ["quoted", "more"]),
        ("* * *\nafter", ["after"]),
        ("- [x] done\n- [ ] open", ["done", "open"]),
        ("5 * 3 * 2 and __init__", ["5 * 3 * 2 and init"]),
        ("👩‍👩‍👧‍👦 family 🇫🇷 flag 1️⃣", ["family flag 1"]),
    ],
)
def test_hostile_rows(written, said):
    assert sentences(written) == said


WORDS = st.text(
    st.characters(categories=["Lu", "Ll", "Lo", "Nd"], max_codepoint=0xFFFF), min_size=1, max_size=12
)


def letters(text):
    return "".join(c for c in text if c.isalnum())


@given(
    st.lists(
        st.tuples(WORDS, st.sampled_from([" ", ", ", ". ", "! ", "\n", " – ", " < ", " > ", "; ", " & "]))
    )
)
def test_no_letter_outside_markup_is_lost(words):
    text = "".join(w + s for w, s in words)
    assert letters("".join(sentences(text))) == letters(text)


MARKUP = [
    "<b>{}</b>", '<a href="x">{}</a>', "<!-- gone -->{}", "**{}**", "*{}*", "[{}](https://example.org/gone)", "`{}`", "\n# {}\n",
    "\n- {}\n", "~~{}~~", "\n```\ngone\n```\n{}", "<script>gone</script>{}", "<br/>{}", "🙂{}", "<?xml version='1.0'?>{}", "&amp;{}",
]  # fmt: skip


@given(st.lists(st.tuples(WORDS, st.sampled_from(MARKUP)), max_size=8))
def test_what_is_marked_up_is_said_and_its_marks_are_not(words):
    text = " ".join(markup.format(word) for word, markup in words)
    assert letters("".join(sentences(text))) == letters("".join(word for word, _ in words))


@given(st.text(max_size=1800))
def test_never_fails_and_never_blank(text):
    for piece in sentences(text):
        assert piece.strip()


def test_an_emotion_has_its_pace():
    assert set(PACE) == set(EMOTIONS)
    assert Prosody().in_mood("neutral") == Prosody()
    assert Prosody(1.5, 1.2, 0.5).in_mood("serious") == Prosody(1.5 * 0.94, 1.2, 0.5)
    assert Prosody(2.0).in_mood("happy").speed == 2.0
    assert Prosody(0.5).in_mood("serious").speed == 0.5
    assert Prosody().in_mood("of a pack's own") == Prosody()


def test_section_5_5_prosody():
    assert Prosody.from_contract(500, 0, 50).speed == 2.0
    assert Prosody.from_contract(-500, 0, 50).speed == 0.5
    assert Prosody.from_contract(0, 0, 50) == Prosody(1.0, 1.0, 1.0)
    assert abs(Prosody.from_contract(0, 500, 100).pitch - 2**0.5) < 1e-9
    assert Prosody.from_contract(0, 0, 100).gain == 2.0


@pytest.mark.parametrize(
    ("written", "pieces"),
    [
        ("Good morning, and welcome.", 1),
        ("If you would like to visit the exhibition, please follow the signs to the second floor.", 2),
        ("Well, the committee that the council has appointed now wants to see everybody who is here.", 1),
        ("The total is 1,234,567 dollars and 10:30 is when the shop that we all like so much will open.", 1),
        ("The committee that was appointed by the council of the old university last year is here.", 1),
        ("我们今天下午想去参观博物馆和后面的那个大花园，因为听说那里的花都开了，然后我们再一起去吃晚饭，大家都觉得这个主意非常好，没有人反对它。", 2),
    ],
)  # fmt: skip
def test_a_long_sentence_begins_with_its_first_clause(written, pieces):
    found = opened(written, 20, 60)
    assert len(found) == pieces
    assert "".join("".join(found).split()) == "".join(written.split())
    assert all(len(piece) >= 20 for piece in found)
