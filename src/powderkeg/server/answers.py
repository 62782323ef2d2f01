"""Answers with a strong ETag, so that what a client has already is not sent again."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from typing import Any

import msgspec
from fastapi import Request, Response

JSON = "application/json"
_WORTH_PACKING = 32_768
# Most of the size for a few milliseconds: higher levels take three times as long for a fifth of what is left.
_LEVEL = 1


@dataclass(frozen=True, slots=True)
class TaggedBody:
    """A body that was hashed once, however often it is sent.

    Attributes
    ----------
    content, media_type
        The bytes, and what they are.
    tag
        The strong ETag of these bytes, quotes included.
    packed
        The same under gzip, for clients who take it; None where it is not worth it. Bytes that differ have a
        tag that differs: `packed_tag`.
    """

    content: bytes
    media_type: str
    tag: str
    packed: bytes | None = None

    @property
    def packed_tag(self) -> str:
        """The strong ETag of the packed bytes."""
        return f'{self.tag[:-1]}-gzip"'

    @property
    def nbytes(self) -> int:
        """How much memory it takes."""
        return len(self.content) + len(self.packed or b"")


def json_bytes(value: Any) -> bytes:
    """Return `value` as JSON; numbers that are not finite are null."""
    return msgspec.json.encode(value, enc_hook=_plain)


def tagged_body(content: bytes, media_type: str, *, packed: bool = False) -> TaggedBody:
    """Return a body with its tag, and with `packed` under gzip besides where that is worth it."""
    worth = packed and len(content) >= _WORTH_PACKING
    return TaggedBody(
        content,
        media_type,
        f'"{hashlib.sha256(content).hexdigest()[:32]}"',
        gzip.compress(content, _LEVEL, mtime=0) if worth else None,
    )


def kept_json(value: Any) -> TaggedBody:
    """Return `value` as a JSON body that will be sent more than once."""
    return tagged_body(json_bytes(value), JSON, packed=True)


def tagged(request: Request, value: Any) -> Response:
    """Return `value` as JSON under the ETag of its bytes, or 304 where the client has these."""
    return answered(request, tagged_body(json_bytes(value), JSON))


def answered(request: Request, body: TaggedBody) -> Response:
    """Return a body under its ETag, packed where the client takes that, or 304 where the client has it."""
    headers = {"Cache-Control": "private, no-cache", "Vary": "Authorization, CG-API-KEY"}
    content, tag = body.content, body.tag
    if body.packed is not None:
        headers["Vary"] += ", Accept-Encoding"
        if takes_gzip(request.headers.get("accept-encoding", "")):
            content, tag = body.packed, body.packed_tag
            headers["Content-Encoding"] = "gzip"
    headers["ETag"] = tag
    known = [part.strip() for part in request.headers.get("if-none-match", "").split(",")]
    if "*" in known or tag in known:
        headers.pop("Content-Encoding", None)
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=body.media_type, headers=headers)


def takes_gzip(accepted: str) -> bool:
    """Return whether an Accept-Encoding names gzip, and does not refuse it with a quality of 0."""
    for one in accepted.split(","):
        name, _, quality = one.partition(";")
        if name.strip().lower() == "gzip":
            return quality.replace(" ", "").lower() not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


def _plain(value: Any) -> Any:
    """Return a number of numpy as one of Python."""
    return value.item()
