"""The response envelope (contract section 2.5): always HTTP 200, never ``"Data": null``."""

from __future__ import annotations

import json
import logging
import uuid
from typing import Any

from pydantic import BaseModel
from starlette.responses import Response

from bunraku.core.calls import current
from bunraku.core.errors import ApiError, SystemFault

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/json; charset=utf-8"


def success(data: BaseModel | None) -> dict[str, Any]:
    out: dict[str, Any] = {"Code": 0, "Message": "success", "RequestId": _request_id()}
    if data is not None:
        out["Data"] = data.model_dump(by_alias=True, exclude_none=True)
    return out


def failure(error: Exception) -> dict[str, Any]:
    """An exception as an envelope. What is not an ``ApiError`` says nothing of itself."""
    known = error if isinstance(error, ApiError) else SystemFault()
    return {"Code": known.code, "Message": known.message, "RequestId": _request_id()}


def _request_id() -> str:
    """Of the present call; its own for an answer outside of any."""
    return current().request or str(uuid.uuid4())


def respond(envelope: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None) -> Response:
    body = json.dumps(envelope, ensure_ascii=False).encode("utf-8", "replace")
    return Response(
        body,
        status_code=status,
        headers={"Content-Type": MEDIA_TYPE, "Cache-Control": "no-store"} | (headers or {}),
    )
