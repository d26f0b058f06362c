"""The words that reading Spanish, French, Italian and Brazilian Portuguese out needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Unit = tuple[str, str, str]
"""One, many, and the gender (m or f)."""


@dataclass(frozen=True, slots=True)
class Language:
    """``hours`` is 'HOUR and MINUTE' as it is said, ``code`` that of num2words."""

    code: str
    months: tuple[str, ...]
    of: str
    first: str
    point: str
    minus: str
    percent: str
    to: str
    hours: str
    whole_hour: str
    number: str
    version: str
    dot: str
    cents: str
    """Joins the cents to the whole of an amount of money."""
    money: Mapping[str, Unit]
    units: Mapping[str, Unit]
    short: Mapping[str, str]
    """Abbreviations with their points, as they are written."""
    signs: Mapping[str, str]
    fractions: Mapping[str, str]
    over: str
    """Between the numbers of any other fraction."""
    address: Mapping[str, str]
    millions: tuple[str, str]
    """One million of, many millions of."""


_SHARED_CODES = {"EUR": "€", "USD": "$", "GBP": "£", "BRL": "R$", "US$": "$"}


def _money(found: dict[str, Unit]) -> dict[str, Unit]:
    return found | {code: found[sign] for code, sign in _SHARED_CODES.items() if sign in found}


ES = Language(
    "es",
    (
        "enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre", "octubre",
        "noviembre", "diciembre",
    ),
    "de", "uno", "coma", "menos", "por ciento", "a", "{hour} y {minute}", "{hour} en punto", "número",
    "versión", "punto", "con",
    _money({
        "€": ("euro", "euros", "m"), "$": ("dólar", "dólares", "m"), "£": ("libra", "libras", "f"),
        "¥": ("yen", "yenes", "m"), "MX$": ("peso", "pesos", "m"),
    }),
    {
        "m³": ("metro cúbico", "metros cúbicos", "m"),
        "Mbps": ("megabit por segundo", "megabits por segundo", "m"),
        "mL": ("mililitro", "mililitros", "m"),
        "km/h": ("kilómetro por hora", "kilómetros por hora", "m"),
        "m/s²": ("metro por segundo al cuadrado", "metros por segundo al cuadrado", "m"),
        "m/s": ("metro por segundo", "metros por segundo", "m"),
        "km²": ("kilómetro cuadrado", "kilómetros cuadrados", "m"),
        "m²": ("metro cuadrado", "metros cuadrados", "m"),
        "km": ("kilómetro", "kilómetros", "m"), "cm": ("centímetro", "centímetros", "m"),
        "mm": ("milímetro", "milímetros", "m"), "m": ("metro", "metros", "m"), "kg": ("kilo", "kilos", "m"),
        "mg": ("miligramo", "miligramos", "m"), "g": ("gramo", "gramos", "m"),
        "ml": ("mililitro", "mililitros", "m"),
        "l": ("litro", "litros", "m"), "L": ("litro", "litros", "m"), "°C": ("grado", "grados", "m"),
        "°F": ("grado Fahrenheit", "grados Fahrenheit", "m"), "°": ("grado", "grados", "m"),
        "GB": ("giga", "gigas", "m"),
        "MB": ("mega", "megas", "m"), "TB": ("tera", "teras", "m"),
        "kWh": ("kilovatio hora", "kilovatios hora", "m"),
        "GHz": ("gigahercio", "gigahercios", "m"), "MHz": ("megahercio", "megahercios", "m"),
        "W": ("vatio", "vatios", "m"), "Hz": ("hercio", "hercios", "m"), "min": ("minuto", "minutos", "m"),
        "h": ("hora", "horas", "f"), "s": ("segundo", "segundos", "m"),
    },
    {
        "C/": "calle", "EE. UU.": "Estados Unidos", "EE.UU.": "Estados Unidos", "p. ej.": "por ejemplo",
        "p.ej.": "por ejemplo",
        "a. m.": "de la mañana", "p. m.": "de la tarde", "a.m.": "de la mañana", "p.m.": "de la tarde",
        "a. C.": "antes de Cristo", "d. C.": "después de Cristo", "Sr.": "señor", "Sra.": "señora",
        "Srta.": "señorita",
        "Sres.": "señores", "Dr.": "doctor", "Dra.": "doctora", "D.": "don", "Dña.": "doña", "Ud.": "usted",
        "Uds.": "ustedes", "Prof.": "profesor", "etc.": "etcétera", "pág.": "página", "págs.": "páginas",
        "núm.": "número", "n.º": "número", "tel.": "teléfono", "Tel.": "teléfono", "Avda.": "avenida",
        "Av.": "avenida", "aprox.": "aproximadamente", "máx.": "máximo", "mín.": "mínimo", "Cía.": "compañía",
    },
    {
        "&": "y", "+": "más", "=": "igual a", "%": "por ciento", "@": "arroba", "×": "por", "÷": "entre",
        "±": "más menos", "<": "menor que", ">": "mayor que", "≤": "menor o igual que",
        "≥": "mayor o igual que",
        "≈": "aproximadamente", "§": "apartado", "€": "euros", "$": "dólares", "£": "libras",
        "#": "almohadilla",
        "→": "a", "°": "grados", "/": "barra", "*": "asterisco", "©": "copyright", "™": "marca registrada",
        "~": "unos", "^": "elevado a", "π": "pi", "∞": "infinito", "√": "raíz de", "№": "número",
    },
    {"1/2": "un medio", "1/3": "un tercio", "2/3": "dos tercios", "1/4": "un cuarto", "3/4": "tres cuartos",
     "½": "medio", "¼": "un cuarto", "¾": "tres cuartos", "⅓": "un tercio", "⅔": "dos tercios"},
    "sobre",
    {".": "punto", "@": "arroba", "-": "guion", "_": "guion bajo", "/": "barra",
     "+": "más", ":": "dos puntos"},
    ("millón de", "millones de"),
)  # fmt: skip
FR = Language(
    "fr",
    (
        "janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre",
        "novembre", "décembre",
    ),
    "", "premier", "virgule", "moins", "pour cent", "à", "{hour} heures {minute}", "{hour} heures", "numéro",
    "version", "point", "",
    _money({
        "€": ("euro", "euros", "m"), "$": ("dollar", "dollars", "m"), "£": ("livre", "livres", "f"),
        "¥": ("yen", "yens", "m"), "CHF": ("franc", "francs", "m"),
    }),
    {
        "m³": ("mètre cube", "mètres cubes", "m"),
        "Mbps": ("mégabit par seconde", "mégabits par seconde", "m"),
        "mL": ("millilitre", "millilitres", "m"),
        "km/h": ("kilomètre à l'heure", "kilomètres à l'heure", "m"),
        "m/s²": ("mètre par seconde au carré", "mètres par seconde au carré", "m"),
        "m/s": ("mètre par seconde", "mètres par seconde", "m"),
        "km²": ("kilomètre carré", "kilomètres carrés", "m"),
        "m²": ("mètre carré", "mètres carrés", "m"), "km": ("kilomètre", "kilomètres", "m"),
        "cm": ("centimètre", "centimètres", "m"), "mm": ("millimètre", "millimètres", "m"),
        "m": ("mètre", "mètres", "m"),
        "kg": ("kilo", "kilos", "m"), "mg": ("milligramme", "milligrammes", "m"),
        "g": ("gramme", "grammes", "m"),
        "ml": ("millilitre", "millilitres", "m"), "l": ("litre", "litres", "m"),
        "L": ("litre", "litres", "m"),
        "°C": ("degré", "degrés", "m"), "°F": ("degré Fahrenheit", "degrés Fahrenheit", "m"),
        "°": ("degré", "degrés", "m"),
        "Go": ("gigaoctet", "gigaoctets", "m"), "Mo": ("mégaoctet", "mégaoctets", "m"),
        "To": ("téraoctet", "téraoctets", "m"),
        "GHz": ("gigahertz", "gigahertz", "m"), "MHz": ("megahertz", "megahertz", "m"),
        "kWh": ("kilowattheure", "kilowattheures", "m"), "W": ("watt", "watts", "m"),
        "Hz": ("hertz", "hertz", "m"),
        "min": ("minute", "minutes", "f"), "h": ("heure", "heures", "f"), "s": ("seconde", "secondes", "f"),
    },
    {
        "p. ex.": "par exemple", "c.-à-d.": "c'est-à-dire", "av. J.-C.": "avant Jésus-Christ",
        "apr. J.-C.": "après Jésus-Christ", "MM.": "messieurs", "M.": "monsieur", "Mme": "madame",
        "Mmes": "mesdames",
        "Mlle": "mademoiselle", "Mgr": "monseigneur", "Dr": "docteur", "Dr.": "docteur", "Pr": "professeur",
        "Me": "maître", "etc.": "et cetera", "p.": "page", "pp.": "pages", "tél.": "téléphone",
        "Tél.": "téléphone",
        "env.": "environ",
        "av.": "avenue", "bd": "boulevard", "Bd": "boulevard", "svp": "s'il vous plaît", "max.": "maximum",
        "min.": "minimum", "éd.": "édition", "St": "saint", "Ste": "sainte",
    },
    {
        "&": "et", "+": "plus", "=": "égale", "%": "pour cent", "@": "arobase", "×": "fois",
        "÷": "divisé par",
        "±": "plus ou moins", "<": "inférieur à", ">": "supérieur à", "≤": "inférieur ou égal à",
        "≥": "supérieur ou égal à", "≈": "environ", "§": "paragraphe", "€": "euros", "$": "dollars",
        "£": "livres",
        "#": "dièse", "→": "vers", "°": "degrés", "/": "barre oblique", "*": "astérisque", "©": "copyright",
        "™": "marque déposée", "~": "environ", "^": "puissance", "π": "pi", "∞": "infini", "√": "racine de",
        "№": "numéro",
    },
    {"1/2": "un demi", "1/3": "un tiers", "2/3": "deux tiers", "1/4": "un quart", "3/4": "trois quarts",
     "½": "un demi", "¼": "un quart", "¾": "trois quarts", "⅓": "un tiers", "⅔": "deux tiers"},
    "sur",
    {".": "point", "@": "arobase", "-": "tiret", "_": "tiret bas", "/": "barre oblique",
     "+": "plus", ":": "deux points"},
    ("million d'", "millions d'"),
)  # fmt: skip
IT = Language(
    "it",
    (
        "gennaio", "febbraio", "marzo", "aprile", "maggio", "giugno", "luglio", "agosto", "settembre",
        "ottobre",
        "novembre", "dicembre",
    ),
    "", "primo", "virgola", "meno", "per cento", "a", "{hour} e {minute}", "{hour}", "numero", "versione",
    "punto", "e",
    _money({
        "€": ("euro", "euro", "m"), "$": ("dollaro", "dollari", "m"), "£": ("sterlina", "sterline", "f"),
        "¥": ("yen", "yen", "m"),
    }),
    {
        "m³": ("metro cubo", "metri cubi", "m"), "Mbps": ("megabit al secondo", "megabit al secondo", "m"),
        "mL": ("millilitro", "millilitri", "m"),
        "km/h": ("chilometro all'ora", "chilometri all'ora", "m"),
        "m/s²": ("metro al secondo quadrato", "metri al secondo quadrato", "m"),
        "m/s": ("metro al secondo", "metri al secondo", "m"),
        "km²": ("chilometro quadrato", "chilometri quadrati", "m"),
        "m²": ("metro quadrato", "metri quadrati", "m"),
        "km": ("chilometro", "chilometri", "m"), "cm": ("centimetro", "centimetri", "m"),
        "mm": ("millimetro", "millimetri", "m"), "m": ("metro", "metri", "m"), "kg": ("chilo", "chili", "m"),
        "mg": ("milligrammo", "milligrammi", "m"), "g": ("grammo", "grammi", "m"),
        "ml": ("millilitro", "millilitri", "m"),
        "l": ("litro", "litri", "m"), "L": ("litro", "litri", "m"), "°C": ("grado", "gradi", "m"),
        "°F": ("grado Fahrenheit", "gradi Fahrenheit", "m"), "°": ("grado", "gradi", "m"),
        "GB": ("giga", "giga", "m"),
        "MB": ("mega", "mega", "m"), "TB": ("tera", "tera", "m"),
        "GHz": ("gigahertz", "gigahertz", "m"), "MHz": ("megahertz", "megahertz", "m"),
        "kWh": ("chilowattora", "chilowattora", "m"),
        "W": ("watt", "watt", "m"), "Hz": ("hertz", "hertz", "m"), "min": ("minuto", "minuti", "m"),
        "h": ("ora", "ore", "f"), "s": ("secondo", "secondi", "m"),
    },
    {
        "p. es.": "per esempio", "p.es.": "per esempio", "a.C.": "avanti Cristo", "d.C.": "dopo Cristo",
        "Sig.": "signor",
        "Sig.ra": "signora", "Sig.na": "signorina", "Dott.": "dottor", "Dott.ssa": "dottoressa",
        "Dr.": "dottor",
        "Prof.": "professor", "Prof.ssa": "professoressa", "Ing.": "ingegner", "Avv.": "avvocato",
        "ecc.": "eccetera",
        "pag.": "pagina", "pagg.": "pagine", "ad es.": "ad esempio", "mln": "milioni", "mld": "miliardi",
        "tel.": "telefono", "Tel.": "telefono", "ca.": "circa", "max.": "massimo",
        "min.": "minimo",
        "n.": "numero", "S.": "San", "P.za": "piazza", "c.so": "corso", "C.so": "corso",
    },
    {
        "&": "e", "+": "più", "=": "uguale", "%": "per cento", "@": "chiocciola", "×": "per", "÷": "diviso",
        "±": "più o meno", "<": "minore di", ">": "maggiore di", "≤": "minore o uguale a",
        "≥": "maggiore o uguale a",
        "≈": "circa", "§": "paragrafo", "€": "euro", "$": "dollari", "£": "sterline", "#": "cancelletto",
        "→": "a",
        "°": "gradi", "/": "barra", "*": "asterisco", "©": "copyright", "™": "marchio", "~": "circa",
        "^": "elevato a",
        "π": "pi greco", "∞": "infinito", "√": "radice di", "№": "numero",
    },
    {"1/2": "un mezzo", "1/3": "un terzo", "2/3": "due terzi", "1/4": "un quarto", "3/4": "tre quarti",
     "½": "mezzo", "¼": "un quarto", "¾": "tre quarti", "⅓": "un terzo", "⅔": "due terzi"},
    "su",
    {".": "punto", "@": "chiocciola", "-": "trattino", "_": "trattino basso",
     "/": "barra", "+": "più", ":": "due punti"},
    ("milione di", "milioni di"),
)  # fmt: skip
PT = Language(
    "pt_BR",
    (
        "janeiro", "fevereiro", "março", "abril", "maio", "junho", "julho", "agosto", "setembro", "outubro",
        "novembro", "dezembro",
    ),
    "de", "primeiro", "vírgula", "menos", "por cento", "a", "{hour} e {minute}", "{hour} horas", "número",
    "versão", "ponto", "e",
    _money({
        "R$": ("real", "reais", "m"), "€": ("euro", "euros", "m"), "$": ("dólar", "dólares", "m"),
        "£": ("libra", "libras", "f"), "¥": ("iene", "ienes", "m"),
    }),
    {
        "m³": ("metro cúbico", "metros cúbicos", "m"),
        "Mbps": ("megabit por segundo", "megabits por segundo", "m"),
        "mL": ("mililitro", "mililitros", "m"),
        "km/h": ("quilômetro por hora", "quilômetros por hora", "m"),
        "m/s²": ("metro por segundo ao quadrado", "metros por segundo ao quadrado", "m"),
        "m/s": ("metro por segundo", "metros por segundo", "m"),
        "km²": ("quilômetro quadrado", "quilômetros quadrados", "m"),
        "m²": ("metro quadrado", "metros quadrados", "m"),
        "km": ("quilômetro", "quilômetros", "m"), "cm": ("centímetro", "centímetros", "m"),
        "mm": ("milímetro", "milímetros", "m"), "m": ("metro", "metros", "m"), "kg": ("quilo", "quilos", "m"),
        "mg": ("miligrama", "miligramas", "m"), "g": ("grama", "gramas", "m"),
        "ml": ("mililitro", "mililitros", "m"),
        "l": ("litro", "litros", "m"), "L": ("litro", "litros", "m"), "°C": ("grau", "graus", "m"),
        "°F": ("grau Fahrenheit", "graus Fahrenheit", "m"), "°": ("grau", "graus", "m"),
        "GB": ("gigabyte", "gigabytes", "m"),
        "MB": ("megabyte", "megabytes", "m"), "TB": ("terabyte", "terabytes", "m"),
        "GHz": ("gigahertz", "gigahertz", "m"), "MHz": ("megahertz", "megahertz", "m"),
        "kWh": ("quilowatt-hora", "quilowatts-hora", "m"), "W": ("watt", "watts", "m"),
        "Hz": ("hertz", "hertz", "m"),
        "min": ("minuto", "minutos", "m"), "h": ("hora", "horas", "f"), "s": ("segundo", "segundos", "m"),
    },
    {
        "p. ex.": "por exemplo", "p.ex.": "por exemplo", "a.C.": "antes de Cristo",
        "d.C.": "depois de Cristo",
        "Sr.": "senhor", "Sra.": "senhora", "Srta.": "senhorita", "Dr.": "doutor", "Dra.": "doutora",
        "Prof.": "professor", "Profa.": "professora", "etc.": "etcétera", "pág.": "página",
        "págs.": "páginas", "apto.": "apartamento",
        "tel.": "telefone",
        "Tel.": "telefone", "Av.": "avenida", "R.": "rua", "aprox.": "aproximadamente", "máx.": "máximo",
        "mín.": "mínimo", "Cia.": "companhia", "Ltda.": "limitada",
    },
    {
        "&": "e", "+": "mais", "=": "igual a", "%": "por cento", "@": "arroba", "×": "vezes",
        "÷": "dividido por",
        "±": "mais ou menos", "<": "menor que", ">": "maior que", "≤": "menor ou igual a",
        "≥": "maior ou igual a",
        "≈": "aproximadamente", "§": "parágrafo", "€": "euros", "$": "dólares", "£": "libras",
        "#": "cerquilha",
        "→": "para", "°": "graus", "/": "barra", "*": "asterisco", "©": "copyright", "™": "marca registrada",
        "~": "cerca de", "^": "elevado a", "π": "pi", "∞": "infinito", "√": "raiz de", "№": "número",
    },
    {"1/2": "um meio", "1/3": "um terço", "2/3": "dois terços", "1/4": "um quarto", "3/4": "três quartos",
     "½": "meio", "¼": "um quarto", "¾": "três quartos", "⅓": "um terço", "⅔": "dois terços"},
    "sobre",
    {".": "ponto", "@": "arroba", "-": "hífen", "_": "sublinhado", "/": "barra",
     "+": "mais", ":": "dois pontos"},
    ("milhão de", "milhões de"),
)  # fmt: skip
LANGUAGES = {"es": ES, "fr": FR, "it": IT, "pt": PT}
DAYS = {
    "es": {"lun": "lunes", "mar": "martes", "mié": "miércoles", "jue": "jueves", "vie": "viernes",
           "sáb": "sábado", "dom": "domingo"},
    "fr": {"lun": "lundi", "mar": "mardi", "mer": "mercredi", "jeu": "jeudi", "ven": "vendredi",
           "sam": "samedi", "dim": "dimanche"},
    "it": {"lun": "lunedì", "mar": "martedì", "mer": "mercoledì", "gio": "giovedì", "ven": "venerdì",
           "sab": "sabato", "dom": "domenica"},
    "pt": {"seg": "segunda", "ter": "terça", "qua": "quarta", "qui": "quinta", "sex": "sexta",
           "sáb": "sábado", "dom": "domingo"},
}  # fmt: skip
"""Days of the week by how opening hours shorten them."""
