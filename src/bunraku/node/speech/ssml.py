"""The few tags of SSML that change what is heard, in a text that is an SSML document.

W3C Speech Synthesis Markup Language 1.1: ``break``, ``sub``, ``say-as``, ``emphasis``, ``phoneme``
(IPA), ``p`` and ``s``.
Whatever else is in the document is its words. A text that is no such document has no tags at all.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from xml.etree import ElementTree

from bunraku.node.speech.pronounced import FIRST, MOST, PRIVATE, Pronounced
from bunraku.node.speech.say_as import said_as

_DOCUMENT = re.compile(r"\s*(?:<\?xml[^>]*\?>\s*)?<speak[\s>]", re.I)
_TIME = re.compile(r"\s*\+?(\d+(?:\.\d+)?|\.\d+)(ms|s)\s*", re.I)
_STRENGTHS = {"none": 0.0, "x-weak": 0.1, "weak": 0.2, "medium": 0.4, "strong": 0.7, "x-strong": 1.2}
_EMPHASIS = {"strong": (0.85, 1.25), "moderate": (0.92, 1.12), "none": (1.0, 1.0), "reduced": (1.08, 0.85)}
LONGEST = 10.0  # s of one break
_APART = frozenset(["audio", "lang", "prosody", "voice"])
"""Elements whose words are no part of the word before."""
_SEAM = "\x1f"
"""Stands where one begins or ends, until its neighbours are known; no document has it."""
_SEAMS = re.compile(f"(?<=\\w){_SEAM}+(?=\\w)")


@dataclass(frozen=True, slots=True)
class Part:
    """Text said in one go, ``speed`` and ``gain`` times as fast and loud, then ``pause`` seconds."""

    text: str
    pause: float = 0.0
    speed: float = 1.0
    gain: float = 1.0
    pronounced: tuple[Pronounced, ...] = ()
    """What stands for the private signs in ``text``."""


def parts(text: str, language: str = "en-US") -> list[Part] | None:
    """The parts of an SSML document; None when the text is none, or is not well formed. ``language`` (BCP 47)
    is the voice's."""
    # A document type may define entities that grow without bound; SSML needs none.
    if not _DOCUMENT.match(text) or "<!DOCTYPE" in text or "<!ENTITY" in text:
        return None
    try:
        root = ElementTree.fromstring(re.sub(r"<\?xml[^>]*\?>", "", text.strip(), count=1))  # noqa: S314
    except ElementTree.ParseError:
        return None
    out: list[Part] = []
    _walk(root, Part(""), out, language)
    out = [replace(p, text=p.text if p.pronounced else PRIVATE.sub(" ", p.text)) for p in out]
    # What was escaped in the document is text, also for whoever takes tags out of texts.
    out = [replace(p, text=p.text.replace("&", "&amp;").replace("<", "&lt;")) for p in out]
    joined = [replace(p, text=_SEAMS.sub(" ", p.text).replace(_SEAM, "")) for p in _joined(out)]
    return [p for p in joined if p.text.strip() or p.pause]


def _walk(element: ElementTree.Element, manner: Part, out: list[Part], language: str) -> None:
    """Text and breaks in order; ``manner`` is how the words around are said."""
    name = str(element.tag).rsplit("}", 1)[-1].lower()
    if name == "break":
        out.append(Part("", _pause(element)))
        return
    if name == "sub" and element.get("alias"):
        out.append(replace(manner, text=element.get("alias", "")))
        return
    if name == "say-as":
        kind = element.get("interpret-as", "").lower()
        if kind in ("expletive", "bleep"):
            out.append(Part("", _STRENGTHS["medium"]))
        else:
            said = said_as("".join(element.itertext()), kind, element.get("format", ""), language)
            out.append(replace(manner, text=said))
        return
    if name == "phoneme" and element.get("ph") and element.get("alphabet", "ipa") == "ipa":
        said = " ".join(PRIVATE.sub(" ", "".join(element.itertext())).split())
        sign = chr(FIRST + sum(len(p.pronounced) for p in out) % MOST)
        if said:
            out.append(
                replace(manner, text=sign, pronounced=(Pronounced(sign, said, element.get("ph", "")),))
            )
            return
    if name in ("metadata", "meta", "lexicon", "desc"):
        return
    if name == "emphasis":
        speed, gain = _EMPHASIS.get(element.get("level", "moderate"), (1.0, 1.0))
        manner = replace(manner, speed=speed, gain=gain)
    if name in ("p", "s") and out and not out[-1].pause:
        out.append(replace(manner, text="\n"))
    seam = _SEAM if name in _APART else ""
    if element.text or seam:
        out.append(replace(manner, text=seam + (element.text or "")))
    for child in element:
        _walk(child, manner, out, language)
        if child.tail:
            out.append(replace(manner, text=child.tail))
    if name in ("p", "s"):
        out.append(replace(manner, text="\n"))
    if seam:
        out.append(replace(manner, text=seam))


def _joined(found: list[Part]) -> list[Part]:
    """As few parts as there are pauses and changes of manner."""
    out: list[Part] = []
    for part in found:
        last = out[-1] if out else None
        if last is not None and not last.pause and part.pause and not part.text:
            out[-1] = replace(last, pause=part.pause)
        elif last is not None and not last.pause and (last.speed, last.gain) == (part.speed, part.gain):
            out[-1] = replace(last, text=last.text + part.text, pronounced=last.pronounced + part.pronounced)
        else:
            out.append(part)
    return out


def _pause(element: ElementTree.Element) -> float:
    time = _TIME.fullmatch(element.get("time", ""))
    if time:
        return min(LONGEST, float(time[1]) / (1000 if time[2].lower() == "ms" else 1))
    return _STRENGTHS.get(element.get("strength", "medium"), _STRENGTHS["medium"])
