"""Deribit's past: bars, funding, trades and liquidations.

https://docs.deribit.com/api-reference/market-data/public-get_tradingview_chart_data,
public-get_funding_rate_history and public-get_last_trades_by_instrument_and_time, read 2026-11-25.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from powderkeg.errors import PayloadError, WindowOverflowError
from powderkeg.model.instrument import Instrument
from powderkeg.model.market_rows import Bar, FundingRate, Liquidation, Trade
from powderkeg.model.times import DAY, HOUR, MINUTE
from powderkeg.model.window import Window
from powderkeg.venues.asking import HistorySource, Request
from powderkeg.venues.deribit.answers import Answer, result_of
from powderkeg.venues.deribit.trades import TradeItem, liquidations_of, trade_of
from powderkeg.venues.payload import candle, decoder, finite, non_negative, time_ms, with_occurrences

_RESOLUTIONS = {
    MINUTE: "1", 3 * MINUTE: "3", 5 * MINUTE: "5", 10 * MINUTE: "10", 15 * MINUTE: "15", 30 * MINUTE: "30",
    HOUR: "60", 2 * HOUR: "120", 3 * HOUR: "180", 6 * HOUR: "360", 12 * HOUR: "720", DAY: "1D",
}  # fmt: skip
# The documentation states no limit for bars; connectors in use ask for 1,000 (quant_tick) to 5,000 (ccxt).
_BARS = 1000
# Nor one for funding, where connectors ask for 30 days and saw 744 rows at most.
_FUNDINGS = 30 * DAY
# The documented most of one answer, and a window that it usually holds; a busier one is asked for in parts.
_TRADES, _TRADES_SPAN = 1000, 10 * MINUTE
# The archive is a public host that connectors have used for years and the reference does not mention. It
# answered with 10,000 trades when last probed by others (2026-08-02). How soon it knows of a trade is nowhere
# said: six hours are a guess on the safe side of the day that the first host keeps.
_ARCHIVED, _ARCHIVED_SPAN, _ARCHIVE_LAG = 10_000, HOUR, 6 * HOUR


class _Chart(msgspec.Struct):
    status: str
    ticks: list[int] = []
    open: list[float] = []
    high: list[float] = []
    low: list[float] = []
    close: list[float] = []
    volume: list[float] = []
    cost: list[float] = []


class _Funding(msgspec.Struct):
    timestamp: int
    interest_1h: float


class _Trades(msgspec.Struct):
    trades: list[TradeItem]
    has_more: bool


_CHART_ANSWER = decoder(Answer[_Chart])
_FUNDING_ANSWER = decoder(Answer[list[_Funding]])
_TRADES_ANSWER = decoder(Answer[_Trades])


def _bars_request(instrument: Instrument, window: Window, interval: int) -> Request:
    return Request(
        "rest",
        "/api/v2/public/get_tradingview_chart_data",
        (
            ("instrument_name", instrument.symbol),
            ("start_timestamp", str(window.start)),
            ("end_timestamp", str(window.end - 1)),  # both ends are inside
            ("resolution", _RESOLUTIONS[interval]),
        ),
    )


def _bars(payload: bytes, _: Instrument, window: Window, interval: int) -> list[Bar]:
    chart = result_of(payload, _CHART_ANSWER, "chart")
    if chart.status == "no_data":
        return []
    columns = (chart.ticks, chart.open, chart.high, chart.low, chart.close, chart.volume, chart.cost)
    lengths = [len(column) for column in columns]
    if chart.status != "ok" or not chart.ticks or len(set(lengths)) > 1:
        found = f"status {chart.status!r} and columns of {lengths} values"
        raise PayloadError(f"chart: found {found}; expected 'ok' and as many of each as ticks, or 'no_data'")
    rows = []
    for ts, open_, high, low, close, volume, cost in zip(*columns, strict=True):
        if window.start <= time_ms(ts, "ticks") < window.end:
            prices = candle(open_, high, low, close, "chart")
            # Unlike amounts, both are the same for all contracts: volume in base, cost in quote.
            non_negative(volume, "volume")
            rows.append(Bar(ts, interval, *prices, volume, non_negative(cost, "cost"), None, None))
    return rows


def _funding_request(instrument: Instrument, window: Window, _: int) -> Request:
    return Request(
        "rest",
        "/api/v2/public/get_funding_rate_history",
        (
            ("instrument_name", instrument.symbol),
            # In the documented example the hour of the start is left out and that of the end is not.
            ("start_timestamp", str(window.start - 1)),
            ("end_timestamp", str(window.end - 1)),
        ),
    )


def _fundings(payload: bytes, _: Instrument, window: Window, __: int) -> list[FundingRate]:
    return [
        # What accrued in the hour that ends at the timestamp; interest_8h overlaps from row to row.
        FundingRate(row.timestamp, finite(row.interest_1h, "interest_1h"), HOUR)
        for row in result_of(payload, _FUNDING_ANSWER, "funding rate history")
        if window.start <= time_ms(row.timestamp, "timestamp") < window.end
    ]


def _trades_request(host: str, count: int) -> Callable[[Instrument, Window, int], Request]:
    older = (("include_old", "true"),) if host == "archive" else ()

    def request(instrument: Instrument, window: Window, _: int) -> Request:
        return Request(
            host,
            "/api/v2/public/get_last_trades_by_instrument_and_time",
            (
                ("instrument_name", instrument.symbol),
                ("start_timestamp", str(window.start)),
                ("end_timestamp", str(window.end - 1)),  # both ends are inside
                ("count", str(count)),
                ("sorting", "asc"),
                *older,
            ),
        )

    return request


def _items(payload: bytes, instrument: Instrument, window: Window) -> Iterator[TradeItem]:
    page = result_of(payload, _TRADES_ANSWER, "last trades")
    if page.has_more:
        # Those left out may be liquidations: a part must not pass for the whole.
        raise WindowOverflowError(
            f"last trades: has_more is true, {window} holds more than the {len(page.trades)} trades here"
        )
    for item in page.trades:
        if item.instrument_name != instrument.symbol:
            found = f"instrument_name is {item.instrument_name!r}"
            raise PayloadError(f"last trades: {found}; expected {instrument.symbol!r}")
        if window.start <= time_ms(item.timestamp, "timestamp") < window.end:
            yield item


def _trades(payload: bytes, instrument: Instrument, window: Window, _: int) -> list[Trade]:
    return [trade_of(item, instrument) for item in _items(payload, instrument, window)]


def _liquidations(payload: bytes, instrument: Instrument, window: Window, _: int) -> list[Liquidation]:
    return with_occurrences(liquidations_of(_items(payload, instrument, window), instrument))


def _traded(
    table: str, read: Callable[[bytes, Instrument, Window, int], list[Trade] | list[Liquidation]]
) -> tuple[HistorySource, HistorySource]:
    """Return the two sources of a table that is read from trades: the archive, then the day it may lack."""
    return (
        HistorySource(
            table=table,
            intervals=(0,),
            span=lambda _: _ARCHIVED_SPAN,
            request=_trades_request("archive", _ARCHIVED),
            read=read,
            lag=_ARCHIVE_LAG,
        ),
        HistorySource(
            table=table,
            intervals=(0,),
            span=lambda _: _TRADES_SPAN,
            request=_trades_request("rest", _TRADES),
            read=read,
            depth=DAY,
        ),
    )


HISTORY = (
    HistorySource(
        table="bars",
        intervals=tuple(_RESOLUTIONS),
        span=lambda interval: _BARS * interval,
        request=_bars_request,
        read=_bars,
    ),
    HistorySource(
        table="funding",
        intervals=(0,),
        span=lambda _: _FUNDINGS,
        request=_funding_request,
        read=_fundings,
    ),
    *_traded("liquidations", _liquidations),
    *_traded("trades", _trades),
)
