"""Gate's past: bars, mark bars, funding and liquidation orders.

Endpoints candlesticks, funding_rate and liq_orders of https://www.gate.com/docs/developers/apiv4/, read
2026-11-25. Times are in seconds, and both ends of a request are inside. What no documentation says but
recorded answers of 2026 show is marked "seen".
"""

from __future__ import annotations

import msgspec

from powderkeg.errors import PayloadError, WindowOverflowError
from powderkeg.model.instrument import Instrument
from powderkeg.model.market_rows import Bar, FundingRate, Liquidation, MarkBar, PositionSide
from powderkeg.model.times import DAY, HOUR, MINUTE, SECOND
from powderkeg.model.window import Window
from powderkeg.venues.asking import HistorySource, Request
from powderkeg.venues.gate.answers import INTERVAL_CODES, from_seconds, futures_path, signed
from powderkeg.venues.payload import (
    base_quantity,
    candle,
    decoded,
    decoder,
    finite,
    non_negative,
    number_or_none,
    positive,
    reported_liquidation,
    with_occurrences,
)

_BARS = 2000
# "Candlestick too long ago. Maximum 10000 points recently are allowed" (seen): a week of minutes.
_DEPTH_BARS = 9990
# An answer has at most 30 days and nothing from before 180 days ago (seen); hourly funding makes 720 rows.
_FUNDING_SPAN, _FUNDING_DEPTH, _FUNDINGS = 30 * DAY, 179 * DAY, 1000
# A request may cover an hour, and returns at most 1,000 orders (seen) without a word about the others. After
# about 90 days answers are empty (seen).
_ORDERS_SPAN, _ORDERS_DEPTH, _ORDERS = HOUR, 85 * DAY, 1000


class _Candle(msgspec.Struct):
    start: int = msgspec.field(name="t")
    open: float = msgspec.field(name="o")
    high: float = msgspec.field(name="h")
    low: float = msgspec.field(name="l")
    close: float = msgspec.field(name="c")


class _TradedCandle(_Candle, kw_only=True):
    contracts: float = msgspec.field(name="v")
    turnover: float | None = msgspec.field(name="sum", default=None)


class _Funding(msgspec.Struct):
    t: int
    r: float


class _Order(msgspec.Struct):
    time: int
    size: float
    order_size: float
    fill_price: float
    order_price: str = ""


_CANDLES = decoder(list[_Candle])
_TRADED_CANDLES = decoder(list[_TradedCandle])
_FUNDING_ROWS = decoder(list[_Funding])
_ORDER_ROWS = decoder(list[_Order])


def _bounds(window: Window) -> tuple[tuple[str, str], tuple[str, str]]:
    return ("from", str(-(-window.start // SECOND))), ("to", str((window.end - 1) // SECOND))


def _candles_request(instrument: Instrument, window: Window, interval: int, kind: str = "") -> Request:
    # Bounds and a limit exclude each other.
    return Request(
        "rest",
        futures_path(instrument, "candlesticks"),
        (
            ("contract", kind + instrument.symbol),
            *_bounds(window),
            ("interval", INTERVAL_CODES[interval]),
        ),
    )


def _bars(payload: bytes, instrument: Instrument, window: Window, interval: int) -> list[Bar]:
    rows = []
    for row in decoded(payload, _TRADED_CANDLES, "candlesticks"):
        ts = from_seconds(row.start, "t")
        if not window.start <= ts < window.end:
            continue
        prices = candle(row.open, row.high, row.low, row.close, "candlestick")
        volume = non_negative(row.contracts * instrument.contract_size, "v")
        turnover = None if row.turnover is None else non_negative(row.turnover, "sum")
        rows.append(Bar(ts, interval, *prices, volume, turnover, None, None))
    return rows


def _mark_bars(payload: bytes, _: Instrument, window: Window, interval: int) -> list[MarkBar]:
    return [
        MarkBar(ts, interval, *candle(row.open, row.high, row.low, row.close, "mark candlestick"))
        for row in decoded(payload, _CANDLES, "mark candlesticks")
        if window.start <= (ts := from_seconds(row.start, "t")) < window.end
    ]


def _funding_request(instrument: Instrument, window: Window, _: int) -> Request:
    return Request(
        "rest",
        futures_path(instrument, "funding_rate"),
        (("contract", instrument.symbol), *_bounds(window), ("limit", str(_FUNDINGS))),
    )


def _fundings(payload: bytes, _: Instrument, window: Window, __: int) -> list[FundingRate]:
    return [
        FundingRate(ts, finite(row.r, "r"), None)
        for row in decoded(payload, _FUNDING_ROWS, "funding_rate")
        if window.start <= (ts := from_seconds(row.t, "t")) < window.end
    ]


def _orders_request(instrument: Instrument, window: Window, _: int) -> Request:
    return Request(
        "rest",
        futures_path(instrument, "liq_orders"),
        (("contract", instrument.symbol), *_bounds(window), ("limit", str(_ORDERS))),
    )


def _order(row: _Order, instrument: Instrument, ts: int) -> Liquidation:
    position, order = signed(row.size, "size"), signed(row.order_size, "order_size")
    if (position > 0) == (order > 0):
        raise PayloadError(
            f"size is {position!r}, order_size {order!r}; expected opposite signs: an order closes a position"
        )
    limit = number_or_none(row.order_price, "order_price")
    if limit is not None:
        positive(limit, "order_price")
    fill = non_negative(row.fill_price, "fill_price")
    if not fill and limit is not None:
        # Nothing was filled in the market; where the order stood is all that is said of its price.
        price, meaning, limit = limit, "limit", None
    else:
        price, meaning = positive(fill, "fill_price"), "fill"
    quantity = base_quantity(instrument, abs(order), price)
    side: PositionSide = "long" if position > 0 else "short"
    return reported_liquidation(ts, side, price, meaning, quantity, limit_price=limit)


def _orders(payload: bytes, instrument: Instrument, window: Window, _: int) -> list[Liquidation]:
    listed = decoded(payload, _ORDER_ROWS, "liq_orders")
    if len(listed) >= _ORDERS:
        raise WindowOverflowError(f"liq_orders: {len(listed)} in {window}, a full page: there may be more")
    rows = [
        _order(row, instrument, ts)
        for row in listed
        if window.start <= (ts := from_seconds(row.time, "time")) < window.end
    ]
    return with_occurrences(rows)


def _bar_source(interval: int) -> HistorySource:
    return HistorySource(
        table="bars",
        intervals=(interval,),
        span=lambda interval: _BARS * interval,
        request=_candles_request,
        read=_bars,
        depth=_DEPTH_BARS * interval,
        contracts=("linear",),  # of the inverse contract v counts USD, and the unit of sum is not documented
    )


def _mark_bar_source(interval: int) -> HistorySource:
    return HistorySource(
        table="mark_bars",
        intervals=(interval,),
        span=lambda interval: _BARS * interval,
        request=lambda instrument, window, length: _candles_request(instrument, window, length, "mark_"),
        read=_mark_bars,
        depth=_DEPTH_BARS * interval,
    )


HISTORY = (
    # One source per interval, because each reaches as far back as 10,000 of them.
    *(_bar_source(interval) for interval in INTERVAL_CODES),
    *(_mark_bar_source(interval) for interval in INTERVAL_CODES),
    HistorySource(
        table="funding",
        intervals=(0,),
        span=lambda _: _FUNDING_SPAN,
        request=_funding_request,
        read=_fundings,
        depth=_FUNDING_DEPTH,
        lag=MINUTE,
    ),
    HistorySource(
        table="liquidations",
        # A series of its own: the stream tells the same liquidations with other times and prices.
        population="orders",
        intervals=(0,),
        span=lambda _: _ORDERS_SPAN,
        request=_orders_request,
        read=_orders,
        depth=_ORDERS_DEPTH,
        lag=MINUTE,
    ),
)
