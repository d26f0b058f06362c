"""OpenAPI 3.1 of the API, from the very models that parse it.

On the wire every action is ``POST /?Action=NAME``; OpenAPI cannot tell operations apart by their
query, so each is described under ``/?Action=NAME``, which is also the path a generated client
must call, with the common parameters beside it.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from bunraku import __version__
from bunraku.core import errors
from bunraku.front.rpc.actions import ACTIONS
from bunraku.front.rpc.messages import Nothing

REF = "#/components/schemas/{model}"


def _codes() -> str:
    kinds = [
        k
        for k in vars(errors).values()
        if isinstance(k, type)
        and issubclass(k, errors.ApiError)
        and k not in (errors.ApiError, errors.SystemFault)
    ]
    rows = [f"| {k.code} | {(k.__doc__ or '').strip()} |" for k in sorted(kinds, key=lambda k: k.code)]
    return "\n".join(
        ["| Code | Meaning |", "|---|---|", "| 0 | success |", *rows, "| 400010000 | system error |"]
    )


def _common() -> list[dict[str, Any]]:
    rows = (
        ("AppId", "The tenant, decimal digits."),
        ("SignatureNonce", "Any non-empty string, at most 128 characters; new for each call."),
        ("Timestamp", "Unix seconds; at most 600 s from the server's clock."),
        ("Signature", "Lower-case hex MD5 of AppId + SignatureNonce + ServerSecret + Timestamp."),
        ("SignatureVersion", "Always 2.0."),
    )
    return [
        {"name": name, "in": "query", "required": True, "description": text, "schema": {"type": "string"}}
        for name, text in rows
    ]


def _envelope(reply: type[BaseModel] | None) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "Code": {"type": "integer", "description": "0 on success."},
        "Message": {"type": "string"},
        "RequestId": {"type": "string", "format": "uuid"},
    }
    if reply is not None:
        properties["Data"] = {"$ref": REF.format(model=reply.__name__)}
    return {"type": "object", "required": ["Code", "Message", "RequestId"], "properties": properties}


def document() -> dict[str, Any]:
    """The whole description, ready for JSON."""
    inputs: list[tuple[type[BaseModel], Any]] = [(a.params, "validation") for a in ACTIONS]
    outputs: list[tuple[type[BaseModel], Any]] = [(a.reply, "serialization") for a in ACTIONS if a.reply]
    _, schemas = models_json_schema(inputs + outputs, ref_template=REF)
    paths: dict[str, Any] = {}
    for action in ACTIONS:
        operation: dict[str, Any] = {
            "operationId": action.name,
            "summary": action.summary,
            "tags": ["Digital human API"],
            "parameters": [{"$ref": f"#/components/parameters/{p['name']}"} for p in _common()],
            "responses": {
                "200": {
                    "description": "Always, whatever the Code.",
                    "content": {"application/json": {"schema": _envelope(action.reply)}},
                }
            },
        }
        if action.params is not Nothing:
            schema = {"$ref": REF.format(model=action.params.__name__)}
            content = {"application/json": {"schema": schema}}
            if action.most_file is not None:
                content["multipart/form-data"] = {"schema": schema}
            operation["requestBody"] = {"content": content}
        paths[f"/?Action={action.name}"] = {"post": operation}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Bunraku",
            "version": __version__,
            "description": "Live digital humans over WebRTC.\n\n" + _codes(),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "parameters": {p["name"]: p for p in _common()},
            "schemas": schemas.get("$defs", {}),
        },
    }
