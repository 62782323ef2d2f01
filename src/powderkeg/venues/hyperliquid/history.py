"""Hyperliquid's past: bars as far as it keeps them, and funding.

https://hyperliquid.gitbook.io/hyperliquid-docs/for-developers/api/info-endpoint (candle snapshot) and
info-endpoint/perpetuals (historical funding rates), read 2026-11-25.
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil

import msgspec

from powderkeg.errors import PayloadError
from powderkeg.model.instrument import Instrument
from powderkeg.model.market_rows import Bar, FundingRate
from powderkeg.model.times import DAY, HOUR, MINUTE, SECOND
from powderkeg.model.window import Window
from powderkeg.venues.asking import HistorySource, Request
from powderkeg.venues.hyperliquid.answers import WEIGHT, answer, question
from powderkeg.venues.payload import candle, decoder, finite, non_negative, time_ms

_BAR_CODES = {
    MINUTE: "1m", 3 * MINUTE: "3m", 5 * MINUTE: "5m", 15 * MINUTE: "15m", 30 * MINUTE: "30m",
    HOUR: "1h", 2 * HOUR: "2h", 4 * HOUR: "4h", 8 * HOUR: "8h", 12 * HOUR: "12h", DAY: "1d",
}  # fmt: skip
# "Only the most recent 5000 candles are available", the open one among them. What is kept moves on while a
# request waits for its turn, and a bar that is gone looks like one that never was: do without the oldest ten.
_KEPT = 5000 - 10
_BARS = 2000
# An answer has at most 500 fundings, the oldest first. They are stamped after the hour, by a block (mostly
# below a second, once by 24 minutes): a window of 499 hours can hold 500, one of 500 hours can hold 501.
_FUNDING_HOURS = 499
# Weight on top: one for each started 60 bars, or 20 fundings.
_BARS_PER_WEIGHT, _FUNDINGS_PER_WEIGHT = 60, 20
# Settled every 8 hours until 2023-06-08 00:00, every hour from 01:00 on: measured on recorded answers, as the
# documentation speaks only of today.
_FIRST_HOURLY = 1_686_186_000_000
# The API follows the chain at a distance that the documentation does not state: a margin of ours.
_LAG = 10 * SECOND


class _Candle(msgspec.Struct):
    t: int
    o: float
    h: float
    c: float
    v: float
    n: int
    low: float = msgspec.field(name="l")
    last: int = msgspec.field(name="T")


class _Funding(msgspec.Struct, rename="camel"):
    funding_rate: float
    time: int


_CANDLES = decoder(list[_Candle])
_FUNDINGS = decoder(list[_Funding])


def _bars_request(code: str) -> Callable[[Instrument, Window, int], Request]:
    def request(instrument: Instrument, window: Window, interval: int) -> Request:
        bars = ceil((window.end - window.start) / interval)
        asked = {
            "coin": instrument.symbol,
            "interval": code,
            # The bar that holds the start comes too, though it began before; the last starts at the end or
            # before it.
            "startTime": window.start,
            "endTime": window.end - 1,
        }
        return question("candleSnapshot", WEIGHT + ceil(bars / _BARS_PER_WEIGHT), req=asked)

    return request


def _bars(payload: bytes, _: Instrument, window: Window, interval: int) -> list[Bar]:
    rows = []
    for row in answer(payload, _CANDLES, "candleSnapshot"):
        if not window.start <= time_ms(row.t, "t") < window.end:
            continue
        if row.last != row.t + interval - 1:
            raise PayloadError(
                f"T is {row.last!r}; expected {row.t + interval - 1}, the bar's last millisecond"
            )
        if row.n < 0:
            raise PayloadError(f"n is {row.n!r}; expected a number from 0")
        prices = candle(row.o, row.h, row.low, row.c, "candleSnapshot")
        rows.append(Bar(row.t, interval, *prices, non_negative(row.v, "v"), None, None, row.n))
    return rows


def _fundings_request(instrument: Instrument, window: Window, _: int) -> Request:
    hours = ceil((window.end - window.start) / HOUR)
    return question(
        "fundingHistory",
        WEIGHT + ceil(hours / _FUNDINGS_PER_WEIGHT),
        coin=instrument.symbol,
        startTime=window.start,
        endTime=window.end - 1,  # both ends are inside
    )


def _fundings(payload: bytes, _: Instrument, window: Window, __: int) -> list[FundingRate]:
    return [
        FundingRate(
            row.time, finite(row.funding_rate, "fundingRate"), HOUR if row.time >= _FIRST_HOURLY else 8 * HOUR
        )
        for row in answer(payload, _FUNDINGS, "fundingHistory")
        if window.start <= time_ms(row.time, "time") < window.end
    ]


HISTORY = (
    # A source for each interval, because each is kept for a time of its own.
    *(
        HistorySource(
            table="bars",
            intervals=(interval,),
            span=lambda interval: _BARS * interval,
            request=_bars_request(code),
            read=_bars,
            depth=_KEPT * interval,
            lag=_LAG,
            contracts=("linear",),
        )
        for interval, code in _BAR_CODES.items()
    ),
    HistorySource(
        table="funding",
        intervals=(0,),
        span=lambda _: _FUNDING_HOURS * HOUR,
        request=_fundings_request,
        read=_fundings,
        lag=_LAG,
        contracts=("linear",),
    ),
)
