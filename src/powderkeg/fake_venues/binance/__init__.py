"""Binance's protocol, USD-margined, spoken by a server.

https://developers.binance.com/docs/derivatives/usds-margined-futures and https://data.binance.vision, read
2026-11-25.
"""

from __future__ import annotations

from powderkeg.fake_venues.binance.answers import rest_answer
from powderkeg.fake_venues.binance.bulk import bulk_answer
from powderkeg.fake_venues.binance.stream import frames, heard, opened
from powderkeg.fake_venues.dialect import Call, Dialect, FakeMarket


def _answer(call: Call, market: FakeMarket) -> bytes | None:
    return bulk_answer(call, market) if call.path.startswith("/data/") else rest_answer(call, market)


DIALECT = Dialect(
    venue="binance",
    example=lambda row: row,
    answer=_answer,
    limited=b'{"code":-1003,"msg":"Too many requests; current limit of IP(127.0.0.1) is 2400 requests per '
    b'minute. Please use the websocket for live updates to avoid polling the API."}',
    opened=opened,
    heard=heard,
    frames=frames,
)
