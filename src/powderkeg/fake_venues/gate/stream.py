"""What Gate's WebSocket hears and pushes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from powderkeg.fake_venues.dialect import Heard
from powderkeg.fake_venues.gate.wording import CODES, contracts, text, ticker
from powderkeg.model.market_rows import (
    Bar,
    DepthLevel,
    InstrumentRow,
    Liquidation,
    MarketRow,
    MarkPrice,
    OpenInterest,
    Trade,
)
from powderkeg.model.times import SECOND

_OF_CONTRACTS = {"futures.trades", "futures.tickers", "futures.public_liquidates"}
_OF_TERMS = {"futures.order_book": 3, "futures.candlesticks": 2}


class _Request(msgspec.Struct):
    time: int
    channel: str
    event: str = ""
    payload: list[str] = []


def _reply(heard: _Request, error: dict[str, Any] | None = None) -> bytes:
    result = {"status": "fail" if error else "success"}
    reply = {"time": heard.time, "time_ms": heard.time * SECOND, "conn_id": "fake", "trace_id": "fake"}
    said = {"channel": heard.channel, "event": heard.event, "payload": heard.payload, "result": result}
    return msgspec.json.encode(reply | said | ({"error": error} if error else {}))


def heard(message: bytes) -> Heard:
    """Return what a client's message subscribes to, and the answer to it."""
    try:
        request = msgspec.json.decode(message, type=_Request)
    except msgspec.MsgspecError:
        return Heard(
            replies=(b'{"time":0,"channel":"","event":"","error":{"code":1,"message":"bad"},"result":null}',)
        )
    if request.channel == "futures.ping":
        pong = {"time": request.time, "time_ms": 0, "channel": "futures.pong", "event": "", "result": None}
        return Heard(replies=(msgspec.json.encode(pong),))
    if request.event == "subscribe" and request.channel in _OF_CONTRACTS:
        names = tuple(f"{request.channel}:{contract}" for contract in request.payload)
        return Heard(names, (_reply(request),))
    if request.event == "subscribe" and len(request.payload) == _OF_TERMS.get(request.channel):
        return Heard((f"{request.channel}:{','.join(request.payload)}",), (_reply(request),))
    unknown = {"code": 2, "message": f"unknown channel {request.channel} or argument"}
    return Heard(replies=(_reply(request, unknown),))


def _liquidation(row: Liquidation, symbol: str, instrument: InstrumentRow) -> dict[str, Any]:
    # The sign is that of the order: a long is closed by selling.
    size = contracts(instrument, row.quantity, row.price) * (-1 if row.position_side == "long" else 1)
    price = row.price if row.limit_price is None else row.limit_price
    return {"price": text(price), "size": text(size), "time": row.ts, "contract": symbol}


def _trade(row: Trade, symbol: str, instrument: InstrumentRow) -> dict[str, Any]:
    # Positive where the taker bought.
    size = contracts(instrument, row.quantity, row.price) * (1 if row.side == "buy" else -1)
    times = {"create_time": row.ts // SECOND, "create_time_ms": row.ts}
    return {
        "size": text(size),
        "id": int(row.trade_id),
        **times,
        "price": text(row.price),
        "contract": symbol,
    }


def _candle(row: Bar, symbol: str, instrument: InstrumentRow) -> dict[str, Any]:
    return {
        "t": row.ts // SECOND,
        "v": text(contracts(instrument, row.volume, row.close)),
        "c": text(row.close),
        "h": text(row.high),
        "l": text(row.low),
        "o": text(row.open),
        "n": f"{CODES[row.interval_ms]}_{symbol}",
        "w": True,
    }


def _book(rows: Sequence[MarketRow], symbol: str, instrument: InstrumentRow) -> dict[str, Any]:
    levels: dict[str, list[dict[str, str]]] = {"bid": [], "ask": []}
    for row in rows:
        assert isinstance(row, DepthLevel)  # noqa: S101
        size = contracts(instrument, row.quantity, row.price)
        levels[row.side].append({"p": text(row.price), "s": text(size)})
    sides = {"asks": levels["ask"], "bids": levels["bid"]}
    return {"t": rows[-1].ts, "id": rows[-1].ts, "contract": symbol, **sides, "l": "50"}


def _worded(row: MarketRow, symbol: str, instrument: InstrumentRow) -> tuple[str, dict[str, Any]]:
    """Return the channel of a row, and the row as an item of its result."""
    match row:
        case Liquidation():
            return "futures.public_liquidates:!all", _liquidation(row, symbol, instrument)
        case Trade():
            return f"futures.trades:{symbol}", _trade(row, symbol, instrument)
        case Bar():
            name = f"futures.candlesticks:{CODES[row.interval_ms]},{symbol}"
            return name, _candle(row, symbol, instrument)
        case MarkPrice():
            return f"futures.tickers:{symbol}", {**ticker(symbol, row, None, instrument), "t": row.ts}
        case OpenInterest():
            return f"futures.tickers:{symbol}", {**ticker(symbol, None, row, instrument), "t": row.ts}
    raise AssertionError(f"Gate pushes no {type(row).__name__}")


def frames(
    table: str, symbol: str, rows: Sequence[MarketRow], instrument: InstrumentRow
) -> list[tuple[str, bytes]]:
    """Return the frame in which the rows of one instant are pushed, and its channel."""
    ts = rows[-1].ts
    result: Any
    if table == "depth_levels":
        channel, event = f"futures.order_book:{symbol},50,0", "all"
        result = _book(rows, symbol, instrument)
    else:
        worded = [_worded(row, symbol, instrument) for row in rows]
        channel, event, result = worded[0][0], "update", [item for _, item in worded]
    name = channel.partition(":")[0]
    envelope = {"time": ts // SECOND, "time_ms": ts, "channel": name, "event": event, "result": result}
    return [(channel, msgspec.json.encode(envelope))]
