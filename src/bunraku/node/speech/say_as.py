"""How SSML's ``say-as`` is written so that the reader of a language says it so."""

from __future__ import annotations

import re

_SIGNS = {
    ".": "dot", "-": "dash", "_": "underscore", "@": "at", "/": "slash", "+": "plus", "#": "hash", "&": "and",
    "*": "star", ":": "colon", "%": "percent", "$": "dollar", "=": "equals",
}  # fmt: skip
_ENDINGS = {1: "st", 2: "nd", 3: "rd"}
_ORDINALS = {"de": "{}.", "zh": "第{}", "ja": "{}番目"}
_SPACED = frozenset(["en", "es", "fr", "it", "pt", "de"])


def said_as(text: str, kind: str, form: str, language: str) -> str:
    """``kind`` is ``interpret-as``, ``form`` the ``format`` of a date, ``language`` a BCP 47 tag. What is no
    such thing stays as it is written."""
    match kind:
        case "characters" | "spell-out" | "verbatim" | "letters":
            return _letters(text, language)
        case "digits" | "number_digit":
            return re.sub(r"(?<=\d)(?=\d)", " ", text)
        case "telephone":
            groups = re.findall(r"\d+", text)
            plus = "+" if text.strip().startswith("+") else ""
            return plus + ", ".join(" ".join(g) for g in groups) if groups else text
        case "ordinal":
            return _ordinal(text, language)
        case "cardinal" | "number":
            return re.sub(r"\d{4,}", _grouped, text) if language[:2] in _SPACED else text
        case "date":
            return _date(text, form.lower(), language)
        case _:
            return text


def _letters(text: str, language: str) -> str:
    """The letters and digits one by one; the names of signs are English."""
    names = _SIGNS if language.startswith("en") else {}
    return ", ".join(c.upper() if c.isalnum() else names[c] for c in text if c.isalnum() or c in names)


def _ordinal(text: str, language: str) -> str:
    digits = text.strip().rstrip(".")
    if not (digits.isascii() and digits.isdigit()):
        return text
    number = int(digits)
    if language.startswith("en"):
        return f"{number}{'th' if number % 100 in (11, 12, 13) else _ENDINGS.get(number % 10, 'th')}"
    return _ORDINALS.get(language[:2], "{}º").format(number)


def _grouped(m: re.Match[str]) -> str:
    """By thousands: no year, and no number of a house."""
    return f"{int(m.group()):,}".replace(",", "\u202f") if m.group()[0] != "0" else m.group()


def _date(text: str, form: str, language: str) -> str:
    """As ISO 8601 has it, which every language reads, where day, month and year are all given."""
    numbers = re.findall(r"\d+", text)
    if form == "yyyymmdd" and len(numbers) == 1 and len(numbers[0]) == 8:
        numbers, form = [numbers[0][:4], numbers[0][4:6], numbers[0][6:]], "ymd"
    form = re.sub(r"[^ymd]", "", re.sub(r"(.)\1+", r"\1", form))
    if len(numbers) == 3 and not form:
        form = "ymd" if len(numbers[0]) == 4 else "mdy" if language == "en-US" else "dmy"
    if len(numbers) != 3 or sorted(form) != ["d", "m", "y"]:
        return text
    told = dict(zip(form, (int(n) for n in numbers), strict=True))
    year = told["y"] + 2000 if told["y"] < 100 else told["y"]
    return f"{year:04}-{told['m']:02}-{told['d']:02}" if told["m"] <= 12 and told["d"] <= 31 else text
