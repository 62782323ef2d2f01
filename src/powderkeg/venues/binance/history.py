"""Binance's past by request: bars, mark bars, funding, open interest, ratios and taker volume.

https://developers.binance.com/docs/derivatives/usds-margined-futures/market-data/rest-api and its pages,
read 2026-11-25. Files by the day are in `powderkeg.venues.binance.bulk`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from powderkeg.model.instrument import Instrument
from powderkeg.model.market_rows import Bar, FundingRate, LongShortRatio, MarkBar, OpenInterest, TakerVolume
from powderkeg.model.times import DAY, HOUR, MINUTE
from powderkeg.model.window import Window
from powderkeg.venues.asking import HistorySource, Request
from powderkeg.venues.payload import candle, decoded, decoder, finite, non_negative, positive, time_ms

BAR_CODES = {
    MINUTE: "1m", 3 * MINUTE: "3m", 5 * MINUTE: "5m", 15 * MINUTE: "15m", 30 * MINUTE: "30m", HOUR: "1h",
    2 * HOUR: "2h", 4 * HOUR: "4h", 6 * HOUR: "6h", 8 * HOUR: "8h", 12 * HOUR: "12h", DAY: "1d",
}  # fmt: skip
_SERIES_CODES = {
    5 * MINUTE: "5m", 15 * MINUTE: "15m", 30 * MINUTE: "30m", HOUR: "1h", 2 * HOUR: "2h", 4 * HOUR: "4h",
    6 * HOUR: "6h", 12 * HOUR: "12h", DAY: "1d",
}  # fmt: skip
# The page promises 1000 settlements; 500 at most were seen to come (2026-10).
_BARS, _SERIES, _FUNDINGS = 1500, 500, 500
# Of the last 30 days; a startTime one minute too old is refused, so an hour is left for clocks and queues.
_KEPT = 30 * DAY - HOUR
# Ratios, open interest and taker volume come out some minutes after the interval's end; how many is not said.
_DELAY = 5 * MINUTE


class _Funding(msgspec.Struct, rename="camel"):
    funding_rate: float
    funding_time: int
    rate_type: str = "Regular"


class _Interest(msgspec.Struct, rename="camel"):
    sum_open_interest: float
    timestamp: int


class _Ratio(msgspec.Struct, rename="camel"):
    long_account: float
    short_account: float
    timestamp: int


class _Taker(msgspec.Struct, rename="camel"):
    buy_vol: float
    sell_vol: float
    timestamp: int


_BAR_ANSWER = decoder(list[tuple[int, float, float, float, float, float, int, float, int, float, float, Any]])
_MARK_ANSWER = decoder(list[tuple[int, float, float, float, float, Any, int, Any, Any, Any, Any, Any]])
_FUNDING_ANSWER = decoder(list[_Funding])
_INTEREST_ANSWER = decoder(list[_Interest])
_RATIO_ANSWER = decoder(list[_Ratio])
_TAKER_ANSWER = decoder(list[_Taker])


def bar_weight(limit: int) -> int:
    """Return what a request for `limit` bars costs."""
    if limit < 100:
        return 1
    if limit < 500:
        return 2
    return 5 if limit <= 1000 else 10


def _bars_request(path: str) -> Callable[[Instrument, Window, int], Request]:
    def request(instrument: Instrument, window: Window, interval: int) -> Request:
        limit = min(-(-window.length // interval), _BARS)
        return Request(
            "rest",
            path,
            (
                ("symbol", instrument.symbol),
                ("interval", BAR_CODES[interval]),
                ("startTime", str(window.start)),
                ("endTime", str(window.end - 1)),  # both ends are inside
                ("limit", str(limit)),
            ),
            weight=bar_weight(limit),
        )

    return request


def _series_request(path: str) -> Callable[[Instrument, Window, int], Request]:
    def request(instrument: Instrument, window: Window, interval: int) -> Request:
        return Request(
            "rest_data",
            f"/futures/data/{path}",
            (
                ("symbol", instrument.symbol),
                ("period", _SERIES_CODES[interval]),
                # Whether the ends are inside is not said; a millisecond before the first is right both ways.
                ("startTime", str(window.start - 1)),
                ("endTime", str(window.end - 1)),
                ("limit", str(_SERIES)),
            ),
        )

    return request


def _funding_request(instrument: Instrument, window: Window, _: int) -> Request:
    return Request(
        "rest_funding",
        "/fapi/v1/fundingRate",
        (
            ("symbol", instrument.symbol),
            ("startTime", str(window.start)),
            ("endTime", str(window.end - 1)),  # both ends are inside
            ("limit", "1000"),
        ),
    )


def _bars(payload: bytes, _: Instrument, window: Window, interval: int) -> list[Bar]:
    return [
        Bar(
            ts,
            interval,
            *candle(open_, high, low, close, "klines"),
            non_negative(volume, "volume"),
            non_negative(turnover, "quote asset volume"),
            non_negative(taker_buy, "taker buy base asset volume"),
            trades,
        )
        for ts, open_, high, low, close, volume, _close_time, turnover, trades, taker_buy, *_rest in decoded(
            payload, _BAR_ANSWER, "klines"
        )
        if window.start <= time_ms(ts, "open time") < window.end
    ]


def _mark_bars(payload: bytes, _: Instrument, window: Window, interval: int) -> list[MarkBar]:
    return [
        MarkBar(ts, interval, *candle(open_, high, low, close, "markPriceKlines"))
        for ts, open_, high, low, close, *_rest in decoded(payload, _MARK_ANSWER, "markPriceKlines")
        if window.start <= time_ms(ts, "open time") < window.end
    ]


def _fundings(payload: bytes, _: Instrument, window: Window, __: int) -> list[FundingRate]:
    return [
        FundingRate(row.funding_time, finite(row.funding_rate, "fundingRate"), None)
        for row in decoded(payload, _FUNDING_ANSWER, "fundingRate")
        # Special ones pass on a dividend of the stock beneath, and are no rate of the market.
        if window.start <= time_ms(row.funding_time, "fundingTime") < window.end
        and row.rate_type != "Special"
    ]


def _interests(payload: bytes, _: Instrument, window: Window, __: int) -> list[OpenInterest]:
    return [
        OpenInterest(row.timestamp, value, value, "base", 1, None)
        for row in decoded(payload, _INTEREST_ANSWER, "openInterestHist")
        if window.start <= time_ms(row.timestamp, "timestamp") < window.end
        for value in (positive(row.sum_open_interest, "sumOpenInterest"),)
    ]


def _ratios(population: str) -> Callable[[bytes, Instrument, Window, int], list[LongShortRatio]]:
    def read(payload: bytes, _: Instrument, window: Window, interval: int) -> list[LongShortRatio]:
        rows = []
        for row in decoded(payload, _RATIO_ANSWER, f"ratio of {population}"):
            if window.start <= time_ms(row.timestamp, "timestamp") < window.end:
                long = non_negative(row.long_account, "longAccount")
                short = non_negative(row.short_account, "shortAccount")
                # Rounded to four places each, they need not add up to 1.
                both = positive(long + short, "longAccount + shortAccount")
                rows.append(LongShortRatio(row.timestamp, interval, population, long / both, short / both))
        return rows

    return read


def _takers(payload: bytes, _: Instrument, window: Window, interval: int) -> list[TakerVolume]:
    # In base, as the page's example shows. That the stamp is the start of the period is not said; metrics
    # files, stamped with the start, state the same ratio at the same time.
    return [
        TakerVolume(
            row.timestamp,
            interval,
            non_negative(row.buy_vol, "buyVol"),
            non_negative(row.sell_vol, "sellVol"),
            "base",
        )
        for row in decoded(payload, _TAKER_ANSWER, "takerlongshortRatio")
        if window.start <= time_ms(row.timestamp, "timestamp") < window.end
    ]


def _ratio_source(population: str, path: str) -> HistorySource:
    return HistorySource(
        table="long_short_ratios",
        population=population,
        intervals=tuple(_SERIES_CODES),
        span=_series_span,
        request=_series_request(path),
        read=_ratios(population),
        depth=_KEPT,
        lag=_DELAY,
        contracts=("linear",),
    )


def _series_span(interval: int) -> int:
    return _SERIES * interval


HISTORY = (
    HistorySource(
        table="bars",
        intervals=tuple(BAR_CODES),
        span=lambda interval: _BARS * interval,
        request=_bars_request("/fapi/v1/klines"),
        read=_bars,
        contracts=("linear",),
    ),
    HistorySource(
        table="mark_bars",
        intervals=tuple(BAR_CODES),
        span=lambda interval: _BARS * interval,
        request=_bars_request("/fapi/v1/markPriceKlines"),
        read=_mark_bars,
        contracts=("linear",),
    ),
    HistorySource(
        table="funding",
        intervals=(0,),
        span=lambda _: _FUNDINGS * HOUR,  # no instrument settles more often
        request=_funding_request,
        read=_fundings,
        lag=MINUTE,
        contracts=("linear",),
    ),
    HistorySource(
        table="open_interest",
        intervals=tuple(_SERIES_CODES),
        span=_series_span,
        request=_series_request("openInterestHist"),
        read=_interests,
        depth=_KEPT,
        lag=_DELAY,
        contracts=("linear",),
    ),
    _ratio_source("accounts", "globalLongShortAccountRatio"),
    _ratio_source("top_accounts", "topLongShortAccountRatio"),
    _ratio_source("top_positions", "topLongShortPositionRatio"),
    HistorySource(
        table="taker_volume",
        intervals=tuple(_SERIES_CODES),
        span=_series_span,
        request=_series_request("takerlongshortRatio"),
        read=_takers,
        depth=_KEPT,
        lag=_DELAY,
        contracts=("linear",),
    ),
)
