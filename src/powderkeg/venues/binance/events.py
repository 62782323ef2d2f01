"""What the events of Binance's market streams say, one function each.

https://developers.binance.com/docs/derivatives/usds-margined-futures/websocket-market-streams and its pages,
read 2026-11-25.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec

from powderkeg.errors import PayloadError
from powderkeg.model.market_rows import Bar, PositionSide, TakerSide, Trade
from powderkeg.venues.asking import Instruments, Record
from powderkeg.venues.binance.history import BAR_CODES
from powderkeg.venues.binance.snapshots import mark_price
from powderkeg.venues.listening import BookChange, Reading, SequenceStep
from powderkeg.venues.payload import (
    candle,
    decoded,
    decoder,
    instrument_of,
    non_negative,
    positive,
    reported_liquidation,
    time_ms,
)

# The side is that of the order that closes the position.
_POSITION_SIDES: dict[str, PositionSide] = {"SELL": "long", "BUY": "short"}
_INTERVALS = {code: interval for interval, code in BAR_CODES.items()}
_COIN_MARGINED = 2


class _Order(msgspec.Struct):
    s: str
    S: str
    q: float
    p: float
    ap: float
    z: float
    T: int
    st: int = 1


class _ForceOrder(msgspec.Struct):
    o: _Order
    st: int = 1


class _AggregateTrade(msgspec.Struct):
    s: str
    a: int
    p: float
    q: float
    T: int
    m: bool


class _Trade(msgspec.Struct):
    s: str
    t: int
    p: float
    q: float
    T: int
    m: bool
    X: str = "MARKET"


class _Depth(msgspec.Struct):
    s: str
    T: int
    U: int
    u: int
    pu: int
    b: list[tuple[float, float]]
    a: list[tuple[float, float]]


class _Mark(msgspec.Struct):
    E: int
    s: str
    p: float
    r: str
    T: int
    i: str = ""


class _Bar(msgspec.Struct):
    t: int
    i: str
    o: float
    h: float
    low: float = msgspec.field(name="l")
    c: float
    v: float
    q: float
    V: float
    n: int
    x: bool


class _Kline(msgspec.Struct):
    s: str
    k: _Bar


_FORCE_ORDER = decoder(_ForceOrder)
_AGGREGATE_TRADE = decoder(_AggregateTrade)
_TRADE = decoder(_Trade)
_DEPTH = decoder(_Depth)
_MARK = decoder(_Mark)
_KLINE = decoder(_Kline)
_BOOK_STREAM = re.compile(r"@depth(\d*)(?:@\d+ms)?")

Event = bytes | msgspec.Raw


def _force_order(_: str, event: Event, instruments: Instruments) -> Reading:
    message = decoded(event, _FORCE_ORDER, "forceOrder")
    order = message.o
    if _COIN_MARGINED in {order.st, message.st}:
        return Reading(ignored=f"a COIN-margined contract: {order.s}")
    if order.s not in instruments:
        # One stream carries all symbols, dated contracts among them.
        return Reading(ignored=f"a liquidation that was not asked for: {order.s}")
    limit = positive(order.p, "p")
    fill = non_negative(order.ap, "ap")
    price = fill or limit
    # Filled so far, and before the first fill as ordered; l is only the last fill.
    quantity = positive(non_negative(order.z, "z") or order.q, "q")
    try:
        side = _POSITION_SIDES[order.S]
    except KeyError:
        raise PayloadError(f"S is {order.S!r}; expected BUY or SELL") from None
    meaning = "fill" if fill else "limit"
    row = reported_liquidation(time_ms(order.T, "T"), side, price, meaning, quantity, limit_price=limit)
    return Reading([Record(order.s, row)])


def _taker_side(buyer_is_maker: bool) -> TakerSide:
    return "sell" if buyer_is_maker else "buy"


def _aggregate_trade(stream: str, event: Event, instruments: Instruments) -> Reading:
    trade = decoded(event, _AGGREGATE_TRADE, "aggTrade")
    instrument_of(instruments, trade.s)
    row = Trade(
        time_ms(trade.T, "T"),
        str(trade.a),
        positive(trade.p, "p"),
        positive(trade.q, "q"),
        _taker_side(trade.m),
    )
    return Reading([Record(trade.s, row)], steps=[_step(stream, f"{trade.s}@aggTrade", trade.a)])


def _trade(stream: str, event: Event, instruments: Instruments) -> Reading:
    # Undocumented and not subscribed: here for recordings that others made.
    trade = decoded(event, _TRADE, "trade")
    instrument_of(instruments, trade.s)
    step = _step(stream, f"{trade.s}@trade", trade.t)
    if trade.X != "MARKET":
        return Reading(steps=[step], ignored=f"a trade outside the book: {trade.X}")
    row = Trade(
        time_ms(trade.T, "T"),
        str(trade.t),
        positive(trade.p, "p"),
        positive(trade.q, "q"),
        _taker_side(trade.m),
    )
    return Reading([Record(trade.s, row)], steps=[step])


def _step(stream: str, otherwise: str, number: int) -> SequenceStep:
    return SequenceStep(stream or otherwise, number, number)


def _book(stream: str, event: Event, instruments: Instruments) -> Reading:
    book = decoded(event, _DEPTH, "depthUpdate")
    instrument_of(instruments, book.s)
    name = _BOOK_STREAM.search(stream)
    if name is None:
        raise PayloadError(
            f"depthUpdate came on stream {stream!r}; expected @depth or @depth20, which tells changes from "
            "whole books"
        )
    sides = [
        [(positive(price, "price"), non_negative(size, "size")) for price, size in levels]
        for levels in (book.b, book.a)
    ]
    ts = time_ms(book.T, "T")
    if name[1]:
        # The best levels as a whole: whatever came before, nothing is missing, so nothing is counted.
        bids, asks = ([level for level in levels if level[1]] for levels in sides)
        return Reading(books=[BookChange(book.s, ts, True, bids, asks)])
    # First ids are not contiguous: only pu says what came before.
    step = SequenceStep(stream, book.U, book.u, book.pu)
    return Reading(books=[BookChange(book.s, ts, False, *sides)], steps=[step])


def _mark_price(_: str, event: Event, instruments: Instruments) -> Reading:
    mark = decoded(event, _MARK, "markPriceUpdate")
    instrument_of(instruments, mark.s)
    row = mark_price(mark.E, mark.p, mark.i, mark.r, mark.T, "markPriceUpdate")
    return Reading([Record(mark.s, row)])


def _kline(_: str, event: Event, instruments: Instruments) -> Reading:
    message = decoded(event, _KLINE, "kline")
    instrument_of(instruments, message.s)
    bar = message.k
    if not bar.x:
        return Reading(ignored="a bar that is still open")
    if bar.i not in _INTERVALS:
        raise PayloadError(f"i is {bar.i!r}; expected one of {', '.join(_INTERVALS)}")
    row = Bar(
        time_ms(bar.t, "t"),
        _INTERVALS[bar.i],
        *candle(bar.o, bar.h, bar.low, bar.c, "kline"),
        non_negative(bar.v, "v"),
        non_negative(bar.q, "q"),
        non_negative(bar.V, "V"),
        bar.n,
    )
    return Reading([Record(message.s, row)])


EVENT_READERS: dict[str, Callable[[str, Event, Instruments], Reading]] = {
    "forceOrder": _force_order,
    "aggTrade": _aggregate_trade,
    "trade": _trade,
    "depthUpdate": _book,
    "markPriceUpdate": _mark_price,
    "kline": _kline,
}
"""Event -> (stream's name or nothing, event, instruments) -> what it says; raises `PayloadError`."""
