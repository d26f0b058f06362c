"""Rules of German reading: numbers, dates with their cases, times, money, units, abbreviations, addresses."""

from __future__ import annotations

import re

from num2words import num2words

from bunraku.node.speech.spelled.roman import NUMERAL, value
from bunraku.node.speech.spelled.words import RAISED, Rule, power, rule

_MONTHS = (
    "Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November",
    "Dezember",
)  # fmt: skip
_MONTH = "|".join([*_MONTHS, *(rf"{m[:3]}\.?(?!\w)" for m in _MONTHS if len(m) > 3)])
_DIGITS = ["null", "eins", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun"]
_NUMBER = r"\d{1,3}(?:[.\u202f\u00a0 ]\d{3})+(?:,\d+)?(?!\d)|\d+(?:,\d+)?"
_MONEY = {
    "€": ("Euro", "Euro", "Cent"), "EUR": ("Euro", "Euro", "Cent"), "$": ("Dollar", "Dollar", "Cent"),
    "US$": ("Dollar", "Dollar", "Cent"), "USD": ("Dollar", "Dollar", "Cent"),
    "£": ("Pfund", "Pfund", "Pence"),
    "CHF": ("Franken", "Franken", "Rappen"), "¥": ("Yen", "Yen", ""),
}  # fmt: skip
_UNITS = {
    "km/h": "Kilometer pro Stunde", "m/s²": "Meter pro Sekunde zum Quadrat",
    "m/s": "Meter pro Sekunde", "km²": "Quadratkilometer",
    "m²": "Quadratmeter",
    "qm": "Quadratmeter", "m³": "Kubikmeter", "km": "Kilometer", "cm": "Zentimeter", "mm": "Millimeter",
    "m": "Meter",
    "kg": "Kilogramm", "mg": "Milligramm", "g": "Gramm", "t": "Tonnen", "ml": "Milliliter", "l": "Liter",
    "L": "Liter",
    "GB": "Gigabyte", "MB": "Megabyte", "TB": "Terabyte", "KB": "Kilobyte", "kB": "Kilobyte",
    "Mbit/s": "Megabit pro Sekunde", "kWh": "Kilowattstunden", "kW": "Kilowatt", "W": "Watt", "V": "Volt",
    "Hz": "Hertz", "GHz": "Gigahertz", "MHz": "Megahertz", "h": "Stunden", "Std.": "Stunden",
    "min": "Minuten",
    "Min.": "Minuten", "s": "Sekunden", "Sek.": "Sekunden", "ms": "Millisekunden", "°C": "Grad",
    "°F": "Grad Fahrenheit",
    "°": "Grad", "%": "Prozent", "‰": "Promille", "Mio.": "Millionen", "Mrd.": "Milliarden",
    "Tsd.": "Tausend",
    "Mio": "Millionen", "Mrd": "Milliarden",
}  # fmt: skip
_FEMININE = {
    "Stunden": "Stunde", "Minuten": "Minute", "Sekunden": "Sekunde", "Millisekunden": "Millisekunde",
    "Tonnen": "Tonne", "Millionen": "Million", "Milliarden": "Milliarde", "Kilowattstunden": "Kilowattstunde",
}  # fmt: skip
_SHORT = {
    "z. B.": "zum Beispiel", "z.B.": "zum Beispiel", "d. h.": "das heißt", "d.h.": "das heißt",
    "u. a.": "unter anderem",
    "u.a.": "unter anderem", "usw.": "und so weiter", "etc.": "et cetera", "bzw.": "beziehungsweise",
    "ca.": "circa",
    "Nr.": "Nummer", "Dr.": "Doktor", "Prof.": "Professor", "Hr.": "Herr", "Fr.": "Frau", "Str.": "Straße",
    "str.": "straße", "inkl.": "inklusive", "exkl.": "exklusive", "ggf.": "gegebenenfalls",
    "evtl.": "eventuell",
    "Tel.": "Telefon", "Abs.": "Absatz", "Art.": "Artikel", "Jh.": "Jahrhundert", "St.": "Sankt",
    "vgl.": "vergleiche",
    "max.": "maximal", "min.": "mindestens", "bspw.": "beispielsweise", "o. Ä.": "oder Ähnliches",
    "v. Chr.": "vor Christus",
    "n. Chr.": "nach Christus", "i. d. R.": "in der Regel", "m. E.": "meines Erachtens",
    "s. o.": "siehe oben",
    "s. u.": "siehe unten", "zzgl.": "zuzüglich", "Mo": "Montag", "Di": "Dienstag", "Mi": "Mittwoch",
    "Do": "Donnerstag",
    "Fr": "Freitag", "Sa": "Samstag", "So": "Sonntag",
}  # fmt: skip
_DAYS = frozenset(["Mo", "Di", "Mi", "Do", "Fr", "Sa", "So"])
_SIGNS = {
    "&": "und", "+": "plus", "=": "gleich", "@": "ät", "×": "mal", "÷": "geteilt durch", "±": "plus minus",
    "<": "kleiner als", ">": "größer als", "≤": "höchstens", "≥": "mindestens", "≈": "ungefähr",
    "~": "ungefähr",
    "§": "Paragraf", "#": "Raute", "→": "nach", "°": "Grad", "%": "Prozent", "€": "Euro", "$": "Dollar",
    "£": "Pfund",
    "*": "mal", "^": "hoch", "π": "Pi", "∞": "unendlich", "√": "Wurzel aus", "©": "Copyright",
    "™": "Trademark",
    "№": "Nummer", "≠": "ungleich",
}  # fmt: skip
_FRACTIONS = {
    "½": "ein halb", "¼": "ein Viertel", "¾": "drei Viertel", "⅓": "ein Drittel", "⅔": "zwei Drittel",
}  # fmt: skip
_ADDRESS = {
    ".": "Punkt", "@": "ät", "-": "Bindestrich", "_": "Unterstrich", "/": "Schrägstrich", "+": "plus",
    ":": "Doppelpunkt",
}  # fmt: skip
_WEAK = re.compile(
    r"(?:\b(?:am|im|vom|zum|beim|dem|den|des|einem|einen|ab|seit|bis|nach|vor|jeden|diesem|diesen)\s)$", re.I
)
_NAMED = re.compile(r"(?:\b(?:der|die|das|diese|dieser|dieses|jede|jeder)\s)$", re.I)


def _plain(number: str) -> tuple[str, str]:
    if re.fullmatch(r"\d{1,3}(?:,\d{3})+\.\d+|\d+\.\d{1,2}", number):  # as English writes it
        number = number.replace(",", "").replace(".", ",")
    whole, _, part = re.sub(r"[.\s\u202f\u00a0]", "", number).partition(",")
    return whole, part


def cardinal(number: str, *, before_noun: bool = False) -> str:
    whole, part = _plain(number)
    if len(whole) > 15 or (len(whole) > 1 and whole[0] == "0"):
        return digits(whole + part)
    said = str(num2words(int(whole), lang="de"))
    if part:
        return f"{said} Komma {digits(part)}"
    return "ein" if before_noun and said == "eins" else said


def digits(text: str) -> str:
    return " ".join(_DIGITS[int(c)] for c in text if c.isdigit())


def year(number: str) -> str:
    return str(num2words(int(number), lang="de", to="year"))


def _ordinal(number: int, before: str, *, neuter: bool = False) -> str:
    """With the ending that what is before it asks for."""
    said = str(num2words(number, lang="de", to="ordinal"))
    if neuter and not _WEAK.search(before) and not _NAMED.search(before):
        return said + "s"
    return said + ("n" if _WEAK.search(before) else "" if _NAMED.search(before) else "r")


def _before(m: re.Match[str]) -> str:
    return m.string[: m.start()]


def _date(m: re.Match[str], day: str, month: int, then: str | None) -> str | None:
    if not (1 <= int(day) <= 31 and 1 <= month <= 12):
        return None
    said = f"{_ordinal(int(day), _before(m))} {_MONTHS[month - 1]}"
    number = (then if len(then) == 4 else f"20{then}") if then else ""
    return f"{said} {year(number)}" if number else said


def _named(name: str) -> int:
    return next(i for i, m in enumerate(_MONTHS) if m.startswith(name[:3])) + 1


def _time(m: re.Match[str]) -> str | None:
    hour, minute = int(m[1]), int(m[2] or 0)
    if hour > 24 or minute > 59:
        return None
    said = f"{'ein' if hour == 1 else cardinal(str(hour))} Uhr"
    return f"{said} {cardinal(str(minute))}" if minute else said


def _money(sign: str, amount: str) -> str:
    one, many, cent = _MONEY[sign]
    whole, part = _plain(amount)
    units = f"{cardinal(whole, before_noun=True)} {one if whole == '1' else many}"
    if len(part) > 2:
        return f"{cardinal(amount)} {many}"
    cents = int(part.ljust(2, "0")) if part else 0
    if cents and not int(whole) and cent:
        return f"{cardinal(str(cents), before_noun=True)} {cent}"
    return f"{units} {cardinal(str(cents))}" if cents else units


def _measured(m: re.Match[str]) -> str:
    number, unit = m["number"], _UNITS[m["unit"]]
    minus = "minus " if m["minus"] else ""
    if number == "1" and unit in _FEMININE:
        return f"{minus}eine {_FEMININE[unit]}"
    return f"{minus}{cardinal(number, before_noun=True)} {unit}"


def _phone(m: re.Match[str]) -> str | None:
    if not 7 <= sum(c.isdigit() for c in m.group()) <= 15:
        return None
    plus = "plus " if m.group().startswith("+") else ""
    return plus + ", ".join(digits(g) for g in re.findall(r"\d+", m.group()))


def _address(text: str) -> str:
    parts = re.findall(r"[^\W\d_]+|\d|[^\s\w]|_", text)
    return " ".join(
        _ADDRESS.get(p, "") if not p.isalnum() else digits(p) if p.isdigit() else p for p in parts
    )


def _fraction(m: re.Match[str]) -> str | None:
    over, under = int(m[1]), int(m[2])
    if under == 2 and over == 1:
        return "ein halb"
    if under == 10:
        return f"{cardinal(m[1])} von zehn"
    if not 0 < over < under <= 100:
        return None
    ends = {3: "Drittel", 7: "Siebtel", 8: "Achtel"}
    return f"{cardinal(m[1], before_noun=True)} {ends.get(under, _nth_part(m[2]))}"


def _nth_part(number: str) -> str:
    return cardinal(number) + ("tel" if int(number) < 20 else "stel")


def _raised(m: re.Match[str]) -> str:
    signs = power(m.group())
    minus = "minus " if signs[0] == "-" else ""
    return {"2": "Quadrat", "3": "hoch drei"}.get(signs, f"hoch {minus}{cardinal(signs.strip('+-') or '0')}")


def _nth(m: re.Match[str]) -> str | None:
    """``1.`` before a noun, not at the head of a list."""
    return _ordinal(int(m[1]), _before(m)) if _before(m).strip() else None


def _mixed(m: re.Match[str]) -> str:
    parts = re.findall(r"[^\W\d_]+|\d+(?:[.,]\d+)?", m.group())
    return " ".join(
        cardinal(p) if p[0].isdigit() and p[0] != "0" else digits(p) if p[0] == "0" else p for p in parts
    )


def rules() -> tuple[Rule, ...]:
    number, end, alone = f"(?:{_NUMBER})", r"(?!\w)", r"(?<!\w)"
    money = "|".join(re.escape(s) for s in sorted(_MONEY, key=len, reverse=True))
    units = "|".join(re.escape(u) for u in sorted(_UNITS, key=len, reverse=True))
    short = "|".join(re.escape(s) for s in sorted(_SHORT, key=len, reverse=True) if s not in _DAYS)
    days = "|".join(sorted(_DAYS))
    english = r"\d{1,3}(?:,\d{3})+\.\d{2}"
    return (
        rule(r"(?:https?|ftp)://(?:www\.)?([\w.-]+\w)\S*\w/?", lambda m: _address(m[1])),
        rule(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,}", lambda m: _address(m.group())),
        rule(
            r"(?:www\.)?([A-Za-z][\w-]*(?:\.[\w-]+)*\.(?:com|net|org|info|eu|de|at|ch|io|ai|dev|app|gov|edu|js))\b"
            r"(?:/[\w./-]*\w)?",
            lambda m: _address(m[1]),
        ),
        rule(
            r"\d{1,3}(?:\.\d{1,3}){3}(?![\d.]*\d)",
            lambda m: " Punkt ".join(cardinal(p) for p in m.group().split(".")),
        ),
        rule(
            r"(\d{4})-(\d{2})-(\d{2})(?:T(\d{2}):(\d{2})(?::\d{2})?Z?)?" + end,
            lambda m: _date(m, m[3], int(m[2]), m[1]),
        ),
        rule(
            r"(\d{1,2})\.\s?(\d{1,2})\.\s?(\d{4}|\d{2})(?![\d.])", lambda m: _date(m, m[1], int(m[2]), m[3])
        ),
        rule(r"(\d{1,2})/(\d{1,2})/(\d{4})" + end, lambda m: _date(m, m[1], int(m[2]), m[3])),
        rule(r"(\d{1,2})\.\s?(\d{1,2})\.(?!\d)", lambda m: _date(m, m[1], int(m[2]), None)),
        rule(
            rf"(\d{{1,2}})\.\s?({_MONTH})(?:\s(\d{{4}}))?" + end, lambda m: _date(m, m[1], _named(m[2]), m[3])
        ),
        rule(rf"(\d{{1,2}})[:.](\d{{2}})(?::\d{{2}})?\s?Uhr{end}", _time),
        rule(r"(\d{1,2}):(\d{2})(?::\d{2})?" + end, _time),
        rule(rf"(\d{{1,2}})()\s?(?:Uhr|h){end}", lambda m: _time(m) if "Uhr" in m.group() else None),
        rule(r"\+\d[\d ()./-]{6,}\d" + end, _phone),
        rule(r"0\d{2,4}[ /-]\d{3,}(?:[ -]?\d{2,})*" + end, _phone),
        rule(
            rf"([-−])?({money})\s?({english}|{number})",
            lambda m: ("minus " if m[1] else "") + _money(m[2], m[3]),
        ),
        rule(
            rf"{alone}([-−])?({english}|{number})\s?({money})",
            lambda m: ("minus " if m[1] else "") + _money(m[3], m[2]),
        ),
        rule(
            rf"({number})\s(Mio\.?|Mrd\.?|Millionen|Milliarden)\s?({money})",
            lambda m: f"{cardinal(m[1])} {_UNITS.get(m[2], m[2])} {_MONEY[m[3]][1]}",
        ),
        rule(
            rf"({number})\s?%?\s?[-–]\s?(?={number}\s?(?:{units}){end})",
            lambda m: f"{cardinal(m[1])} bis",
        ),
        rule(rf"{alone}(?P<minus>[-−])?(?P<number>{number})\s?(?P<unit>{units})" + end, _measured),
        rule(r"(?<=[€$£%hR])\s?/\s?(?=[A-ZÄÖÜ][a-zäöü])", lambda _: "pro"),
        rule(
            rf"(?<=[€R])\s?/\s?({units})" + end,
            lambda m: f"pro {_FEMININE.get(_UNITS[m[1]], _UNITS[m[1]])}",
        ),
        rule(r"(\d+,\d)\s?/\s?(5|6|10|20|100)" + end, lambda m: f"{cardinal(m[1])} von {cardinal(m[2])}"),
        rule(r"(\d{1,3}):(\d{1,3})(?![\w:])", lambda m: f"{cardinal(m[1])} zu {cardinal(m[2])}"),
        rule(r"((?:1[1-9]|20)\d0)er(?=\s|$|[.,-])", lambda m: year(m[1]) + "er"),
        rule(r"S\.(?=\s?\d)", lambda _: "Seite"),
        rule(r"24/7" + end, lambda _: "vierundzwanzig sieben"),
        rule(r"(\d{1,3})/(\d{1,3})(?![\w/])", _fraction),
        rule(r"(\d+)½", lambda m: "anderthalb" if m[1] == "1" else f"{cardinal(m[1])}einhalb"),
        rule(r"(\d+)([¼¾⅓⅔])", lambda m: f"{cardinal(m[1])} {_FRACTIONS[m[2]]}"),
        rule(r"½(?=\s[A-ZÄÖÜ]\w*e\b)", lambda _: "eine halbe"),
        rule(r"[½¼¾⅓⅔]", lambda m: _FRACTIONS[m.group()]),
        rule(
            r"[vV]\.?(\d+(?:\.\d+)+)" + end,
            lambda m: "Version " + " Punkt ".join(cardinal(p) for p in m[1].split(".")),
        ),
        rule(
            r"(?!\d{1,3}(?:\.\d{3})+(?!\d))\d+(?:\.\d+){2,}",
            lambda m: " Punkt ".join(cardinal(p) for p in m.group().split(".")),
        ),
        rule(r"(\d+)\.(\d{1,2})(?![\d.])", lambda m: f"{cardinal(m[1])} Punkt {cardinal(m[2])}"),
        rule(
            r"(?<!\d)((?:1[1-9]|20)\d\d)\s?[-–]\s?((?:1[1-9]|20)\d\d)" + end,
            lambda m: f"{year(m[1])} bis {year(m[2])}",
        ),
        rule(r"(?<![\d.,])1[1-9]\d\d(?![\d.,]*\d)" + end, lambda m: year(m.group())),
        rule(r"([1-9]0)er(?=\s|$|[.,-])", lambda m: cardinal(m[1]) + "er"),
        rule(rf"({number})\s?[-–]\s?({number})(?![\w-])", lambda m: f"{cardinal(m[1])} bis {cardinal(m[2])}"),
        rule(r"(\d{1,4})\.(?=\s[A-ZÄÖÜa-zäöü])", _nth),
        rule(
            rf"(?<![.!?]\s)({NUMERAL}|[VX])\.(?=\s(?:Jahrhundert|Jh))",
            lambda m: _ordinal(value(m[1]) or 0, _before(m), neuter=True),
        ),
        rule(
            rf"(?<=[a-z]\s)({NUMERAL}|[IVX])\.",
            lambda m: "der " + str(num2words(value(m[1]) or 0, lang="de", to="ordinal")).capitalize(),
        ),
        rule(NUMERAL + end, lambda m: cardinal(str(value(m.group())))),
        rule(r"(?:#|№)\s?(\d+)", lambda m: f"Nummer {cardinal(m[1])}"),
        rule(r"#(?=[^\W\d])", lambda _: "Hashtag"),
        rule(r"(\d{1,2})\)(?=\s)", lambda m: f"{cardinal(m[1])},"),
        rule(
            r"\d+\s?[x×]\s?\d+" + end,
            lambda m: " mal ".join(cardinal(p) for p in re.split(r"\s?[x×]\s?", m.group())),
        ),
        rule(r"[^\W\d_]+-?\d+(?:\.\d+)?[^\W_]*|\d+[^\W\d_][^\W_]*(?!er\b)", _mixed),
        rule(rf"{alone}[-−]({number})", lambda m: f"minus {cardinal(m[1])}"),
        rule(r"1(?=\s[A-ZÄÖÜ]\w*(?:e|ung|heit|keit|tion)\b)", lambda _: "eine"),
        rule(r"1(?=\s[A-ZÄÖÜ])", lambda _: "ein"),
        rule(_NUMBER, lambda m: cardinal(m.group())),
        rule(r"([A-ZÄÖÜ][a-zäöüß]+)str\.", lambda m: m[1] + "straße"),
        rule(rf"({short})(?=[\s,;:)]|$)", lambda m: _SHORT[m[1]]),
        rule(rf"({days})(?=\.?,?\s\d|\s?[-–]\s?(?:{days})\b)\.?", lambda m: _SHORT[m[1]]),
        rule(rf"(?:[-–]\s?)({days})(?=[\s,.:]|$)\.?", lambda m: f"bis {_SHORT[m[1]]}"),
        rule(rf"[{RAISED}]+", _raised),
        rule(r"C\+\+", lambda _: "C plus plus"),
        rule(
            r"(?<=\s)[<>*^~/](?=\s)|~(?=\d)|(?<=\w)[*^](?=\w)|[<>](?=\s?\d)|[&+=%@×÷±≤≥≈≠§€$£#→°©™π∞√№]",
            lambda m: _SIGNS.get(m.group(), ""),
        ),
    )
