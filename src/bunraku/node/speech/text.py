"""What to say, from what was written: plain text, cut where a speaker would breathe."""

from __future__ import annotations

import html
import re

_HTML = frozenset(
    re.findall(
        r"\S+",
        "a abbr article aside audio b big blockquote body br button center cite code dd del details div"
        " dl dt em figure font footer form h1 h2 h3 h4 h5 h6 head header hr html i img input ins kbd label"
        " li link main mark meta nav ol option p pre q s samp script section select small span strike"
        " strong style sub summary sup svg table tbody td textarea tfoot th thead time title tr tt u ul"
        " var video wbr speak voice prosody break say-as emphasis phoneme lexicon desc metadata w token",
    )
)
"""Elements of HTML and SSML; other names are tags only with attributes, or where they are closed."""
_DROPPED = re.compile(
    r"<!--.*?-->|<!\[CDATA\[|\]\]>|<\?.*?\?>|<!DOCTYPE[^>]*>|<(script|style)\b.*?</\1\s*>", re.S | re.I
)
_ATTRIBUTE = r"""\s+[A-Za-z_:][\w:.-]*\s*=\s*(?:"[^"]*"|'[^']*'|[^\s"'=<>`]+)"""
_TAG = re.compile(rf"<(/?)([A-Za-z][\w:.-]*)((?:{_ATTRIBUTE})*)\s*(/?)>")
_FENCE = re.compile(r"^[ \t]*(```|~~~)[^\n]*\n.*?(?:^[ \t]*\1[ \t]*$|\Z)", re.M | re.S)
_MARKDOWN = (
    (re.compile(r"!\[([^\]\n]*)\]\([^()\s]*(?:\s+\"[^\"]*\")?\)"), r"\1"),
    (re.compile(r"\[([^\]\n]+)\]\([^()\s]*(?:\s+\"[^\"]*\")?\)"), r"\1"),
    (re.compile(r"<((?:https?|ftp|mailto):[^\s>]+)>"), r"\1"),
    (re.compile(r"`([^`\n]+)`"), r"\1"),
    (re.compile(r"^[ \t]{0,3}#{1,6}[ \t]+(.*?)[ \t]*#*[ \t]*$", re.M), r"\1\n"),
    (re.compile(r"^[ \t]*(?:[-*_][ \t]*){3,}$", re.M), "\n"),
    (re.compile(r"^[ \t]*\|?(?:[ \t]*:?-{3,}:?[ \t]*\|)+[ \t:-]*$", re.M), "\n"),
    (re.compile(r"^[ \t]*(?:[-*+•][ \t]+|>[ \t]?)+(?:\[[ xX]\][ \t]+)?", re.M), "\n"),
    (re.compile(r"^[ \t]*\|(.*)\|[ \t]*$", re.M), lambda m: "\n" + m[1].replace("|", ",")),
    (re.compile(r"(?<![\w*])(\*{1,3})(?=\S)([^*\n]+?)(?<=\S)\1(?![\w*])"), r"\2"),
    (re.compile(r"(?<!\w)(_{1,3})(?=\S)([^_\n]+?)(?<=\S)\1(?!\w)"), r"\2"),
    (re.compile(r"~~(?=\S)(.+?)(?<=\S)~~"), r"\1"),
)
_SENTENCE = re.compile(r".+?(?:[.!?…]+[\"'”’)\]]*(?=\s|$)|[。！？!?；।]+[”’」』）]*|\n+|$)", re.S)
_UNFINISHED = re.compile(
    r"(?:^|[\s(\"'“‘])(?:Mr|Mrs|Ms|Dr|Prof|St|Sr|Sra|Jr|Gen|Capt|Lt|Sgt|Rev|Hon|No|Nr|vs|approx|Fig|fig|e\.g|i\.e|cf"
    r"|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec|Mme|Mlle|Sig|Dott|Ud|núm|pág|tel|[A-Z])\.$"
    r"|(?:^|\n)\s*\d{1,3}\.$"
)
"""What ends with a point and is no end of a sentence."""
_PAUSE = re.compile(r"(?<=[,;:])\s+|(?<=[，、；：])\s*|\s+(?=[–—]\s)")
_SILENT = re.compile(
    "[\U0001f000-\U0001faff\u2600-\u27bf\u2300-\u23ff\u2b00-\u2bff\ufe0e\ufe0f\u200d\u20e3\U000e0020-\U000e007f"
    "\ue000-\uf8ff\u200b\ufeff\u00ad]"
)
MAX_PIECE = 240
"""Code points: longer sentences are cut at commas, then at spaces, so that no piece is slow."""


def strip_markup(text: str, kept: str = "") -> str:
    """The words of a text that may hold HTML, SSML or Markdown (contract section 5.5).

    Comments, tags, fenced code, link targets and signs that have no sound, such as emoji, are left
    out; what only looks like a tag, as in ``a<b and c>d``, stays. So do the signs ``kept``.
    """
    text = _FENCE.sub("\n", text)
    text = _DROPPED.sub(" ", text)
    closed = {m[2].lower() for m in _TAG.finditer(text) if m[1]}

    def tag(m: re.Match[str]) -> str:
        known = m[2].lower() in _HTML or m[2].lower() in closed or bool(m[3]) or bool(m[4]) or ":" in m[2]
        return " " if known else m.group()

    text = html.unescape(_TAG.sub(tag, text))
    for pattern, left in _MARKDOWN:
        text = pattern.sub(left, text)
    return _SILENT.sub(lambda m: m.group() if m.group() in kept else " ", text)


def sentences(text: str, kept: str = "") -> list[str]:
    """Pieces in order, none blank, none much longer than ``MAX_PIECE``. The signs ``kept`` stand for
    words."""
    out: list[str] = []
    begun = ""
    for match in _SENTENCE.finditer(strip_markup(text, kept)):
        begun += match.group()
        if not begun.endswith("\n") and _UNFINISHED.search(begun):
            continue
        out.extend(_pieces(begun, kept))
        begun = ""
    return out + _pieces(begun, kept)


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
