"""Rules of Japanese reading: numbers with their counters, dates, times, money, telephones, addresses.

Words are given in kana, for a number and its counter change each other: 一杯, 三杯, 六杯.
"""

from __future__ import annotations

import re

from num2words import num2words

from bunraku.node.speech.spelled.words import RAISED, Rule, power, rule

_DIGITS = ["ゼロ", "いち", "に", "さん", "よん", "ご", "ろく", "なな", "はち", "きゅう"]
_KANJI = {c: i for i, c in enumerate("〇一二三四五六七八九")}
_NUMBER = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"
_DAYS = {
    1: "ついたち", 2: "ふつか", 3: "みっか", 4: "よっか", 5: "いつか", 6: "むいか", 7: "なのか",
    8: "ようか", 9: "ここのか", 10: "とおか",
    14: "じゅうよっか", 20: "はつか", 24: "にじゅうよっか",
}  # fmt: skip
_THINGS = ["", "ひとつ", "ふたつ", "みっつ", "よっつ", "いつつ", "むっつ", "ななつ", "やっつ", "ここのつ"]
_ENDS: dict[str, dict[int, str]] = {
    "よ": {4: "よ"},
    "し": {4: "し", 7: "しち", 9: "く"},
    "時": {4: "よ", 7: "しち", 9: "く"},
}
"""How the last digit is said before some counters, where not as it is alone."""
_COUNTERS: dict[str, tuple[str, str]] = {
    "時間": ("じかん", "時"), "時": ("じ", "時"), "月": ("がつ", "し"), "年": ("ねん", "よ"),
    "円": ("えん", "よ"), "人": ("にん", "よ"),
    "分": ("ふん", "ぷ"), "分間": ("ふんかん", "ぷ"), "年代": ("ねんだい", "よ"),
    "階": ("かい", "が"), "回": ("かい", "k"), "個": ("こ", "k"),
    "歳": ("さい", "s"), "才": ("さい", "s"),
    "冊": ("さつ", "s"), "本": ("ほん", "h"), "杯": ("はい", "h"), "匹": ("ひき", "h"),
    "枚": ("まい", ""), "台": ("だい", ""),
    "番": ("ばん", ""), "秒": ("びょう", ""), "度": ("ど", ""), "名": ("めい", ""), "倍": ("ばい", ""),
    "週間": ("しゅうかん", "s"),
    "か月": ("かげつ", "k"), "ヶ月": ("かげつ", "k"), "号": ("ごう", ""), "点": ("てん", "s"),
    "頭": ("とう", "s"), "軒": ("けん", "が"),
    "キロ": ("きろ", "k"), "センチ": ("せんち", "s"), "メートル": ("めーとる", ""),
    "パーセント": ("ぱーせんと", "h"),
    "番線": ("ばんせん", ""), "行": ("ぎょう", ""), "世紀": ("せいき", "s"),
}  # fmt: skip
_UNITS = {
    "km/h": "キロ", "km": "キロ", "cm": "センチ", "mm": "ミリ", "kg": "キロ", "g": "グラム",
    "ml": "ミリリットル", "L": "リットル",
    "m²": "平方メートル",
    "m³": "立方メートル", "mL": "ミリリットル", "TB": "テラバイト", "m": "メートル",
    "GB": "ギガバイト", "MB": "メガバイト",
    "kWh": "キロワットアワー", "W": "ワット", "Hz": "ヘルツ",
    "GHz": "ギガヘルツ", "MHz": "メガヘルツ", "㎡": "平方メートル", "㎏": "キロ", "㎞": "キロ",
    "㎝": "センチ",
    "㎜": "ミリ",
    "°": "度", "s": "秒", "min": "分", "h": "時間",
}  # fmt: skip
_MONEY = {"¥": "円", "￥": "円", "$": "ドル", "US$": "ドル", "€": "ユーロ", "£": "ポンド"}
_SIGNS = {
    "&": "アンド", "@": "アットマーク", "+": "プラス", "=": "イコール", "×": "かける", "÷": "わる",
    "±": "プラスマイナス", "<": "小なり",
    ">": "大なり", "%": "パーセント", "§": "セクション", "→": "から", "#": "シャープ", "°": "度",
    "/": "スラッシュ", "$": "ドル", "€": "ユーロ",
    "£": "ポンド", "№": "ナンバー", "*": "アスタリスク", "≈": "約", "≤": "以下", "≥": "以上",
    "〜": "から", "～": "から", "~": "から",
}  # fmt: skip


def cardinal(number: str) -> str:
    whole, _, part = number.replace(",", "").partition(".")
    if len(whole) > 16 or (len(whole) > 1 and whole[0] == "0"):
        said = digits(whole)
    else:
        said = str(num2words(int(whole), lang="ja", reading=True))
    return f"{said}てん{digits(part)}" if part else said


def digits(text: str) -> str:
    return "".join(_DIGITS[int(c)] for c in text if c.isdigit())


def _plain(text: str) -> str | None:
    """A small number in kanji as digits: 十二, 二十, 百五 are not worth a library."""
    if text.isdigit() and text.isascii():
        return text
    if len(text) > 5:
        return None
    total, current = 0, 0
    for c in text:
        if c in _KANJI:
            current = current * 10 + _KANJI[c]
        else:
            total, current = total + (current or 1) * {"十": 10, "百": 100}[c], 0
    return str(total + current)


def counted(number: str, counter: str) -> str:
    """A number with what it counts, in kana."""
    said, kind = _COUNTERS[counter]
    if "." in number or len(number.replace(",", "")) > 15:
        return cardinal(number) + said
    value = int(number.replace(",", ""))
    if counter == "人" and value in (1, 2):
        return ("ひとり", "ふたり")[value - 1]
    words, last = cardinal(str(value)), value % 10
    if kind in _ENDS:
        if last in _ENDS[kind]:
            words = words.removesuffix(_DIGITS[last]) + _ENDS[kind][last]
        return words + said
    short = {1: "いっ", 6: "ろっ", 8: "はっ", 0: "じゅっ"}
    ten = value % 100 != 0 and last == 0
    if kind in ("k", "h", "ぷ", "が") and words.endswith("ひゃく"):
        words = words.removesuffix("く") + "っ"
        return words + (_puffed(said) if kind in ("h", "ぷ") else said)
    if (kind in ("k", "が", "h", "ぷ") and (last in (1, 6, 8) or ten)) or (
        kind == "s" and (last in (1, 8) or ten)
    ):
        words = _shortened(words, last, short[last])
    if kind == "が" and last == 3:
        return words + "が" + said[1:] if said != "けん" else words + "げん"
    if kind == "ぷ":
        return words + (_puffed(said) if last in (1, 3, 4, 6, 8) or ten else said)
    if kind == "h" and (last in (1, 6, 8) or ten):
        return words + _puffed(said)
    if kind == "h" and last == 3 and said[0] in _H:
        return words + "ばびぶべぼ"[_H.index(said[0])] + said[1:]
    return words + said


_H = "はひふへほ"


def _puffed(said: str) -> str:
    return "ぱぴぷぺぽ"[_H.index(said[0])] + said[1:] if said[0] in _H else said


def _shortened(words: str, last: int, short: str) -> str:
    alone = "じゅう" if last == 0 else _DIGITS[last]
    return words.removesuffix(alone) + short


def _day(number: str) -> str:
    return _DAYS.get(int(number), cardinal(number) + "にち")


def _date(year: str | None, month: str, day: str) -> str | None:
    if not (1 <= int(month) <= 12 and 1 <= int(day) <= 31):
        return None
    said = f"{counted(str(int(month)), '月')} {_day(day)}"
    return f"{counted(year, '年')} {said}" if year else said


def _time(m: re.Match[str]) -> str | None:
    hour, minute = int(m[1]), int(m[2])
    if hour > 24 or minute > 59:
        return None
    said = counted(str(hour), "時")
    return f"{said} {counted(str(minute), '分')}" if minute else said


def _amount(number: str, sign: str) -> str:
    return counted(number, "円") if sign == "円" else f"{cardinal(number)} {sign}"


def _phone(text: str) -> str | None:
    if not 9 <= sum(c.isdigit() for c in text) <= 15:
        return None
    said = "の, ".join(digits(g) for g in re.findall(r"\d+", text))
    return ("プラス " if text.startswith("+") else "") + said


def _address(text: str) -> str:
    names = {
        ".": "ドット",
        "@": "アットマーク",
        "-": "ハイフン",
        "_": "アンダーバー",
        "/": "スラッシュ",
        "+": "プラス",
        ":": "コロン",
    }
    parts = re.findall(r"[A-Za-z]+|\d+|[^\sA-Za-z\d]", text)
    return " ".join(digits(p) if p.isdigit() else p if p.isalpha() else names.get(p, "") for p in parts)


def _mixed(m: re.Match[str]) -> str:
    parts = re.findall(r"[A-Za-z]+|\d+(?:\.\d+)?", m.group())
    return " ".join(p if p.isalpha() else cardinal(p) for p in parts)


def _raised(m: re.Match[str]) -> str:
    signs = power(m.group())
    minus = "マイナス " if signs[0] == "-" else ""
    return f"の {minus}{cardinal(signs.strip('+-') or '0')}じょう"


_LARGE = {"万": "まん", "億": "おく", "兆": "ちょう"}
_FRACTIONS = {
    "½": "にぶんの いち", "¼": "よんぶんの いち", "¾": "よんぶんの さん", "⅓": "さんぶんの いち",
    "⅔": "さんぶんの に",
}  # fmt: skip


def rules() -> tuple[Rule, ...]:
    number, end = f"(?:{_NUMBER})", r"(?![\dA-Za-z])"
    count = r"(?:\d{1,3}(?:,\d{3})+|\d+)"
    counters = "|".join(sorted(_COUNTERS, key=len, reverse=True))
    units = "|".join(re.escape(u) for u in sorted(_UNITS, key=len, reverse=True))
    signs = "|".join(re.escape(s) for s in sorted(_MONEY, key=len, reverse=True))

    def dated(m: re.Match[str]) -> str | None:
        return _date(m[1], m[2], m[3])

    def in_words(m: re.Match[str]) -> str | None:
        value = _plain(m[1])
        return counted(value, m[2]) if value else None

    def day(m: re.Match[str]) -> str | None:
        value = _plain(m[1])
        return _day(value) if value and 1 <= int(value) <= 31 else None

    def measured(m: re.Match[str]) -> str:
        unit = _UNITS[m[3]]
        said = counted(m[2], unit) if unit in _COUNTERS else f"{cardinal(m[2])} {unit}"
        return ("マイナス" if m[1] else "") + ("じそく " if m[3] == "km/h" else "") + said

    return (
        rule(r"(?:https?|ftp)://(?:www\.)?([\w.-]+\w)[^\s、。]*[\w/]", lambda m: _address(m[1]), re.A),
        rule(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,}", lambda m: _address(m.group()), re.A),
        rule(r"(?:www\.)?([A-Za-z][\w-]*(?:\.[\w-]+)*\.(?:com|jp|org|net|io|js))\b(?:[/?#][^\s、。]*\w)?",
             lambda m: _address(m[1]), re.A),
        rule(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})" + end, dated),
        rule(r"(?:(\d{4})年)(\d{1,2})月(\d{1,2})日", dated),
        rule(r"(\d{1,2})月(\d{1,2})日", lambda m: _date(None, m[1], m[2])),
        rule(r"(?<=\d)\s?[-–~～〜]\s?(?=\d{1,2}[:：]\d{2})", lambda _: "から"),
        rule(r"(?<=丁目)(\d+)-(\d+)(?:-(\d+))?" + end,
             lambda m: "の ".join(cardinal(g) for g in m.groups() if g)),
        rule(r"(\d+\.\d)\s?/\s?(5|10|100)" + end,
             lambda m: f"{counted(m[2], '点')}まんてんちゅう {cardinal(m[1])}"),
        rule(r"(\d{1,2})[:：](\d{2})(?:[:：]\d{2})?" + end, _time),
        rule(r"\+\d[\d ().-]{6,}\d" + end, lambda m: _phone(m.group())),
        rule(r"0\d{1,4}-\d{1,4}-\d{3,4}" + end, lambda m: _phone(m.group())),
        rule(r"〒\s?(\d{3})-(\d{4})", lambda m: f"ゆうびんばんごう {digits(m[1])}の, {digits(m[2])}"),
        rule(rf"({signs})\s?({number})", lambda m: _amount(m[2], _MONEY[m[1]])),
        rule(rf"({number})\s?({signs})", lambda m: _amount(m[1], _MONEY[m[2]])),
        rule(rf"([-−])?({number})\s?(?:°C|℃)",
             lambda m: f"{'マイナス' if m[1] else ''}{counted(m[2], '度')}"),
        rule(rf"({number})\s?%?\s?[-–~～〜]\s?({number})\s?%",
             lambda m: f"{cardinal(m[1])} から {counted(m[2], 'パーセント')}"),
        rule(rf"([-−])?({number})\s?%",
             lambda m: f"{'マイナス' if m[1] else ''}{counted(m[2], 'パーセント')}"),
        rule(rf"([-−])?({number})\s?({units})" + end, measured),
        rule(r"(\d+)日目", lambda m: f"{cardinal(m[1])}にちめ"),
        rule(r"(\d+)日(?!間|本|曜)", day),
        rule(r"(?:20|二十)歳", lambda _: "はたち"),
        rule(r"(\d+(?:\.\d+)?)(万|億|兆)(円)?",
             lambda m: f"{cardinal(m[1])}{_LARGE[m[2]]}{'えん' if m[3] else ''}"),
        rule(rf"({count})\s?[-–~～〜]\s?(?={count}(?:{counters}))", lambda m: f"{cardinal(m[1])} から"),
        # In kanji, only what cannot be a word of its own, as 十分 (enough) or 一日 (a day).
        rule(r"([一二三四五六七八九十百]{1,5})(時間|時|人|階|本|杯|匹|歳|個|回|枚|冊|円|軒|番線)(?![々前気])",
             in_words),
        rule(rf"({number})({counters})", lambda m: counted(m[1], m[2])),
        rule(r"([1-9一二三四五六七八九])つ", lambda m: _THINGS[int(_plain(m[1]) or 0)]),
        rule(r"(\d+)([½¼¾⅓⅔])", lambda m: f"{cardinal(m[1])} と {_FRACTIONS[m[2]]}"),
        rule(r"[½¼¾⅓⅔]", lambda m: _FRACTIONS[m.group()]),
        rule(rf"[{RAISED}]+", _raised),
        rule(r"\d+\s?[x×]\s?\d+" + end,
             lambda m: " かける ".join(cardinal(p) for p in re.split(r"\s?[x×]\s?", m.group()))),
        rule(r"[A-Za-z]{2,}-?\d+(?:\.\d+)?[A-Za-z\d]*|[A-Za-z]-\d+", _mixed, re.A),
        rule(r"#(?=[^\W\d])", lambda _: "ハッシュタグ"),
        rule(r"(\d{1,2})/(\d{1,3})" + end,
             lambda m: f"{cardinal(m[2])}ぶんの {cardinal(m[1])}" if 0 < int(m[1]) < int(m[2]) else None),
        rule(rf"({count})\s?[-–~～〜]\s?({count})(?!\d)",
             lambda m: f"{cardinal(m[1])} から {cardinal(m[2])}"),
        rule(r"§\s?(\d+)", lambda m: f"だい {cardinal(m[1])}じょう"),
        rule(r"(?:No\.|№|#)\s?(\d+)", lambda m: f"ナンバー {cardinal(m[1])}"),
        rule(r"\d+(?:\.\d+){2,}", lambda m: " てん ".join(cardinal(p) for p in m.group().split("."))),
        rule(rf"[-−]({number})", lambda m: f"マイナス {cardinal(m[1])}"),
        rule(number, lambda m: cardinal(m.group())),
        rule("|".join(re.escape(s) for s in _SIGNS), lambda m: _SIGNS[m.group()]),
    )  # fmt: skip
