"""Rules of Mandarin reading: numbers, dates, times, money, units, telephones, addresses."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from bunraku.node.speech.spelled.roman import NUMERAL, value
from bunraku.node.speech.spelled.words import RAISED, Rule, power, rule

_DIGITS = "零一二三四五六七八九"
_NUMBER = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"
_MONEY = {"¥": "元", "￥": "元", "$": "美元", "US$": "美元", "€": "欧元", "£": "英镑", "HK$": "港元"}
_CODES = {"CNY": "元", "RMB": "元", "USD": "美元", "EUR": "欧元", "GBP": "英镑", "JPY": "日元"}
_UNITS = {
    "km/h": "公里每小时", "m/s²": "米每二次方秒", "m/s": "米每秒", "km²": "平方公里", "m²": "平方米",
    "m³": "立方米", "㎡": "平方米", "㎏": "公斤", "㎞": "公里", "㎝": "厘米", "㎜": "毫米",
    "GHz": "吉赫兹", "MHz": "兆赫兹",
    "km": "公里", "cm": "厘米",
    "mm": "毫米", "m": "米", "kg": "公斤", "mg": "毫克", "g": "克", "t": "吨", "ml": "毫升",
    "mL": "毫升", "L": "升", "l": "升",
    "kWh": "千瓦时", "kW": "千瓦", "W": "瓦", "V": "伏", "Hz": "赫兹", "°": "度", "h": "小时",
    "min": "分钟", "s": "秒",
}  # fmt: skip
_MEASURES = "个位人天年次本张件条只杯块元名份倍岁周双家辆种把台句群瓶间层米公升吨克斤里分秒万亿千小点"
"""Before these, two is 两. Not before those that count in an order, as 号, 月, 楼 and 日."""
_SIGNS = {
    "&": "和", "@": "艾特", "+": "加", "=": "等于", "×": "乘以", "÷": "除以", "±": "正负", "<": "小于",
    ">": "大于", "≤": "小于等于",
    "≥": "大于等于", "≈": "约等于", "%": "百分号", "§": "第", "→": "到", "#": "井号", "°": "度",
    "/": "斜杠", "$": "美元", "€": "欧元",
    "£": "英镑", "№": "编号", "~": "到", "～": "到", "*": "星号", "^": "的", "©": "版权", "™": "商标",
    "∞": "无穷大", "π": "派",
}  # fmt: skip


@lru_cache
def _library() -> Any:
    import cn2an

    return cn2an


def digits(text: str) -> str:
    return "".join(_DIGITS[int(c)] for c in text if c.isdigit())


def cardinal(number: str) -> str:
    whole, _, part = number.replace(",", "").partition(".")
    # Larger ones are spelled, as are those that begin with a nought.
    said = digits(whole) if len(whole) > 16 or (len(whole) > 1 and whole[0] == "0") else _whole(int(whole))
    return f"{said}点{digits(part)}" if part else said


def _whole(number: int) -> str:
    said: str = _library().an2cn(str(number), "low")
    return re.sub("^二(?=[千万亿])", "两", said)


def _counted(number: str) -> str:
    return "两" if number == "2" else cardinal(number)


def _date(year: str, month: str, day: str) -> str | None:
    if not (1 <= int(month) <= 12 and 1 <= int(day) <= 31):
        return None
    return f"{digits(year)}年{cardinal(str(int(month)))}月{cardinal(str(int(day)))}日"


def _time(m: re.Match[str]) -> str | None:
    hour, minute = int(m[1]), int(m[2])
    if hour > 24 or minute > 59:
        return None
    said = _counted(str(hour)) + "点"
    if minute == 0 and not m[3]:
        return said + "整"
    said += ("零" if 0 < minute < 10 else "") + cardinal(str(minute)) + "分"
    return said + (cardinal(str(int(m[3]))) + "秒" if m[3] else "")


def _money(sign: str, amount: str, scale: str | None) -> str:
    if scale or sign != "元":
        return f"{_counted(amount)}{scale or ''}{sign}"
    whole, _, part = amount.replace(",", "").partition(".")
    part = part.ljust(2, "0")[:2] if part else ""
    out = f"{_counted(whole)}元" if int(whole) or not part.strip("0") else ""
    if part.strip("0"):
        out += f"{_DIGITS[int(part[0])]}角" if part[0] != "0" else "零" if out else ""
        out += f"{_DIGITS[int(part[1])]}分" if part[1] != "0" else ""
    return out


def _phone(text: str) -> str | None:
    if not 7 <= sum(c.isdigit() for c in text) <= 15:
        return None
    groups = [digits(g).replace("一", "幺") for g in re.findall(r"\d+", text)]
    return ("加 " if text.startswith("+") else "") + ", ".join(groups)


def _address(text: str) -> str:
    names = {".": "点", "@": "艾特", "-": "杠", "_": "下划线", "/": "斜杠", "+": "加", ":": "冒号"}
    parts = re.findall(r"[A-Za-z]+|\d+|[^\sA-Za-z\d]", text)
    return " ".join(digits(p) if p.isdigit() else p if p.isalpha() else names.get(p, "") for p in parts)


def _fraction(m: re.Match[str]) -> str | None:
    return f"{cardinal(m[2])}分之{cardinal(m[1])}" if 0 < int(m[1]) < int(m[2]) <= 100 else None


def _minus(sign: str | None) -> str:
    return "负" if sign else ""


def _mixed(m: re.Match[str]) -> str:
    """``GPT-4o``, ``COVID-19``: letters and numbers in turn, and no minus between them."""
    parts = re.findall(r"[A-Za-z]+|\d+(?:\.\d+)?", m.group())
    return " ".join(
        p if p.isalpha() else digits(p) if len(p) == 4 and "." not in p else cardinal(p) for p in parts
    )


def _raised(m: re.Match[str]) -> str:
    signs = power(m.group())
    minus = "负" if signs[0] == "-" else ""
    return {"2": "平方", "3": "立方"}.get(signs, f"的{minus}{cardinal(signs.strip('+-') or '0')}次方")


_FRACTIONS = {"½": "二分之一", "¼": "四分之一", "¾": "四分之三", "⅓": "三分之一", "⅔": "三分之二"}


def rules() -> tuple[Rule, ...]:
    number, end = f"(?:{_NUMBER})", r"(?![\dA-Za-z])"
    units = "|".join(re.escape(u) for u in sorted(_UNITS, key=len, reverse=True))
    signs = "|".join(re.escape(s) for s in sorted(_MONEY, key=len, reverse=True))
    return (
        rule(r"(?:https?|ftp)://(?:www\.)?([\w.-]+\w)[^\s，。；！？、]*[\w/]",
             lambda m: _address(m[1]), re.A),
        rule(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,}", lambda m: _address(m.group()), re.A),
        rule(r"(?:www\.)?([A-Za-z][\w-]*(?:\.[\w-]+)*\.(?:com|cn|org|net|io|edu|gov|hk|tw|js))\b(?:[/?#][^\s，。；！？、]*\w)?",
             lambda m: _address(m[1]), re.A),
        rule(r"(\d{4})-(\d{2})-(\d{2})T\d{2}:\d{2}(?::\d{2})?(?:\.\d+)?Z?" + end,
             lambda m: _date(m[1], m[2], m[3])),
        rule(r"(\d{4})\s?[-/.年]\s?(\d{1,2})\s?[-/.月]\s?(\d{1,2})(?:[日号]|(?![\dA-Za-z日号]))",
             lambda m: _date(m[1], m[2], m[3])),
        rule(r"第\s?(\d+)\s?[-–~～]\s?(\d+)", lambda m: f"第{cardinal(m[1])}到{cardinal(m[2])}"),
        rule(r"第\s?(\d+)", lambda m: f"第{cardinal(m[1])}"),
        rule(r"(?<=[打拨叫])(?:110|119|120|122|12306|12345|95\d{3}|10086|10010)" + end,
             lambda m: digits(m.group()).replace("一", "幺")),
        rule(r"(\d{4})(?=\s?年)", lambda m: digits(m[1])),
        rule(r"(\d{2})(?=年代|后)", lambda m: digits(m[1]) if m[1] != "10" else None),
        rule(r"(?<=\d)\s?[-–—~～]\s?(?=\d{1,2}[:：]\d{2})", lambda _: "到"),
        rule(r"(\d{1,2})[:：](\d{2})(?:[:：](\d{2}))?" + end, _time),
        rule(r"(\d+)[:：](\d+)" + end, lambda m: f"{cardinal(m[1])}比{cardinal(m[2])}"),
        rule(r"\+\d[\d ().-]{6,}\d" + end, lambda m: _phone(m.group())),
        rule(r"1[3-9]\d[- ]?\d{4}[- ]?\d{4}" + end, lambda m: _phone(m.group())),
        rule(r"(?:0\d{2,3}|400|800)-\d{3,4}-?\d{3,4}" + end, lambda m: _phone(m.group())),
        rule(rf"({signs})\s?(\d+)\s?[-–~～]\s?(\d+)(?![\d.])",
             lambda m: f"{cardinal(m[2])}到{cardinal(m[3])}{_MONEY[m[1]]}"),
        rule(rf"-(?=(?:{signs})\s?\d)", lambda _: "负"),
        rule(r"(?<=[元$€£角分])\s?/\s?(?=[年月日天周次人个小时份斤])", lambda _: "每"),
        rule(rf"({signs})\s?({number})\s?([万亿])?元?", lambda m: _money(_MONEY[m[1]], m[2], m[3])),
        rule(rf"({number})\s?([万亿])?\s?({signs})", lambda m: _money(_MONEY[m[3]], m[1], m[2])),
        rule(rf"({number})\s?([万亿])?\s?({'|'.join(_CODES)})\b",
             lambda m: _money(_CODES[m[3]], m[1], m[2]), re.A),
        rule(rf"({number})元", lambda m: _money("元", m[1], None)),
        rule(rf"([-−])?({number})\s?(?:°C|℃)", lambda m: f"{'零下' if m[1] else ''}{cardinal(m[2])}摄氏度"),
        rule(rf"([-−])?({number})\s?(?:°F|℉)", lambda m: f"{_minus(m[1])}{cardinal(m[2])}华氏度"),
        rule(rf"({number})\s?%?\s?[-–~～]\s?({number})\s?%",
             lambda m: f"百分之{cardinal(m[1])}到百分之{cardinal(m[2])}"),
        rule(rf"([-−])?({number})\s?%", lambda m: f"{_minus(m[1])}百分之{cardinal(m[2])}"),
        rule(rf"([-−])?({number})\s?‰", lambda m: f"{_minus(m[1])}千分之{cardinal(m[2])}"),
        rule(rf"([-−])?({number})\s?({units})" + end,
             lambda m: f"{_minus(m[1])}{_counted(m[2])}{_UNITS[m[3]]}"),
        rule(r"(\d+)([½¼¾⅓⅔])", lambda m: f"{cardinal(m[1])}又{_FRACTIONS[m[2]]}"),
        rule(r"[½¼¾⅓⅔]", lambda m: _FRACTIONS[m.group()]),
        rule(rf"[{RAISED}]+", _raised),
        rule(r"\d+\s?[x×]\s?\d+" + end,
             lambda m: "乘".join(cardinal(p) for p in re.split(r"\s?[x×]\s?", m.group()))),
        rule(r"[A-Za-z]+-?\d+(?:\.\d+)?[A-Za-z\d]*(?!\.\d)", _mixed, re.A),
        rule(r"[vV](?=\d)", lambda _: "v"),
        rule(r"#(?=[^\W\d])", lambda _: "话题"),
        rule(r"(\d+\.\d)\s?/\s?(5|10|100)分?" + end,
             lambda m: f"{cardinal(m[1])}分, 满分{cardinal(m[2])}分"),
        rule(r"(?<!\d)[~～](?=\d)", lambda _: "约"),
        rule(r"(\d{1,2})/(\d{1,3})" + end, _fraction),
        rule(rf"({number})\s?[-–~～]\s?({number})(?!\d)", lambda m: f"{cardinal(m[1])}到{cardinal(m[2])}"),
        rule(r"§\s?(\d+)", lambda m: f"第{cardinal(m[1])}条"),
        rule(r"(?:No\.|№|#)\s?(\d+)", lambda m: f"{cardinal(m[1])}号"),
        rule(rf"({NUMERAL})(?=世)", lambda m: cardinal(str(value(m[1])))),
        rule(r"\d+(?:\.\d+){2,}", lambda m: "点".join(cardinal(p) for p in m.group().split("."))),
        rule(rf"2(?=[{_MEASURES}])(?!点\d)(?!号)", lambda _: "两"),
        rule(rf"[-−]({number})", lambda m: f"负{cardinal(m[1])}"),
        rule(number, lambda m: cardinal(m.group())),
        rule("|".join(re.escape(s) for s in _SIGNS), lambda m: _SIGNS[m.group()]),
    )  # fmt: skip
