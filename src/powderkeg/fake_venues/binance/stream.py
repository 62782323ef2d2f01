"""The market streams of fstream.binance.com."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec

from powderkeg.fake_venues.binance.answers import BAR_CODES, text
from powderkeg.fake_venues.dialect import Heard
from powderkeg.model.market_rows import (
    Bar,
    DepthLevel,
    InstrumentRow,
    Liquidation,
    MarketRow,
    MarkPrice,
    Trade,
)

_CODES = {interval: code for code, interval in BAR_CODES.items()}
# The streams of /public; everything else is under /market.
_BOOKS = ("@depth", "@bookTicker", "!bookTicker", "@rpiDepth")


class _Message(msgspec.Struct):
    method: str
    id: int
    params: list[Any] = []


def opened(url: str) -> tuple[str, ...]:
    """Return what a url subscribes: only streams of its path come, and without one only those of /public."""
    parts = urlsplit(url)
    streams = [name for one in parse_qs(parts.query).get("streams", []) for name in one.split("/")]
    if "/ws/" in parts.path:
        streams += parts.path.split("/ws/", 1)[1].split("/")
    market = parts.path.startswith("/market/")
    return tuple(name for name in streams if market != any(book in name for book in _BOOKS))


def heard(message: bytes) -> Heard:
    """Return what a client's message means; names of streams are not checked."""
    try:
        said = msgspec.json.decode(message, type=_Message)
    except msgspec.MsgspecError as error:
        return Heard(replies=(msgspec.json.encode({"code": 2, "msg": f"Invalid request: {error}"}),))
    if said.method == "SUBSCRIBE":
        reply = msgspec.json.encode({"result": None, "id": said.id})
        return Heard(tuple(str(name) for name in said.params), (reply,))
    if said.method == "LIST_SUBSCRIPTIONS":
        return Heard(replies=(msgspec.json.encode({"result": [], "id": said.id}),))
    known = "`SUBSCRIBE`, `UNSUBSCRIBE`, `LIST_SUBSCRIPTIONS`, `SET_PROPERTY`, `GET_PROPERTY`"
    words = f"Invalid request: unknown variant {said.method}, expected one of {known}"
    return Heard(replies=(msgspec.json.encode({"code": 2, "msg": words}),))


def _force_order(row: Liquidation, symbol: str) -> dict[str, Any]:
    side = "SELL" if row.position_side == "long" else "BUY"
    # Where the market does not say at which limit, one a hundredth beyond the price.
    beyond = row.price * (0.99 if side == "SELL" else 1.01)
    filled = row.price_meaning != "limit"
    limit = (row.limit_price or beyond) if filled else row.price
    order = {
        "s": symbol,
        "S": side,
        "o": "LIMIT",
        "f": "IOC",
        "q": text(row.quantity),
        "p": text(limit),
        "ap": text(row.price) if filled else "0",
        "X": "FILLED" if filled else "NEW",
        "l": text(row.quantity / 2) if filled else "0",
        "z": text(row.quantity) if filled else "0",
        "T": row.ts,
        "ps": symbol,
        "st": 1,
    }
    return {"e": "forceOrder", "E": row.ts + 1, "o": order}


def _agg_trade(row: Trade, symbol: str) -> dict[str, Any]:
    return {
        "e": "aggTrade",
        "E": row.ts + 1,
        "a": int(row.trade_id),
        "s": symbol,
        "p": text(row.price),
        "q": text(row.quantity),
        "nq": text(row.quantity),
        "f": int(row.trade_id),
        "l": int(row.trade_id),
        "T": row.ts,
        "m": row.side == "sell",
        "st": 1,
    }


def _mark_price(row: MarkPrice, symbol: str) -> dict[str, Any]:
    return {
        "e": "markPriceUpdate",
        "E": row.ts,
        "s": symbol,
        "p": text(row.mark_price),
        "ap": text(row.mark_price),
        "P": text(row.index_price),
        "i": text(row.index_price),
        "r": text(row.funding_rate),
        "T": row.next_funding_ts or 0,
        "st": 1,
    }


def _kline(row: Bar, symbol: str) -> dict[str, Any]:
    bar = {
        "t": row.ts,
        "T": row.ts + row.interval_ms - 1,
        "s": symbol,
        "i": _CODES[row.interval_ms],
        "f": 100,
        "L": 200,
        "o": text(row.open),
        "c": text(row.close),
        "h": text(row.high),
        "l": text(row.low),
        "v": text(row.volume),
        "n": row.trades or 0,
        "x": True,
        "q": text(row.turnover),
        "V": text(row.taker_buy_volume),
        "Q": "0",
        "B": "0",
    }
    return {"e": "kline", "E": row.ts + row.interval_ms, "s": symbol, "k": bar}


def _depth(rows: Sequence[MarketRow], symbol: str) -> dict[str, Any]:
    levels: dict[str, list[list[str]]] = {"bid": [], "ask": []}
    for row in rows:
        assert isinstance(row, DepthLevel)  # noqa: S101
        levels[row.side].append([text(row.price), text(row.quantity)])
    ts = rows[-1].ts
    ids = {"U": ts, "u": ts + 80, "pu": ts - 2}
    sides = {"b": levels["bid"], "a": levels["ask"]}
    return {"e": "depthUpdate", "E": ts + 1, "T": ts, "s": symbol, "ps": symbol, **ids, **sides, "st": 1}


_PUSHED: dict[str, tuple[str, Callable[[Any, str], dict[str, Any]]]] = {
    "liquidations": ("!forceOrder@arr", _force_order),
    "trades": ("{symbol}@aggTrade", _agg_trade),
    "mark_prices": ("{symbol}@markPrice@1s", _mark_price),
    "bars": ("{symbol}@kline_{code}", _kline),
}


def frames(table: str, symbol: str, rows: Sequence[MarketRow], _: InstrumentRow) -> list[tuple[str, bytes]]:
    """Return one frame for each row, and one for a book."""

    def pushed(stream: str, data: dict[str, Any]) -> tuple[str, bytes]:
        return stream, msgspec.json.encode({"stream": stream, "data": data})

    if table == "depth_levels":
        return [pushed(f"{symbol.lower()}@depth20@500ms", _depth(rows, symbol))]
    name, word = _PUSHED[table]
    code = _CODES[rows[0].interval_ms] if isinstance(rows[0], Bar) else ""
    name = name.format(symbol=symbol.lower(), code=code)
    return [pushed(name, word(row, symbol)) for row in rows]
