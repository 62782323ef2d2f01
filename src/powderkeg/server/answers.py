"""Answers with a strong ETag, so that what a client has already is not sent again."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
from fastapi import Request, Response

JSON = "application/json"


def json_bytes(value: Any) -> bytes:
    """Return `value` as JSON; numbers that are not finite are null."""
    return msgspec.json.encode(value, enc_hook=_plain)


def tagged(request: Request, value: Any) -> Response:
    """Return `value` as JSON under the ETag of its bytes, or 304 where the client has these."""
    return tagged_bytes(request, json_bytes(value), JSON)


def tagged_bytes(request: Request, body: bytes, media_type: str) -> Response:
    """Return `body` under its ETag, or 304 where the client has it."""
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache", "Vary": "Authorization, CG-API-KEY"}
    known = [part.strip() for part in request.headers.get("if-none-match", "").split(",")]
    if "*" in known or tag in known:
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=media_type, headers=headers)


def _plain(value: Any) -> Any:
    """Return a number of numpy as one of Python."""
    return value.item()
