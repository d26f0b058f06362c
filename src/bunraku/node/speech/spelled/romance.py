"""Rules of Spanish, French, Italian and Brazilian Portuguese: numbers, money, times, dates, addresses.

Hindi's numbers are left to espeak-ng, which knows them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from num2words import num2words

from bunraku.node.speech.spelled.words import Rule, rule

_NUMBER = r"\d{1,3}(?:[.\u202f\u00a0 ]\d{3})+(?:,\d+)?|\d+(?:[,.]\d+)?"


@dataclass(frozen=True, slots=True)
class Language:
    """The words that reading a language out needs; ``hours`` is 'HOUR and MINUTE' as it is said."""

    code: str
    months: str
    of: str
    first: str
    point: str
    minus: str
    percent: str
    at: str
    dot: str
    hours: str
    whole_hour: str
    money: dict[str, tuple[str, str, str]]
    units: dict[str, str]
    short: dict[str, str]
    feminine_one: str = ""
    signs: dict[str, str] | None = None


_ES = Language(
    "es", "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre", "de",
    "uno", "coma", "menos", "por ciento", "arroba", "punto", "{hour} y {minute}", "{hour} en punto",
    {"€": ("euro", "euros", "con"), "$": ("dólar", "dólares", "con"), "£": ("libra", "libras", "con")},
    {"km/h": "kilómetros por hora", "km": "kilómetros", "kg": "kilos", "cm": "centímetros", "m": "metros",
     "°C": "grados", "g": "gramos", "GB": "gigas", "min": "minutos", "h": "horas"},
    {"Sr": "señor", "Sra": "señora", "Dr": "doctor", "Dra": "doctora", "Ud": "usted", "Uds": "ustedes",
     "etc": "etcétera", "pág": "página", "núm": "número", "tel": "teléfono"},
    "una", {"&": "y", "+": "más", "=": "igual a", "%": "por ciento", "@": "arroba"},
)  # fmt: skip
_FR = Language(
    "fr", "janvier février mars avril mai juin juillet août septembre octobre novembre décembre", "",
    "premier", "virgule", "moins", "pour cent", "arobase", "point", "{hour} heures {minute}", "{hour} heures",
    {"€": ("euro", "euros", ""), "$": ("dollar", "dollars", ""), "£": ("livre", "livres", "")},
    {"km/h": "kilomètres à l'heure", "km": "kilomètres", "kg": "kilos", "cm": "centimètres", "m": "mètres",
     "°C": "degrés", "g": "grammes", "Go": "gigaoctets", "min": "minutes", "h": "heures"},
    {"M": "monsieur", "Mme": "madame", "Mlle": "mademoiselle", "Dr": "docteur", "etc": "et cetera",
     "p": "page", "n°": "numéro", "tél": "téléphone"},
    "une", {"&": "et", "+": "plus", "=": "égale", "%": "pour cent", "@": "arobase"},
)  # fmt: skip
_IT = Language(
    "it", "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre", "",
    "primo", "virgola", "meno", "per cento", "chiocciola", "punto", "{hour} e {minute}", "{hour}",
    {"€": ("euro", "euro", "e"), "$": ("dollaro", "dollari", "e"), "£": ("sterlina", "sterline", "e")},
    {"km/h": "chilometri all'ora", "km": "chilometri", "kg": "chili", "cm": "centimetri", "m": "metri",
     "°C": "gradi", "g": "grammi", "GB": "gigabyte", "min": "minuti", "h": "ore"},
    {"Sig": "signor", "Sigra": "signora", "Dott": "dottor", "Prof": "professor", "ecc": "eccetera",
     "pag": "pagina", "tel": "telefono"},
    "una", {"&": "e", "+": "più", "=": "uguale", "%": "per cento", "@": "chiocciola"},
)  # fmt: skip
_PT = Language(
    "pt_BR", "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro", "de",
    "primeiro", "vírgula", "menos", "por cento", "arroba", "ponto", "{hour} e {minute}", "{hour} horas",
    {"R$": ("real", "reais", "e"), "€": ("euro", "euros", "e"), "$": ("dólar", "dólares", "e"),
    "£": ("libra", "libras", "e")},
    {"km/h": "quilômetros por hora", "km": "quilômetros", "kg": "quilos", "cm": "centímetros", "m": "metros",
     "°C": "graus", "g": "gramas", "GB": "gigabytes", "min": "minutos", "h": "horas"},
    {"Sr": "senhor", "Sra": "senhora", "Dr": "doutor", "Dra": "doutora", "etc": "etcétera", "pág": "página",
     "tel": "telefone"},
    "uma", {"&": "e", "+": "mais", "=": "igual a", "%": "por cento", "@": "arroba"},
)  # fmt: skip
_LANGUAGES = {"es": _ES, "fr": _FR, "it": _IT, "pt": _PT}


def _plain(number: str) -> tuple[str, str]:
    """Whole and decimal digits of a number written as on the continent, or with a decimal point."""
    if re.fullmatch(r"\d+\.\d+", number) and not re.fullmatch(r"\d{1,3}\.\d{3}", number):
        number = number.replace(".", ",")
    whole, _, part = re.sub(r"[.\s\u202f\u00a0]", "", number).partition(",")
    return whole, part


def rules(code: str) -> tuple[Rule, ...]:
    """Empty for a language not in the table."""
    found = _LANGUAGES.get(code)
    return _rules(found) if found is not None else ()


def _rules(lang: Language) -> tuple[Rule, ...]:
    months = lang.months.split()
    end = r"(?!\w)"

    def words(number: int) -> str:
        return num2words(number, lang=lang.code)

    def digits(text: str) -> str:
        return " ".join(words(int(c)) for c in text if c.isdigit())

    def cardinal(number: str) -> str:
        whole, part = _plain(number)
        if len(whole) > 15:
            return digits(whole)
        if not part:
            return words(int(whole))
        decimals = words(int(part)) if part[0] != "0" and len(part) < 3 else digits(part)
        return f"{words(int(whole))} {lang.point} {decimals}"

    def date(day: int, month: int, year: str) -> str | None:
        if not (1 <= day <= 31 and 1 <= month <= 12):
            return None
        of = f" {lang.of} " if lang.of else " "
        said = f"{lang.first if day == 1 else words(day)}{of}{months[month - 1]}"
        return f"{said}{of}{words(int(year))}" if year else said

    def time(m: re.Match[str]) -> str | None:
        hour, minute = int(m[1]), int(m[2])
        if hour > 24 or minute > 59:
            return None
        said = lang.feminine_one if hour == 1 else words(hour)
        text = lang.hours if minute else lang.whole_hour
        text = text.format(hour=said, minute=words(minute))
        return text.replace("heures", "heure") if hour == 1 else text

    def money(sign: str, amount: str) -> str:
        one, many, joined = lang.money[sign]
        whole, part = _plain(amount)
        said = words(int(whole))
        if int(whole) == 1:
            said = {"es": "un", "it": "un", "pt_BR": "um"}.get(lang.code, said)
        units = f"{said} {one if int(whole) == 1 else many}"
        return f"{units} {joined} {words(int(part.ljust(2, '0')[:2]))}" if part.strip("0") else units

    def address(text: str) -> str:
        names = {".": lang.dot, "@": lang.at, "-": "", "_": "", "/": ""}
        parts = re.findall(r"[^\W\d_]+|\d|[^\s\w]|_", text)
        return " ".join(
            names.get(p, "") if not p.isalnum() else digits(p) if p.isdigit() else p for p in parts
        )

    def phone(m: re.Match[str]) -> str | None:
        if not 8 <= sum(c.isdigit() for c in m.group()) <= 15:
            return None
        return ", ".join(digits(g) for g in re.findall(r"\d+", m.group()))

    symbol = "|".join(re.escape(s) for s in sorted(lang.money, key=len, reverse=True))
    units = "|".join(re.escape(u) for u in sorted(lang.units, key=len, reverse=True))
    short = "|".join(re.escape(s) for s in sorted(lang.short, key=len, reverse=True))
    names = "|".join(months)
    return (
        rule(r"https?://(?:www\.)?([\w.-]+\w)\S*\w/?", lambda m: address(m[1])),
        rule(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,}", lambda m: address(m.group())),
        rule(r"(?:www\.)?([A-Za-z][\w-]*(?:\.[\w-]+)*\.(?:com|org|net|es|fr|it|br|eu|io))\b",
             lambda m: address(m[1])),
        rule(r"(\d{4})-(\d{2})-(\d{2})" + end, lambda m: date(int(m[3]), int(m[2]), m[1])),
        rule(r"(\d{1,2})[/.](\d{1,2})[/.](\d{4})" + end, lambda m: date(int(m[1]), int(m[2]), m[3])),
        rule(rf"(?:1er|1º|1°|(\d{{1,2}}))\s(?:de\s)?({names})(?:\s(?:de\s)?(\d{{4}}))?" + end,
             lambda m: date(int(m[1] or 1), months.index(m[2].lower()) + 1, m[3] or ""), re.I),
        rule(r"(\d{1,2})[:hH](\d{2})" + end, time),
        rule(r"\+\d[\d ().-]{6,}\d" + end, phone),
        rule(r"0\d(?:[ .]\d{2}){4}" + end, phone),
        rule(r"\d{3}[ .]\d{3}[ .]\d{3}" + r"(?=\s|$|[,.])" + r"(?!\s?(?:%|€|\$|k))", phone),
        rule(rf"({symbol})\s?({_NUMBER})", lambda m: money(m[1], m[2])),
        rule(rf"({_NUMBER})\s?({symbol})", lambda m: money(m[2], m[1])),
        rule(rf"([-−])?({_NUMBER})\s?%",
             lambda m: f"{lang.minus if m[1] else ''} {cardinal(m[2])} {lang.percent}"),
        rule(rf"([-−])?({_NUMBER})\s?({units})" + end,
             lambda m: f"{lang.minus if m[1] else ''} {cardinal(m[2])} {lang.units[m[3]]}"),
        rule(rf"[-−]({_NUMBER})", lambda m: f"{lang.minus} {cardinal(m[1])}"),
        rule(r"0\d+" + end, lambda m: digits(m.group())),
        rule(_NUMBER, lambda m: cardinal(m.group())),
        rule(rf"({short})\.(?=[\s,]|$)", lambda m: lang.short[m[1]]),
        rule(r"[&+=%@]", lambda m: (lang.signs or {}).get(m.group())),
    )  # fmt: skip
