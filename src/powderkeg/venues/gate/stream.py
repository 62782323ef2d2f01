"""Gate's public WebSocket: channels, subscriptions, control messages and heartbeat.

https://www.gate.com/docs/developers/futures/ws/ as of 2026-08-20, read 2026-11-25. How many channels a
connection may carry is not documented.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from powderkeg.errors import PayloadError
from powderkeg.model.times import HOUR, MINUTE, SECOND
from powderkeg.venues.asking import Instruments
from powderkeg.venues.gate.messages import READERS, Message
from powderkeg.venues.listening import Control, Feed, Reading, Stream
from powderkeg.venues.payload import decoded, decoder, excerpt

# Every request has a time. A subscription that is a value has no clock, and the public channels take any: the
# documentation's own examples send this one.
_TIME = 123456
_CHANNELS = 100
_LIQUIDATIONS = "futures.public_liquidates:!all"
# Levels, and an interval that has to be "0".
_BOOK = "50,0"
# What settles in coin has another path.
_APART = {"linear": "stream", "inverse": "stream_inverse"}

# channel and event -> why it is left alone; an empty event is any.
_OTHERS = {
    ("futures.order_book", "update"): "changes of books, as sent until 2020 or so",
    ("futures.order_book_update", ""): "changes of books; whole books are recorded",
    ("futures.obu", ""): "changes of books; whole books are recorded",
    ("futures.book_ticker", ""): "best bid and ask; whole books are recorded",
    ("futures.contract_stats", ""): "intervals still running; history has the closed ones",
    ("futures.contract_info", ""): "changes of contracts, not in the public reference",
}


class _Error(msgspec.Struct):
    code: int
    message: str = ""


class _Status(msgspec.Struct):
    status: str


_MESSAGE = decoder(Message)
_ERROR = decoder(_Error)
_STATUS = decoder(_Status)


def _channels(name: str, payload: Sequence[str]) -> tuple[str, ...]:
    """Return the channels that a subscription's payload names: a list of contracts, or the terms of one."""
    if not payload:
        return ()
    if name in {"futures.order_book", "futures.candlesticks"}:
        return (f"{name}:{','.join(payload)}",)
    return tuple(f"{name}:{contract}" for contract in payload)


def _control(message: Message) -> Control | None:
    channels = _channels(message.channel, message.payload or ())
    if bytes(message.error) != b"null":
        error = decoded(message.error, _ERROR, "error")
        return Control("refused", f"{message.channel}: {error.code} {error.message}".strip(), channels)
    if message.channel == "futures.pong":
        return Control("pong")
    if message.channel == "futures.system":
        return Control("info", bytes(message.result).decode("utf-8", "replace"))
    if message.event in {"subscribe", "unsubscribe"}:
        status = decoded(message.result, _STATUS, message.event).status
        if message.event == "unsubscribe":
            return Control("info", f"unsubscribe: {status}", channels)
        done = status == "success"
        return Control("subscribed" if done else "refused", f"{message.channel}: {status}", channels)
    return None


def read(frame: bytes, instruments: Instruments) -> Reading:
    """Return what a frame says; raises `PayloadError` for what cannot be read, and nothing else."""
    message = decoded(frame, _MESSAGE, "message")
    control = _control(message)
    if control is not None:
        return Reading(control=control)
    reader = READERS.get((message.channel, message.event))
    if reader is not None:
        return reader(message, instruments)
    for event in (message.event, ""):
        reason = _OTHERS.get((message.channel, event))
        if reason is not None:
            return Reading(ignored=f"channel {message.channel} {message.event}: {reason}")
    raise PayloadError(
        f"channel is {message.channel!r} and event {message.event!r}; expected one of "
        f"{', '.join(' '.join(key) for key in READERS)}; payload begins {excerpt(frame)}"
    )


_NAME = re.compile(rb'"channel"\s*:\s*"([^"]*)"')
_UPDATE = re.compile(rb'"event"\s*:\s*"(?:update|all)"')
_CONTRACT = re.compile(rb'"contract"\s*:\s*"([^"]*)"')
_CANDLE = re.compile(rb'"n"\s*:\s*"([^"_]*)_([^"]*)"')


def channel_of(frame: bytes) -> str:
    """Return the channel that an update came on, by its first contract; nothing for any other message."""
    name = _NAME.search(frame)
    if name is None or _UPDATE.search(frame) is None:
        return ""
    channel = name[1].decode("ascii", "replace")
    if channel == "futures.public_liquidates":
        return _LIQUIDATIONS
    if channel == "futures.candlesticks":
        found = _CANDLE.search(frame)
        terms = b",".join(found.groups()) if found else b""
    else:
        # Fields come in any order, the contract of a book after its levels.
        found = _CONTRACT.search(frame)
        terms = found[1] if found else b""
        if found and channel == "futures.order_book":
            terms += f",{_BOOK}".encode()
    return f"{channel}:{terms.decode('utf-8', 'replace')}" if found else ""


def _subscribe(channels: Sequence[str]) -> list[bytes]:
    """Return one message for all contracts of a channel; one each where a payload is the terms of one."""
    wanted: list[tuple[str, list[str]]] = []
    lists: dict[str, list[str]] = {}
    for channel in channels:
        name, _, terms = channel.partition(":")
        if "," in terms:
            wanted.append((name, terms.split(",")))
        elif name in lists:
            lists[name].append(terms)
        else:
            lists[name] = [terms]
            wanted.append((name, lists[name]))
    return [
        msgspec.json.encode({"time": _TIME, "channel": name, "event": "subscribe", "payload": payload})
        for name, payload in wanted
    ]


STREAM = Stream(
    feeds=(
        Feed(
            tables=("liquidations",),
            channel=lambda _: _LIQUIDATIONS,
            every_symbol=True,
            host=_APART,
        ),
        Feed(
            tables=("trades",),
            channel=lambda symbol: f"futures.trades:{symbol}",
            silence=HOUR,
            host=_APART,
        ),
        Feed(
            tables=("depth_levels",),
            channel=lambda symbol: f"futures.order_book:{symbol},{_BOOK}",
            silence=MINUTE,
            droppable=True,
            host=_APART,
        ),
        Feed(
            tables=("mark_prices", "open_interest"),
            channel=lambda symbol: f"futures.tickers:{symbol}",
            silence=MINUTE,
            host=_APART,
        ),
        Feed(
            tables=("bars",),
            channel=lambda symbol: f"futures.candlesticks:1m,{symbol}",
            silence=2 * MINUTE,
            host={"linear": "stream"},  # volumes of inverse contracts are in USD at prices that are not told
        ),
    ),
    subscribe=_subscribe,
    url=lambda base, _: base,
    read=read,
    channel_of=channel_of,
    ping=msgspec.json.encode({"time": _TIME, "channel": "futures.ping"}),
    ping_interval=20 * SECOND,
    channels_per_connection=_CHANNELS,
)
