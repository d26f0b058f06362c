"""Which language a text is in, where that is plain: by its script, or by the small words of every text."""

from __future__ import annotations

import re
from collections import Counter

SCRIPTS = {  # the first that fits: kana stand among Han characters
    "ja": re.compile("[\u3040-\u30ff]"),
    "zh": re.compile("[\u3400-\u4dbf\u4e00-\u9fff]"),
    "hi": re.compile("[\u0900-\u097f]"),
}
OTHER = re.compile("[^\\W\\d_\u0000-\u024f\u1e00-\u1eff]")
"""A letter of a script that is neither Latin nor above."""
SMALL = {
    "en": "a an in on at the and of to is are was you "
    "that this with for not have it be we will your what my i",
    "es": "a el la los las de del que y en es un una "
    "por con para no se su lo más pero está usted hola muy yo",
    "fr": "a à l d le la les des du de et est un une que "
    "qui dans pour pas ne vous nous je il elle sur avec au ce bonjour",
    "de": "in an der die das und ist nicht ein eine zu mit "
    "den von sie ich wir auf für dem es auch im guten wie",
    "it": "a in i il lo la gli di che e è un una "
    "per non con sono del della nel questo ciao più si mi anche buongiorno",
    "pt": "o a os as de do da que e é um uma em para não com por você se no na mais está olá muito eu",
}
_WORD = re.compile(r"[^\W\d_]+")
_OF: dict[str, list[str]] = {}
for _tag, _small in SMALL.items():
    for _one in _small.split():
        _OF.setdefault(_one, []).append(_tag)
MARKS = {"es": "ñ¿¡", "de": "ß", "pt": "ãõ", "fr": "œ"}
"""Signs that only one of them writes."""


def tongue(text: str) -> str | None:
    """The primary subtag (BCP 47) of the one language that the text is plainly in; None where it is not."""
    for tag, signs in SCRIPTS.items():
        if signs.search(text):
            return tag
    if OTHER.search(text):
        return None
    found: Counter[str] = Counter()
    for word in _WORD.findall(text.lower()):
        tags = _OF.get(word, [])
        for tag in tags:
            found[tag] += 6 // len(tags)  # a word of many languages says little of each
    for tag, marks in MARKS.items():
        found[tag] += 6 * sum(text.lower().count(mark) for mark in marks)
    (first, most), (_, next_), *_ = [*found.most_common(2), ("", 0), ("", 0)]
    return first if most > next_ else None
