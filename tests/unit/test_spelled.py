"""Numbers, dates, money, addresses: read as a person would."""

import pytest

pytest.importorskip("num2words", reason="needs the extra bunraku[kokoro]")

from hypothesis import given
from hypothesis import strategies as st

from bunraku.node.speech.kokoro import mandarin
from bunraku.node.speech.spelled import spell_out
from bunraku.node.speech.spelled.words import plain_signs


def read(text, language="en-US"):
    return " ".join(s.text + s.mark for s in spell_out(text, language))


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("It falls at 9.8 m/s².", "It falls at nine point eight metres per second squared."),
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
        ("3.5 km, 1 km, 20 m²", "three point five kilometres, one kilometre, twenty square metres"),
        ("14:05, 24/7", "fourteen oh five, twenty four seven"),
        ("A4 paper, v2.0, § 5", "A four paper, version two point zero, section five"),
        ("call +49 30 123456", "call plus four nine, three zero, one two three four five six"),
        ("Elizabeth II, World War II, XXI", "Elizabeth the second, World War two, twenty one"),
        ("the XXI century, CD and MIX", "the twenty first century, CD and MIX"),
        ("won 3:2, about ~50", "won three to two, about about fifty"),
        ("$5-10, £3m, 10k", "five to ten dollars, three million pounds, ten thousand"),
        ("1 000 000 in the '90s", "one million in the nineties"),
        ("5'10\" tall", "five foot ten tall"),
        ("report.pdf, pp. 5-7, Ph.D.", "report dot pdf, pages five to seven, P H D"),
        ("2^3 and a*b", "two to the power of three and a times b"),
        ("１２ ｐｍ and 𝓗𝓲 ٣", "twelve PM and Hi three"),
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
        ("fr-FR", "06 12 34 56 78", "zéro six, douze, trente quatre, cinquante six, soixante dix huit"),
        ("it-IT", "Il 3 maggio alle 10:30", "Il tre maggio alle dieci e trenta"),
        ("it-IT", "€ 2,50 e 1.000 km", "due euro e cinquanta e mille chilometri"),
        ("pt-BR", "Em 3 de maio às 10:30", "Em três de maio às dez e trinta"),
        ("pt-BR", "R$ 3,50 ou 45%", "três reais e cinquenta ou quarenta e cinco por cento"),
        ("hi-IN", "नमस्ते, दुनिया।", "नमस्ते, दुनिया।"),
        ("es-ES", "3,5 km, 1 km, 1 £, 200 £", "tres coma cinco kilómetros, un kilómetro, una libra, doscientas libras"),
        ("es-ES", "1.234,56 € a las 14:05", "mil doscientos treinta y cuatro euros con cincuenta y seis a las catorce y cinco"),
        ("es-ES", "24/7, A4, v2.0, § 5", "veinticuatro sobre siete, A cuatro, versión dos punto cero, apartado cinco"),
        ("es-ES", "+49 30 123456", "más cuatro nueve, tres cero, uno dos tres cuatro cinco seis"),
        ("es-ES", "nº 5, 1º, 2ª, siglo XXI, Felipe VI", "número cinco, primero, segunda, siglo veintiuno, Felipe sexto"),
        ("es-ES", "10-12 %, 10-12, -5 °C", "diez a doce por ciento, diez a doce, menos cinco grados"),
        ("es-ES", "1 libro, 21 mesas, 1 día", "un libro, veintiuna mesas, un día"),
        ("es-ES", "EE. UU., p. ej. la Dra. Ruiz", "Estados Unidos, por ejemplo la doctora Ruiz"),
        ("es-ES", "2,5 M€ y ½, 3/4", "dos coma cinco millones de euros y medio, tres cuartos"),
        ("es-ES", "ana-m_1@x.com", "ana guion m guion bajo uno arroba x punto com"),
        ("fr-FR", "3,5 km, 1 h, 21 h", "trois virgule cinq kilomètres, une heure, vingt et une heures"),
        ("fr-FR", "1 234,56 € à 14:05", "mille deux cent trente quatre euros cinquante six à quatorze heures cinq"),
        ("fr-FR", "24/7, A4, v2.0, § 5", "vingt quatre sur sept, A quatre, version deux point zéro, paragraphe cinq"),
        ("fr-FR", "n° 5, 1er, 1re, 2e", "numéro cinq, premier, première, deuxième"),
        ("fr-FR", "le XXe siècle, Louis XIV", "le vingtième siècle, Louis quatorze"),
        ("fr-FR", "M. Dupont, Mme Roy, Dr Petit", "monsieur Dupont, madame Roy, docteur Petit"),
        ("fr-FR", "-5 °C, 10-12 %, 2,5 M€", "moins cinq degrés, dix à douze pour cent, deux virgule cinq millions d'euros"),
        ("fr-FR", "CD, DC et MIX", "CD, DC et MIX"),
        ("it-IT", "3,5 km, 1 km, 1 £", "tre virgola cinque chilometri, un chilometro, una sterlina"),
        ("it-IT", "1.234,56 € alle 14:05", "milleduecentotrentaquattro euro e cinquantasei alle quattordici e cinque"),
        ("it-IT", "24/7, A4, v2.0, § 5", "ventiquattro su sette, A quattro, versione due punto zero, paragrafo cinque"),
        ("it-IT", "1° piano, 20 °C, n° 5", "primo piano, venti gradi, numero cinque"),
        ("it-IT", "XXI secolo, Giovanni XXIII", "ventunesimo secolo, Giovanni ventitreesimo"),
        ("it-IT", "il Sig. Rossi, la Dott.ssa Bo, ecc.", "il signor Rossi, la dottoressa Bo, eccetera"),
        ("it-IT", "1 studente, 1 casa, 1 anno", "uno studente, una casa, un anno"),
        ("pt-BR", "3,5 km, 1 km, 200 £", "três vírgula cinco quilômetros, um quilômetro, duzentas libras"),
        ("pt-BR", "R$ 1.234,56 às 14:05", "mil duzentos e trinta e quatro reais e cinquenta e seis às catorze e cinco"),
        ("pt-BR", "24/7, A4, v2.0, § 5", "vinte e quatro sobre sete, A quatro, versão dois ponto zero, parágrafo cinco"),
        ("pt-BR", "nº 5, 1º, 2ª, século XXI, Pedro II", "número cinco, primeiro, segunda, século vinte e um, Pedro segundo"),
        ("pt-BR", "às 2h, às 21h30, 1 casa, 2,5 M€", "às duas horas, às vinte e uma e trinta, uma casa, dois vírgula cinco milhões de euros"),
        ("pt-BR", "(11) 91234-5678", "um um, nove um dois três quatro, cinco seis sete oito"),
    ],
)  # fmt: skip
def test_other_languages(language, written, said):
    assert read(written, language) == said


def test_words_know_where_they_were_written():
    said = spell_out("It costs $3.50, Dr. Ray.", "en-US")
    assert [(s.place, s.text) for s in said][2:6] == [(9, "three"), (9, "dollars"), (9, "and"), (9, "fifty")]
    assert said[-1].place == 20


@given(
    st.text(max_size=200),
    st.sampled_from(["en-US", "en-GB", "es-ES", "fr-FR", "it-IT", "pt-BR", "hi-IN", "zh-CN", "ja-JP"]),
)
def test_never_fails_and_goes_on(text, language):
    said = spell_out(text, language)
    places = [s.place for s in said]
    assert places == sorted(places)
    assert all(s.text.strip() for s in said)


@given(st.text(st.sampled_from("0123456789.,:/-+$€%°kmAPhst @€½"), max_size=30))
def test_number_soup_never_fails(text):
    for language in ("en-US", "es-ES", "fr-FR", "it-IT", "pt-BR", "zh-CN", "ja-JP"):
        spell_out(text, language)


@given(
    st.lists(
        st.text(st.characters(categories=["Lo", "Ll"], min_codepoint=0xA1, max_codepoint=0xFFFF), min_size=1)
    ),
    st.sampled_from(["en-US", "es-ES", "fr-FR", "it-IT", "pt-BR", "hi-IN", "zh-CN"]),
)
def test_no_letter_is_lost(words, language):
    text = " ".join(words)
    assert "".join(s.text for s in spell_out(text, language)) == plain_signs("".join(words))


@pytest.mark.skipif(not mandarin.installed(), reason="needs the extra bunraku[kokoro-zh]")
@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("2026年11月23日，10:30开会。", "二零二六年十一月二十三日， 十点三十分 开会。"),
        ("2026-11-23", "二零二六年十一月二十三日"),
        ("14:05，2:00", "十四点零五分， 两点整"),
        ("¥3.50，$5，12,345元", "三元五角， 五美元， 一万二千三百四十五元"),
        ("大约20%，10-12%", "大约 百分之二十， 百分之十到百分之十二"),
        ("-5℃，3.5 km，1 kg", "零下五摄氏度， 三点五公里， 一公斤"),
        ("拨打13812345678", "拨打 幺三八幺二三四五六七八"),
        ("+49 30 123456", "加 四九, 三零, 幺二三四五六"),
        ("1/2，24/7，3:2", "二分之一， 二十四 斜杠 七， 三比二"),
        ("2个人，2楼，200年，2万", "两 个人， 二 楼， 二百 年， 两 万"),
        ("A4纸，v2.0，§ 5", "A 四 纸， v 二点零， 第五条"),
        ("XXI世纪，№ 7", "二十一 世纪， 七号"),
        ("邮箱ana@example.com", "邮箱 ana 艾特 example 点 com"),
        ("见https://www.example.com/a?b=1。", "见 example 点 com。"),
        ("１２３元，007", "一百二十三元， 零零七"),
    ],
)
def test_mandarin(written, said):
    assert read(written, "zh-CN") == said


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("2026年11月23日10:30に", "にせんにじゅうろくねん じゅういちがつ にじゅうさんにち じゅうじ さんじゅっぷん に"),
        ("9時半に3番線から", "くじ 半に さんばんせん から"),
        ("九時に一人で", "くじ に ひとり で"),
        ("¥1,500、$5", "せんごひゃくえん、 ご ドル"),
        ("1杯、3杯、6杯、10杯、100回", "いっぱい、 さんばい、 ろっぱい、 じゅっぱい、 ひゃっかい"),
        ("1人、2人、4人", "ひとり、 ふたり、 よにん"),
        ("3階、8階、4月4日", "さんがい、 はっかい、 しがつ よっか"),
        ("6分、10分、15分", "ろっぷん、 じゅっぷん、 じゅうごふん"),
        ("14日、20日、3つ", "じゅうよっか、 はつか、 みっつ"),
        ("十分です、一日中", "十分です、 一日中"),
        ("-5℃、50%、5km", "マイナスごど、 ごじゅっぱーせんと、 ごきろ"),
        ("03-1234-5678", "ゼロさんの, いちにさんよんの, ごろくななはち"),
        ("A4用紙、v2.0、1/2", "A よん 用紙、 v にてんゼロ、 にぶんの いち"),
        ("300円、600円、8000円", "さんびゃくえん、 ろっぴゃくえん、 はっせんえん"),
        ("ana@example.com", "ana アットマーク example ドット com"),
    ],
)  # fmt: skip
def test_japanese(written, said):
    assert read(written, "ja-JP") == said


def test_words_given_by_their_sounds_keep_their_place():
    said = spell_out("I say tomato, not 5.", "en-US", {6: (12, "təmˈɑto")})
    assert [(s.place, s.text, s.phonemes, s.mark) for s in said][2:4] == [
        (6, "tomato", "təmˈɑto", ","),
        (14, "not", "", ""),
    ]
    inside = spell_out("我喜欢番茄。", "zh-CN", {3: (5, "x")})
    assert [(s.place, s.text, s.phonemes) for s in inside] == [(0, "我喜欢", ""), (3, "番茄", "x")]
