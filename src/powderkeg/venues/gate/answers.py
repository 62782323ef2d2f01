"""How Gate words paths, times, sizes and refusals.

Gate API v4.106.88 and https://www.gate.com/docs/developers/apiv4/, sections on labels and rate limits, read
2026-11-25.
"""

from __future__ import annotations

import math

import msgspec

from powderkeg.errors import PayloadError
from powderkeg.model.instrument import Instrument
from powderkeg.model.times import DAY, HOUR, MINUTE, SECOND
from powderkeg.venues.asking import Refusal
from powderkeg.venues.payload import decoded, decoder, time_ms

INTERVAL_CODES = {
    MINUTE: "1m", 5 * MINUTE: "5m", 15 * MINUTE: "15m", 30 * MINUTE: "30m", HOUR: "1h", 4 * HOUR: "4h",
    8 * HOUR: "8h", DAY: "1d",
}  # fmt: skip

# Seconds of today have 10 digits, milliseconds 13.
_FIRST_OF_MILLISECONDS = 100_000_000_000
_LIMITED = {"TOO_MANY_REQUESTS", "RATE_LIMIT_CONTROL"}
_UNAVAILABLE = {"INTERNAL", "INTERNAL_SERVER_ERROR", "SERVER_ERROR", "SERVER_TIMEOUT", "TOO_BUSY"}
_UNKNOWN = {"CONTRACT_NOT_FOUND"}
# The label of these is INVALID_PARAM_VALUE, as of any parameter that is wrong: only the words tell.
_NOTHING_KEPT = ("too long ago", "day limit")


class _Refused(msgspec.Struct):
    label: str
    message: str | None = None
    detail: str | None = None


_REFUSED = decoder(_Refused)


def refusal(body: bytes) -> Refusal | None:
    """Return the refusal that a label words; None for what has no label, as every answer with 200."""
    try:
        answer = decoded(body, _REFUSED, "answer")
    except PayloadError:
        return None
    words = answer.message or answer.detail or ""
    detail = f"{answer.label}: {words}" if words else answer.label
    if answer.label in _LIMITED:
        return Refusal("limited", detail)
    if answer.label in _UNAVAILABLE:
        return Refusal("unavailable", detail)
    if answer.label in _UNKNOWN or any(phrase in words for phrase in _NOTHING_KEPT):
        return Refusal("unknown", detail)
    return Refusal("invalid", detail)


def futures_path(instrument: Instrument, endpoint: str) -> str:
    """Return the path of an endpoint among the contracts that settle as this instrument does."""
    settle = instrument.quote if instrument.contract == "linear" else instrument.base
    return settled_path(settle, endpoint)


def settled_path(settle: str, endpoint: str) -> str:
    """Return the path of an endpoint among the contracts that settle in this currency."""
    return f"/api/v4/futures/{settle.lower()}/{endpoint}"


def from_seconds(seconds: int, field: str) -> int:
    """Return a time of Gate's in ms; raises `PayloadError` for what is no time of 2009 to 2100."""
    return time_ms(seconds * SECOND, field)


def from_either(value: int, field: str) -> int:
    """Return as `from_seconds`, where the same field has come in seconds and in ms: the digits tell."""
    return time_ms(value, field) if value >= _FIRST_OF_MILLISECONDS else from_seconds(value, field)


def signed(size: float, field: str) -> float:
    """Return a number of contracts whose sign says the side.

    Raises
    ------
    PayloadError
        It is not finite, or 0 and so without a side, as fractions of a contract arrive from Gate where a
        client does not send the header ``X-Gate-Size-Decimal: 1``.
    """
    if math.isfinite(size) and size != 0:
        return size
    hint = (
        "; below one contract, sent to a client without the header X-Gate-Size-Decimal?" if not size else ""
    )
    raise PayloadError(f"{field} is {size!r}; expected a number other than 0{hint}")
