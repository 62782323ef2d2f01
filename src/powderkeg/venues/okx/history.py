"""OKX's past: bars, mark bars, funding and the last day's liquidations; its statistics stand beside.

https://www.okx.com/docs-v5/en/#order-book-trading-market-data-get-candlesticks-history,
#public-data-rest-api-get-mark-price-candlesticks-history and -get-funding-rate-history, read 2026-11-25.
"""

from __future__ import annotations

import msgspec

from powderkeg.errors import PayloadError, WindowOverflowError
from powderkeg.model.instrument import Instrument
from powderkeg.model.market_rows import Bar, FundingRate, Liquidation, MarkBar
from powderkeg.model.times import DAY, HOUR, MINUTE
from powderkeg.model.window import Window
from powderkeg.venues.asking import HistorySource, Request
from powderkeg.venues.okx.answers import Answer, family_of, result_of
from powderkeg.venues.okx.liquidations import Liquidated, liquidation_of
from powderkeg.venues.okx.statistics import STATISTICS
from powderkeg.venues.okx.windows import BAR_CODES, series_request
from powderkeg.venues.payload import candle, decoder, finite, non_negative, time_ms, with_occurrences

_BARS, _MARK_BARS, _FUNDINGS, _LIQUIDATIONS = 300, 100, 400, 100


class _Funding(msgspec.Struct, rename="camel"):
    realized_rate: float
    funding_time: int


_BAR_ANSWER = decoder(Answer[tuple[int, float, float, float, float, float, float, float, int]])
_MARK_ANSWER = decoder(Answer[tuple[int, float, float, float, float, int]])
_FUNDING_ANSWER = decoder(Answer[_Funding])
_LIQUIDATION_ANSWER = decoder(Answer[Liquidated])


def _check_closed(confirm: int, ts: int) -> None:
    # Windows end in the past. A bar that is open all the same comes from a server that is behind: without the
    # bar the window would count as complete, so it is asked again.
    if confirm != 1:
        raise PayloadError(f"confirm is {confirm!r} for the bar of {ts}; expected 1, a bar that is closed")


def _bars(payload: bytes, _: Instrument, window: Window, interval: int) -> list[Bar]:
    rows = []
    for ts, open_, high, low, close, _contracts, base, quote, confirm in result_of(
        payload, _BAR_ANSWER, "candles"
    ):
        if not window.start <= time_ms(ts, "ts") < window.end:
            continue
        _check_closed(confirm, ts)
        prices = candle(open_, high, low, close, "candles")
        volume, turnover = non_negative(base, "volCcy"), non_negative(quote, "volCcyQuote")
        rows.append(Bar(ts, interval, *prices, volume, turnover, None, None))
    return rows


def _mark_bars(payload: bytes, _: Instrument, window: Window, interval: int) -> list[MarkBar]:
    rows = []
    for ts, open_, high, low, close, confirm in result_of(payload, _MARK_ANSWER, "mark price candles"):
        if not window.start <= time_ms(ts, "ts") < window.end:
            continue
        _check_closed(confirm, ts)
        rows.append(MarkBar(ts, interval, *candle(open_, high, low, close, "mark price candles")))
    return rows


def _funding_request(instrument: Instrument, window: Window, _: int) -> Request:
    return Request(
        "rest",
        "/api/v5/public/funding-rate-history",
        (
            ("instId", instrument.symbol),
            ("before", str(window.start - 1)),
            ("after", str(window.end)),
            ("limit", str(_FUNDINGS)),
        ),
        weight=2,
    )


def _fundings(payload: bytes, _: Instrument, window: Window, __: int) -> list[FundingRate]:
    return [
        # fundingRate was the forecast; what longs paid is the realized one.
        FundingRate(row.funding_time, finite(row.realized_rate, "realizedRate"), None)
        for row in result_of(payload, _FUNDING_ANSWER, "funding rate history")
        if window.start <= time_ms(row.funding_time, "fundingTime") < window.end
    ]


def _liquidation_request(instrument: Instrument, window: Window, _: int) -> Request:
    return Request(
        "rest",
        "/api/v5/public/liquidation-orders",
        (
            ("instType", "SWAP"),
            ("instFamily", family_of(instrument)),
            ("state", "filled"),
            ("before", str(window.start - 1)),
            ("after", str(window.end)),
            ("limit", str(_LIQUIDATIONS)),
        ),
    )


def _liquidations(payload: bytes, instrument: Instrument, window: Window, _: int) -> list[Liquidation]:
    listed = result_of(payload, _LIQUIDATION_ANSWER, "liquidation orders")
    found = sum(len(one.details) for one in listed)
    if found >= _LIQUIDATIONS:
        raise WindowOverflowError(f"liquidation orders: {found} in {window}, a full page: there may be more")
    rows = [
        liquidation_of(detail, instrument)
        for one in listed
        if one.inst_id == instrument.symbol
        for detail in one.details
    ]
    return with_occurrences(row for row in rows if window.start <= row.ts < window.end)


HISTORY = (
    HistorySource(
        table="bars",
        intervals=tuple(BAR_CODES),
        span=lambda interval: _BARS * interval,
        request=series_request(
            "/api/v5/market/history-candles",
            weight=1,
            limit=_BARS,
            newer="before",
            older="after",
            code=("bar", BAR_CODES),
        ),
        read=_bars,
        lag=MINUTE,
    ),
    HistorySource(
        table="mark_bars",
        intervals=tuple(BAR_CODES),
        span=lambda interval: _MARK_BARS * interval,
        request=series_request(
            "/api/v5/market/history-mark-price-candles",
            weight=1,
            limit=_MARK_BARS,
            newer="before",
            older="after",
            code=("bar", BAR_CODES),
        ),
        read=_mark_bars,
        lag=MINUTE,
    ),
    HistorySource(
        table="funding",
        intervals=(0,),
        # No contract settles more often than hourly; one hour short of the page, should `after` be inside.
        span=lambda _: (_FUNDINGS - 1) * HOUR,
        request=_funding_request,
        read=_fundings,
        depth=90 * DAY,  # "up to three months"
        lag=10 * MINUTE,
    ),
    HistorySource(
        # No longer in the documentation, and still answered in October 2026. What is known of it comes from
        # others who ask it: a hundred a page, bounds left out, the last 24 hours, the stream's own objects.
        table="liquidations",
        intervals=(0,),
        span=lambda _: HOUR,  # a full page is asked for in parts
        request=_liquidation_request,
        read=_liquidations,
        depth=DAY - HOUR,
        lag=MINUTE,
    ),
    *STATISTICS,
)
