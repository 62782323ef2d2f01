"""Binance's market streams: where they are, how they are asked for, and what else they carry.

https://developers.binance.com/docs/derivatives/usds-margined-futures/websocket-market-streams and its pages,
read 2026-11-25. Frames are read as `/stream` sends them, wrapped with their stream's name, and without, where
the event says enough. The server sends protocol pings every three minutes, and ends connections after a day.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from powderkeg.errors import PayloadError
from powderkeg.model.times import HOUR, MINUTE
from powderkeg.venues.asking import Instruments
from powderkeg.venues.binance.events import EVENT_READERS, Event
from powderkeg.venues.listening import Control, Feed, Reading, Stream
from powderkeg.venues.payload import decoded, decoder, excerpt

# Of a connection's ten messages a second, and its 1024 streams.
_CHANNELS_A_MESSAGE, _CHANNELS_A_CONNECTION = 50, 200


class _Error(msgspec.Struct):
    code: int
    msg: str = ""


class _Message(msgspec.Struct):
    stream: str = ""
    data: msgspec.Raw = msgspec.Raw()
    generated: bool = False
    e: str = ""
    result: msgspec.Raw = msgspec.Raw()
    error: _Error | None = None
    code: int | None = None
    msg: str = ""


class _Event(msgspec.Struct):
    e: str = ""


_MESSAGE = decoder(_Message)
_EVENT = decoder(_Event)
_LEFT_ALONE = {
    "24hrTicker": "statistics of a day",
    "24hrMiniTicker": "statistics of a day",
    "bookTicker": "best prices, which depth_levels hold too",
    "continuous_kline": "bars of whatever contract is the current one",
    "indexPriceUpdate": "index of COIN-margined contracts; mark prices carry their own",
    "compositeIndex": "make-up of an index",
    "assetIndexUpdate": "prices of collateral",
    "contractInfo": "listings and brackets as they change; instruments are asked for",
}


def read(frame: bytes, instruments: Instruments) -> Reading:
    """Return what a frame says; raises `PayloadError` for what cannot be read, and nothing else."""
    message = decoded(frame, _MESSAGE, "message")
    if message.generated:
        return Reading(ignored=f"an answer that a recorder put among the messages: {message.stream}")
    if not (message.stream or message.e):
        return Reading(control=_control(message, frame))
    event: Event = message.data if message.stream else frame
    kind = decoded(event, _EVENT, message.stream).e
    if kind in EVENT_READERS:
        return EVENT_READERS[kind](message.stream, event, instruments)
    if kind in _LEFT_ALONE:
        return Reading(ignored=f"event {kind}: {_LEFT_ALONE[kind]}")
    raise PayloadError(f"event is {kind!r}; expected one of {', '.join(EVENT_READERS)}")


def _control(message: _Message, frame: bytes) -> Control:
    if message.error is not None:
        return Control("refused", f"code {message.error.code}: {message.error.msg}")
    if message.code is not None:
        return Control("refused", f"code {message.code}: {message.msg}")
    result = bytes(message.result)
    if result == b"null":
        return Control("subscribed")
    if result:
        return Control("info", result.decode("utf-8", "replace"))
    raise PayloadError(f"message has neither stream, event nor result; payload begins {excerpt(frame)}")


_STREAM = re.compile(rb'"stream"\s*:\s*"([^"]*)"')


def channel_of(frame: bytes) -> str:
    """Return the stream that a frame came on, or nothing."""
    match = _STREAM.search(frame)
    return match[1].decode("utf-8", "replace") if match else ""


def _subscribe(channels: Sequence[str]) -> list[bytes]:
    return [
        msgspec.json.encode(
            {
                "method": "SUBSCRIBE",
                "params": list(channels[start : start + _CHANNELS_A_MESSAGE]),
                "id": 1 + start // _CHANNELS_A_MESSAGE,
            }
        )
        for start in range(0, len(channels), _CHANNELS_A_MESSAGE)
    ]


STREAM = Stream(
    feeds=(
        Feed(
            tables=("liquidations",),
            channel=lambda _: "!forceOrder@arr",
            every_symbol=True,
            host="stream_market",
        ),
        Feed(
            tables=("trades",),
            channel=lambda symbol: f"{symbol.lower()}@aggTrade",
            silence=HOUR,
            host="stream_market",
        ),
        Feed(
            tables=("depth_levels",),
            channel=lambda symbol: f"{symbol.lower()}@depth20@500ms",
            silence=MINUTE,
            droppable=True,
            host="stream_public",
        ),
        Feed(
            tables=("mark_prices",),
            channel=lambda symbol: f"{symbol.lower()}@markPrice@1s",
            silence=MINUTE,
            host="stream_market",
        ),
        Feed(
            tables=("bars",),
            channel=lambda symbol: f"{symbol.lower()}@kline_1m",
            silence=HOUR,
            host="stream_market",
        ),
    ),
    subscribe=_subscribe,
    url=lambda base, _: f"{base}/stream",
    read=read,
    channel_of=channel_of,
    channels_per_connection=_CHANNELS_A_CONNECTION,
)
