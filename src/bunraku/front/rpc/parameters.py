"""Business parameters: from query and body to one object, and the types their fields have.

Contract section 2.4. Strings that came in the query are ``QueryText``, so that number, boolean
and object fields convert them while the same text in a JSON body is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ValidationError,
)
from pydantic_core import CoreSchema, core_schema
from starlette.datastructures import FormData, UploadFile

from bunraku.core import strict_json
from bunraku.core.errors import InvalidParams

COMMON = ("Action", "AppId", "SignatureNonce", "Timestamp", "Signature", "SignatureVersion")


class QueryText(str):
    """Text from the query string."""

    __slots__ = ()


def wire_name(name: str) -> str:
    """``room_id`` is ``RoomId`` on the wire; the vendor writes RTC, TTS and TTL in capitals."""
    return "".join(w.upper() if w in ("rtc", "tts", "ttl") else w.capitalize() for w in name.split("_"))


class WireModel(BaseModel):
    """A model whose fields have wire names."""

    model_config = ConfigDict(alias_generator=wire_name, populate_by_name=True, serialize_by_alias=True)


class Params(WireModel):
    """Base of all requests: unknown keys are ignored, ``None`` means "not specified"."""

    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=False)


def from_query(pairs: list[tuple[str, str]], rpc: str) -> dict[str, Any]:
    """Parameters in the query. The first ``Action`` names the RPC; a second is a gesture."""
    out: dict[str, Any] = {}
    dotted: list[tuple[list[str], str]] = []
    actions = 0
    for key, value in pairs:
        if key == "Action":
            actions += 1
            if actions == 2 and rpc == "DoAction":
                out["Action"] = QueryText(value)
        elif key in COMMON:
            continue
        elif key.endswith("[]"):
            name = key[:-2]
            if isinstance(out.get(name), list):
                out[name].append(QueryText(value))
            else:
                out.setdefault(name, [QueryText(value)])
        elif "." in key:
            dotted.append((key.split("."), value))
        else:
            out.setdefault(key, QueryText(value))
    for path, value in dotted:
        _place(out, path, value)
    return out


def _place(out: dict[str, Any], path: list[str], value: str) -> None:
    """Dotted keys win over the same object as JSON text; a repeated key keeps its first value."""
    node = out
    for name in path[:-1]:
        child = node.get(name)
        if isinstance(child, QueryText):
            child = _json_object(child)
        if not isinstance(child, dict):
            child = {}
        node[name] = child
        node = child
    leaf = path[-1]
    if not isinstance(node.get(leaf), QueryText):
        node[leaf] = QueryText(value)


def _json_object(text: str) -> dict[str, Any] | None:
    try:
        value = strict_json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def from_body(body: bytes) -> dict[str, Any]:
    """Members of the JSON body (contract section 2.3). Raises ``InvalidParams``."""
    try:
        text = body.decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise InvalidParams("body is not UTF-8") from error
    if not text:
        return {}
    try:
        value = strict_json.loads(text)
    except ValueError as error:
        raise InvalidParams("body is not valid JSON") from error
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidParams("body must be a JSON object")
    return value


def from_form(form: FormData, rpc: str) -> dict[str, Any]:
    """Fields of a form are read as those of a query; its one file is ``File``."""
    pairs = [(key, value) for key, value in form.multi_items() if isinstance(value, str)]
    out = from_query(pairs, rpc)
    for key, value in form.multi_items():
        if key == "File" and isinstance(value, UploadFile):
            out[key] = value
    return out


# --- field types


def _file(value: Any) -> Any:
    if value is not None and not isinstance(value, UploadFile):
        raise ValueError("must be the file of a multipart/form-data body")
    return value


class FileSchema:
    """What the API document says of a file."""

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"type": "string", "format": "binary"}


File = Annotated[Any, BeforeValidator(_file), FileSchema()]
"""An ``UploadFile``, or None."""


def _number(value: Any) -> Any:
    if isinstance(value, QueryText):
        text = re.sub(r"(?<=\d)\.0+$", "", value.strip())  # as 900.0 in JSON is an integer
        if not text:
            return None
        digits = text[1:] if text[0] in "+-" else text
        if not (digits.isascii() and digits.isdigit() and len(digits) < 20):
            raise ValueError("must be an integer")
        return int(text)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("must be a number")
    if isinstance(value, float):
        if not value.is_integer():
            raise ValueError("must be an integer")
        return int(value)
    return value


class Integer:
    """Annotation of an integer field: how it is read, and what the API document says of it."""

    def __init__(self, check: Callable[[Any], Any], **schema: Any) -> None:
        self._check, self._schema = check, {"type": "integer"} | schema

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return dict(self._schema)


def ranged(low: int, high: int, *, zero_is_unset: bool = False) -> Integer:
    """An optional integer in [low, high]; None when not specified."""

    def check(value: Any) -> Any:
        number = _number(value)
        if number is None or (number == 0 and zero_is_unset):
            return None
        if not low <= number <= high:
            raise ValueError(f"must be in [{low}, {high}]")
        return number

    return Integer(check, minimum=low, maximum=high)


def one_of(*values: int, zero_is_unset: bool = False) -> Integer:
    """An optional integer out of a few."""

    def check(value: Any) -> Any:
        number = _number(value)
        if number is None or (number == 0 and zero_is_unset):
            return None
        if number not in values:
            raise ValueError(f"must be one of {', '.join(map(str, values))}")
        return number

    return Integer(check, enum=list(values))


def to_boolean(value: Any) -> Any:
    if isinstance(value, QueryText):
        known = {"true": True, "1": True, "false": False, "0": False, "": None}
        if value.lower() not in known:
            raise ValueError("must be true or false")
        return known[value.lower()]
    if value is not None and not isinstance(value, bool):
        raise ValueError("must be a boolean")
    return value


def _string(value: Any) -> Any:
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise ValueError("must be a string")
    if any(0xD800 <= ord(c) <= 0xDFFF for c in value):
        raise ValueError("must be valid Unicode")
    return str(value)


def _required_string(value: Any) -> Any:
    text = _string(value)
    if text is None:
        raise ValueError("is required")
    return text


def to_object(value: Any) -> Any:
    if isinstance(value, QueryText):
        parsed = _json_object(value) if value.strip() else {}
        if parsed is None:
            raise ValueError("must be a JSON object")
        return parsed
    if value is None:
        return None
    if not isinstance(value, dict):
        raise ValueError("must be an object")
    return value


def _required_object(value: Any) -> Any:
    found = to_object(value)
    if found is None:
        raise ValueError("is required")
    return found


Boolean = Annotated[bool | None, BeforeValidator(to_boolean)]
OptionalText = Annotated[str | None, BeforeValidator(_string)]
Text = Annotated[str, BeforeValidator(_required_string), Field(json_schema_extra={"minLength": 1})]
Model = TypeVar("Model", bound=Params)
AsRequiredObject = BeforeValidator(_required_object)


def parse(model: type[Model], values: dict[str, Any]) -> Model:
    """Raises ``InvalidParams`` naming the first wrong field."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "body"
        reason = "is required" if first["type"] == "missing" else str(first["msg"])
        raise InvalidParams(f"{field} {reason.removeprefix('Value error, ')}") from None
