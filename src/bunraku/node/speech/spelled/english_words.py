"""The words that reading English out needs."""

from __future__ import annotations

import re

MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
MONTH = "|".join([*MONTHS, *(m[:3] + r"\.?(?![a-z])" for m in MONTHS), r"Sept\.?(?![a-z])"])
DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
NUMBER = r"\d{1,3}(?:[,'’\u00a0\u202f ]\d{3})+(?:\.\d+)?(?!\d)|\d+(?:\.\d+)?"
SCALE = r"(?:\s(?P<scale>thousand|million|billion|trillion)\b|(?P<short>[KkMmB]|bn)\b)?"
SHORT = {"k": "thousand", "m": "million", "b": "billion", "bn": "billion"}
COUNTED = (
    "War|Chapter|Part|Act|Phase|Type|Title|Volume|Book|Section|Article|Appendix|Stage|Level|Class|Super Bowl"
)
RULERS = (
    "Elizabeth|Charles|Henry|George|William|Louis|Philip|Philippe|John Paul|Benedict|Pius|Edward|Richard"
    "|James|Mary|Nicholas|Alexander|Catherine|Frederick|Peter|Paul|Napoleon|Leo|Gregory|Innocent|Clement|Ramesses"
    "|Felipe|Harald"
)
CURRENCY = {
    "$": ("dollar", "dollars", "cent", "cents"),
    "US$": ("US dollar", "US dollars", "cent", "cents"),
    "£": ("pound", "pounds", "penny", "pence"),
    "€": ("euro", "euros", "cent", "cents"),
    "¥": ("yen", "yen", "", ""),
    "₹": ("rupee", "rupees", "paisa", "paise"),
}
CODES = {"USD": "US$", "EUR": "€", "GBP": "£", "JPY": "¥", "INR": "₹"}
UNITS = {
    "km/h": ("kilometre per hour", "kilometres per hour"), "mph": ("mile per hour", "miles per hour"),
    "m/s²": ("metre per second squared", "metres per second squared"),
    "m/s": ("metre per second", "metres per second"), "km": ("kilometre", "kilometres"),
    "cm": ("centimetre", "centimetres"), "mm": ("millimetre", "millimetres"), "m": ("metre", "metres"),
    "kg": ("kilogram", "kilograms"), "mg": ("milligram", "milligrams"), "g": ("gram", "grams"),
    "lb": ("pound", "pounds"), "lbs": ("pound", "pounds"), "oz": ("ounce", "ounces"), "ft": ("foot", "feet"),
    "mi": ("mile", "miles"), "ml": ("millilitre", "millilitres"), "L": ("litre", "litres"),
    "l": ("litre", "litres"), "GB": ("gigabyte", "gigabytes"), "MB": ("megabyte", "megabytes"),
    "kB": ("kilobyte", "kilobytes"), "KB": ("kilobyte", "kilobytes"), "TB": ("terabyte", "terabytes"),
    "GHz": ("gigahertz", "gigahertz"), "MHz": ("megahertz", "megahertz"), "kHz": ("kilohertz", "kilohertz"),
    "Hz": ("hertz", "hertz"), "kWh": ("kilowatt hour", "kilowatt hours"), "kW": ("kilowatt", "kilowatts"),
    "W": ("watt", "watts"), "V": ("volt", "volts"), "hrs": ("hour", "hours"), "hr": ("hour", "hours"),
    "h": ("hour", "hours"), "min": ("minute", "minutes"), "sec": ("second", "seconds"),
    "s": ("second", "seconds"),
    "ms": ("millisecond", "milliseconds"), "mins": ("minute", "minutes"), "secs": ("second", "seconds"),
    "yr": ("year", "years"), "yrs": ("year", "years"), "mL": ("millilitre", "millilitres"),
    "Mbps": ("megabit per second", "megabits per second"),
    "Gbps": ("gigabit per second", "gigabits per second"),
    "kbps": ("kilobit per second", "kilobits per second"), "mAh": ("milliamp hour", "milliamp hours"),
    "MW": ("megawatt", "megawatts"), "GW": ("gigawatt", "gigawatts"), "dB": ("decibel", "decibels"),
    "kcal": ("kilocalorie", "kilocalories"), "rpm": ("revolution per minute", "revolutions per minute"),
    "px": ("pixel", "pixels"), "fps": ("frame per second", "frames per second"),
    "sq ft": ("square foot", "square feet"), "sq. ft.": ("square foot", "square feet"),
    "sq m": ("square metre", "square metres"), "ft²": ("square foot", "square feet"),
    "m³": ("cubic metre", "cubic metres"), "cm³": ("cubic centimetre", "cubic centimetres"),
    "°C": ("degree Celsius", "degrees Celsius"),
    "°F": ("degree Fahrenheit", "degrees Fahrenheit"), "°": ("degree", "degrees"),
    "%": ("percent", "percent"),
    "tsp": ("teaspoon", "teaspoons"), "tbsp": ("tablespoon", "tablespoons"),
    "m²": ("square metre", "square metres"), "km²": ("square kilometre", "square kilometres"),
}  # fmt: skip
UNIT = "|".join(re.escape(u) for u in sorted(UNITS, key=len, reverse=True))
PER = {
    "mo": "month", "month": "month", "yr": "year", "year": "year", "hr": "hour", "h": "hour", "hour": "hour",
    "day": "day", "wk": "week", "week": "week", "night": "night", "min": "minute", "minute": "minute",
    "sec": "second", "s": "second", "person": "person", "user": "user", "item": "item", "unit": "unit",
    "kg": "kilogram",
    "lb": "pound", "km": "kilometre", "mile": "mile", "gallon": "gallon", "serving": "serving",
    "seat": "seat",
}  # fmt: skip
DAYS = {
    "Mon": "Monday", "Tue": "Tuesday", "Tues": "Tuesday", "Wed": "Wednesday", "Thu": "Thursday",
    "Thur": "Thursday",
    "Thurs": "Thursday", "Fri": "Friday", "Sat": "Saturday", "Sun": "Sunday",
}  # fmt: skip
DAY = "|".join(sorted(DAYS, key=len, reverse=True))
RELEASED = (
    "Python|Ubuntu|Node|Node.js|Java|Debian|macOS|iOS|Android|Ruby|Go|Rust|PHP|Django|React|Angular|PostgreSQL|MySQL"
    "|Fedora|Windows|Chrome|Firefox|Safari|Swift|Kotlin|TypeScript|CUDA|Kubernetes|Docker"
)
"""Products whose numbers are counted at each point."""
HALVES = frozenset([2, 3, 4, 5, 6, 7, 8, 9, 12, 16, 32, 64, 100])
"""What is usually under a fraction."""
SHORTENED = {
    "Mr": "Mister", "Mrs": "Missus", "Ms": "Miz", "Dr": "Doctor", "Prof": "Professor", "Sr": "Senior",
    "Jr": "Junior",
    "Gen": "General", "Capt": "Captain", "Lt": "Lieutenant", "Sgt": "Sergeant", "Rev": "Reverend",
    "Hon": "Honorable",
    "vs": "versus", "approx": "approximately", "dept": "department", "Dept": "Department",
    "est": "established",
    "Inc": "Incorporated", "Ltd": "Limited", "Corp": "Corporation", "Co": "Company", "Ave": "Avenue",
    "Blvd": "Boulevard", "Rd": "Road", "Mt": "Mount", "Ft": "Fort", "Fig": "Figure", "fig": "figure",
    "max": "maximum",
    "min": "minimum", "Apt": "Apartment", "apt": "apartment", "tel": "telephone", "Tel": "Telephone",
    "ext": "extension", "etc": "etcetera",
}  # fmt: skip
PAGES = {"pp": "pages", "p": "page", "ch": "chapter", "vol": "volume", "sec": "section"}
FRACTIONS = {
    "½": "a half",
    "¼": "a quarter",
    "¾": "three quarters",
    "⅓": "a third",
    "⅔": "two thirds",
    "⅛": "an eighth",
    "⅜": "three eighths",
    "⅝": "five eighths",
    "⅞": "seven eighths",
}
SIGNS = {
    "&": "and", "@": "at", "+": "plus", "=": "equals", "×": "times", "÷": "divided by", "±": "plus or minus",
    "<": "less than", ">": "greater than", "≤": "at most", "≥": "at least", "≈": "about", "~": "about",
    "°": "degrees", "%": "percent", "§": "section", "©": "copyright", "®": "registered", "™": "trademark",
    "→": "to", "∞": "infinity", "√": "the square root of", "π": "pi", "€": "euros", "£": "pounds",
    "$": "dollars",
    "#": "number", "*": "times", "/": "slash", "^": "to the power of", "≠": "is not equal to",
    "♯": "sharp", "♭": "flat",
    "⇒": "so", "№": "number", "¢": "cents", "¥": "yen", "₹": "rupees",
}  # fmt: skip
