"""Rules of English reading. What differs between the two Englishes is the order of a date."""

from __future__ import annotations

import re

from num2words import num2words

from bunraku.node.speech.spelled.english_words import (
    CODES,
    COUNTED,
    CURRENCY,
    DAY,
    DAYS,
    DIGITS,
    FRACTIONS,
    HALVES,
    MONTH,
    MONTHS,
    NUMBER,
    PAGES,
    PER,
    RELEASED,
    RULERS,
    SCALE,
    SHORT,
    SHORTENED,
    SIGNS,
    UNIT,
    UNITS,
)
from bunraku.node.speech.spelled.roman import NUMERAL, value
from bunraku.node.speech.spelled.words import RAISED, Rule, power, rule


def cardinal(number: str) -> str:
    """``1,234.5`` in words."""
    whole, _, part = re.sub(r"[,'’]", "", number).partition(".")
    whole = re.sub(r"\s", "", whole)
    words = digits(whole) if len(whole) > 15 else num2words(int(whole)).replace(",", "")
    return f"{words} point {digits(part)}" if part else words


def digits(text: str) -> str:
    return " ".join(DIGITS[int(c)] for c in text if c.isdigit() and c.isascii())


def ordinal(number: int) -> str:
    return num2words(number, to="ordinal").replace(",", "")


def year(number: int) -> str:
    return num2words(number, to="year")


def _month(name: str) -> str:
    return next(m for m in MONTHS if m.startswith(name[:3]))


def _date(day: int, month: int, then: str, *, day_first: bool) -> str | None:
    if not (1 <= day <= 31 and 1 <= month <= 12):
        return None
    name = MONTHS[month - 1]
    said = f"the {ordinal(day)} of {name}" if day_first else f"{name} {ordinal(day)}"
    if not then:
        return said
    number = int(then) if len(then) == 4 else 2000 + int(then)
    return f"{said}, {year(number)}"


def _time(m: re.Match[str]) -> str | None:
    hour, minute = int(m["hour"]), int(m["minute"] or 0)
    if hour > 24 or minute > 59:
        return None
    half = (m["half"] or "").lower()
    after = f" {half[0].upper()}M" if half else ""
    if m["second"]:
        return f"{cardinal(m['hour'])} {_minutes(minute)} and {cardinal(m['second'])} seconds{after}"
    if minute == 0:
        return f"{cardinal(str(hour))}{after}" if after else f"{cardinal(str(hour))} o'clock"
    return f"{cardinal(str(hour))} {_minutes(minute)}{after}"


def _minutes(minute: int) -> str:
    return f"oh {cardinal(str(minute))}" if minute < 10 else cardinal(str(minute))


def _money(sign: str, amount: str, scale: str | None) -> str:
    one, many, cent, cents = CURRENCY[sign]
    if scale:
        return f"{cardinal(amount)} {scale} {many}"
    if re.fullmatch(r"\d{1,3}(?:\.\d{3})*,\d{2}", amount):  # as the continent writes it
        amount = amount.replace(".", "").replace(",", ".")
    whole, _, part = re.sub(r"[,'’\s]", "", amount).partition(".")
    units = f"{cardinal(whole)} {one if int(whole) == 1 else many}"
    if len(part) == 2 and cent and int(part):
        pieces = f"{cardinal(str(int(part)))} {cent if int(part) == 1 else cents}"
        return pieces if int(whole) == 0 else f"{units} and {pieces}"
    if part.strip("0"):
        return f"{cardinal(amount)} {many}"
    return units


def _scale(m: re.Match[str]) -> str | None:
    return m["scale"] or SHORT.get((m["short"] or "").lower())


def _unit(m: re.Match[str]) -> str:
    one, many = UNITS[m["unit"]]
    minus = "minus " if m["minus"] else ""
    return f"{minus}{cardinal(m['number'])} {one if m['number'] == '1' else many}"


def _address(text: str) -> str:
    """Of a machine: letters and digits as they are, the signs between them named."""
    names = {".": "dot", "@": "at", "-": "dash", "_": "underscore", "/": "slash", "+": "plus", ":": "colon"}
    words = re.findall(r"[A-Za-z]+|\d|[^\sA-Za-z\d]", text)
    return " ".join(
        names.get(w, "") if not w.isalnum() else digits(w) if w.isdigit() else _host(w) for w in words
    )


def _host(word: str) -> str:
    return "W W W" if word.lower() == "www" else word.upper() if word.lower() in _SPELLED else word


_SPELLED = frozenset(["uk", "us", "eu", "tv", "io", "ai", "de", "fr", "fm"])


def _phone(m: re.Match[str]) -> str | None:
    text = m.group()
    if not 7 <= sum(c.isdigit() for c in text) <= 15:
        return None
    groups = re.findall(r"\d+", text)
    return ("plus " if text.startswith("+") else "") + ", ".join(digits(g) for g in groups)


def _fraction(m: re.Match[str]) -> str | None:
    over, under = int(m[1]), int(m[2])
    if not 0 < over < under or under not in HALVES:
        return None
    if under == 2:
        return "one half"
    part = "quarter" if under == 4 else ordinal(under)
    return f"{cardinal(m[1])} {part}{'s' if over > 1 else ''}"


def _shortened(m: re.Match[str]) -> str:
    return SHORTENED[m[1]]


def _mixed(m: re.Match[str]) -> str:
    """``MP3``, ``B2B``, ``COVID-19``: letters and numbers in turn."""
    parts = re.findall(r"[A-Za-z]+|\d+", m.group())
    return " ".join(
        cardinal(p) if p.isdigit() and len(p) < 4 and p[0] != "0" else _pairs(p) if p.isdigit() else p
        for p in parts
    )


def _pairs(number: str) -> str:
    """A number that counts nothing: ``1080`` is ten eighty, as a year is said."""
    fits = len(number) == 4 and number[0] != "0" and number[2:] != "00" and number[1] != "0"
    return year(int(number)) if fits or re.fullmatch(r"1080|1440", number) else digits(number)


def _by(m: re.Match[str]) -> str:
    return " by ".join(_pairs(p) if len(p) == 4 else cardinal(p) for p in re.split(r"\s?[x×]\s?", m.group()))


def _ip(m: re.Match[str]) -> str | None:
    parts = m.group(1).split(".")
    if any(int(p) > 255 for p in parts):
        return None
    port = f" port {digits(m[2])}" if m[2] else ""
    return " dot ".join(_octet(p) for p in parts) + port


def _octet(part: str) -> str:
    if len(part) < 3 or part[1:] == "00":
        return cardinal(part)
    return f"{cardinal(part[0])} {'oh ' if part[1] == '0' else ''}{cardinal(str(int(part[1:])))}"


def _raised(m: re.Match[str]) -> str:
    signs = power(m.group())
    if signs in ("2", "3"):
        return "squared" if signs == "2" else "cubed"
    minus = "minus " if signs[0] == "-" else ""
    return f"to the power of {minus}{digits(signs) if len(signs) > 3 else cardinal(signs.strip('+-') or '0')}"


def _worded(sign: str) -> str:
    return "less than" if sign == "<" else "greater than"


def _dotted(m: re.Match[str]) -> str:
    return m.group().replace(".", "").upper()


def _rules(*, british: bool) -> tuple[Rule, ...]:
    def slashed(m: re.Match[str]) -> str | None:
        first, second = int(m[1]), int(m[2])
        day, month = (first, second) if british or first > 12 else (second, first)
        return _date(day, month, m[3], day_first=british)

    def named(day: str, month: str, then: str | None, *, day_first: bool) -> str | None:
        return _date(int(day), MONTHS.index(_month(month)) + 1, then or "", day_first=day_first)

    def month_and_day(m: re.Match[str]) -> str | None:
        first, second = int(m[1]), int(m[2])
        day, month = (first, second) if british else (second, first)
        return _date(day, month, "", day_first=british) if second > first or second > 9 else None

    end = r"(?![\w])"
    weekday = rf"(?={end}\.?,?\s(?:\d|(?:{MONTH})\b)|\.?\s?(?:[-–—&]|and|to|through|or)\s?(?:{DAY})\b)"
    return (
        rule(r"(?:https?|ftp)://(?:www\.)?([\w.-]+\w)\S*\w/?", lambda m: _address(m[1])),
        rule(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,}", lambda m: _address(m.group())),
        rule(r"www\.((?:[\w-]+\.)+[\w-]*\w)(?:[:/?#]\S*[\w/])?", lambda m: _address(m[1])),
        rule(r"(\d{1,3}(?:\.\d{1,3}){3})(?::(\d{2,5}))?(?![\w.]*\d)", _ip),
        rule(
            r"(?:[A-Za-z][\w-]*(?:\.[\w-]+)*\.(?:com|org|net|edu|gov|io|ai|dev|app|info|eu|tv|co\.uk|uk|me|xyz)\b)"
            r"(?:/[\w./-]*\w)?(?:[?#]\S*\w)?",
            lambda m: _address(re.split("[?#]", m.group())[0]),
        ),
        rule(
            r"(\d{4})-(\d{2})-(\d{2})[T ](\d{2}):(\d{2})(?::\d{2}(?:\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?" + end,
            lambda m: (
                " at ".join(
                    filter(None, [_date(int(m[3]), int(m[2]), m[1], day_first=british), _clock(m[4], m[5])])
                )
                + (" UTC" if m[6] == "Z" else "")
            ),
        ),
        rule(
            r"(\d{4})-(\d{2})-(\d{2})" + end, lambda m: _date(int(m[3]), int(m[2]), m[1], day_first=british)
        ),
        rule(r"(\d{1,2})/(\d{1,2})/(\d{4}|\d{2})" + end, slashed),
        rule(r"(\d{1,2})-(\d{1,2})-(\d{4})" + end, slashed),
        rule(
            r"(\d{1,2})\.(\d{1,2})\.(\d{4})" + end,
            lambda m: _date(int(m[1]), int(m[2]), m[3], day_first=True),
        ),
        rule(rf"({DAY}){weekday}\.?", lambda m: _joined(m) + DAYS[m[1]]),
        rule(
            rf"(?<=[-–—]|\s)({DAY})(?=[-–—]|\s[-–—]|[.,;)]|$)\.?",
            lambda m: _joined(m) + DAYS[m[1]] if _listed(m) else None,
        ),
        rule(rf"({MONTH})(?=\s?[-–—]\s?(?:{MONTH})\b)", lambda m: _month(m[1])),
        rule(rf"(?<=[-–—])({MONTH})" + end, lambda m: f"to {_month(m[1])}" if _listed(m) else _month(m[1])),
        rule(
            rf"({MONTH})\s(\d{{1,2}})(?:st|nd|rd|th)?(?:,?\s(\d{{4}}))?" + end,
            lambda m: named(m[2], m[1], m[3], day_first=british),
        ),
        rule(
            rf"(?:[Tt]he\s)?(\d{{1,2}})(?:st|nd|rd|th)?\s(?:of\s)?({MONTH})(?:,?\s(\d{{4}}))?" + end,
            lambda m: named(m[1], m[2], m[3], day_first=True),
        ),
        rule(
            r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2}))?(?:\s?(?P<half>[AaPp])\.?[Mm]\b(?:\.(?=\s|[-–—]))?)?"
            + end,
            _time,
        ),
        rule(
            r"(?P<hour>\d{1,2})(?P<minute>)(?P<second>)\s?(?P<half>[AaPp])\.?[Mm]\b(?:\.(?=\s|[-–—]))?" + end,
            _time,
        ),
        rule(
            r"(\d{1,2})\s?[-–—]\s?(?=\d{1,2}(?::\d{2})?\s?[AaPp]\.?[Mm]\b)",
            lambda m: f"{cardinal(m[1])} to",
        ),
        # A dash between two times, sums or shares.
        rule(r"(?<=[\d%mM.])\s?[-–—]\s?(?=[$£€¥₹]\s?\d|\d+(?::\d{2}|\s?[AaPp]\.?[Mm]\b|%))", lambda _: "to"),
        rule(r"\+\d[\d ().-]{6,}\d" + end, _phone),
        rule(r"1[-. ]\d{3}[-. ]\d{3}[-. ]\d{4}" + end, _phone),
        rule(r"(?<=[Cc]all )(?:911|999|112|988|111|101)" + end, lambda m: digits(m.group())),
        rule(r"\(\d{3}\)\s?\d{3}[-. ]\d{4}" + end, _phone),
        rule(r"\d{3}[-.]\d{3}[-.]\d{4}" + end, _phone),
        rule(r"\d{3}[-. ]\d{4}" + end, _phone),
        rule(r"0\d{2,4}\s\d{3,4}\s?\d{3,4}" + end, _phone),
        rule(
            r"([-−])?(US\$|[$£€¥₹])\s?(\d{1,3}(?:\.\d{3})+,\d{2}|\d+,\d{2})" + end,
            lambda m: ("minus " if m[1] else "") + _money(m[2], m[3], None),
        ),
        rule(
            r"(\d{1,3}(?:\.\d{3})*,\d{2})\s?([€£])",
            lambda m: _money(m[2], m[1], None),
        ),
        rule(rf"[-−](US\$|[$£€¥₹])\s?({NUMBER}){SCALE}", lambda m: "minus " + _money(m[1], m[2], _scale(m))),
        rule(rf"(?<=[\w.])\s?/\s?({'|'.join(sorted(PER, key=len, reverse=True))})\b", _per),
        rule(
            r"(US\$|[$£€¥₹])\s?(\d+)\s?[-–]\s?(\d+)" + end,
            lambda m: f"{cardinal(m[2])} to {_money(m[1], m[3], None)}",
        ),
        rule(rf"(US\$|[$£€¥₹])\s?({NUMBER}){SCALE}", lambda m: _money(m[1], m[2], _scale(m))),
        rule(rf"({NUMBER}){SCALE}\s?([€£])", lambda m: _money(m[4], m[1], _scale(m))),
        rule(rf"({NUMBER}){SCALE}\s?(USD|EUR|GBP|JPY|INR)\b", lambda m: _money(CODES[m[4]], m[1], _scale(m))),
        rule(r"(USD|EUR|GBP|JPY|INR)\s?(" + NUMBER + r")", lambda m: _money(CODES[m[1]], m[2], None)),
        rule(r"[vV]\.?(\d+(?:\.\d+)+)", lambda m: f"version {_dots(m[1])}"),
        rule(
            r"(\d)['’′]\s?(\d{1,2})(?:[\"”″]|(?!\d|['’]|,\d))",
            lambda m: f"{cardinal(m[1])} foot {cardinal(m[2])}",
        ),
        rule(
            r"(\d+)\s?ft\.?\s(\d{1,2})\s?in\b\.?(?=\W|$)",
            lambda m: f"{cardinal(m[1])} foot {cardinal(m[2])}",
        ),
        rule(
            rf"({NUMBER})(?:[″]|[\"”](?=\s?(?:x|by|wide|tall|long|deep|thick|screen|monitor|display|TV|pizza|pipe)\b))",
            lambda m: f"{cardinal(m[1])} inch",
        ),
        rule(r"\d+\s?[x×]\s?\d+(?:\s?[x×]\s?\d+)*" + end, lambda m: _by(m) if "x" in m.group() else None),
        rule(r"(\d+(?:\.\d+)?)x" + end, lambda m: f"{cardinal(m[1])} times"),
        rule(rf"({NUMBER})\s?%\s?[-–]\s?(?={NUMBER}\s?%)", lambda m: f"{cardinal(m[1])} to"),
        rule(rf"({NUMBER})\s?[-–]\s?({NUMBER})(?=\s?%)", lambda m: f"{cardinal(m[1])} to {cardinal(m[2])}"),
        rule(r"(?:(?<=[Tt]he )['’]?|['’])([2-9]0)s" + end, lambda m: _plural(cardinal(m[1]))),
        rule(r"(mid|early|late|pre|post)-(?=\d)", lambda m: m[1]),
        rule(r"(?<=(?:mid|rly|ate)[- ])([2-9]0)s" + end, lambda m: _plural(cardinal(m[1]))),
        rule(r"(1[1-9]|20)\d0s" + end, lambda m: _plural(year(int(m.group()[:4])))),
        rule(
            rf"({NUMBER})(?:[-–]|\s[-–]\s)(?={NUMBER}\s?(?:{UNIT})(?![\w/]))",
            lambda m: f"{cardinal(m[1])} to",
        ),
        rule(
            rf"(?P<minus>[-−])?(?P<number>{NUMBER})\s?(?P<unit>{UNIT})" + end + r"(?:\.(?=[,;)]|\s[a-z\d]))?",
            _unit,
        ),
        rule(r"t(?:bsp|sp)\b", lambda m: UNITS[m.group()][0]),
        rule(r"(?<=st|nd|rd|th)\s?[-–]\s?(?=\d+(?:st|nd|rd|th)\b)", lambda _: "to"),
        rule(
            r"(?<=ISBN.)\s?\d[\d-]{8,15}[\dX]" + end,
            lambda m: ", ".join(
                " ".join(digits(c) if c.isdigit() else c for c in g) for g in m.group().split("-")
            ),
        ),
        rule(
            r"(\d{1,3}(?:,\d{3})*|\d+)(?:st|nd|rd|th)" + end,
            lambda m: ordinal(int(m[1].replace(",", ""))) if len(m[1]) < 12 else None,
        ),
        rule(r"(?:24/7|50/50|9/11)" + end, lambda m: " ".join(cardinal(p) for p in m.group().split("/"))),
        rule(
            rf"({NUMBER})\s?/\s?({NUMBER})(?=\s*=)", lambda m: f"{cardinal(m[1])} divided by {cardinal(m[2])}"
        ),
        rule(rf"({NUMBER})\s?/\s?(10|100)" + end, lambda m: f"{cardinal(m[1])} out of {cardinal(m[2])}"),
        rule(r"(\d+\.\d+)\s?/\s?(\d+)" + end, lambda m: f"{cardinal(m[1])} out of {cardinal(m[2])}"),
        rule(r"(\d+)/\1" + end, lambda m: f"{cardinal(m[1])} out of {cardinal(m[1])}"),
        rule(
            r"(\d+)\s(?=(\d{1,2})/(\d{1,2})(?!\w))",
            lambda m: f"{cardinal(m[1])} and" if int(m[2]) < int(m[3]) and int(m[3]) in HALVES else None,
        ),
        rule(r"(\d{1,2})\s?/\s?(\d{1,3})" + end, _fraction),
        rule(r"(\d{1,2})/(\d{1,2})" + end, month_and_day),
        rule(r"(\d+):(\d+)" + end, lambda m: f"{cardinal(m[1])} to {cardinal(m[2])}"),
        rule(r"(\d+)\s?([½¼¾⅓⅔⅛⅜⅝⅞])", lambda m: f"{cardinal(m[1])} and {FRACTIONS[m[2]]}"),
        rule(r"[½¼¾⅓⅔⅛⅜⅝⅞]", lambda m: FRACTIONS[m.group()]),
        rule(r"(\d{4})[-–](\d{4})" + end, lambda m: f"{year(int(m[1]))} to {year(int(m[2]))}"),
        rule(r"(?:1[1-9]|20)\d\d(?![\d,.]*\d)" + end, lambda m: year(int(m.group()))),
        rule(
            rf"({NUMBER})(?:[-–]|\s[-–]\s)({NUMBER})(?!\s*=)" + end,
            lambda m: f"{cardinal(m[1])} to {cardinal(m[2])}",
        ),
        rule(r"(?:(?<=\d)|(?<=\d\s))[-−–]\s?(?=\d+(?:\.\d+)?\s*=)", lambda _: "minus"),
        rule(r"(UTC|GMT)\s?([+−-])(?=\d)", lambda m: f"{m[1]} {'plus' if m[2] == '+' else 'minus'}"),
        rule(r"401\(k\)", lambda _: "four oh one K"),
        rule(r"Nos\.(?=\s?\d)", lambda _: "numbers"),
        rule(r"(?:[Nn]o\.|Nr\.|#|№)\s?(\d+)" + end, lambda m: f"number {cardinal(m[1])}"),
        rule(r"\d+(?:\.\d+){2,}", lambda m: _dots(m.group())),
        rule(rf"((?:{RELEASED})\s)(?:v)?(\d+\.\d+)" + end, lambda m: f"{m[1]}{_dots(m[2])}"),
        rule(r"([A-Za-z]+)-?(\d+\.\d+)([A-Za-z]?)" + end, lambda m: f"{m[1]} {cardinal(m[2])} {m[3]}"),
        rule(r"\.(\d+)" + end, lambda m: f"point {digits(m[1])}"),
        rule(r"\.(NET)\b", lambda m: "dot net"),
        rule(r"(\d+)k" + end, lambda m: f"{cardinal(m[1])} thousand"),
        rule(r"[A-Za-z]+-?\d+[A-Za-z\d]*|\d+[A-Za-z][A-Za-z\d]*", _mixed),
        rule(rf"(?<![\w)])[-−]({NUMBER})", lambda m: f"minus {cardinal(m[1])}"),
        rule(r"(\d{1,2})\)(?=\s)", lambda m: f"{cardinal(m[1])},"),
        rule(r"0\d+" + end, lambda m: digits(m.group())),
        rule(rf"({NUMBER})\s?(?P<short>[KM])\b", lambda m: f"{cardinal(m[1])} {SHORT[m['short'].lower()]}"),
        rule(NUMBER, lambda m: cardinal(m.group())),
        rule(
            rf"({COUNTED})\s({NUMERAL}|[IVX](?!['’\w]))" + end,
            lambda m: f"{m[1]} {cardinal(str(value(m[2])))}",
        ),
        rule(
            rf"({RULERS})\s({NUMERAL}|[IVX](?!['’\w])(?!\s[a-z]))" + end,
            lambda m: f"{m[1]} the {ordinal(value(m[2]) or 0)}",
        ),
        rule(rf"({NUMERAL})(?=\s(?:[Cc]entury|[Oo]lympi))", lambda m: ordinal(value(m[1]) or 0)),
        rule(NUMERAL + end, lambda m: cardinal(str(value(m.group()))) if len(m.group()) > 1 else None),
        rule(
            r"[\w-]+\.(?:txt|pdf|docx?|xlsx?|pptx?|csv|json|xml|html?|js|py|md|zip|jpe?g|png|gif|mp[34]|wav|exe)\b",
            lambda m: _address(m.group()),
        ),
        rule(r"Ph\.?\s?D\.?(?=[\s,;:)]|$)", lambda _: "P H D"),
        rule(r"(pp|p|Ch|ch|Vol|vol|Sec|sec)\.\s?(?=\d)", lambda m: PAGES[m[1].lower()]),
        rule(r"vs\b(?!\.)", lambda _: "versus"),
        rule(rf"[{RAISED}]+", _raised),
        rule(r"([a-z]\w*|[A-Z][a-z]\w*|[A-Za-z])(?=[{RAISED}])".replace("{RAISED}", RAISED), lambda m: m[1]),
        rule(r"#(?=[^\W\d])", lambda _: "hashtag"),
        rule(r"s/he\b", lambda _: "she or he"),
        rule(r"(he|He|his|His|him|Him|she|She)/(she|her|hers|him|he)\b", lambda m: f"{m[1]} or {m[2]}"),
        rule(r"b/c\b", lambda _: "because"),
        rule(r"km/h\b", lambda _: "kilometres per hour"),
        rule(r"(?<=[\w)\]])\s?(!=|==|<=|>=)\s?(?=[\w(\[])", lambda m: _COMPARED[m[1]]),
        rule(r"(?<=\b\w)[<>](?=\w\b)|(?<!<)[<>](?=\s?\d)", lambda m: _worded(m.group())),
        rule(r"C\+\+", lambda _: "C plus plus"),
        rule(r"([CF])#", lambda m: f"{m[1]} sharp"),
        rule(r"e\.g\.,?", lambda _: "for example,"),
        rule(r"i\.e\.,?", lambda _: "that is,"),
        rule(r"a\.k\.a\.", lambda _: "also known as"),
        rule(r"a\.m\.", lambda _: "AM"),
        rule(r"p\.m\.", lambda _: "PM"),
        rule(r"St\.(?=\s[A-Z])", lambda _: "Saint"),
        rule(r"St\.", lambda _: "Street"),
        rule(rf"({'|'.join(sorted(SHORTENED, key=len, reverse=True))})\.(?=[\s,;:)]|$)", _shortened),
        rule(r"(Mr|Mrs|Ms|Dr|Prof)(?=\s[A-Z])", _shortened),
        rule(rf"({'|'.join(m[:3] for m in MONTHS)})\.", lambda m: _month(m[1])),
        rule(r"(?:[A-Za-z]\.){2,}", _dotted),
        rule(r"w/o\b", lambda _: "without"),
        rule(r"w/(?=\s)", lambda _: "with"),
        rule(r"and/or\b", lambda _: "and or"),
        rule(
            r"(?<=\s)[<>=+*^~≈≤≥→](?=\s)|~(?=\d)|(?<=\w)\*(?=\w)|(?<=\w)\^(?=[-−]?\w)|[&@%×÷±§©®™∞√π°€£#≤≥≈≠♯♭№¢¥₹⇒]|[+=](?=\w)",
            lambda m: SIGNS[m.group()],
        ),
    )


_COMPARED = {"!=": "is not equal to", "==": "equals", "<=": "is at most", ">=": "is at least"}


def _clock(hour: str, minute: str) -> str:
    whole = cardinal(str(int(hour)))
    return f"{whole} {_minutes(int(minute))}" if int(minute) else f"{whole} o'clock"


def _per(m: re.Match[str]) -> str | None:
    """``$5/month``, not ``and/or``: what is before is a number or a unit of money."""
    before = m.string[max(0, m.start() - 12) : m.start()].rstrip()
    return f"per {PER[m[1]]}" if re.search(r"\d[KkMm]?$|\d\s?[A-Za-z]{1,4}$|[€£]$", before) else None


def _listed(m: re.Match[str]) -> bool:
    """Whether what is before is a day or month, and a dash."""
    return bool(re.search(rf"(?:{DAY}|{MONTH})\.?\s?(?:[-–—&]|and|to|through|or)\s?$", m.string[: m.start()]))


def _joined(m: re.Match[str]) -> str:
    return "to " if _listed(m) and m.string[: m.start()].rstrip()[-1] in "-–—" else ""


def _plural(words: str) -> str:
    return words[:-1] + "ies" if words.endswith("y") else words + "s"


def _dots(text: str) -> str:
    return " point ".join(
        cardinal(p) if len(p) < 4 and (p == "0" or p[0] != "0") else digits(p) for p in text.split(".")
    )


RULES = {"en-US": _rules(british=False), "en-GB": _rules(british=True)}
