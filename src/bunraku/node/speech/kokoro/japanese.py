"""How Japanese is said: MeCab with IPAdic gives the kana of each word, a table the model's signs.

The correspondence of kana and signs is misaki's.
"""

from __future__ import annotations

import importlib.util
import unicodedata
from typing import Any

PACKAGES = ("fugashi", "ipadic")
_PRONUNCIATION = 6  # field of an entry of IPAdic, after the two parts of speech

_TABLE = (
    "ア a イ i ウ ɯ エ e オ o カ ka キ kʲi ク kɯ ケ ke コ ko ガ ɡa ギ ɡʲi グ ɡɯ ゲ ɡe ゴ ɡo サ sa シ ɕi ス sɨ"
    " セ se ソ so ザ ʣa ジ ʥi ズ zɨ ゼ ʣe ゾ ʣo タ ta チ ʨi ツ ʦɨ テ te ト to ダ da ヂ ʥi ヅ zɨ デ de ド do"
    " ナ na ニ ɲi ヌ nɯ ネ ne ノ no ハ ha ヒ çi フ ɸɯ ヘ he ホ ho バ ba ビ bʲi ブ bɯ ベ be ボ bo パ pa ピ pʲi"
    " プ pɯ ペ pe ポ po マ ma ミ mʲi ム mɯ メ me モ mo ヤ ja ユ jɯ ヨ jo ラ ɾa リ ɾʲi ル ɾɯ レ ɾe ロ ɾo ワ βa"
    " ヰ i ヱ e ヲ o ヴ vɯ ヵ ka ヶ ke ァ a ィ i ゥ ɯ ェ e ォ o ャ ja ュ jɯ ョ jo ヮ βa イェ je ウィ βi ウェ"
    " βe ウォ βo クァ kᵝa クィ kᵝi クェ kᵝe クォ kᵝo グァ ɡᵝa グィ ɡᵝi グェ ɡᵝe グォ ɡᵝo シェ ɕe ジェ ʥe"
    " チェ ʨe ツァ ʦa ツィ ʦʲi ツェ ʦe ツォ ʦo ティ tʲi テュ tʲɨ ディ dʲi デュ dʲɨ トゥ tɯ ドゥ dɯ ファ ɸa"
    " フィ ɸʲi フェ ɸe フォ ɸo フュ ɸʲɨ フョ ɸʲo ヴァ va ヴィ vʲi ヴェ ve ヴォ vo ヴュ bʲɨ ヴョ bʲo"
)
_GLIDES = {
    "キ": "kʲ", "ギ": "ɡʲ", "シ": "ɕ", "ジ": "ʥ", "チ": "ʨ", "ヂ": "ʥ", "ニ": "ɲ", "ヒ": "ç", "ビ": "bʲ",
    "ピ": "pʲ", "ミ": "mʲ",
    "リ": "ɾʲ",
}  # fmt: skip
_KANA = {
    **dict(zip(_TABLE.split(" ")[::2], _TABLE.split(" ")[1::2], strict=True)),
    **{k + y: sound + v for k, sound in _GLIDES.items() for y, v in zip("ャュョ", "aɨo", strict=True)},
}
_NASALS = (("mpb", "m"), ("kɡ", "ŋ"), ("ɲʨʥ", "ɲ"), ("ntdɾzʣʦ", "n"))
"""What the moraic nasal is before these sounds; else it is ɴ."""


def installed() -> bool:
    return all(importlib.util.find_spec(name) is not None for name in PACKAGES)


def from_kana(kana: str) -> str:
    """The model's signs of a word in kana; what is no kana is left out."""
    text = "".join(chr(ord(c) + 0x60) if "ぁ" <= c <= "ゖ" else c for c in kana)
    out, i = "", 0
    while i < len(text):
        size = 2 if text[i : i + 2] in _KANA else 1
        piece = text[i : i + size]
        i += size
        if piece == "ー":
            out += "ː"
        elif piece == "ッ":
            out += "ʔ"
        elif piece == "ン":
            following = _KANA.get(text[i : i + 2]) or _KANA.get(text[i : i + 1], "")
            out += next((n for before, n in _NASALS if following[:1] and following[0] in before), "ɴ")
        else:
            out += _KANA.get(piece, "")
    return out


class Japanese:
    """The dictionary is mapped into memory, not read."""

    def __init__(self) -> None:
        import fugashi
        import ipadic

        tagger: Any = fugashi  # it carries no types
        self._tagger: Any = tagger.GenericTagger(ipadic.MECAB_ARGS)

    def words(self, text: str) -> list[tuple[int, str]]:
        """The words of a run of kanji and kana: where each begins, and its phonemes. Endings of verbs and
        adjectives are said with the word before."""
        found: list[tuple[int, str]] = []  # in kana
        normal = unicodedata.normalize("NFKC", text)
        at = 0
        for node in self._tagger(normal):
            at = max(at, normal.find(node.surface, at))
            kind, detail, *rest = node.feature
            # Unknown words have no pronunciation; those in kana are their own.
            kana = rest[_PRONUNCIATION] if len(rest) > _PRONUNCIATION else node.surface
            if found and (kind == "助動詞" or (detail == "接続助詞" and node.surface in ("て", "で"))):
                # The ending of a proposal (ましょう) is a long vowel.
                long = node.surface == "う" and found[-1][1][-1] in "ョオコソトノホモヨロゴゾドボポ"
                found[-1] = (found[-1][0], found[-1][1] + ("ー" if long else kana))
            else:
                found.append((min(at, len(text) - 1), kana))
            at += len(node.surface)
        return [(place, said) for place, kana in found if (said := from_kana(kana))]
