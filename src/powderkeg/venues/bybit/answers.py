"""The envelope of every answer of Bybit's REST API, and what its codes mean."""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec

from powderkeg.errors import PayloadError
from powderkeg.venues.asking import Refusal
from powderkeg.venues.payload import decoded, decoder

T = TypeVar("T")

_LIMITED = {10006, 10018, 10429}
_UNAVAILABLE = {10000, 10016}
_UNKNOWN = {10029, 110074, 3400214}


class Page(msgspec.Struct, Generic[T], rename="camel"):
    """The result of a list request."""

    rows: list[T] = msgspec.field(name="list")
    next_page_cursor: str | None = None
    updated_time: int | None = None


class Answer(msgspec.Struct, Generic[T], rename="camel"):
    """The envelope."""

    ret_code: int
    ret_msg: str = ""
    result: T | None = None
    time: int | None = None


class _Envelope(msgspec.Struct, rename="camel"):
    ret_code: int
    ret_msg: str = ""


_ENVELOPE = decoder(_Envelope)


def refusal(body: bytes) -> Refusal | None:
    """Return the refusal that a retCode words; None for 0, and for what is no answer of Bybit's."""
    try:
        answer = decoded(body, _ENVELOPE, "answer")
    except PayloadError:
        return None
    if answer.ret_code == 0:
        return None
    detail = f"retCode {answer.ret_code}: {answer.ret_msg}"
    if answer.ret_code in _LIMITED:
        return Refusal("limited", detail)
    if answer.ret_code in _UNAVAILABLE:
        return Refusal("unavailable", detail)
    if answer.ret_code in _UNKNOWN or "symbol" in answer.ret_msg.lower():
        return Refusal("unknown", detail)
    return Refusal("invalid", detail)


def result_of(payload: bytes, by: msgspec.json.Decoder[Answer[T]], what: str) -> T:
    """Return the result of an answer.

    Raises
    ------
    PayloadError
        The payload is not of that shape, or it is a refusal.
    """
    answer = decoded(payload, by, what)
    if answer.ret_code != 0 or answer.result is None:
        found = f"retCode {answer.ret_code} ({answer.ret_msg})"
        raise PayloadError(f"{what}: found {found}; expected 0 and a result")
    return answer.result
