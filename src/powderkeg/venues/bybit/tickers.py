"""A ticker of Bybit's stream: all of it at first, then what has changed.

https://bybit-exchange.github.io/docs/v5/websocket/public/ticker, read 2026-11-25. That openInterestValue of
an inverse contract is in its base is not documented: in recorded snapshots, and in the example of
/docs/v5/market/tickers, it is openInterest over markPrice.
"""

from __future__ import annotations

import msgspec

from powderkeg.model.instrument import Instrument
from powderkeg.model.market_rows import MarkPrice, OpenInterest
from powderkeg.venues.payload import finite, non_negative, number_or_none, positive, time_ms


class Ticker(msgspec.Struct, rename="camel"):
    """What is kept of a ticker; what has not changed is empty."""

    symbol: str
    mark_price: str = ""
    index_price: str = ""
    open_interest: str = ""
    open_interest_value: str = ""
    funding_rate: str = ""
    next_funding_time: str = ""


def mark_of(ticker: Ticker, ts: int) -> MarkPrice | None:
    """Return the mark price, with index and coming funding where the ticker has them; None if it is empty.

    Raises
    ------
    PayloadError
        The price is not a positive number, or another field is none or no time.
    """
    mark = number_or_none(ticker.mark_price, "markPrice")
    if mark is None:
        return None
    next_funding = number_or_none(ticker.next_funding_time, "nextFundingTime")
    return MarkPrice(
        ts,
        positive(mark, "markPrice"),
        number_or_none(ticker.index_price, "indexPrice"),
        number_or_none(ticker.funding_rate, "fundingRate"),
        None if next_funding is None else time_ms(int(next_funding), "nextFundingTime"),
    )


def interest_of(ticker: Ticker, ts: int, instrument: Instrument) -> OpenInterest | None:
    """Return the open interest of one side, given that of both; None if the ticker does not have it in base.

    Inverse contracts count it in USD: the mark price or, beside it, openInterestValue turn it into base, and
    a change may leave out both.

    Raises
    ------
    PayloadError
        It is not a number from 0, or what turns it into base is not a positive one.
    """
    both = number_or_none(ticker.open_interest, "openInterest")
    if both is None:
        return None
    non_negative(both, "openInterest")
    if instrument.contract == "linear":
        return OpenInterest(ts, both / 2, both, "base", 2, None)
    price = number_or_none(ticker.mark_price, "markPrice")
    value = number_or_none(ticker.open_interest_value, "openInterestValue")
    if price is None and value and both:
        price = both / positive(value, "openInterestValue")
    if price is None:
        return None
    base = finite(both / positive(price, "markPrice"), "openInterest in base")
    return OpenInterest(ts, base / 2, both, "quote", 2, price)
