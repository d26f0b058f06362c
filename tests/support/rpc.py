"""Answers of the RPC API."""

from __future__ import annotations

import uuid


def envelope(response):
    """The envelope rules of section 2.5, asserted."""
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json; charset=utf-8"
    body = response.json()
    assert isinstance(body["Code"], int)
    assert isinstance(body["Message"], str)
    assert (body["Message"] == "success") == (body["Code"] == 0)
    request_id = uuid.UUID(body["RequestId"])
    assert request_id.version == 4
    assert body["RequestId"] == str(request_id)
    assert body.get("Data", {}) is not None
    assert body["Code"] == 0 or "Data" not in body
    return body
