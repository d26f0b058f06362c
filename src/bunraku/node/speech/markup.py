"""What of a written text is no speech: HTML and XML, Markdown, fenced code, signs without a sound.

A tag is one by its name, its attributes, or because it is closed somewhere; whatever only looks like
one stays. Signs that were escaped by a backslash are themselves and mark nothing up.
"""

from __future__ import annotations

import html
import html.entities
import re
from collections.abc import Callable

_INLINE = frozenset(
    re.findall(
        r"\S+",
        "a abbr b big cite code del em font i ins kbd mark q samp small span strike strong sub sup tt u var"
        " wbr emphasis phoneme say-as token w",
    )
)
"""Elements inside words and sentences: their words are joined to those around."""
_BLOCK = frozenset(
    re.findall(
        r"\S+",
        "article aside blockquote body br dd details div dl dt figure footer form h1 h2 h3 h4 h5 h6 head"
        " header hr html li nav ol p pre section select summary table tbody textarea tfoot thead title tr ul",
    )
)
_APART = frozenset(
    re.findall(
        r"\S+",
        "audio break button center desc img input label lexicon link main meta metadata option prosody s"
        " script speak style svg time video voice",
    )
)
_CELL = frozenset(["td", "th"])
"""Elements of HTML and SSML; other names are tags only with attributes, or where they are closed."""
_DROPPED = re.compile(
    r"<!--.*?-->|<!\[CDATA\[|\]\]>|<\?.*?\?>|<!DOCTYPE[^>]*>|<(script|style|think|thinking)\b[^>]*>.*?</\1\s*>",
    re.S | re.I,
)
_ATTRIBUTE = r"""\s+[A-Za-z_:][\w:.-]*\s*=\s*(?:"[^"]*"|'[^']*'|[^\s"'=<>`]+)"""
_TAG = re.compile(rf"<(/?)([A-Za-z][\w:.-]*)((?:{_ATTRIBUTE})*)\s*(/?)>")
_RAISED = re.compile(r"<sup>\s*([+-]?\d+)\s*</sup>", re.I)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][\da-fA-F]{1,6}|[A-Za-z][A-Za-z\d]*);")
_FENCE = re.compile(
    r"^[ \t]*(?:>[ \t]?)*(`{3,}|~{3,})[^\n`]*\n.*?(?:^[ \t]*(?:>[ \t]?)*\1[`~]*[ \t]*$|\Z)", re.M | re.S
)
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")
_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
_CODE = re.compile(r"(?<!`)(`+)(?!`)[ ]?([^\n]+?)[ ]?(?<!`)\1(?!`)")
_KEPT_FROM = 0xF0000
_KEPT = f"[{chr(_KEPT_FROM)}-{chr(_KEPT_FROM + 127)}]"
"""Signs that are escaped, or in code, wait in a private plane of Unicode until Markdown is gone."""
_TARGET = r"\((?:<[^<>\n]*>|(?:[^()\s]|\([^()\s]*\))*)(?:\s+(?:\"[^\"\n]*\"|'[^'\n]*'))?\)"
_IS_A_TARGET = r"(?:(?<!\w)|(?=\[[^\]\n]*\]\(\S*[/.#:]))"
_TABLE = re.compile(
    r"^[^\n]*\|[^\n]*\n[ \t]*\|?(?:[ \t]*:?-{2,}:?[ \t]*\|)+[ \t]*(?::?-{2,}:?)?[ \t]*\|?[ \t]*$"
    r"(?:\n[^\n]*\|[^\n]*$)*",
    re.M,
)
_RULER = re.compile(r"^[ \t|:-]+$")


def _table(m: re.Match[str]) -> str:
    rows = [row.strip().strip("|") for row in m.group().split("\n") if not _RULER.match(row)]
    return "\n" + "\n".join(", ".join(c for cell in row.split("|") if (c := cell.strip())) for row in rows)


_EMPHASIS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(?<![\w*\\])(\*{1,3})(?=\S)([^*\n]+?)(?<=\S)\1(?![\w*])"), r"\2"),
    # Inside a word only where it is surely no power or product.
    (re.compile(r"\*\*([^\W\d_]+(?:[ -][^\W\d_]+)*)\*\*"), r"\1"),
    (re.compile(r"(?<!\w)(_{1,3})(?=\S)([^_\n]+?)(?<=\S)\1(?!\w)"), r"\2"),
    (re.compile(r"~~(?=\S)(.+?)(?<=\S)~~"), r"\1"),
)
_MARKDOWN: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    (_TABLE, _table),
    (re.compile(r"^[ \t]*\[\^[^\]\s]+\]:[ \t]*", re.M), "\n"),
    (re.compile(r"^[ \t]*\[[^\]\n]+\]:[ \t]*<?\S+>?(?:[ \t]+[\"'(][^\n]*)?$", re.M), ""),
    (re.compile(r"\[\^[^\]\s]+\]"), ""),
    (re.compile(rf"!\[([^\]\n]*)\]{_TARGET}"), r"\1"),
    (re.compile(rf"{_IS_A_TARGET}\[([^\]\n]+)\]{_TARGET}"), r"\1"),
    (re.compile(r"(?<!\w)\[([^\]\n]+)\]\[[^\]\n]*\]"), r"\1"),
    (re.compile(r"<((?:https?|ftp|mailto):[^\s>]+)>"), r"\1"),
    (re.compile(r"<([\w.+-]+@[\w-]+(?:\.[\w-]+)+)>"), r"\1"),
    (re.compile(r"^[ \t]{0,3}#{1,6}[ \t]+(.*?)[ \t]*#*[ \t]*$", re.M), r"\1\n"),
    (re.compile(r"^[ \t]*(?:[-*_=][ \t]*){3,}$", re.M), "\n"),
    (re.compile(r"^[ \t]*(?:[-*+•◦▪‣·][ \t]+|>[ \t]?)+(?:\[[ xX]\][ \t]+)?", re.M), "\n"),
    (re.compile(r"^[ \t]*\|(.*)\|[ \t]*$", re.M), lambda m: "\n" + m[1].replace("|", ",")),
    *_EMPHASIS,
    *_EMPHASIS,  # one in another
    (re.compile(r"\$\$([^$]+)\$\$"), r"\1"),
    (re.compile(r"(?<![\w$])\$(?=[^\s\d${])([^$\n]*?[^\s$])\$(?![\w$])"), r"\1"),
)
_SHORTCODE = re.compile(r"(?<![\w:]):(?:[a-z]+(?:_[a-z\d]+)*|[+-]1):(?![\w:])")
_FACE = re.compile(r"(?<!\S)[:;][-'^]?(?:[)(|/\\*]+|[DPpOo](?=\s|$))(?=[\s.,!?]|$)|(?<!\S)\^_?\^(?!\S)")
_UNHEARD = re.compile("[\ufeff\u00ad\u2060\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Signs inside words."""
_SILENT = re.compile(
    "[\U0001f000-\U0001faff\u2600-\u266c\u2670-\u27bf\u2300-\u23ff\u2b00-\u2bff\u2139\ufe0e\ufe0f\u200d\u20e3"
    "\U000e0020-\U000e007f\ue000-\uf8ff\u200b\ufffd]"
)


def strip_markup(text: str, kept: str = "") -> str:
    """The words of a text that may hold HTML, SSML or Markdown (contract section 5.5).

    Comments, tags, fenced code, link targets and signs that have no sound, such as emoji, are left
    out; what only looks like a tag, as in ``a<b and c>d``, stays. So do the signs ``kept``.
    """
    text = _CODE.sub(lambda m: _PUNCTUATION.sub(_keep, m[2]), _FENCE.sub("\n", re.sub(_KEPT, "", text)))
    text = _RAISED.sub(lambda m: m[1].translate(_SUPERSCRIPTS), _DROPPED.sub(" ", text))
    closed = {m[2].lower() for m in _TAG.finditer(text) if m[1]}

    def tag(m: re.Match[str]) -> str:
        name = m[2].lower()
        if name in _BLOCK:
            return "\n"
        if name in _CELL:
            return ", " if m[1] else " "
        if name in _INLINE:
            # One element after another is no word in two parts.
            return " " if not m[1] and m.string[m.start() - 1 : m.start()] == ">" else ""
        known = name in _APART or name in closed or bool(m[3]) or bool(m[4]) or name.count(":") == 1
        return " " if known else m.group()

    text = _ENTITY.sub(_character, _TAG.sub(tag, text))
    text = _ESCAPED.sub(_keep, text)
    for pattern, left in _MARKDOWN:
        text = pattern.sub(left, text)
    text = re.sub(_KEPT, lambda m: chr(ord(m[0]) - _KEPT_FROM), text)
    text = _UNHEARD.sub("", _FACE.sub(" ", _SHORTCODE.sub(" ", text)))
    return _SILENT.sub(lambda m: m.group() if m.group() in kept else " ", text)


_SUPERSCRIPTS = str.maketrans("0123456789+-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻")


def _keep(m: re.Match[str]) -> str:
    return chr(_KEPT_FROM + ord(m[1]))


def _character(m: re.Match[str]) -> str:
    """Of an entity that there is; ``&copy=1`` of an address is none."""
    name = m.group()[1:]
    if name[0] != "#" and name not in html.entities.html5:
        return m.group()
    return html.unescape(m.group())
