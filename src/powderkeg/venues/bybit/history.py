"""Bybit's past: bars, mark bars, funding, open interest and account ratios.

https://bybit-exchange.github.io/docs/v5/market/kline and its neighbours, read 2026-11-25.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from powderkeg.model.instrument import Instrument
from powderkeg.model.market_rows import Bar, FundingRate, LongShortRatio, MarkBar, OpenInterest
from powderkeg.model.times import DAY, HOUR, MINUTE
from powderkeg.model.window import Window
from powderkeg.venues.asking import HistorySource, Request
from powderkeg.venues.bybit.answers import Answer, Page, result_of
from powderkeg.venues.payload import candle, decoder, finite, non_negative, positive, time_ms

_BAR_CODES = {
    MINUTE: "1", 3 * MINUTE: "3", 5 * MINUTE: "5", 15 * MINUTE: "15", 30 * MINUTE: "30",
    HOUR: "60", 2 * HOUR: "120", 4 * HOUR: "240", 6 * HOUR: "360", 12 * HOUR: "720", DAY: "D",
}  # fmt: skip
_SERIES_CODES = {
    5 * MINUTE: "5min", 15 * MINUTE: "15min", 30 * MINUTE: "30min", HOUR: "1h", 4 * HOUR: "4h", DAY: "1d",
}  # fmt: skip
# When an entry appears is not documented.
_SERIES_LAG = 10 * MINUTE
_BARS, _FUNDINGS, _INTERESTS, _RATIOS = 1000, 200, 200, 500


class _Funding(msgspec.Struct, rename="camel"):
    funding_rate: float
    funding_rate_timestamp: int


class _Interest(msgspec.Struct, rename="camel"):
    open_interest: float
    timestamp: int


class _Ratio(msgspec.Struct, rename="camel"):
    buy_ratio: float
    sell_ratio: float
    timestamp: int


_BAR_ANSWER = decoder(Answer[Page[tuple[int, float, float, float, float, float, float]]])
_MARK_ANSWER = decoder(Answer[Page[tuple[int, float, float, float, float]]])
_FUNDING_ANSWER = decoder(Answer[Page[_Funding]])
_INTEREST_ANSWER = decoder(Answer[Page[_Interest]])
_RATIO_ANSWER = decoder(Answer[Page[_Ratio]])


def _asking(
    path: str, *, first: str, last: str, limit: int, code: tuple[str, dict[int, str]] | None = None
) -> Callable[[Instrument, Window, int], Request]:
    def request(instrument: Instrument, window: Window, interval: int) -> Request:
        named = () if code is None else ((code[0], code[1][interval]),)
        return Request(
            "rest",
            f"/v5/market/{path}",
            (
                ("category", instrument.contract),
                ("symbol", instrument.symbol),
                *named,
                (first, str(window.start)),
                (last, str(window.end - 1)),  # both ends are inside
                ("limit", str(limit)),
            ),
        )

    return request


def _bars(payload: bytes, instrument: Instrument, window: Window, interval: int) -> list[Bar]:
    rows = []
    for ts, open_, high, low, close, volume, turnover in result_of(payload, _BAR_ANSWER, "kline").rows:
        if not window.start <= time_ms(ts, "start") < window.end:
            continue
        prices = candle(open_, high, low, close, "kline")
        non_negative(volume, "volume")
        non_negative(turnover, "turnover")
        # Inverse contracts state their volume in USD and their turnover in base.
        base, quote = (volume, turnover) if instrument.contract == "linear" else (turnover, volume)
        rows.append(Bar(ts, interval, *prices, base, quote, None, None))
    return rows


def _mark_bars(payload: bytes, _: Instrument, window: Window, interval: int) -> list[MarkBar]:
    return [
        MarkBar(ts, interval, *candle(open_, high, low, close, "mark price kline"))
        for ts, open_, high, low, close in result_of(payload, _MARK_ANSWER, "mark price kline").rows
        if window.start <= time_ms(ts, "start") < window.end
    ]


def _fundings(payload: bytes, _: Instrument, window: Window, __: int) -> list[FundingRate]:
    return [
        FundingRate(row.funding_rate_timestamp, finite(row.funding_rate, "fundingRate"), None)
        for row in result_of(payload, _FUNDING_ANSWER, "funding history").rows
        if window.start <= time_ms(row.funding_rate_timestamp, "fundingRateTimestamp") < window.end
    ]


def _interests(payload: bytes, _: Instrument, window: Window, __: int) -> list[OpenInterest]:
    return [
        # The sum of both sides, in base for linear contracts.
        OpenInterest(row.timestamp, both / 2, both, "base", 2, None)
        for row in result_of(payload, _INTEREST_ANSWER, "open interest").rows
        if window.start <= time_ms(row.timestamp, "timestamp") < window.end
        for both in (non_negative(row.open_interest, "openInterest"),)
    ]


def _ratios(payload: bytes, _: Instrument, window: Window, interval: int) -> list[LongShortRatio]:
    rows = []
    for row in result_of(payload, _RATIO_ANSWER, "account ratio").rows:
        if window.start <= time_ms(row.timestamp, "timestamp") < window.end:
            long, short = non_negative(row.buy_ratio, "buyRatio"), non_negative(row.sell_ratio, "sellRatio")
            both = positive(long + short, "buyRatio + sellRatio")
            rows.append(LongShortRatio(row.timestamp, interval, "accounts", long / both, short / both))
    return rows


HISTORY = (
    HistorySource(
        table="bars",
        intervals=tuple(_BAR_CODES),
        span=lambda interval: _BARS * interval,
        request=_asking("kline", first="start", last="end", limit=_BARS, code=("interval", _BAR_CODES)),
        read=_bars,
    ),
    HistorySource(
        table="mark_bars",
        intervals=tuple(_BAR_CODES),
        span=lambda interval: _BARS * interval,
        request=_asking(
            "mark-price-kline", first="start", last="end", limit=_BARS, code=("interval", _BAR_CODES)
        ),
        read=_mark_bars,
    ),
    HistorySource(
        table="funding",
        intervals=(0,),
        span=lambda _: _FUNDINGS * HOUR,  # no instrument settles more often
        request=_asking("funding/history", first="startTime", last="endTime", limit=_FUNDINGS),
        read=_fundings,
        lag=MINUTE,
    ),
    HistorySource(
        table="open_interest",
        intervals=tuple(_SERIES_CODES),
        span=lambda interval: _INTERESTS * interval,
        request=_asking(
            "open-interest",
            first="startTime",
            last="endTime",
            limit=_INTERESTS,
            code=("intervalTime", _SERIES_CODES),
        ),
        read=_interests,
        lag=_SERIES_LAG,
        contracts=("linear",),  # the inverse series is in USD, without the price to turn it into base
    ),
    HistorySource(
        table="long_short_ratios",
        population="accounts",
        intervals=tuple(_SERIES_CODES),
        span=lambda interval: _RATIOS * interval,
        request=_asking(
            "account-ratio", first="startTime", last="endTime", limit=_RATIOS, code=("period", _SERIES_CODES)
        ),
        read=_ratios,
        lag=_SERIES_LAG,
    ),
)
