"""Numbers, dates, money, addresses: read as a person would."""

import pytest

pytest.importorskip("num2words", reason="needs the extra bunraku[kokoro]")

from hypothesis import given
from hypothesis import strategies as st

from bunraku.node.speech.spelled import spell_out


def read(text, language="en-US"):
    return " ".join(s.text + s.mark for s in spell_out(text, language))


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("42 puppies", "forty two puppies"),
        ("1,234.5", "one thousand two hundred and thirty four point five"),
        ("-5 and 007", "minus five and zero zero seven"),
        ("the 1st and the 22nd", "the first and the twenty second"),
        ("2026-11-23", "November twenty third, twenty twenty six"),
        ("11/23/2026", "November twenty third, twenty twenty six"),
        ("on Jan. 5, 1905", "on January fifth, nineteen oh five"),
        ("the 2nd of May 1999", "the second of May, nineteen ninety nine"),
        ("in 1984 and the 1990s", "in nineteen eighty four and the nineteen nineties"),
        ("at 10:30 am", "at ten thirty AM"),
        ("at 7:05, or 5pm.", "at seven oh five, or five PM."),
        ("9:00", "nine o'clock"),
        ("$3.50", "three dollars and fifty cents"),
        ("£1 and €0.99", "one pound and ninety nine cents"),
        ("$2.5 million", "two point five million dollars"),
        ("$10K", "ten thousand dollars"),
        ("5 km at 60 mph", "five kilometres at sixty miles per hour"),
        ("20°C, 1 kg", "twenty degrees Celsius, one kilogram"),
        ("50% off", "fifty percent off"),
        ("10-12 people", "ten to twelve people"),
        ("1/2 cup, 3/4, 2½", "one half cup, three quarters, two and a half"),
        ("Dr. Smith and Mrs. Jones vs. St. Mary", "Doctor Smith and Missus Jones versus Saint Mary"),
        ("Main St. etc.", "Main Street etcetera"),
        ("No. 7 or #8", "number seven or number eight"),
        ("+1 (555) 123-4567", "plus one, five five five, one two three, four five six seven"),
        ("555-0123", "five five five, zero one two three"),
        ("jane.doe@example.com", "jane dot doe at example dot com"),
        ("https://www.example.com/a/b?c=1.", "example dot com."),
        ("see example.co.uk", "see example dot co dot UK"),
        ("MP3, COVID-19, B2B", "MP three, COVID nineteen, B two B"),
        ("NASA and the U.S.", "NASA and the US"),
        ("e.g. C++ & C#", "for example, C plus plus and C sharp"),
        ("a < b", "a less than b"),
        ("version 1.2.3", "version one point two point three"),
        ("it's 'so', isn't it?", "it's so, isn't it?"),
        ("well-known — and good", "well known— and good"),
        ("你好 friend", "你好 friend"),
    ],
)
def test_english(written, said):
    assert read(written) == said


def test_british_dates_put_the_day_first():
    assert read("23/11/2026", "en-GB") == "the twenty third of November, twenty twenty six"
    assert read("05/06/2026", "en-GB") == "the fifth of June, twenty twenty six"
    assert read("05/06/2026", "en-US") == "May sixth, twenty twenty six"


@pytest.mark.parametrize(
    ("language", "written", "said"),
    [
        ("es-ES", "El 3 de mayo de 2026", "El tres de mayo de dos mil veintiséis"),
        ("es-ES", "a las 10:30 y 3,50 €", "a las diez y treinta y tres euros con cincuenta"),
        ("es-ES", "1.234 km, 20 %, Sr. López", "mil doscientos treinta y cuatro kilómetros, veinte por ciento, señor López"),
        ("es-ES", "ana@correo.es", "ana arroba correo punto es"),
        ("fr-FR", "Le 1er mai 2026 à 9h30", "Le premier mai deux mille vingt six à neuf heures trente"),
        ("fr-FR", "3,50 €, 71 %, l'été", "trois euros cinquante, soixante et onze pour cent, l'été"),
        ("fr-FR", "06 12 34 56 78", "zéro six, un deux, trois quatre, cinq six, sept huit"),
        ("it-IT", "Il 3 maggio alle 10:30", "Il tre maggio alle dieci e trenta"),
        ("it-IT", "€ 2,50 e 1.000 km", "due euro e cinquanta e mille chilometri"),
        ("pt-BR", "Em 3 de maio às 10:30", "Em três de maio às dez e trinta"),
        ("pt-BR", "R$ 3,50 ou 45%", "três reais e cinquenta ou quarenta e cinco por cento"),
        ("hi-IN", "नमस्ते, दुनिया।", "नमस्ते, दुनिया।"),
    ],
)  # fmt: skip
def test_other_languages(language, written, said):
    assert read(written, language) == said


def test_words_know_where_they_were_written():
    said = spell_out("It costs $3.50, Dr. Ray.", "en-US")
    assert [(s.place, s.text) for s in said][2:6] == [(9, "three"), (9, "dollars"), (9, "and"), (9, "fifty")]
    assert said[-1].place == 20


@given(
    st.text(max_size=200), st.sampled_from(["en-US", "en-GB", "es-ES", "fr-FR", "it-IT", "pt-BR", "hi-IN"])
)
def test_never_fails_and_goes_on(text, language):
    said = spell_out(text, language)
    places = [s.place for s in said]
    assert places == sorted(places)
    assert all(s.text.strip() for s in said)


@given(st.text(st.sampled_from("0123456789.,:/-+$€%°kmAPhst @€½"), max_size=30))
def test_number_soup_never_fails(text):
    for language in ("en-US", "es-ES", "fr-FR"):
        spell_out(text, language)
