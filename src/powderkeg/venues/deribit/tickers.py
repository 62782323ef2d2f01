"""Deribit's ticker: mark price, index, funding and open interest in one.

https://docs.deribit.com/api-reference/market-data/public-ticker and its channel, read 2026-11-25.
"""

from __future__ import annotations

import msgspec

from powderkeg.model.instrument import Instrument
from powderkeg.model.market_rows import MarkPrice, OpenInterest
from powderkeg.venues.deribit.amounts import base_of
from powderkeg.venues.payload import finite, non_negative, positive, time_ms


class Ticker(msgspec.Struct):
    """A ticker of a perpetual."""

    instrument_name: str
    timestamp: int
    mark_price: float
    open_interest: float
    index_price: float | None = None
    current_funding: float | None = None


def mark_price_of(ticker: Ticker) -> MarkPrice:
    """Return its mark price; raises `PayloadError` for a number that cannot be.

    Funding accrues every moment, so there is no time of the next. The rate is `current_funding`, of this
    moment and per eight hours; `funding_8h` tells of the eight hours past.
    """
    return MarkPrice(
        time_ms(ticker.timestamp, "timestamp"),
        positive(ticker.mark_price, "mark_price"),
        None if ticker.index_price is None else positive(ticker.index_price, "index_price"),
        None if ticker.current_funding is None else finite(ticker.current_funding, "current_funding"),
        None,
    )


def open_interest_of(ticker: Ticker, instrument: Instrument) -> OpenInterest:
    """Return its open interest; raises `PayloadError` as `mark_price_of`.

    Contracts outstanding are counted once, in USD for inverse perpetuals, which the mark price of the same
    ticker turns into base.
    """
    ts = time_ms(ticker.timestamp, "timestamp")
    raw = non_negative(ticker.open_interest, "open_interest")
    mark = positive(ticker.mark_price, "mark_price")
    if instrument.contract == "linear":
        return OpenInterest(ts, raw, raw, "base", 1, None)
    return OpenInterest(ts, base_of(instrument, raw, mark), raw, "quote", 1, mark)
