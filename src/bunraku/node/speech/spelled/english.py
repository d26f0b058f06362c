"""Rules of English reading. What differs between the two Englishes is the order of a date."""

from __future__ import annotations

import re

from num2words import num2words

from bunraku.node.speech.spelled.roman import NUMERAL, value
from bunraku.node.speech.spelled.words import Rule, rule

_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
_MONTH = "|".join([*_MONTHS, *(m[:3] + r"\.?(?![a-z])" for m in _MONTHS), r"Sept\.?(?![a-z])"])
_DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
_NUMBER = r"\d{1,3}(?:[,\u00a0\u202f ]\d{3})+(?:\.\d+)?(?!\d)|\d+(?:\.\d+)?"
_SCALE = r"(?:\s(?P<scale>thousand|million|billion|trillion)\b|(?P<short>[KkMmB]|bn)\b)?"
_SHORT = {"k": "thousand", "m": "million", "b": "billion", "bn": "billion"}
_COUNTED = (
    "War|Chapter|Part|Act|Phase|Type|Title|Volume|Book|Section|Article|Appendix|Stage|Level|Class|Super Bowl"
)
_RULERS = (
    "Elizabeth|Charles|Henry|George|William|Louis|Philip|Philippe|John Paul|Benedict|Pius|Edward|Richard"
    "|James|Mary|Nicholas|Alexander|Catherine|Frederick|Peter|Paul|Napoleon|Leo|Gregory|Innocent|Clement|Ramesses"
    "|Felipe|Harald"
)
_CURRENCY = {
    "$": ("dollar", "dollars", "cent", "cents"),
    "US$": ("US dollar", "US dollars", "cent", "cents"),
    "£": ("pound", "pounds", "penny", "pence"),
    "€": ("euro", "euros", "cent", "cents"),
    "¥": ("yen", "yen", "", ""),
    "₹": ("rupee", "rupees", "paisa", "paise"),
}
_CODES = {"USD": "US$", "EUR": "€", "GBP": "£", "JPY": "¥", "INR": "₹"}
_UNITS = {
    "km/h": ("kilometre per hour", "kilometres per hour"), "mph": ("mile per hour", "miles per hour"),
    "m/s": ("metre per second", "metres per second"), "km": ("kilometre", "kilometres"),
    "cm": ("centimetre", "centimetres"), "mm": ("millimetre", "millimetres"), "m": ("metre", "metres"),
    "kg": ("kilogram", "kilograms"), "mg": ("milligram", "milligrams"), "g": ("gram", "grams"),
    "lb": ("pound", "pounds"), "lbs": ("pound", "pounds"), "oz": ("ounce", "ounces"), "ft": ("foot", "feet"),
    "mi": ("mile", "miles"), "ml": ("millilitre", "millilitres"), "L": ("litre", "litres"),
    "l": ("litre", "litres"), "GB": ("gigabyte", "gigabytes"), "MB": ("megabyte", "megabytes"),
    "kB": ("kilobyte", "kilobytes"), "KB": ("kilobyte", "kilobytes"), "TB": ("terabyte", "terabytes"),
    "GHz": ("gigahertz", "gigahertz"), "MHz": ("megahertz", "megahertz"), "kHz": ("kilohertz", "kilohertz"),
    "Hz": ("hertz", "hertz"), "kWh": ("kilowatt hour", "kilowatt hours"), "kW": ("kilowatt", "kilowatts"),
    "W": ("watt", "watts"), "V": ("volt", "volts"), "hrs": ("hour", "hours"), "hr": ("hour", "hours"),
    "h": ("hour", "hours"), "min": ("minute", "minutes"), "sec": ("second", "seconds"),
    "s": ("second", "seconds"),
    "ms": ("millisecond", "milliseconds"), "°C": ("degree Celsius", "degrees Celsius"),
    "°F": ("degree Fahrenheit", "degrees Fahrenheit"), "°": ("degree", "degrees"),
    "%": ("percent", "percent"),
    "m²": ("square metre", "square metres"), "km²": ("square kilometre", "square kilometres"),
}  # fmt: skip
_UNIT = "|".join(re.escape(u) for u in sorted(_UNITS, key=len, reverse=True))
_SHORTENED = {
    "Mr": "Mister", "Mrs": "Missus", "Ms": "Miz", "Dr": "Doctor", "Prof": "Professor", "Sr": "Senior",
    "Jr": "Junior",
    "Gen": "General", "Capt": "Captain", "Lt": "Lieutenant", "Sgt": "Sergeant", "Rev": "Reverend",
    "Hon": "Honorable",
    "vs": "versus", "approx": "approximately", "dept": "department", "Dept": "Department",
    "est": "established",
    "Inc": "Incorporated", "Ltd": "Limited", "Corp": "Corporation", "Co": "Company", "Ave": "Avenue",
    "Blvd": "Boulevard", "Rd": "Road", "Mt": "Mount", "Ft": "Fort", "Fig": "Figure", "fig": "figure",
    "max": "maximum",
    "min": "minimum", "tel": "telephone", "Tel": "Telephone", "ext": "extension", "etc": "etcetera",
}  # fmt: skip
_PAGES = {"pp": "pages", "p": "page", "ch": "chapter", "vol": "volume", "sec": "section"}
_FRACTIONS = {
    "½": "a half",
    "¼": "a quarter",
    "¾": "three quarters",
    "⅓": "a third",
    "⅔": "two thirds",
    "⅛": "an eighth",
}
_SIGNS = {
    "&": "and", "@": "at", "+": "plus", "=": "equals", "×": "times", "÷": "divided by", "±": "plus or minus",
    "<": "less than", ">": "greater than", "≤": "at most", "≥": "at least", "≈": "about", "~": "about",
    "°": "degrees", "%": "percent", "§": "section", "©": "copyright", "®": "registered", "™": "trademark",
    "→": "to", "∞": "infinity", "√": "the square root of", "π": "pi", "€": "euros", "£": "pounds",
    "$": "dollars",
    "#": "number", "*": "times", "/": "slash", "^": "to the power of",
}  # fmt: skip


def cardinal(number: str) -> str:
    """``1,234.5`` in words."""
    whole, _, part = number.replace(",", "").partition(".")
    whole = re.sub(r"\s", "", whole)
    words = digits(whole) if len(whole) > 15 else num2words(int(whole)).replace(",", "")
    return f"{words} point {digits(part)}" if part else words


def digits(text: str) -> str:
    return " ".join(_DIGITS[int(c)] for c in text if c.isdigit() and c.isascii())


def ordinal(number: int) -> str:
    return num2words(number, to="ordinal").replace(",", "")


def year(number: int) -> str:
    return num2words(number, to="year")


def _month(name: str) -> str:
    return next(m for m in _MONTHS if m.startswith(name[:3]))


def _date(day: int, month: int, then: str, *, day_first: bool) -> str | None:
    if not (1 <= day <= 31 and 1 <= month <= 12):
        return None
    name = _MONTHS[month - 1]
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
    one, many, cent, cents = _CURRENCY[sign]
    if scale:
        return f"{cardinal(amount)} {scale} {many}"
    whole, _, part = re.sub(r"[,\s]", "", amount).partition(".")
    units = f"{cardinal(whole)} {one if int(whole) == 1 else many}"
    if len(part) == 2 and cent and int(part):
        pieces = f"{cardinal(str(int(part)))} {cent if int(part) == 1 else cents}"
        return pieces if int(whole) == 0 else f"{units} and {pieces}"
    if part.strip("0"):
        return f"{cardinal(amount)} {many}"
    return units


def _scale(m: re.Match[str]) -> str | None:
    return m["scale"] or _SHORT.get((m["short"] or "").lower())


def _unit(m: re.Match[str]) -> str:
    one, many = _UNITS[m["unit"]]
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
    if not 0 < over < under <= 100:
        return None
    if under == 2:
        return "one half"
    part = "quarter" if under == 4 else ordinal(under)
    return f"{cardinal(m[1])} {part}{'s' if over > 1 else ''}"


def _shortened(m: re.Match[str]) -> str:
    return _SHORTENED[m[1]]


def _mixed(m: re.Match[str]) -> str:
    """``MP3``, ``B2B``, ``COVID-19``: letters and numbers in turn."""
    parts = re.findall(r"[A-Za-z]+|\d+", m.group())
    return " ".join(
        cardinal(p) if p.isdigit() and len(p) < 4 and p[0] != "0" else digits(p) if p.isdigit() else p
        for p in parts
    )


def _dotted(m: re.Match[str]) -> str:
    return m.group().replace(".", "").upper()


def _rules(*, british: bool) -> tuple[Rule, ...]:
    def slashed(m: re.Match[str]) -> str | None:
        first, second = int(m[1]), int(m[2])
        day, month = (first, second) if british or first > 12 else (second, first)
        return _date(day, month, m[3], day_first=british)

    def named(day: str, month: str, then: str | None, *, day_first: bool) -> str | None:
        return _date(int(day), _MONTHS.index(_month(month)) + 1, then or "", day_first=day_first)

    end = r"(?![\w])"
    return (
        rule(r"(?:https?|ftp)://(?:www\.)?([\w.-]+\w)\S*\w/?", lambda m: _address(m[1])),
        rule(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,}", lambda m: _address(m.group())),
        rule(
            r"(?:www\.[\w-]+(?:\.[\w-]+)+|[A-Za-z][\w-]*(?:\.[\w-]+)*\.(?:com|org|net|edu|gov|io|ai|dev|app|info|eu|tv|co\.uk|uk)\b)"
            r"(?:/[\w./-]*\w)?",
            lambda m: _address(m.group()),
        ),
        rule(
            r"(\d{4})-(\d{2})-(\d{2})" + end, lambda m: _date(int(m[3]), int(m[2]), m[1], day_first=british)
        ),
        rule(r"(\d{1,2})/(\d{1,2})/(\d{4}|\d{2})" + end, slashed),
        rule(
            rf"({_MONTH})\s(\d{{1,2}})(?:st|nd|rd|th)?(?:,?\s(\d{{4}}))?" + end,
            lambda m: named(m[2], m[1], m[3], day_first=british),
        ),
        rule(
            rf"(?:[Tt]he\s)?(\d{{1,2}})(?:st|nd|rd|th)?\s(?:of\s)?({_MONTH})(?:,?\s(\d{{4}}))?" + end,
            lambda m: named(m[1], m[2], m[3], day_first=True),
        ),
        rule(
            r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2}))?(?:\s?(?P<half>[AaPp])\.?[Mm]\b(?:\.(?=\s))?)?"
            + end,
            _time,
        ),
        rule(
            r"(?P<hour>\d{1,2})(?P<minute>)(?P<second>)\s?(?P<half>[AaPp])\.?[Mm]\b(?:\.(?=\s))?" + end, _time
        ),
        rule(r"\+\d[\d ().-]{6,}\d" + end, _phone),
        rule(r"\(\d{3}\)\s?\d{3}[-. ]\d{4}" + end, _phone),
        rule(r"\d{3}[-.]\d{3}[-.]\d{4}" + end, _phone),
        rule(r"\d{3}[-. ]\d{4}" + end, _phone),
        rule(r"0\d{2,4}\s\d{3,4}\s?\d{3,4}" + end, _phone),
        rule(
            r"(US\$|[$£€¥₹])\s?(\d+)\s?[-–]\s?(\d+)" + end,
            lambda m: f"{cardinal(m[2])} to {_money(m[1], m[3], None)}",
        ),
        rule(rf"(US\$|[$£€¥₹])\s?({_NUMBER}){_SCALE}", lambda m: _money(m[1], m[2], _scale(m))),
        rule(rf"({_NUMBER}){_SCALE}\s?([€£])", lambda m: _money(m[4], m[1], _scale(m))),
        rule(
            rf"({_NUMBER}){_SCALE}\s?(USD|EUR|GBP|JPY|INR)\b", lambda m: _money(_CODES[m[4]], m[1], _scale(m))
        ),
        rule(r"(USD|EUR|GBP|JPY|INR)\s?(" + _NUMBER + r")", lambda m: _money(_CODES[m[1]], m[2], None)),
        rule(r"[vV]\.?(\d+(?:\.\d+)+)", lambda m: f"version {_dots(m[1])}"),
        rule(r"(\d)['’′](\d{1,2})[\"”″]", lambda m: f"{cardinal(m[1])} foot {cardinal(m[2])}"),
        rule(rf"({_NUMBER})\s?[-–]\s?({_NUMBER})(?=\s?%)", lambda m: f"{cardinal(m[1])} to {cardinal(m[2])}"),
        rule(r"(?:(?<=[Tt]he )['’]?|['’])([2-9]0)s" + end, lambda m: _plural(cardinal(m[1]))),
        rule(r"(1[1-9]|20)\d0s" + end, lambda m: _plural(year(int(m.group()[:4])))),
        rule(rf"(?P<minus>[-−])?(?P<number>{_NUMBER})\s?(?P<unit>{_UNIT})" + end, _unit),
        rule(r"(\d{1,3})(?:st|nd|rd|th)" + end, lambda m: ordinal(int(m[1]))),
        rule(r"(\d{1,2})\s?/\s?(\d{1,3})" + end, _fraction),
        rule(r"(\d+):(\d+)" + end, lambda m: f"{cardinal(m[1])} to {cardinal(m[2])}"),
        rule(r"(\d+)([½¼¾⅓⅔⅛])", lambda m: f"{cardinal(m[1])} and {_FRACTIONS[m[2]]}"),
        rule(r"[½¼¾⅓⅔⅛]", lambda m: _FRACTIONS[m.group()]),
        rule(r"(\d{4})[-–](\d{4})" + end, lambda m: f"{year(int(m[1]))} to {year(int(m[2]))}"),
        rule(r"(?:1[1-9]|20)\d\d(?![\d,.]*\d)" + end, lambda m: year(int(m.group()))),
        rule(r"(\d+)[-–](\d+)" + end, lambda m: f"{cardinal(m[1])} to {cardinal(m[2])}"),
        rule(r"(?:No\.|Nr\.|#)\s?(\d+)", lambda m: f"number {cardinal(m[1])}"),
        rule(r"\d+(?:\.\d+){2,}", lambda m: _dots(m.group())),
        rule(r"(\d+)k" + end, lambda m: f"{cardinal(m[1])} thousand"),
        rule(r"[A-Za-z]+-?\d+[A-Za-z\d]*|\d+[A-Za-z][A-Za-z\d]*", _mixed),
        rule(rf"([-−])({_NUMBER})", lambda m: f"minus {cardinal(m[2])}"),
        rule(r"0\d+" + end, lambda m: digits(m.group())),
        rule(rf"({_NUMBER})\s?(?P<short>[KM])\b", lambda m: f"{cardinal(m[1])} {_SHORT[m['short'].lower()]}"),
        rule(_NUMBER, lambda m: cardinal(m.group())),
        rule(
            rf"({_COUNTED})\s({NUMERAL}|[IVX](?!['’\w]))" + end,
            lambda m: f"{m[1]} {cardinal(str(value(m[2])))}",
        ),
        rule(
            rf"({_RULERS})\s({NUMERAL}|[IVX](?!['’\w])(?!\s[a-z]))" + end,
            lambda m: f"{m[1]} the {ordinal(value(m[2]) or 0)}",
        ),
        rule(rf"({NUMERAL})(?=\s(?:[Cc]entury|[Oo]lympi))", lambda m: ordinal(value(m[1]) or 0)),
        rule(NUMERAL + end, lambda m: cardinal(str(value(m.group()))) if len(m.group()) > 1 else None),
        rule(
            r"[\w-]+\.(?:txt|pdf|docx?|xlsx?|pptx?|csv|json|xml|html?|js|py|md|zip|jpe?g|png|gif|mp[34]|wav|exe)\b",
            lambda m: _address(m.group()),
        ),
        rule(r"Ph\.?\s?D\.?(?=[\s,;:)]|$)", lambda _: "P H D"),
        rule(r"(pp|p|Ch|ch|Vol|vol|Sec|sec)\.\s?(?=\d)", lambda m: _PAGES[m[1].lower()]),
        rule(r"vs\b(?!\.)", lambda _: "versus"),
        rule(r"C\+\+", lambda _: "C plus plus"),
        rule(r"([CF])#", lambda m: f"{m[1]} sharp"),
        rule(r"e\.g\.,?", lambda _: "for example,"),
        rule(r"i\.e\.,?", lambda _: "that is,"),
        rule(r"a\.k\.a\.", lambda _: "also known as"),
        rule(r"a\.m\.", lambda _: "AM"),
        rule(r"p\.m\.", lambda _: "PM"),
        rule(r"St\.(?=\s[A-Z])", lambda _: "Saint"),
        rule(r"St\.", lambda _: "Street"),
        rule(rf"({'|'.join(sorted(_SHORTENED, key=len, reverse=True))})\.(?=[\s,;:)]|$)", _shortened),
        rule(r"(Mr|Mrs|Ms|Dr|Prof)(?=\s[A-Z])", _shortened),
        rule(rf"({'|'.join(m[:3] for m in _MONTHS)})\.", lambda m: _month(m[1])),
        rule(r"(?:[A-Za-z]\.){2,}", _dotted),
        rule(r"w/o\b", lambda _: "without"),
        rule(r"w/(?=\s)", lambda _: "with"),
        rule(r"and/or\b", lambda _: "and or"),
        rule(
            r"(?<=\s)[<>=+*^~≈≤≥→](?=\s)|~(?=\d)|(?<=\w)[*^](?=\w)|[&@%×÷±§©®™∞√π°€£#]|[+=](?=\w)",
            lambda m: _SIGNS[m.group()],
        ),
    )


def _plural(words: str) -> str:
    return words[:-1] + "ies" if words.endswith("y") else words + "s"


def _dots(text: str) -> str:
    return " point ".join(cardinal(p) if len(p) < 4 else digits(p) for p in text.split("."))


RULES = {"en-US": _rules(british=False), "en-GB": _rules(british=True)}
