"""Bybit's public WebSocket: liquidations, trades, books, tickers and bars.

https://bybit-exchange.github.io/docs/v5/ws/connect and its neighbours, read 2026-11-25. Messages from
before v5 (2023) had other topics; they are named and left alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from powderkeg.errors import PayloadError
from powderkeg.model.market_rows import (
    Bar,
    DeleveragingSignal,
    PositionSide,
    TakerSide,
    Trade,
)
from powderkeg.model.times import HOUR, MINUTE, SECOND
from powderkeg.venues.asking import Instruments, Record
from powderkeg.venues.bybit.tickers import Ticker, interest_of, mark_of
from powderkeg.venues.listening import BookChange, Control, Feed, Reading, SequenceStep, Stream
from powderkeg.venues.payload import (
    base_quantity,
    candle,
    decoded,
    decoder,
    excerpt,
    finite,
    instrument_of,
    liquidation_records,
    non_negative,
    positive,
    reported_liquidation,
    time_ms,
)

# What the venue's side means: of a liquidation the position, of a trade the taker.
_POSITION_SIDES: dict[str, PositionSide] = {"Buy": "long", "Sell": "short"}
_TAKER_SIDES: dict[str, TakerSide] = {"Buy": "buy", "Sell": "sell"}
_DEPTH = 50
T = TypeVar("T")


class _Envelope(msgspec.Struct):
    topic: str = ""
    type: str = ""
    ts: int = 0
    data: msgspec.Raw = msgspec.Raw()
    op: str = ""
    success: bool | None = None
    ret_msg: str = ""


class _Liquidation(msgspec.Struct):
    T: int
    s: str
    S: str
    v: float
    p: float


class _Trade(msgspec.Struct):
    T: int
    s: str
    S: str
    v: float
    p: float
    i: str


class _Book(msgspec.Struct):
    s: str
    b: list[tuple[float, float]]
    a: list[tuple[float, float]]
    u: int


class _Kline(msgspec.Struct):
    start: int
    end: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    turnover: float
    confirm: bool


class _Alert(msgspec.Struct):
    s: str
    b: float
    i_pr: float
    pr: float


_ENVELOPE = decoder(_Envelope)
_LIQUIDATIONS = decoder(list[_Liquidation])
_TRADES = decoder(list[_Trade])
_BOOK = decoder(_Book)
_TICKER = decoder(Ticker)
_KLINES = decoder(list[_Kline])
_ALERTS = decoder(list[_Alert])


def _side(sides: dict[str, T], side: str) -> T:
    try:
        return sides[side]
    except KeyError:
        raise PayloadError(f"S is {side!r}; expected Buy or Sell") from None


def _liquidations(message: _Envelope, instruments: Instruments) -> Reading:
    found = []
    for item in decoded(message.data, _LIQUIDATIONS, "allLiquidation"):
        instrument = instrument_of(instruments, item.s)
        price = positive(item.p, "p")
        quantity = base_quantity(instrument, positive(item.v, "v"), price)
        side = _side(_POSITION_SIDES, item.S)
        row = reported_liquidation(time_ms(item.T, "T"), side, price, "bankruptcy", quantity)
        found.append((item.s, row))
    return Reading(liquidation_records(found))


def _trades(message: _Envelope, instruments: Instruments) -> Reading:
    records = []
    for item in decoded(message.data, _TRADES, "publicTrade"):
        price = positive(item.p, "p")
        quantity = base_quantity(instrument_of(instruments, item.s), positive(item.v, "v"), price)
        side = _side(_TAKER_SIDES, item.S)
        records.append(Record(item.s, Trade(time_ms(item.T, "T"), item.i, price, quantity, side)))
    return Reading(records)


def _book(message: _Envelope, instruments: Instruments) -> Reading:
    book = decoded(message.data, _BOOK, "orderbook")
    instrument = instrument_of(instruments, book.s)
    sides = [
        [
            (positive(price, "price"), base_quantity(instrument, non_negative(size, "size"), price))
            for price, size in levels
        ]
        for levels in (book.b, book.a)
    ]
    # A service restart sends everything anew with u = 1, whatever the type says.
    snapshot = message.type == "snapshot" or book.u == 1
    step = SequenceStep(message.topic, book.u, book.u, restart=snapshot)
    change = BookChange(book.s, time_ms(message.ts, "ts"), snapshot, *sides)
    return Reading(books=[change], steps=[step])


def _ticker(message: _Envelope, instruments: Instruments) -> Reading:
    ticker = decoded(message.data, _TICKER, "tickers")
    instrument = instrument_of(instruments, ticker.symbol)
    ts = time_ms(message.ts, "ts")
    found = mark_of(ticker, ts), interest_of(ticker, ts, instrument)
    records = [Record(ticker.symbol, row) for row in found if row is not None]
    if ticker.open_interest and not records:
        return Reading(ignored="a change of open interest in USD, without mark price or value")
    return Reading(records, ignored="" if records else "a change of neither mark price nor open interest")


def _klines(message: _Envelope, instruments: Instruments) -> Reading:
    symbol = message.topic.rsplit(".", 1)[-1]
    instrument = instrument_of(instruments, symbol)
    records = []
    for item in decoded(message.data, _KLINES, "kline"):
        prices = candle(item.open, item.high, item.low, item.close, "kline")
        if not item.confirm:
            continue
        volume, turnover = non_negative(item.volume, "volume"), non_negative(item.turnover, "turnover")
        if instrument.contract == "inverse":
            volume, turnover = turnover, volume
        interval = item.end + 1 - time_ms(item.start, "start")
        records.append(Record(symbol, Bar(item.start, interval, *prices, volume, turnover, None, None)))
    return Reading(records, ignored="" if records else "a bar that is still open")


def _alerts(message: _Envelope, _: Instruments) -> Reading:
    ts = time_ms(message.ts, "ts")
    return Reading(
        [
            Record(
                item.s,
                DeleveragingSignal(
                    ts, finite(item.b, "b"), None, finite(item.pr, "pr"), finite(item.i_pr, "i_pr")
                ),
            )
            for item in decoded(message.data, _ALERTS, "adlAlert")
        ]
    )


_READERS: dict[str, Callable[[_Envelope, Instruments], Reading]] = {
    "allLiquidation": _liquidations,
    "publicTrade": _trades,
    "orderbook": _book,
    "tickers": _ticker,
    "kline": _klines,
    "adlAlert": _alerts,
}
_RETIRED = {
    "trade": "trades before v5",
    "instrument_info": "tickers before v5",
    "orderBookL2_25": "books before v5",
    "orderBook_200": "books before v5",
    "liquidation": "liquidations until 2025-02-20, at most one per second, and its side changed meaning",
}


def read(frame: bytes, instruments: Instruments) -> Reading:
    """Return what a frame says; raises `PayloadError` for what cannot be read, and nothing else."""
    message = decoded(frame, _ENVELOPE, "message")
    if message.topic:
        kind = message.topic.split(".", 1)[0]
        reader = _READERS.get(kind)
        if reader is not None:
            return reader(message, instruments)
        if kind in _RETIRED:
            return Reading(ignored=f"topic {kind}: {_RETIRED[kind]}")
        raise PayloadError(f"topic is {message.topic!r}; expected one of {', '.join(_READERS)}")
    if message.op in {"ping", "pong"} or message.ret_msg == "pong":
        return Reading(control=Control("pong"))
    if message.success is not None:
        if message.success:
            return Reading(control=Control("subscribed"))
        return Reading(control=Control("refused", message.ret_msg, tuple(_NAMED.findall(message.ret_msg))))
    raise PayloadError(f"message has neither topic nor op; payload begins {excerpt(frame)}")


_NAMED = re.compile(r"topic:\s*([\w.]+)", re.IGNORECASE)
_TOPIC = re.compile(rb'"topic"\s*:\s*"([^"]*)"')


def channel_of(frame: bytes) -> str:
    """Return the topic of a frame, or nothing."""
    match = _TOPIC.search(frame)
    return match[1].decode("ascii", "replace") if match else ""


def _subscribe(channels: Sequence[str]) -> list[bytes]:
    return [msgspec.json.encode({"op": "subscribe", "args": list(channels)})]


_APART = {"linear": "stream", "inverse": "stream_inverse"}

STREAM = Stream(
    feeds=(
        Feed(
            tables=("liquidations",),
            channel=lambda symbol: f"allLiquidation.{symbol}",
            host=_APART,
        ),
        Feed(
            tables=("trades",),
            channel=lambda symbol: f"publicTrade.{symbol}",
            silence=HOUR,
            host=_APART,
        ),
        Feed(
            tables=("depth_levels",),
            channel=lambda symbol: f"orderbook.{_DEPTH}.{symbol}",
            silence=MINUTE,
            droppable=True,
            host=_APART,
        ),
        Feed(
            tables=("mark_prices", "open_interest"),
            channel=lambda symbol: f"tickers.{symbol}",
            silence=MINUTE,
            host=_APART,
        ),
        Feed(
            tables=("bars",),
            channel=lambda symbol: f"kline.1.{symbol}",
            silence=2 * MINUTE,
            host=_APART,
        ),
        Feed(
            tables=("deleveraging_signals",),
            channel=lambda _: "adlAlert.USDT",
            every_symbol=True,
            silence=MINUTE,
            host={"linear": "stream"},
        ),
        Feed(
            tables=("deleveraging_signals",),
            channel=lambda _: "adlAlert.inverse",
            every_symbol=True,
            silence=MINUTE,
            host={"inverse": "stream_inverse"},
        ),
    ),
    subscribe=_subscribe,
    url=lambda base, _: base,
    read=read,
    channel_of=channel_of,
    ping=b'{"op":"ping"}',
    ping_interval=20 * SECOND,
)
