"""OKX's public WebSockets: liquidations, trades, books, mark prices, open interest, bars, deleveraging.

https://www.okx.com/docs-v5/en/#order-book-trading-market-data-ws-trades-channel and its neighbours, and
#public-data-websocket, read 2026-11-25. Messages from before v5 (2021) had tables in the place of channels;
they are named and left alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import msgspec

from powderkeg.errors import PayloadError
from powderkeg.model.market_rows import (
    Bar,
    DeleveragingSignal,
    TakerSide,
    Trade,
)
from powderkeg.model.times import HOUR, MINUTE, SECOND
from powderkeg.venues.asking import Instruments, Record
from powderkeg.venues.listening import BookChange, Control, Feed, Reading, SequenceStep, Stream
from powderkeg.venues.okx.answers import perpetual_of
from powderkeg.venues.okx.connection import ALL_SWAPS, ENVELOPE, Argument, channel_of, control_of, subscribe
from powderkeg.venues.okx.liquidations import LIQUIDATED, liquidation_of
from powderkeg.venues.okx.other_channels import why_left_alone
from powderkeg.venues.okx.prices import InterestItem, MarkItem, interest_record, mark_record
from powderkeg.venues.okx.windows import BAR_CODES
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
    number_or_none,
    positive,
    time_ms,
)

_TAKER_SIDES: dict[str, TakerSide] = {"buy": "buy", "sell": "sell"}
_CANDLES = {f"candle{code}": interval for interval, code in BAR_CODES.items()}
_PONG = b"pong"


class _Trade(msgspec.Struct, rename="camel"):
    inst_id: str
    trade_id: int
    px: float
    sz: float
    side: str
    ts: int
    count: int = 1


class _Book(msgspec.Struct):
    # Price, contracts, a field that was given up, number of orders.
    asks: list[tuple[float, float, str, str]]
    bids: list[tuple[float, float, str, str]]
    ts: int


class _Warning(msgspec.Struct, rename="camel"):
    inst_family: str
    bal: float
    ts: int
    max_bal: str = ""
    state: str = ""


class _Message(NamedTuple):
    argument: Argument
    data: msgspec.Raw


_TRADES = decoder(list[_Trade])
_BOOKS = decoder(list[_Book])
_MARKS = decoder(list[MarkItem])
_INTERESTS = decoder(list[InterestItem])
_CANDLE_ROWS = decoder(list[tuple[int, float, float, float, float, float, float, float, int]])
_WARNINGS = decoder(list[_Warning])


def _liquidations(message: _Message, instruments: Instruments) -> Reading:
    records = liquidation_records(
        (one.inst_id, liquidation_of(detail, instruments[one.inst_id]))
        for one in decoded(message.data, LIQUIDATED, "liquidation-orders")
        # All contracts of the venue come on this channel, most of them not asked for.
        if one.inst_id in instruments
        for detail in one.details
    )
    return Reading(records, ignored="" if records else "liquidations of contracts that were not asked for")


def _trades(message: _Message, instruments: Instruments) -> Reading:
    records, steps = [], []
    for item in decoded(message.data, _TRADES, "trades"):
        price = positive(item.px, "px")
        quantity = base_quantity(instrument_of(instruments, item.inst_id), positive(item.sz, "sz"), price)
        if item.side not in _TAKER_SIDES:
            raise PayloadError(f"side is {item.side!r}; expected buy or sell")
        if item.count < 1:
            raise PayloadError(f"count is {item.count!r}; expected at least 1")
        row = Trade(time_ms(item.ts, "ts"), str(item.trade_id), price, quantity, _TAKER_SIDES[item.side])
        records.append(Record(item.inst_id, row))
        # One message per taker order, price and source: `count` fills, of which `tradeId` is the last. That
        # the next message goes on from there is implied by that, and not said.
        steps.append(SequenceStep(message.argument.text, item.trade_id - item.count + 1, item.trade_id))
    return Reading(records, steps=steps)


def _book(message: _Message, instruments: Instruments) -> Reading:
    symbol = message.argument.inst_id
    instrument = instrument_of(instruments, symbol)
    changes = []
    for book in decoded(message.data, _BOOKS, "books5"):
        bids, asks = (
            [
                (positive(price, "price"), base_quantity(instrument, positive(size, "size"), price))
                for price, size, _given_up, _orders in levels
            ]
            for levels in (book.bids, book.asks)
        )
        # Always whole. Its seqId skips whatever did not touch these levels, so it numbers nothing here.
        changes.append(BookChange(symbol, time_ms(book.ts, "ts"), True, bids, asks))
    return Reading(books=changes)


def _marks(message: _Message, instruments: Instruments) -> Reading:
    items = decoded(message.data, _MARKS, "mark-price")
    for item in items:
        instrument_of(instruments, item.inst_id)
    return Reading([mark_record(item) for item in items])


def _interests(message: _Message, instruments: Instruments) -> Reading:
    items = decoded(message.data, _INTERESTS, "open-interest")
    for item in items:
        instrument_of(instruments, item.inst_id)
    return Reading([interest_record(item) for item in items])


def _candles(message: _Message, instruments: Instruments) -> Reading:
    symbol = message.argument.inst_id
    instrument_of(instruments, symbol)
    interval = _CANDLES[message.argument.channel]
    records = []
    for ts, open_, high, low, close, _contracts, base, quote, confirm in decoded(
        message.data, _CANDLE_ROWS, "candle"
    ):
        prices = candle(open_, high, low, close, "candle")
        volume, turnover = non_negative(base, "volCcy"), non_negative(quote, "volCcyQuote")
        if confirm == 1:
            bar = Bar(time_ms(ts, "ts"), interval, *prices, volume, turnover, None, None)
            records.append(Record(symbol, bar))
    return Reading(records, ignored="" if records else "a bar that is still open")


def _warnings(message: _Message, _: Instruments) -> Reading:
    records = []
    for item in decoded(message.data, _WARNINGS, "adl-warning"):
        peak = number_or_none(item.max_bal, "maxBal")  # empty since 2026-06-09
        balance = finite(item.bal, "bal")
        row = DeleveragingSignal(time_ms(item.ts, "ts"), balance, peak, None, None, item.state or None)
        records.append(Record(perpetual_of(item.inst_family), row))
    return Reading(records)


_READERS: dict[str, Callable[[_Message, Instruments], Reading]] = {
    **dict.fromkeys(_CANDLES, _candles),
    "liquidation-orders": _liquidations,
    "trades": _trades,
    "books5": _book,
    "mark-price": _marks,
    "open-interest": _interests,
    "adl-warning": _warnings,
}


def read(frame: bytes, instruments: Instruments) -> Reading:
    """Return what a frame says; raises `PayloadError` for what cannot be read, and nothing else."""
    if frame == _PONG:
        return Reading(control=Control("pong"))
    message = decoded(frame, ENVELOPE, "message")
    if message.event:
        return Reading(control=control_of(message))
    if message.arg is not None:
        reader = _READERS.get(message.arg.channel)
        if reader is not None:
            return reader(_Message(message.arg, message.data), instruments)
        why = why_left_alone(message.arg.channel)
        if why:
            return Reading(ignored=f"channel {message.arg.channel}: {why}")
        raise PayloadError(f"channel is {message.arg.channel!r}; expected one of {', '.join(_READERS)}")
    if message.table:
        return Reading(ignored=f"table {message.table}: from before v5")
    raise PayloadError(f"message has neither arg nor event; payload begins {excerpt(frame)}")


STREAM = Stream(
    feeds=(
        # Narrowed to one contract it is refused, or the contract is silently left out of the subscription.
        Feed(
            tables=("liquidations",),
            channel=lambda _: f"liquidation-orders:{ALL_SWAPS}",
            every_symbol=True,
        ),
        Feed(tables=("trades",), channel=lambda symbol: f"trades:{symbol}", silence=HOUR),
        Feed(
            tables=("depth_levels",),
            channel=lambda symbol: f"books5:{symbol}",
            silence=3 * MINUTE,  # sent anew after about a minute without a change
            droppable=True,
        ),
        Feed(tables=("mark_prices",), channel=lambda symbol: f"mark-price:{symbol}", silence=MINUTE),
        Feed(
            tables=("open_interest",),
            channel=lambda symbol: f"open-interest:{symbol}",
            silence=HOUR,  # every three seconds, but only while it changes
        ),
        Feed(
            tables=("bars",),
            channel=lambda symbol: f"candle1m:{symbol}",
            silence=5 * MINUTE,
            host="stream_business",
        ),
        Feed(
            tables=("deleveraging_signals",),
            channel=lambda _: f"adl-warning:{ALL_SWAPS}",
            every_symbol=True,
        ),
    ),
    subscribe=subscribe,
    url=lambda base, _: base,
    read=read,
    channel_of=channel_of,
    ping=b"ping",
    ping_interval=20 * SECOND,  # the venue hangs up after thirty
    channels_per_connection=100,  # there is a limit, which is not told
)
