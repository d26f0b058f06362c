"""What to say, from what was written: plain text, cut where a speaker would breathe."""

from __future__ import annotations

import re

from bunraku.node.speech.markup import strip_markup

_WIDE = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
_SENTENCE = re.compile(
    rf".+?(?:[.!?…]+[\"'”’»)\]]*(?=\s|$)|(?<=[{_WIDE}])[!?]+[”’」』）]*(?=[{_WIDE}])"
    r"|[。！？؟।]+[”’」』）]*|\n+|$)",
    re.S,
)
_UNFINISHED = re.compile(
    r"(?:^|[\s(\"'“‘])(?:Mr|Mrs|Ms|Dr|Prof|St|Sr|Sra|Srta|Jr|Gen|Capt|Lt|Sgt|Rev|Hon|No|Nos|Nr|vs|approx|Fig|fig|e\.g|i\.e|cf"
    r"|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec|Mme|Mlle|MM|Sig|Sig\.ra|Dott|Dott\.ssa|Dra|Ud|Uds|Avda?|núm|pág|págs"
    r"|tel|Tel|tél|Tél|bzw|ca|Hr|Fr|Abs|Art|Bd|ej|ex|es|EE|[^\W\d_])\.$"
    r"|(?:^|\n)\s*\d{1,3}\.$|\d\s?(?:Mio|Mrd|Tsd)\.$"
)
"""What ends with a point and is no end of a sentence."""
_SHORTENED = re.compile(
    r"(?:(?:\b[^\W\d_]\.){2,}|\b(?:Ph\.D|[BM]\.Sc|etc|Inc|Ltd|Corp|Co|Ave|Blvd|Rd|Mt|dept|est|max|min|ext|hrs?|mins?|secs?|v|vol|ch|pp?|sec|al"
    r"|ecc|aprox|máx|mín|usw|\w*[Ss]tr|inkl|Nr|Jh|Std|Min|Mio|Mrd|Tsd|ggf|evtl)\.)[\"'”’»)\]]*$"
)
"""What ends a sentence only where a capital or nothing follows."""
_NUMBERED = re.compile(
    r"\b(?:[Nn]os?|[Cc]h|[Aa]pts?|apto|[Aa]pto|[Pp]agg?|[Pp]p|chap|[Cc]ap|[Kk]ap|lun|mar|mer|jeu|ven|sam|dim)\.$"
)
"""What is no end of a sentence where a number follows."""
_HALF_DAY = re.compile(r"\d\s?[AaPp]\.?[Mm]\.$")
_ZONE = re.compile(r"\s(?:[ECMP][SD]?T|GMT|UTC|BST|CES?T)\b")
_COUNTED = re.compile(r"(?<![\d.,:/-])(?:\d{1,3}|[IVX]+)\.$")
_COUNTS = re.compile(
    r"\b(?:[Dd](?:er|ie|as|en|em|es)|[Aa]m|[Vv]om|[Zz]u[mr]|[Ii]m|[Bb]eim|[Bb]is|[Ss]eit|[Aa]b|[Jj]ede[rsn]?)"
    r" \d{1,3}\.$"
)
_MONTH = re.compile(
    r"\s*(?:Januar|Jänner|Februar|März|April|Mai|Ju[nl]i|August|(?:Septem|Okto|Novem|Dezem)ber)\b"
)
"""A German number with a point is an ordinal after such words, before a month, and before no capital."""
_INITIALS = re.compile(r"(?:^|[\s(\"'“‘])(?:[A-Z]\.){2,}$")
_OPENS = re.compile(
    r"\s*(?:He|She|It|They|We|I|You|This|That|These|Those|The|A|An|And|But|So|If|When|In|On|At|As|My|Our|Your|His|Her"
    r"|Their|There|What|Who|Why|How|Not|No|Yes|For|After|Before|Now|Then)\b"
)
_PAUSE = re.compile(r"(?<=[,;:])\s+|(?<=[，、；：])\s*|\s+(?=[–—]\s)")
MAX_PIECE = 240
"""Code points: longer sentences are cut at commas, then at spaces, so that no piece is slow."""


def sentences(text: str, kept: str = "") -> list[str]:
    """Pieces in order, none blank, none much longer than ``MAX_PIECE``. The signs ``kept`` stand for
    words."""
    out: list[str] = []
    begun, text = "", strip_markup(text, kept)
    for match in _SENTENCE.finditer(text):
        begun += match.group()
        if not begun.endswith("\n") and _goes_on(begun, text[match.end() :]):
            continue
        out.extend(_pieces(begun, kept))
        begun = ""
    return out + _pieces(begun, kept)


def _goes_on(begun: str, rest: str) -> bool:
    if _UNFINISHED.search(begun):
        return True
    following = rest.lstrip(" \t\u00a0")[:1]
    if _COUNTED.search(begun) and (following.islower() or _MONTH.match(rest)):
        return True
    if _NUMBERED.search(begun) and following.isdigit():
        return True
    if _HALF_DAY.search(begun) and _ZONE.match(rest):
        return True
    if following and _COUNTS.search(begun):
        return True
    if _SHORTENED.search(begun) and (following.islower() or following.isdigit() or following in "(&€$£%"):
        return bool(following)
    # Names begin with initials; sentences may end with them.
    return bool(_INITIALS.search(begun)) and following.isupper() and not _OPENS.match(rest)


def _pieces(sentence: str, kept: str) -> list[str]:
    sentence = " ".join(sentence.split())
    return _cut(sentence) if any(c.isalnum() or c in kept for c in sentence) else []


def _cut(sentence: str) -> list[str]:
    if len(sentence) <= MAX_PIECE:
        return [sentence]
    pieces: list[str] = []
    current = ""
    for part in _PAUSE.split(sentence):
        while len(part) > MAX_PIECE:
            at = part.rfind(" ", 0, MAX_PIECE)
            at = at if at > 0 else MAX_PIECE
            pieces.extend(p for p in (current.strip(), part[:at].strip()) if p)
            current, part = "", part[at:]
        if len(current) + len(part) > MAX_PIECE and current:
            pieces.append(current.strip())
            current = ""
        current = f"{current} {part}" if current else part
    if current.strip():
        pieces.append(current.strip())
    return pieces


def begun_early(text: str, shortest: int, longest: int, kept: str = "") -> list[str]:
    """Sentences, but that a long first one is begun at a pause: its rest is made while that plays."""
    first, *others = sentences(text, kept) or [""]
    return [*(opened(first, shortest, longest) if first else ()), *others]


def opened(sentence: str, shortest: int, longest: int) -> list[str]:
    """The sentence, or its first clause and the rest: the first pause that leaves at least ``shortest``
    code points on either side, if it comes within ``longest``."""
    if len(sentence) <= longest:
        return [sentence]
    for pause in _PAUSE.finditer(sentence, shortest, longest + 1):
        clause, rest = sentence[: pause.start()].rstrip(), sentence[pause.end() :]
        if len(clause) >= shortest and len(rest) >= shortest:
            return [clause, rest]
    return [sentence]
