"""What Binance's REST API says when it does not answer."""

from __future__ import annotations

from typing import Literal

import msgspec

from powderkeg.errors import PayloadError
from powderkeg.venues.asking import Refusal
from powderkeg.venues.payload import decoded, decoder

# https://developers.binance.com/docs/derivatives/usds-margined-futures/error-code, read 2026-11-25.
_KINDS: dict[int, Literal["limited", "unavailable", "unknown"]] = {
    **dict.fromkeys((-1003, -1008, -1015), "limited"),
    **dict.fromkeys((-1000, -1001, -1006, -1007, -1016), "unavailable"),
    # No such symbol, one that is not traded, one that is closed, no such pair.
    **dict.fromkeys((-1121, -1122, -4108, -4144), "unknown"),
}
_INVALID_PARAMETER = -1130


class _Error(msgspec.Struct):
    code: int
    msg: str = ""


_ERROR = decoder(_Error)


def refusal(body: bytes) -> Refusal | None:
    """Return the refusal that a negative code words; None for every other body, also of bulk files."""
    if not body.startswith(b"{"):
        return None
    try:
        error = decoded(body, _ERROR, "answer")
    except PayloadError:
        return None
    if error.code >= 0:
        return None
    kind: Literal["limited", "unavailable", "unknown", "invalid"] = _KINDS.get(error.code, "invalid")
    # What /futures/data says of times before its thirty days.
    if error.code == _INVALID_PARAMETER and "startTime" in error.msg:
        kind = "unknown"
    return Refusal(kind, f"code {error.code}: {error.msg}")
