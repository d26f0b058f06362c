"""Letter-to-sound rules for English words that no dictionary knows: names, mostly.

Longest spelling first, the context as regular expressions on what is before and after. Nobody is
meant to hear these often: with espeak-ng installed they are not used at all.
"""

from __future__ import annotations

import re
import unicodedata

_RULES: tuple[tuple[str, str, str, str], ...] = (
    # before, spelling, after, sound
    ("", "tion", "", "ʃᵊn"), ("", "sion", "", "ʒᵊn"), ("", "ture", "", "ʧəɹ"), ("", "ough", "", "O"),
    ("", "augh", "", "ɔ"), ("", "eigh", "", "A"), ("", "igh", "", "I"), ("", "tch", "", "ʧ"),
    ("", "sch", "", "sk"), ("", "dge", "", "ʤ"), ("", "que", "$", "k"), ("", "gue", "$", "ɡ"),
    ("", "ear", "", "ɪɹ"), ("", "eer", "", "ɪɹ"), ("", "air", "", "ɛɹ"), ("", "oor", "", "ɔɹ"),
    ("", "our", "", "ɔɹ"), ("", "ph", "", "f"), ("^", "gh", "", "ɡ"), ("", "gh", "", ""), ("", "th", "", "θ"),
    ("", "sh", "", "ʃ"), ("", "ch", "", "ʧ"), ("", "ck", "", "k"), ("^", "kn", "", "n"), ("^", "wr", "", "ɹ"),
    ("^", "ps", "", "s"), ("", "wh", "", "w"), ("", "qu", "", "kw"), ("", "ng", "$", "ŋ"),
    ("", "nk", "", "ŋk"),
    ("", "ee", "", "i"), ("", "ea", "", "i"), ("", "ie", "$", "i"), ("", "ie", "", "i"), ("", "ei", "", "A"),
    ("", "oo", "", "u"), ("", "oa", "", "O"), ("", "ou", "", "W"), ("", "ow", "$", "O"), ("", "ow", "", "W"),
    ("", "oi", "", "Y"), ("", "oy", "", "Y"), ("", "ai", "", "A"), ("", "ay", "", "A"), ("", "ey", "$", "i"),
    ("", "au", "", "ɔ"), ("", "aw", "", "ɔ"), ("", "ew", "", "u"), ("", "ue", "", "u"), ("", "ui", "", "u"),
    ("", "ar", "", "ɑɹ"), ("", "er", "", "əɹ"), ("", "ir", "", "ɜɹ"), ("", "or", "", "ɔɹ"),
    ("", "ur", "", "ɜɹ"),
    ("", "le", "$", "ᵊl"), ("", "es", "$", "z"), ("", "a", "[bcdfgklmnpqrstvz]e$", "A"),
    ("", "i", "[bcdfgklmnpqrstvz]e$", "I"), ("", "o", "[bcdfgklmnpqrstvz]e$", "O"),
    ("", "u", "[bcdfgklmnpqrstvz]e$", "u"), ("", "e", "[bcdfgklmnpqrstvz]e$", "i"), (".", "e", "$", ""),
    ("", "cc", "[eiy]", "ks"), ("", "c", "[eiy]", "s"), ("", "g", "[ey]", "ʤ"), ("", "x", "", "ks"),
    ("^", "x", "", "z"), ("^", "y", "", "j"), ("", "y", "$", "i"), ("", "y", "", "ɪ"), ("", "a", "$", "ə"),
    ("", "o", "$", "O"), ("", "i", "$", "i"), ("", "u", "$", "u"), ("[aeiou]", "s", "[aeiou]", "z"),
    ("", "a", "", "æ"), ("", "e", "", "ɛ"), ("", "i", "", "ɪ"), ("", "o", "", "ɑ"), ("", "u", "", "ʌ"),
    ("", "b", "", "b"), ("", "c", "", "k"), ("", "d", "", "d"), ("", "f", "", "f"), ("", "g", "", "ɡ"),
    ("", "h", "", "h"), ("", "j", "", "ʤ"), ("", "k", "", "k"), ("", "l", "", "l"), ("", "m", "", "m"),
    ("", "n", "", "n"), ("", "p", "", "p"), ("", "q", "", "k"), ("", "r", "", "ɹ"), ("", "s", "", "s"),
    ("", "t", "", "t"), ("", "v", "", "v"), ("", "w", "", "w"), ("", "z", "", "z"),
)  # fmt: skip
_COMPILED = [
    (
        re.compile("^$" if before == "^" else before + "$") if before else None,
        spelling,
        re.compile(after) if after else None,
        sound,
    )
    for before, spelling, after, sound in _RULES
]
_VOWELS = "AIOWYæɑəɛɜɪiʌuɔᵊ"
_BRITISH = str.maketrans({"O": "Q", "æ": "a"})


def spell(word: str, *, british: bool = False) -> str:
    """How a word is probably said; empty when it has no Latin letter."""
    plain = unicodedata.normalize("NFKD", word.lower())
    letters = "".join(c for c in plain if "a" <= c <= "z")
    out, i = "", 0
    while i < len(letters):
        if i and letters[i] == letters[i - 1] and letters[i] not in "aeiou":
            i += 1
            continue
        for before, spelling, after, sound in _COMPILED:
            end = i + len(spelling)
            if not letters.startswith(spelling, i):
                continue
            # ``^`` in front means the word's beginning, ``.`` that something is there.
            if before is not None and not before.search("" if i == 0 else letters[:i]):
                continue
            if after is not None and not after.match(letters[end:]):
                continue
            out += sound
            i = end
            break
        else:
            i += 1
    first = next((k for k, c in enumerate(out) if c in _VOWELS.replace("ə", "")), None)
    if first is not None:
        out = out[:first] + "ˈ" + out[first:]
    return out.translate(_BRITISH) if british else out
