"""What callers send every day (opening hours, ratings, addresses, prices, ranges), cut into sentences and read."""

import pytest

pytest.importorskip("num2words", reason="needs the extra bunraku[kokoro]")

from bunraku.node.speech.spelled import spell_out
from bunraku.node.speech.text import sentences


def read(text, language):
    """The sentences as they are said, with a bar between them."""
    said = [" ".join(w.text + w.mark for w in spell_out(s, language)) for s in sentences(text)]
    return " | ".join(said)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("See vol. 3, no. 7 there.", "See volume three, number seven there."),
        ("I said no. Then he left.", "I said no. | Then he left."),
        ("See Ch. 3 of it.", "See chapter three of it."),
        ("Apt. 4B, Suite #200", "Apartment four B, Suite number two hundred"),
        ("At 12:00 p.m. EST we go.", "At twelve PM EST we go."),
        ("We left at 8 p.m. It rained.", "We left at eight PM. | It rained."),
        ("Wait 1–2 hrs. Then go.", "Wait one to two hours. | Then go."),
        ("a 3-5 km walk", "a three to five kilometres walk"),
        ("12 oz., 6 mi", "twelve ounces, six miles"),
        ("3/4 tsp salt, 2 tbsp oil", "three quarters teaspoon salt, two tablespoons oil"),
        ("the 1st-2nd place", "the first to second place"),
        ("ISBN 978-3-16-148410-0", "ISBN nine seven eight, three, one six, one four eight four one zero, zero"),
        ("2008-2010", "two thousand and eight to twenty ten"),
        ("They won 3-2.", "They won three to two."),
    ],
)  # fmt: skip
def test_english(written, said):
    assert read(written, "en-US") == said


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("Hauptstr. 12a", "Hauptstraße zwölf a"),
        ("4,5/5 Sternen", "vier Komma fünf von fünf Sternen"),
        ("Sie gewannen 3:2.", "Sie gewannen drei zu zwei."),
        ("um 18:30 Uhr", "um achtzehn Uhr dreißig"),
        ("die 1990er Jahre", "die neunzehnhundertneunziger Jahre"),
        ("5 Mio. € im Jahr", "fünf Millionen Euro im Jahr"),
        ("7,50 EUR/kg", "sieben Euro fünfzig pro Kilogramm"),
        ("120 €/h", "einhundertzwanzig Euro pro Stunde"),
        ("2–3 Std. mit Pausen", "zwei bis drei Stunden mit Pausen"),
        ("5 Mio. Menschen", "fünf Millionen Menschen"),
        ("10-20 km", "zehn bis zwanzig Kilometer"),
        ("10–20 % mehr", "zehn bis zwanzig Prozent mehr"),
    ],
)
def test_german(written, said):
    assert read(written, "de-DE") == said


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("Lun-Vie 9:00-17:30", "lunes a viernes nueve en punto a diecisiete y treinta"),
        ("4,5/5 estrellas", "cuatro coma cinco sobre cinco estrellas"),
        ("2,5 GHz", "dos coma cinco gigahercios"),
        ("1/2 litro y 1/2 hora", "medio litro y media hora"),
        ("200 personas, 200 euros", "doscientas personas, doscientos euros"),
        ("US$ 5 millones", "cinco millones de dólares"),
        ("$20 mil", "veinte mil dólares"),
        ("3-5 km", "tres a cinco kilómetros"),
        ("marzo-mayo", "marzo mayo"),
    ],
)
def test_spanish(written, said):
    assert read(written, "es-ES") == said


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("lun.-ven. 9h-17h30", "lundi à vendredi neuf heures à dix sept heures trente"),
        ("4,5/5 étoiles", "quatre virgule cinq sur cinq étoiles"),
        ("voir pp. 12-15", "voir pages douze à quinze"),
        ("21 personnes, 21 euros", "vingt et une personnes, vingt et un euros"),
        ("1 heure et 1 livre", "une heure et un livre"),
        ("3 ½", "trois et demi"),
        ("½ litre, ½ heure", "un demi litre, une demi heure"),
        ("2,4 GHz", "deux virgule quatre gigahertz"),
    ],
)
def test_french(written, said):
    assert read(written, "fr-FR") == said


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("lun-ven 9:00-17:30", "lunedì a venerdì nove a diciassette e trenta"),
        ("4,5/5 stelle", "quattro virgola cinque su cinque stelle"),
        ("ad es. 20 %, ecc.", "ad esempio venti per cento, eccetera"),
        ("pagg. 12-15", "pagine dodici a quindici"),
        ("5 mln € e 3 mln di euro", "cinque milioni di euro e tre milioni di euro"),
        ("1 ora, 1/2 litro", "un' ora, mezzo litro"),
    ],
)
def test_italian(written, said):
    assert read(written, "it-IT") == said


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("apto. 34, São Paulo", "apartamento trinta e quatro, São Paulo"),
        ("seg-sex 9h-17h30", "segunda a sexta nove horas a dezessete e trinta"),
        ("nota 4,5/5", "nota quatro vírgula cinco de cinco"),
        (
            "R$ 5 mi, R$ 2 bilhões, R$ 20 mil",
            "cinco milhões de reais, dois bilhões de reais, vinte mil reais",
        ),
        ("2 casas, 22 pessoas, 2 dias", "duas casas, vinte e duas pessoas, dois dias"),
        ("págs. 12-15", "páginas doze a quinze"),
        ("1/2 litro, 1/2 hora", "meio litro, meia hora"),
    ],
)
def test_portuguese(written, said):
    assert read(written, "pt-BR") == said


def test_chinese():
    pytest.importorskip("cn2an", reason="needs the extra bunraku[kokoro-zh]")
    for written, said in [
        ("2025年12月25日18:30", "二零二五年十二月二十五日 十八点三十分"),
        ("2025年12月25日开会", "二零二五年十二月二十五日 开会"),
        ("第12-15页", "第十二到十五 页"),
        ("~20人", "约 二十 人"),
        ("10~20元", "十到二十 元"),
        ("2.5GHz", "二点五吉赫兹"),
        ("50㎡", "五十平方米"),
        ("评分4.5/5", "评分 四点五分, 满分五分"),
    ]:
        assert read(written, "zh-CN") == said


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("9:00-17:30", "くじ から じゅうしちじ さんじゅっぷん"),
        ("道玄坂2丁目10-12", "道玄坂 に 丁目 じゅうの じゅうに"),
        ("2.5GHz", "にてんご ギガヘルツ"),
        ("50㎡", "ごじゅう 平方メートル"),
        ("評価4.5/5", "評価 ごてんまんてんちゅう よんてんご"),
    ],
)
def test_japanese(written, said):
    assert read(written, "ja-JP") == said
