"""What is wrong with a configuration, said so that a person finds the place: the line of the file, or
the name in the environment, and the word that was probably meant."""

from __future__ import annotations

import difflib
import os
import re
import tomllib
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from bunraku.core.settings import Settings, load

PREFIX = "BUNRAKU_"
ELSEWHERE = frozenset({"url", "app_id", "server_secret", "bench_database_url", "voice_api_key"})
"""What commands that are no server read from the environment."""
Place = tuple[str | int, ...]

_NAME = r"""(?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*')"""
_KEY = re.compile(rf"\s*({_NAME}(?:\s*\.\s*{_NAME})*)\s*=")
_TABLE = re.compile(r"\s*(\[\[?)\s*([^\[\]]+?)\s*\]")
_PART = re.compile(_NAME)
_OF_FILE = re.compile(r"Value error, (\w+_file): (.*)")
_NOISE = re.compile(r'"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'|#.*')


def mistakes(path: Path | None, environment: Mapping[str, str] | None = None) -> list[str]:
    """Every mistake, a line each; none when the server would start with it.

    Never quotes a value: it may be a secret. Raises ``OSError`` when the file cannot be read.
    """
    environment = os.environ if environment is None else environment
    found = unknown_names(environment)
    lines: dict[Place, int] = {}
    if path is not None:
        text = path.read_text("utf-8", "replace")
        try:
            tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            return [*found, _not_toml(path, str(error))]
        lines = _lines(text)
    try:
        load(path)
    except ValidationError as error:
        found = [*explain(error, path, lines, environment), *found]
    return found


def unknown_names(environment: Mapping[str, str] | None = None) -> list[str]:
    """Names of the environment that would be settings, and are none. Pydantic passes over them."""
    environment = os.environ if environment is None else environment
    return [_unknown_name(name) for name in environment if _is_unknown(name)]


def explain(
    error: ValidationError,
    path: Path | None,
    lines: Mapping[Place, int] | None = None,
    environment: Mapping[str, str] | None = None,
) -> list[str]:
    """The mistakes of a refused configuration, in the order of the file."""
    environment = os.environ if environment is None else environment
    if lines is None:
        lines = _lines(path.read_text("utf-8", "replace")) if path is not None else {}
    told: list[tuple[int, str]] = []
    for one in error.errors():
        place: Place = one["loc"]
        if secret := _OF_FILE.match(one["msg"]):
            place, one["msg"] = (*place, secret[1]), secret[2]
        name = ".".join(map(str, place))
        line = next((lines[place[:n]] for n in range(len(place), 0, -1) if place[:n] in lines), 0)
        variable = PREFIX + "__".join(str(part).upper() for part in place)
        if any(known.upper() == variable for known in environment):
            where = f"{variable}: "
        else:
            where = f"{path}:{line}: " if line else ""
        text = one["msg"]
        if one["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
            text = "no such setting" + _meant(place)
        elif one["type"] == "missing":
            text = "is required"
        told.append((line, f"{where}{name}: {text.removeprefix('Value error, ')}"))
    return [text for _, text in sorted(told, key=lambda t: t[0])]


def places(text: str) -> Iterator[tuple[Place, int]]:
    """Where each table and key of a TOML text stands: its path, and its line from 1."""
    table: Place = ()
    counts: dict[Place, int] = {}
    depth, quotes = 0, ""
    for number, line in enumerate(text.splitlines(), 1):
        if not quotes and depth == 0:
            if header := _TABLE.match(line):
                named = tuple(_parts(header[2]))
                table = _inside(named, counts)
                if header[1] == "[[":
                    counts[named] = counts.get(named, -1) + 1
                    table = (*table, counts[named])
                yield table, number
                continue
            if key := _KEY.match(line):
                yield (*table, *_parts(key[1])), number
                line = line[key.end() :]
        quotes, rest = _within(line, quotes)
        if not quotes:
            rest = _NOISE.sub("", rest)
        depth += sum(map(rest.count, "[{")) - sum(map(rest.count, "]}"))


def _lines(text: str) -> dict[Place, int]:
    """The first line of each path and of what it is in."""
    found: dict[Place, int] = {}
    for place, line in places(text):
        for n in range(1, len(place) + 1):
            found.setdefault(place[:n], line)
    return found


def _within(line: str, quotes: str) -> tuple[str, str]:
    """Whether a long string is open at the end of the line, and what of it is in none."""
    rest = ""
    while line:
        if quotes:
            _, found, line = line.partition(quotes)
            if not found:
                return quotes, rest
            quotes = ""
            continue
        at = min((line.find(q) for q in ('"""', "'''") if q in line), default=-1)
        if at < 0:
            return "", rest + line
        rest, quotes, line = rest + line[:at], line[at : at + 3], line[at + 3 :]
    return quotes, rest


def _parts(dotted: str) -> list[str]:
    return [part.strip("\"'") for part in _PART.findall(dotted)]


def _inside(named: Place, counts: Mapping[Place, int]) -> Place:
    """The path with the numbers of the lists of tables it is in; its own last part has none yet."""
    out: Place = ()
    for i, part in enumerate(named, 1):
        out = (*out, part)
        if i < len(named) and named[:i] in counts:
            out = (*out, counts[named[:i]])
    return out


def _meant(place: Place) -> str:
    model = _model(place[:-1])
    known = list(model.model_fields) if model is not None else []
    wrong = str(place[-1])
    if close := difflib.get_close_matches(wrong, known, 1, 0.6):
        return f"; did you mean {'.'.join(map(str, (*place[:-1], close[0])))}?"
    # A setting of another section, such as a port of rtc at the top.
    for section, field in Settings.model_fields.items():
        inner = _of(field.annotation)
        if inner is not None and wrong in inner.model_fields and place[:-1] != (section,):
            return f"; did you mean {section}.{wrong}?"
    return ""


def _model(place: Place) -> type[BaseModel] | None:
    model: type[BaseModel] | None = Settings
    for part in place:
        if isinstance(part, int):
            continue
        field = model.model_fields.get(part) if model is not None else None
        model = _of(field.annotation) if field is not None else None
    return model


def _of(annotation: Any) -> type[BaseModel] | None:
    """The model in an annotation such as ``tuple[AppSettings, ...]``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((m for a in typing.get_args(annotation) if (m := _of(a)) is not None), None)


def _is_unknown(name: str) -> bool:
    # Below the sections it is refused by the settings themselves.
    known = name.upper().removeprefix(PREFIX).partition("__")[0].lower()
    return name.upper().startswith(PREFIX) and known not in {*Settings.model_fields, *ELSEWHERE}


def _unknown_name(name: str) -> str:
    top, _, rest = name.upper().removeprefix(PREFIX).partition("__")
    close = difflib.get_close_matches(top.lower(), list(Settings.model_fields), 1, 0.6)
    meant = (
        f"; did you mean {PREFIX}{'__'.join([close[0].upper(), *([rest] if rest else [])])}?" if close else ""
    )
    return f"{name}: no such setting{meant}"


def _not_toml(path: Path, said: str) -> str:
    place = re.search(r" \(at line (\d+), column (\d+)\)$", said)
    if place is None:
        return f"{path}: {said}"
    return f"{path}:{place[1]}: not TOML: {said[: place.start()]} at column {place[2]}"
