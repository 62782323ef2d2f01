"""Deribit's public WebSocket: trades with their liquidations, books and tickers.

https://docs.deribit.com/articles/notifications, /subscriptions and /api-reference/session-management,
read 2026-11-25. Channels are asked for at 100 ms: `raw` ones need a key.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

from powderkeg.errors import PayloadError
from powderkeg.model.instrument import Instrument
from powderkeg.model.times import MINUTE, SECOND
from powderkeg.venues.asking import Instruments, Record
from powderkeg.venues.deribit.amounts import base_of
from powderkeg.venues.deribit.answers import Error
from powderkeg.venues.deribit.tickers import Ticker, mark_price_of, open_interest_of
from powderkeg.venues.deribit.trades import TradeItem, liquidations_of, trade_of
from powderkeg.venues.listening import BookChange, Control, Feed, Reading, SequenceStep, Stream
from powderkeg.venues.payload import (
    decoded,
    decoder,
    excerpt,
    instrument_of,
    non_negative,
    positive,
    time_ms,
    with_occurrences,
)

_DEPTH = 20
_HEARTBEAT_SECONDS = 30
_SUBSCRIBE_ID, _HEARTBEAT_ID, _TEST_ID = 1, 2, 3


class _Message(msgspec.Struct):
    id: int | None = None
    method: str = ""
    params: msgspec.Raw = msgspec.Raw()
    result: msgspec.Raw = msgspec.Raw()
    error: Error | None = None


class _Notification(msgspec.Struct):
    channel: str
    data: msgspec.Raw


class _Heartbeat(msgspec.Struct):
    type: Literal["heartbeat", "test_request"]


class _Version(msgspec.Struct):
    version: str


class _GroupedBook(msgspec.Struct):
    instrument_name: str
    timestamp: int
    bids: list[tuple[float, float]]
    asks: list[tuple[float, float]]


class _Book(msgspec.Struct):
    instrument_name: str
    timestamp: int
    change_id: int
    bids: list[tuple[Literal["new", "change", "delete"], float, float]]
    asks: list[tuple[Literal["new", "change", "delete"], float, float]]
    type: Literal["snapshot", "change", ""] = ""
    prev_change_id: int | None = None


_MESSAGE = decoder(_Message)
_NOTIFICATION = decoder(_Notification)
_HEARTBEAT = decoder(_Heartbeat)
_CHANNELS = decoder(list[str])
_WORD = decoder(str)
_VERSION = decoder(_Version)
_TRADES = decoder(list[TradeItem])
_GROUPED_BOOK = decoder(_GroupedBook)
_BOOK = decoder(_Book)
_TICKER = decoder(Ticker)


def _request(number: int, method: str, **params: object) -> bytes:
    return msgspec.json.encode({"jsonrpc": "2.0", "id": number, "method": method, "params": params})


_TEST = _request(_TEST_ID, "public/test")


def _trades(channel: str, data: msgspec.Raw, instruments: Instruments) -> Reading:
    items: dict[str, list[TradeItem]] = {}
    for item in decoded(data, _TRADES, "trades"):
        items.setdefault(item.instrument_name, []).append(item)
    records: list[Record] = []
    for symbol, same in items.items():
        instrument = instrument_of(instruments, symbol)
        records += [Record(symbol, trade_of(item, instrument)) for item in same]
        records += [Record(symbol, row) for row in with_occurrences(liquidations_of(same, instrument))]
    numbers = sorted(item.trade_seq for same in items.values() for item in same)
    steps = [SequenceStep(channel, number, number) for number in numbers]
    return Reading(records, steps=steps, ignored="" if records else "no trades")


def _levels(instrument: Instrument, levels: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    return [
        (positive(price, "price"), base_of(instrument, non_negative(amount, "amount"), price))
        for price, amount in levels
    ]


def _grouped_book(_: str, data: msgspec.Raw, instruments: Instruments) -> Reading:
    book = decoded(data, _GROUPED_BOOK, "book")
    instrument = instrument_of(instruments, book.instrument_name)
    ts = time_ms(book.timestamp, "timestamp")
    sides = _levels(instrument, book.bids), _levels(instrument, book.asks)
    # Every message is whole; its change_id is the book's, of which most never show: no step to compare.
    return Reading(books=[BookChange(book.instrument_name, ts, True, *sides)])


def _book(channel: str, data: msgspec.Raw, instruments: Instruments) -> Reading:
    book = decoded(data, _BOOK, "book")
    instrument = instrument_of(instruments, book.instrument_name)
    ts = time_ms(book.timestamp, "timestamp")
    # Messages of 2019 have no type, and the first is the one without a predecessor.
    snapshot = book.type == "snapshot" or (not book.type and book.prev_change_id is None)
    if not snapshot and book.prev_change_id is None:
        raise PayloadError("prev_change_id of a change is missing; expected the change_id before it")
    previous = None if snapshot else book.prev_change_id
    step = SequenceStep(channel, book.change_id, book.change_id, previous, restart=snapshot)
    sides = (
        _levels(instrument, [(price, 0.0 if action == "delete" else size) for action, price, size in levels])
        for levels in (book.bids, book.asks)
    )
    return Reading(books=[BookChange(book.instrument_name, ts, snapshot, *sides)], steps=[step])


def _ticker(_: str, data: msgspec.Raw, instruments: Instruments) -> Reading:
    ticker = decoded(data, _TICKER, "ticker")
    instrument = instrument_of(instruments, ticker.instrument_name)
    rows = mark_price_of(ticker), open_interest_of(ticker, instrument)
    return Reading([Record(ticker.instrument_name, row) for row in rows])


# kind of channel, and how many parts its name has -> reader
_READERS: dict[tuple[str, int], Callable[[str, msgspec.Raw, Instruments], Reading]] = {
    ("trades", 3): _trades,
    ("book", 5): _grouped_book,
    ("book", 3): _book,
    ("ticker", 3): _ticker,
}
_OTHERS = {
    "chart": "bars, and nothing says when one is closed",
    "deribit_price_index": "an index price alone",
    "deribit_price_ranking": "what the index is made of",
    "deribit_price_statistics": "an index over a day",
    "deribit_volatility_index": "an index of option prices",
    "estimated_expiration_price": "for what expires",
    "incremental_ticker": "tickers in parts; whole ones are asked for",
    "instrument": "that an instrument was opened or closed",
    "markprice": "mark prices of options",
    "perpetual": "the funding that tickers have too",
    "platform_state": "whether the venue is open",
    "quote": "best prices alone",
}


def read(frame: bytes, instruments: Instruments) -> Reading:
    """Return what a frame says; raises `PayloadError` for what cannot be read, and nothing else."""
    message = decoded(frame, _MESSAGE, "message")
    if message.method == "subscription":
        return _pushed(decoded(message.params, _NOTIFICATION, "subscription"), instruments)
    if message.method == "heartbeat":
        if decoded(message.params, _HEARTBEAT, "heartbeat").type == "test_request":
            return Reading(control=Control("ping", reply=_TEST))
        return Reading(control=Control("info", "heartbeat"))
    if message.method:
        raise PayloadError(f"method is {message.method!r}; expected subscription or heartbeat")
    if message.error is not None:
        # What is not known to be about something else is taken to be about the subscription.
        about_other = message.id in {_HEARTBEAT_ID, _TEST_ID}
        return Reading(control=Control("info" if about_other else "refused", str(message.error)))
    if not bytes(message.result):
        raise PayloadError(f"message has neither method nor result nor error; it begins {excerpt(frame)}")
    return Reading(control=_answered(message.result))


def _pushed(notification: _Notification, instruments: Instruments) -> Reading:
    channel = notification.channel
    kind, *rest = channel.split(".")
    if kind in _OTHERS:
        return Reading(ignored=f"channel {kind}: {_OTHERS[kind]}")
    reader = _READERS.get((kind, len(rest) + 1))
    if reader is None:
        raise PayloadError(f"channel is {channel!r}; expected one of trades, book or ticker")
    symbol = rest[0]
    if symbol not in instruments and not symbol.endswith("-PERPETUAL"):
        return Reading(ignored=f"another product: {symbol} is no perpetual")
    return reader(channel, notification.data, instruments)


def _answered(result: msgspec.Raw) -> Control:
    """Return what a result says: of subscribe if it is a list, of set_heartbeat if a word, else of test."""
    begins = bytes(result)[:1]
    if begins == b"[":
        channels = decoded(result, _CHANNELS, "result")
        # Channels that the venue would not take are left out of the list, without a word.
        if channels:
            return Control("subscribed", channels=tuple(channels))
        return Control("refused", "none of the channels was accepted")
    if begins == b'"':
        return Control("info", f"set_heartbeat: {decoded(result, _WORD, 'result')}")
    decoded(result, _VERSION, "result")
    return Control("pong")


_CHANNEL = re.compile(rb'"channel"\s*:\s*"([^"]*)"')


def channel_of(frame: bytes) -> str:
    """Return the channel of a frame, or nothing."""
    match = _CHANNEL.search(frame, 0, 200)
    return match[1].decode("ascii", "replace") if match else ""


def _subscribe(channels: Sequence[str]) -> list[bytes]:
    return [
        _request(_HEARTBEAT_ID, "public/set_heartbeat", interval=_HEARTBEAT_SECONDS),
        # One request for all: each is charged six times what others are.
        _request(_SUBSCRIBE_ID, "public/subscribe", channels=list(channels)),
    ]


STREAM = Stream(
    feeds=(
        # Not watched for silence: small perpetuals go without a trade for hours, and heartbeats tell whether
        # the connection lives.
        Feed(tables=("liquidations", "trades"), channel=lambda symbol: f"trades.{symbol}.100ms"),
        Feed(
            tables=("depth_levels",),
            channel=lambda symbol: f"book.{symbol}.none.{_DEPTH}.100ms",
            silence=5 * MINUTE,
            droppable=True,
        ),
        Feed(
            tables=("mark_prices", "open_interest"),
            channel=lambda symbol: f"ticker.{symbol}.100ms",
            silence=5 * MINUTE,
        ),
    ),
    subscribe=_subscribe,
    url=lambda base, _: base,
    read=read,
    channel_of=channel_of,
    ping=_TEST,
    ping_interval=20 * SECOND,
)
