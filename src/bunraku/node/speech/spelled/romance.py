"""Rules of Spanish, French, Italian and Brazilian Portuguese: numbers, money, times, dates, addresses.

Hindi's numbers are left to espeak-ng, which knows them.
"""

from __future__ import annotations

import re

from num2words import num2words

from bunraku.node.speech.spelled.roman import NUMERAL, value
from bunraku.node.speech.spelled.romance_words import DAYS, LANGUAGES, Language, Unit
from bunraku.node.speech.spelled.words import RAISED, Rule, power, rule

_NUMBER = r"\d{1,3}(?:[.\u202f\u00a0 ]\d{3})+(?:,\d+)?(?!\d)|\d+(?:[,.]\d+)?"
_MASCULINE_IN_A = frozenset(
    ["día", "mapa", "problema", "sistema", "programa", "idioma", "tema", "clima", "dia", "turista", "planeta"]
)


_MORE = {
    "es": {"by": "por", "2": "al cuadrado", "3": "al cubo", "^": "elevado a", "per": "por", "half": "media"},
    "fr": {"by": "par", "2": "au carré", "3": "au cube", "^": "puissance", "per": "par", "half": "une demi"},
    "it": {"by": "per", "2": "al quadrato", "3": "al cubo", "^": "alla", "per": "al", "half": "mezza"},
    "pt": {"by": "por", "2": "ao quadrado", "3": "ao cubo", "^": "elevado a", "per": "por", "half": "meia"},
}
"""Words for sizes, powers and what is paid a month."""
_HALVED = {"fr": r"(?:heure|livre|journée|tasse|bouteille|page|douzaine|cuillère|minute|année)s?\b"}
"""Nouns that a half is feminine before; in other languages those in a."""
_COUNTED_HERS = re.compile(
    r"(?:personne|heure|fois|minute|seconde|semaine|année|journée|page|place|chambre|nuit|chose|voiture|maison|femme|fille"
    r"|ville|rue|étoile|photo|vidéo|table|tasse|pièce|\w+(?:tion|té|ette|ence|ance))s?$"
)
"""French feminine nouns that are often counted; *livre* may be either."""
_ENGLISH = r"\d{1,3}(?:,\d{3})+\.\d{2}"
"""Thousands and cents as English writes them."""


def rules(code: str) -> tuple[Rule, ...]:
    """Empty for a language not in the table."""
    found = LANGUAGES.get(code)
    return _rules(NumberReader(found), found) if found is not None else ()


class NumberReader:
    """Numbers of one language in words."""

    def __init__(self, lang: Language) -> None:
        self.lang, self.code = lang, lang.code[:2]

    def words(self, number: int) -> str:
        # Its commas would be pauses.
        return str(num2words(number, lang=self.lang.code)).replace(",", "")

    def digits(self, text: str) -> str:
        return " ".join(self.words(int(c)) for c in text if c.isdigit())

    def cardinal(self, number: str, gender: str = "") -> str:
        """``gender`` m or f agrees with the noun that follows."""
        whole, part = plain(number)
        if len(whole) > 15 or (len(whole) > 1 and whole[0] == "0"):
            return self.digits(whole + part)
        if not part:
            return self.agreed(self.words(int(whole)), gender)
        decimals = self.words(int(part)) if part[0] != "0" and len(part) < 3 else self.digits(part)
        return f"{self.words(int(whole))} {self.lang.point} {decimals}"

    def agreed(self, said: str, gender: str) -> str:
        """The last one or two of a number, and Iberian hundreds, by the gender of what is counted."""
        if not gender:
            return said
        if self.code == "es":
            said = re.sub("veintiuno$", "veintiún" if gender == "m" else "veintiuna", said)
            said = re.sub(r"\buno$", "un" if gender == "m" else "una", said)
            return re.sub("cientos|quinientos", lambda m: m[0][:-2] + "as", said) if gender == "f" else said
        if self.code == "it":
            return {"m": "un", "f": "una"}[gender] if said == "uno" else said
        if gender == "f" and self.code == "fr":
            return re.sub(r"\bun$", "une", said)
        if gender == "f":
            said = re.sub(r"\bum$", "uma", re.sub(r"\bdois$", "duas", said))
            return re.sub("entos", "entas", said)
        return said

    def counted(self, number: str, unit: Unit) -> str:
        one, many, gender = unit
        whole, part = plain(number)
        said = f"{self.cardinal(number, gender)} {one if whole == '1' and not part else many}"
        return said.replace("una ora", "un' ora")

    def ordinal(self, number: int, gender: str = "m") -> str:
        said = str(num2words(number, lang=self.lang.code, to="ordinal"))
        if gender == "f" and self.code == "fr":
            return "première" if number == 1 else said
        return re.sub(r"o\b", "a", said) if gender == "f" else said

    def date(self, day: int, month: int, year: str) -> str | None:
        if not (1 <= day <= 31 and 1 <= month <= 12):
            return None
        lang = self.lang
        of = f" {lang.of} " if lang.of else " "
        said = f"{lang.first if day == 1 else self.words(day)}{of}{lang.months[month - 1]}"
        return f"{said}{of}{self.words(int(year))}" if year else said

    def time(self, m: re.Match[str]) -> str | None:
        hour, minute = int(m[1]), int(m[2] or 0)
        if hour > 24 or minute > 59:
            return None
        said = self.agreed(self.words(hour), "f")
        text = self.lang.hours if minute else self.lang.whole_hour
        text = text.format(hour=said, minute=self.words(minute))
        if hour == 1:
            text = text.replace("heures", "heure").replace("horas", "hora")
        return text

    def month(self, name: str) -> int:
        """From 1, of a name that may be shortened by a point; 0 for another word."""
        start = name.rstrip(".").lower()
        return next((i for i, m in enumerate(self.lang.months, 1) if m.startswith(start)), 0)

    def raised(self, m: re.Match[str]) -> str:
        signs, more = power(m.group()), _MORE[self.code]
        minus = f"{self.lang.minus} " if signs[0] == "-" else ""
        return more.get(signs) or f"{more['^']} {minus}{self.cardinal(signs.strip('+-') or '0')}"

    def money(self, sign: str, amount: str) -> str:
        if re.fullmatch(_ENGLISH, amount):
            amount = amount.replace(",", "").replace(".", ",")
        unit = self.lang.money[sign]
        whole, part = plain(amount)
        units = self.counted(whole, unit)
        cents = int(part.ljust(2, "0")[:2]) if part else 0
        return f"{units} {self.lang.cents} {self.words(cents)}" if cents else units

    def millions(self, amount: str, sign: str, scale: str = "") -> str:
        one, many = self.lang.millions
        joined = one if plain(amount) == ("1", "") else many
        if scale == "mil":
            joined = "mil"
        elif scale.startswith("bi"):
            joined = joined.replace("mi", "bi")
        return f"{self.cardinal(amount, 'm')} {joined} {self.lang.money[sign][1]}".replace("d' ", "d'")

    def address(self, text: str) -> str:
        parts = re.findall(r"[^\W\d_]+|\d|[^\s\w]|_", text)
        return " ".join(
            self.lang.address.get(p, "") if not p.isalnum() else self.digits(p) if p.isdigit() else p
            for p in parts
        )

    def phone(self, m: re.Match[str]) -> str | None:
        if not 8 <= sum(c.isdigit() for c in m.group()) <= 15:
            return None
        plus = self.lang.address["+"] + " " if m.group().startswith("+") else ""
        return plus + ", ".join(self.dialled(g) for g in re.findall(r"\d+", m.group()))

    def dialled(self, group: str) -> str:
        """A group of a telephone number; the French say two digits as one number."""
        paired = self.code == "fr" and len(group) == 2 and group[0] != "0"
        return self.words(int(group)) if paired else self.digits(group)

    def fraction(self, m: re.Match[str]) -> str | None:
        known = self.lang.fractions.get(m.group())
        if known is None and not m[1].startswith("0") and not m[2].startswith("0"):
            known = f"{self.cardinal(m[1])} {self.lang.over} {self.cardinal(m[2])}"
        return known

    def roman(self, numeral: str) -> str | None:
        """As popes and centuries are numbered."""
        number = value(numeral)
        if number is None:
            return None
        by_order = self.code == "it" or (self.code in ("es", "pt") and number <= 10)
        return self.ordinal(number) if by_order else self.words(number)

    def one_noun(self, m: re.Match[str]) -> str | None:
        """A number that ends in one, before a noun whose gender its ending tells."""
        noun, code = m[2].lower(), self.code
        if code == "fr":
            return self.agreed(self.words(int(m[1])), "f") if _COUNTED_HERS.match(noun) else None
        gender = "f" if noun.endswith(("a", "as", "ión", "dad", "ção", "dade")) else "m"
        if noun.rstrip("s") in _MASCULINE_IN_A:
            gender = "m"
        if code == "it" and m[1] == "1" and gender == "m" and re.match("s[^aeiou]|z|gn|ps|x|y", noun):
            return "uno"
        if code == "it" and m[1] == "1" and gender == "f" and noun[0] in "aeiou":
            return "un'"
        return self.agreed(self.words(int(m[1])), gender)


def plain(number: str) -> tuple[str, str]:
    """Whole and decimal digits of a number written as on the continent, or with a decimal point."""
    if re.fullmatch(r"\d+\.\d+", number) and not re.fullmatch(r"\d{1,3}\.\d{3}", number):
        number = number.replace(".", ",")
    whole, _, part = re.sub(r"[.\s\u202f\u00a0]", "", number).partition(",")
    return whole, part


def _rules(reader: NumberReader, lang: Language) -> tuple[Rule, ...]:
    end, alone = r"(?!\w)", r"(?<!\w)"
    symbols = "|".join(re.escape(s) for s in sorted(lang.money, key=len, reverse=True))
    units = "|".join(re.escape(u) for u in sorted(lang.units, key=len, reverse=True))
    short = "|".join(re.escape(s) for s in sorted(lang.short, key=len, reverse=True))
    names = "|".join(lang.months)
    number = f"(?:{_NUMBER})"
    millions = "M|mln|" + "|".join(w.split()[0] for w in lang.millions)
    degrees = "degrés|grados|gradi|graus"

    def signed(sign: str | None) -> str:
        return f"{lang.minus} " if sign else ""

    def ordinal(m: re.Match[str]) -> str:
        gender = "f" if m[2] in ("ª", "re", "ère", "a") else "m"
        return reader.ordinal(int(m[1]), gender)

    def nth(m: re.Match[str]) -> str | None:
        found = value(m[1])
        return reader.ordinal(found) if found else None

    more = _MORE[reader.code]
    days = DAYS[reader.code]
    day = rf"({'|'.join(days)})"
    half = _HALVED.get(reader.code, r"[^\W\d_]+a\b")
    agreeing = {"pt": r"\d*[12]|[2-9]00", "es": r"\d*1|[2-9]00"}.get(reader.code, r"\d*1")
    out_of = "de" if reader.code == "pt" else lang.over
    own: tuple[Rule, ...] = ()
    if reader.code == "es":
        own = (rule(r"([13])\.?er\b", lambda m: "primer" if m[1] == "1" else "tercer"),)
    elif reader.code == "fr":
        own = (
            rule(r"(\d{1,3})(er|re|ère|e|ème|nd|nde)" + end, ordinal),
            rule(rf"({NUMERAL}|[VX](?=e siècle))(?:er|e|ème)" + end, nth),
        )
    elif reader.code == "it":
        own = (rule(r"(\d{1,3})(°)(?=\s[a-z])(?!\s(?:C\b|F\b|e\b|di\b))", ordinal),)
    return (
        rule(r"(?:https?|ftp)://(?:www\.)?([\w.-]+\w)\S*\w/?", lambda m: reader.address(m[1])),
        rule(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,}", lambda m: reader.address(m.group())),
        rule(
            r"(?:www\.)?([A-Za-z][\w-]*(?:\.[\w-]+)*\.(?:com|net|org|info|eu|es|fr|it|pt|br|mx|ar|cl|ch|be|ca|de|io|ai|tv|app|dev|gov|edu|js))\b"
            r"(?:/[\w./-]*\w)?",
            lambda m: reader.address(m[1]),
        ),
        rule(
            r"(\d{4})-(\d{2})-(\d{2})(?:T\d{2}:\d{2}(?::\d{2})?(?:\.\d+)?Z?)" + end,
            lambda m: reader.date(int(m[3]), int(m[2]), m[1]),
        ),
        rule(r"(\d{4})-(\d{2})-(\d{2})" + end, lambda m: reader.date(int(m[3]), int(m[2]), m[1])),
        rule(r"(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})" + end, lambda m: reader.date(int(m[1]), int(m[2]), m[3])),
        rule(
            r"(\d{1,2})/(\d{1,2})/(\d{2})(?![\w/])",
            lambda m: reader.date(int(m[1]), int(m[2]), f"20{m[3]}"),
        ),
        rule(
            r"(\d{1,2})\s(?:de\s)?([^\W\d_]{3,5}\.)(?:\s(?:de\s)?(\d{4}))?(?!\w)",
            lambda m: reader.date(int(m[1]), reader.month(m[2]), m[3] or ""),
        ),
        rule(
            rf"(?:1er|1º|1°|(\d{{1,2}}))\s(?:de\s)?({names})(?:\s(?:de\s)?(\d{{4}}))?" + end,
            lambda m: reader.date(int(m[1] or 1), lang.months.index(m[2].lower()) + 1, m[3] or ""),
            re.I,
        ),
        rule(r"(\d{1,2})(?:[:hH]|\sh\s)(\d{2})(?:\s?h\b)?(?!\w|:\d)", reader.time),
        rule(r"(\d{1,2})\s?[hH]()" + end, reader.time if reader.code in ("fr", "pt") else lambda _: None),
        rule(
            rf"{day}\.?\s?[-–]\s?{day}(?:\.|\b)" + end,
            lambda m: f"{days[m[1].lower()]} {lang.to} {days[m[2].lower()]}",
            re.I,
        ),
        rule(r"(?<=[\dhH])\s?[-–]\s?(?=\d{1,2}(?::\d{2}|\s?[hH]\d{0,2})(?![\w:]))", lambda _: lang.to),
        rule(r"\+\d[\d ().-]{6,}\d" + end, reader.phone),
        rule(r"\(\d{2,3}\)\s?\d{4,5}-\d{4}" + end, reader.phone),
        rule(r"0\d(?:[ .]\d{2}){4}" + end, reader.phone),
        rule(r"[89]\d{1,2} \d{3} \d{2} \d{2}|3\d{2} \d{3} \d{4}" + end, reader.phone),
        rule(r"[69]\d{2} \d{3} \d{3}(?=\s|$|[,.])" + r"(?!\s?(?:%|€|\$|k))", reader.phone),
        rule(rf"({symbols})\s?({_ENGLISH})" + end, lambda m: reader.money(m[1], m[2])),
        rule(rf"({_ENGLISH})\s?({symbols})", lambda m: reader.money(m[2], m[1])),
        rule(
            rf"({symbols})\s?(\d+)\s?[-–]\s?(\d+)(?![\w,.]*\d)",
            lambda m: f"{reader.cardinal(m[2])} {lang.to} {reader.money(m[1], m[3])}",
        ),
        rule(rf"{alone}[-−](?=(?:{symbols})\s?\d)", lambda _: lang.minus),
        rule(r"(?<=[€$£])\s?/\s?(?=[^\W\d_])", lambda _: more["per"]),
        rule(r"(?<=[DR])\s?/\s?(?=(?:mes|mois|mese|mês)\b)", lambda _: more["per"]),
        rule(r"(?:(?<=R\$ \d)|(?<=R\$ \d\d))/(?=[^\W\d_])", lambda _: more["per"]),
        rule(
            r"\d+\s?x\s?\d+(?!\w)",
            lambda m: f" {more['by']} ".join(reader.cardinal(p) for p in re.split(r"\s?x\s?", m.group())),
        ),
        rule(rf"[{RAISED}]+", reader.raised),
        rule(r"#(?=[^\W\d])", lambda _: "hashtag"),
        rule(r"(\d{1,2})\)(?=\s)", lambda m: f"{reader.cardinal(m[1])},"),
        rule(rf"({number})\s?(?:{millions})\s?({symbols})", lambda m: reader.millions(m[1], m[2])),
        rule(
            rf"({symbols})\s?({number})\s(mil|mi|bi|mill\w+|mili\w+|milh\w+|bilh\w+)\b",
            lambda m: reader.millions(m[2], m[1], m[3]),
        ),
        rule(rf"({symbols})\s?({number})", lambda m: reader.money(m[1], m[2])),
        rule(rf"({number})\s?({symbols})", lambda m: reader.money(m[2], m[1])),
        rule(
            rf"({number})\s?%?\s?[-–]\s?({number})\s?%",
            lambda m: f"{reader.cardinal(m[1])} {lang.to} {reader.cardinal(m[2])} {lang.percent}",
        ),
        rule(
            rf"{alone}([-−])?({number})\s?%",
            lambda m: f"{signed(m[1])}{reader.cardinal(m[2])} {lang.percent}",
        ),
        rule(
            rf"{alone}(?:n[°º]|N[°º]|nº|n\.º|nn\.|#|№)\s?(\d+)",
            lambda m: f"{lang.number} {reader.cardinal(m[1])}",
        ),
        rule(r"(\d{1,3})\.?(º|ª)", ordinal),
        *own,
        rule(
            rf"({number})\s?[-–]\s?(?={number}\s?(?:{units})(?![\w/]))",
            lambda m: f"{reader.cardinal(m[1])} {lang.to}",
        ),
        rule(
            rf"{alone}([-−])?({number})\s?({units})" + end,
            lambda m: f"{signed(m[1])}{reader.counted(m[2], lang.units[m[3]])}",
        ),
        rule(r"24/7" + end, lambda _: f"{reader.words(24)} {lang.over} {reader.words(7)}"),
        rule(
            r"(\d+[.,]\d)\s?/\s?(5|10|20|100)(?![\w/])",
            lambda m: f"{reader.cardinal(m[1])} {out_of} {reader.cardinal(m[2])}",
        ),
        rule(rf"1/2(?=\s{half})", lambda _: more["half"]),
        rule(r"1/2(?=\s[^\W\d_])", lambda _: lang.fractions["½"]),
        rule(r"(\d{1,3})/(\d{1,3})(?![\w/])", reader.fraction),
        rule(
            r"(\d+)\s?([½¼¾⅓⅔])",
            lambda m: f"{reader.cardinal(m[1])} {lang.signs['&']} {lang.fractions[m[2]]}".replace(
                "un demi", "demi"
            ),
        ),
        rule(rf"½(?=\s{half})", lambda _: more["half"]),
        rule(r"[½¼¾⅓⅔]", lambda m: lang.fractions[m.group()]),
        rule(
            r"[vV]\.?(\d+(?:\.\d+)+)" + end,
            lambda m: f"{lang.version} {f' {lang.dot} '.join(reader.words(int(p)) for p in m[1].split('.'))}",
        ),
        rule(
            r"\d+(?:\.\d+){2,}(?![\d,])(?<!\.\d{3}\.\d{3})",
            lambda m: f" {lang.dot} ".join(reader.words(int(p)) for p in m.group().split(".")),
        ),
        rule(
            rf"({number})\s?[-–]\s?({number})(?![\w-])",
            lambda m: f"{reader.cardinal(m[1])} {lang.to} {reader.cardinal(m[2])}",
        ),
        rule(rf"{alone}[-−]({number})", lambda m: f"{lang.minus} {reader.cardinal(m[1])}"),
        rule(
            rf"(?<!\d)({agreeing})(?=\s([a-záéíóúâêôãõçñ]{{3,}}))(?<!11)(?<!12)(?!\s(?:de|por|para|con|com|per|que|che|y|e|o)\b)",
            reader.one_noun,
        ),
        rule(_NUMBER, lambda m: reader.cardinal(m.group())),
        rule(rf"({short})(?=[\s,;:)]|$)", lambda m: lang.short[m[1]]),
        rule(rf"(?<![\w.])({NUMERAL})(?![\w.]\w)" + end, lambda m: reader.roman(m[1])),
        rule(rf"°(?=\s?(?:{degrees}))", lambda _: ""),
        rule(r"(?<=\s)[<>*^~/](?=\s)|~(?=\d)|[&+=%@×÷±≤≥≈§€$£#→°©™π∞√№]", lambda m: lang.signs[m.group()]),
    )
