"""Hyperliquid's public WebSocket: trades and books.

https://hyperliquid.gitbook.io/hyperliquid-docs/for-developers/api/websocket/subscriptions,
websocket/timeouts-and-heartbeats and api/notation, read 2026-11-25. Nothing is numbered here: books come
whole, and trade ids are hashes.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Sequence

import msgspec

from powderkeg.errors import PayloadError
from powderkeg.model.market_rows import TakerSide, Trade
from powderkeg.model.times import HOUR, MINUTE, SECOND
from powderkeg.venues.asking import Instruments, Record
from powderkeg.venues.listening import BookChange, Control, Feed, Reading, Stream
from powderkeg.venues.payload import decoded, decoder, instrument_of, positive, time_ms

# B for bid and A for ask: of a trade the side that took.
_TAKER_SIDES: dict[str, TakerSide] = {"B": "buy", "A": "sell"}
# What the server says, outside any JSON, to some connections before all else; seen in its own Python client.
_GREETING = b"Websocket connection established."


class _Envelope(msgspec.Struct):
    channel: str
    data: msgspec.Raw = msgspec.Raw()


class _Trade(msgspec.Struct):
    coin: str
    side: str
    px: float
    sz: float
    time: int
    tid: int


class _Level(msgspec.Struct):
    px: float
    sz: float


class _Book(msgspec.Struct):
    coin: str
    time: int
    levels: tuple[list[_Level], list[_Level]]


class _Subscription(msgspec.Struct):
    type: str
    coin: str = ""

    @property
    def channel(self) -> str:
        """As `Stream.subscribe` takes it."""
        return f"{self.type}:{self.coin}" if self.coin else self.type


class _Acknowledgement(msgspec.Struct):
    method: str
    subscription: _Subscription


class _Quoted(msgspec.Struct):
    """What an error quotes: the subscription, or the whole message that asked for it."""

    type: str = ""
    coin: str = ""
    subscription: _Subscription | None = None


_ENVELOPE = decoder(_Envelope)
_TRADES = decoder(list[_Trade])
_BOOK = decoder(_Book)
_ACKNOWLEDGEMENT = decoder(_Acknowledgement)
_QUOTED = decoder(_Quoted)
_TEXT = decoder(str)


def _trades(data: msgspec.Raw, instruments: Instruments) -> Reading:
    records = []
    for item in decoded(data, _TRADES, "trades"):
        instrument_of(instruments, item.coin)  # sizes are in base for every perpetual; spot is not asked for
        if item.side not in _TAKER_SIDES:
            raise PayloadError(f"side is {item.side!r}; expected A or B")
        row = Trade(
            time_ms(item.time, "time"),
            str(item.tid),
            positive(item.px, "px"),
            positive(item.sz, "sz"),
            _TAKER_SIDES[item.side],
        )
        records.append(Record(item.coin, row))
    return Reading(records)


def _book(data: msgspec.Raw, instruments: Instruments) -> Reading:
    book = decoded(data, _BOOK, "l2Book")
    instrument_of(instruments, book.coin)
    bids, asks = (
        [(positive(level.px, "px"), positive(level.sz, "sz")) for level in levels] for levels in book.levels
    )
    return Reading(books=[BookChange(book.coin, time_ms(book.time, "time"), True, bids, asks)])


def _acknowledged(data: msgspec.Raw, _: Instruments) -> Reading:
    said = decoded(data, _ACKNOWLEDGEMENT, "subscriptionResponse")
    kind = said.subscription.channel
    if said.method == "subscribe":
        return Reading(control=Control("subscribed", channels=(kind,)))
    return Reading(control=Control("info", f"{said.method} {kind}", (kind,)))


def _refused(data: msgspec.Raw, _: Instruments) -> Reading:
    words = decoded(data, _TEXT, "error")
    channels: tuple[str, ...] = ()
    with contextlib.suppress(PayloadError):
        quoted = decoded(words[words.find("{") :].encode("utf-8", "replace"), _QUOTED, "error")
        subscription = quoted.subscription or _Subscription(quoted.type, quoted.coin)
        channels = (subscription.channel,) if subscription.type else ()
    # What is subscribed already, or is no longer, is as it was wanted.
    return Reading(control=Control("info" if words.startswith("Already ") else "refused", words, channels))


_READERS: dict[str, Callable[[msgspec.Raw, Instruments], Reading]] = {
    "trades": _trades,
    "l2Book": _book,
    "subscriptionResponse": _acknowledged,
    "error": _refused,
    "pong": lambda _, __: Reading(control=Control("pong")),
}
_NO_TIME = "carries no time, so it cannot be a row; asked for as snapshots instead"
_LEFT_ALONE = {
    "activeAssetCtx": _NO_TIME,
    # Names are in no message either: positions follow the universe of each dex.
    "allDexsAssetCtxs": f"names no coins and {_NO_TIME}",
    "fastAssetCtxs": f"mark prices, compressed; {_NO_TIME}",
    "candle": "an update of a bar that may still be open, which it does not say; bars are asked for",
    "bbo": "the best bid and ask, which books hold",
    "allMids": "middles of all books",
    "activeSpotAssetCtx": "spot",
    "outcomeMetaUpdates": "prediction markets",
    "post": "an answer to a request made over the stream",
} | dict.fromkeys(
    (
        "user", "userFills", "userFundings", "userNonFundingLedgerUpdates", "userHistoricalOrders",
        "userTwapSliceFills", "userTwapHistory", "twapStates", "orderUpdates", "openOrders", "notification",
        "webData2", "webData3", "activeAssetData", "clearinghouseState", "allDexsClearinghouseState",
        "spotState",
    ),
    "about one account",
)  # fmt: skip


def read(frame: bytes, instruments: Instruments) -> Reading:
    """Return what a frame says; raises `PayloadError` for what cannot be read, and nothing else."""
    if frame.strip() == _GREETING:
        return Reading(control=Control("info", _GREETING.decode()))
    message = decoded(frame, _ENVELOPE, "message")
    reader = _READERS.get(message.channel)
    if reader is not None:
        return reader(message.data, instruments)
    if message.channel in _LEFT_ALONE:
        return Reading(ignored=f"channel {message.channel}: {_LEFT_ALONE[message.channel]}")
    raise PayloadError(f"channel is {message.channel!r}; expected one of {', '.join(_READERS)}")


_CHANNEL = re.compile(rb'"channel"\s*:\s*"(trades|l2Book)"')
_COIN = re.compile(rb'"coin"\s*:\s*"([^"\\]*)"')


def channel_of(frame: bytes) -> str:
    """Return type and coin of a frame of trades or a book, as ``trades:BTC``, or nothing."""
    channel, coin = _CHANNEL.search(frame, 0, 200), _COIN.search(frame, 0, 400)
    if channel is None or coin is None:
        return ""
    return f"{channel[1].decode()}:{coin[1].decode('utf-8', 'replace')}"


def _subscribe(channels: Sequence[str]) -> list[bytes]:
    # A coin of a builder's dex has a colon of its own.
    asked = [dict(zip(("type", "coin"), channel.split(":", 1), strict=True)) for channel in channels]
    return [msgspec.json.encode({"method": "subscribe", "subscription": one}) for one in asked]


STREAM = Stream(
    feeds=(
        # Some coins trade a few times a day; pongs tell sooner whether the connection lives.
        Feed(tables=("trades",), channel=lambda symbol: f"trades:{symbol}", silence=HOUR),
        Feed(
            tables=("depth_levels",),
            channel=lambda symbol: f"l2Book:{symbol}",
            silence=MINUTE,
            droppable=True,
        ),
    ),
    subscribe=_subscribe,
    url=lambda base, _: base,
    read=read,
    channel_of=channel_of,
    ping=b'{"method":"ping"}',
    # The server closes a connection on which it has sent nothing for a minute; a ping makes it send.
    ping_interval=30 * SECOND,
    # An address may hold 10 connections and 1000 subscriptions in all.
    channels_per_connection=200,
)
