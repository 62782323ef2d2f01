"""The Fear & Greed index of alternative.me, free and without a key.

https://alternative.me/crypto/fear-and-greed-index/, section on the API: one GET of ``/fng/`` with a `limit`
of days, 0 for all since 2018-02-01; at most 60 requests a minute. Values are whole numbers written as text,
newest first; times are seconds, at 00:00 UTC of the day that a value is published for. Written from
third-party descriptions of that page, read 2026-11-25; nothing was tried against the service.
"""

from __future__ import annotations

import msgspec

from powderkeg.errors import PayloadError
from powderkeg.model.provided_series import MEANINGS, ProvidedRow
from powderkeg.model.times import SECOND
from powderkeg.venues.asking import RateLimit, Refusal, Request
from powderkeg.venues.payload import decoded, decoder, time_ms
from powderkeg.venues.public_series import PublicSeries

_MEANING = MEANINGS["fear_and_greed"]


class _Value(msgspec.Struct):
    value: float
    timestamp: int


class _Metadata(msgspec.Struct):
    error: str | None = None


class _Answer(msgspec.Struct):
    data: list[_Value] = []
    metadata: _Metadata = msgspec.field(default_factory=_Metadata)


_ANSWER = decoder(_Answer)


def _request(days: int) -> Request:
    return Request("rest", "/fng/", (("limit", str(days)), ("format", "json")))


def _read(payload: bytes) -> tuple[ProvidedRow, ...]:
    rows: dict[int, ProvidedRow] = {}
    for one in decoded(payload, _ANSWER, "fng").data:
        ts = time_ms(one.timestamp * SECOND, "timestamp")
        if not _MEANING.least <= one.value <= _MEANING.most:
            raise PayloadError(f"value is {one.value!r}; expected an index from 0 to 100")
        if ts in rows and rows[ts].value != one.value:
            raise PayloadError(f"timestamp {one.timestamp} has the values {rows[ts].value} and {one.value}")
        rows[ts] = ProvidedRow(ts, one.value, ts + _MEANING.known_after)
    if not rows:
        raise PayloadError("data is empty; expected a value for each day")
    return tuple(rows[ts] for ts in sorted(rows))


def _refusal(body: bytes) -> Refusal | None:
    try:
        error = decoded(body, _ANSWER, "fng").metadata.error
    except PayloadError:
        return None
    return None if error is None else Refusal("invalid", error)


FEAR_AND_GREED = PublicSeries(
    name="alternative.me",
    kind="fear_and_greed",
    urls={"rest": "https://api.alternative.me"},
    limits={"rest": RateLimit(weight=60, period_ms=60_000)},
    refusal=_refusal,
    request=_request,
    read=_read,
)
