"""Asking Hyperliquid and reading its answers: all questions are a POST to ``/info``, errors are bare text.

https://hyperliquid.gitbook.io/hyperliquid-docs/for-developers/api/info-endpoint and its neighbour
rate-limits-and-user-limits, read 2026-11-25.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

from powderkeg.errors import PayloadError
from powderkeg.venues.asking import Refusal, Request
from powderkeg.venues.payload import decoded, excerpt

T = TypeVar("T")

# All but a few light questions weigh this much, before what some add per row of their answer.
WEIGHT = 20
# How the web framework behind the API begins to say, with 400, 415 and 422, that it cannot read a question.
_UNREADABLE = (b"Failed to deserialize", b"Failed to parse", b"Expected request")


def question(kind: str, weight: int = WEIGHT, **fields: object) -> Request:
    """Return the request of this type with these fields, which costs `weight`."""
    return Request("rest", "/info", body=msgspec.json.encode({"type": kind, **fields}), weight=weight)


def refusal(body: bytes) -> Refusal | None:
    """Return the refusal that a body words; None for anything else, and for ``null``.

    ``null`` comes with 429, with passing faults of 500 and, with 200, for a coin that is not known: only the
    status tells those apart, so the body alone is no refusal.
    """
    if body.startswith(_UNREADABLE):
        return Refusal("invalid", excerpt(body))
    return None


def answer(payload: bytes, by: msgspec.json.Decoder[T], what: str) -> T:
    """Return an answer as the decoder's type.

    Raises
    ------
    PayloadError
        The payload is not of that shape, or it is ``null``.
    """
    if payload.strip() == b"null":
        raise PayloadError(f"{what}: null, which is how this venue answers for a coin or dex that it lacks")
    return decoded(payload, by, what)
