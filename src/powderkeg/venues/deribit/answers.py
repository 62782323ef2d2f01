"""The envelope of every answer of Deribit's JSON-RPC, and what its error codes mean.

https://docs.deribit.com/articles/errors and /articles/rate-limits, read 2026-11-25.
"""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import msgspec

from powderkeg.errors import PayloadError
from powderkeg.venues.asking import Refusal
from powderkeg.venues.payload import decoded, decoder

T = TypeVar("T")

# too_many_requests, too_many_concurrent_requests
_LIMITED = {10028, 10066}
# retry, settlement_in_progress, matching_engine_queue_full, system_maintenance, internal_server_error,
# temporarily_unavailable, timed_out
_UNAVAILABLE = {10040, 10041, 10047, 11051, 11094, 13028, 13888}
# invalid_or_unsupported_instrument, not_found
_UNKNOWN = {10020, 13020}


class Error(msgspec.Struct):
    """What went wrong, as JSON-RPC words it; `data` often names the parameter and the reason."""

    code: int
    message: str = ""
    data: Any = None

    def __str__(self) -> str:
        return f"code {self.code}: {self.message}{'' if not self.data else f' {self.data}'}"


class Answer(msgspec.Struct, Generic[T]):
    """The envelope: a result or an error."""

    result: T | None = None
    error: Error | None = None


class _Envelope(msgspec.Struct):
    error: Error


_ENVELOPE = decoder(_Envelope)


def refusal(body: bytes) -> Refusal | None:
    """Return the refusal that an error words; None for a result, and for what is no answer of Deribit's."""
    try:
        error = decoded(body, _ENVELOPE, "answer").error
    except PayloadError:
        return None
    if error.code in _LIMITED:
        return Refusal("limited", str(error))
    if error.code in _UNAVAILABLE:
        return Refusal("unavailable", str(error))
    about = error.data.get("param") if isinstance(error.data, dict) else None
    if error.code in _UNKNOWN or about == "instrument_name":
        return Refusal("unknown", str(error))
    return Refusal("invalid", str(error))


def result_of(payload: bytes, by: msgspec.json.Decoder[Answer[T]], what: str) -> T:
    """Return the result of an answer.

    Raises
    ------
    PayloadError
        The payload is not of that shape, or it is an error.
    """
    answer = decoded(payload, by, what)
    if answer.error is not None or answer.result is None:
        found = "neither result nor error" if answer.error is None else f"error {answer.error}"
        raise PayloadError(f"{what}: found {found}; expected a result")
    return answer.result
