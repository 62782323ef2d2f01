"""A ticker of Gate's: the same fields as a snapshot of all contracts and on the stream.

Endpoint tickers of https://www.gate.com/docs/developers/apiv4/ and channel futures.tickers of
https://www.gate.com/docs/developers/futures/ws/, read 2026-11-25.
"""

from __future__ import annotations

import msgspec

from powderkeg.model.instrument import Instrument
from powderkeg.model.market_rows import MarkPrice, OpenInterest
from powderkeg.venues.gate.answers import from_seconds
from powderkeg.venues.payload import base_quantity, non_negative, number_or_none, positive


class Ticker(msgspec.Struct):
    """What is kept of a ticker; `t` is its time, on the stream and there only lately.

    `funding_next_apply` is sent and not documented.
    """

    contract: str
    mark_price: str
    total_size: str
    index_price: str = ""
    funding_rate: str = ""
    funding_next_apply: int = 0
    t: int = 0


def mark_of(ticker: Ticker, ts: int) -> MarkPrice | None:
    """Return the mark price, with index and coming funding where the ticker has them; None if it is empty.

    Raises
    ------
    PayloadError
        A price is not a positive number, or the rate or the time of the next funding is none.
    """
    mark = number_or_none(ticker.mark_price, "mark_price")
    index = number_or_none(ticker.index_price, "index_price")
    following = ticker.funding_next_apply
    if mark is None:
        return None
    return MarkPrice(
        ts,
        positive(mark, "mark_price"),
        None if index is None else positive(index, "index_price"),
        number_or_none(ticker.funding_rate, "funding_rate"),
        from_seconds(following, "funding_next_apply") if following else None,
    )


def interest_of(ticker: Ticker, ts: int, instrument: Instrument) -> OpenInterest | None:
    """Return the open interest; None if it is empty. Raises as `one_side`, and where it is no number."""
    total = number_or_none(ticker.total_size, "total_size")
    if total is None:
        return None
    price = number_or_none(ticker.mark_price, "mark_price")
    return one_side(ts, total, price, instrument, "total_size")


def one_side(ts: int, total: float, price: float | None, instrument: Instrument, field: str) -> OpenInterest:
    """Return the open interest of one side, given contracts of both.

    That both are counted is not documented. Answers of 2026-09-25, minutes apart, have for BTC_USDT a
    total_size of 577,776,862 beside a position_size of 289,031,937, which the documentation calls the total
    of all long positions; contract_stats states the former.

    Raises
    ------
    PayloadError
        The total is not a number from 0, or the price, needed where contracts are in USD, not a positive one.
    """
    used = 1.0 if instrument.contract == "linear" else positive(price or 0.0, "mark_price")
    one = non_negative(base_quantity(instrument, total / 2, used), field)
    return OpenInterest(ts, one, total, "contracts", 2, None if instrument.contract == "linear" else used)
