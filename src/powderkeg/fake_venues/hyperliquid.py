"""Hyperliquid's protocol, spoken by a server.

https://hyperliquid.gitbook.io/hyperliquid-docs/for-developers/api (info endpoint, perpetuals, websocket),
read 2026-11-25, with the shapes of recorded answers where the pages and those differ.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from powderkeg.fake_venues.dialect import Call, Dialect, FakeMarket, Heard
from powderkeg.fake_venues.hyperliquid_accounts import (
    LEADERBOARD,
    clearinghouse_state,
    leaderboard,
    spot_state,
    users_of_trade,
    weight_of,
)
from powderkeg.model.market_rows import (
    Bar,
    DepthLevel,
    FundingRate,
    InstrumentRow,
    LeverageTierRow,
    MarketRow,
    MarkPrice,
    OpenInterest,
    Trade,
)
from powderkeg.model.times import DAY, HOUR, MINUTE
from powderkeg.model.window import Window

_INTERVALS = {
    "1m": MINUTE, "3m": 3 * MINUTE, "5m": 5 * MINUTE, "15m": 15 * MINUTE, "30m": 30 * MINUTE, "1h": HOUR,
    "2h": 2 * HOUR, "4h": 4 * HOUR, "8h": 8 * HOUR, "12h": 12 * HOUR, "1d": DAY,
}  # fmt: skip
_TOKENS = {"USDC": 0, "USDE": 235, "USDH": 360}
_CANDLES_KEPT, _FUNDINGS_AT_ONCE = 5000, 500
_UNREADABLE = b"Failed to deserialize the JSON body into the target type"
_NO_HASH = "0x" + 64 * "0"


def _candle(row: Bar, symbol: str, code: str) -> dict[str, Any]:
    return {
        "t": row.ts,
        "T": row.ts + row.interval_ms - 1,
        "s": symbol,
        "i": code,
        "o": repr(row.open),
        "c": repr(row.close),
        "h": repr(row.high),
        "l": repr(row.low),
        "v": repr(row.volume),
        "n": row.trades or 0,
    }


def _candle_snapshot(asked: Mapping[str, Any], market: FakeMarket) -> Any:
    request = asked["req"]
    symbol, code = request["coin"], request["interval"]
    interval = _INTERVALS[code]
    if symbol not in market.instruments:
        return None
    # The bar of the start time is told whole; so is one that starts at the end time.
    first = request["startTime"] // interval * interval
    oldest_kept = (market.now // interval - _CANDLES_KEPT + 1) * interval
    start, end = max(first, oldest_kept), request["endTime"] + 1
    if start >= end:
        return []
    rows = market.rows("bars", symbol, Window(start, end), code)
    return [_candle(row, symbol, code) for row in rows if isinstance(row, Bar)]


def _funding_history(asked: Mapping[str, Any], market: FakeMarket) -> Any:
    symbol = asked["coin"]
    if symbol not in market.instruments:
        return None
    window = Window(asked["startTime"], asked.get("endTime", market.now) + 1)
    rows = [row for row in market.rows("funding", symbol, window) if isinstance(row, FundingRate)]
    return [
        {"coin": symbol, "fundingRate": repr(row.funding_rate), "premium": "0.0", "time": row.ts}
        for row in rows[:_FUNDINGS_AT_ONCE]
    ]


def _latest(market: FakeMarket, table: str, symbol: str) -> Sequence[MarketRow]:
    rows = market.rows(table, symbol, Window(0, market.now + 1))
    return [row for row in rows if row.ts == rows[-1].ts]


class _MarginTables:
    """Tables as they are met; a single tier below 50 needs none, for its id is its leverage."""

    def __init__(self) -> None:
        self.listed: dict[tuple[tuple[float, float], ...], int] = {}

    def number(self, tiers: Sequence[tuple[float, float]]) -> int:
        ((_, leverage), *more) = tiers
        if not more and leverage < 50:
            return int(leverage)
        return self.listed.setdefault(tuple(tiers), 50 + len(self.listed))

    def worded(self) -> list[Any]:
        return [
            [
                number,
                {
                    "description": "",
                    "marginTiers": [
                        {"lowerBound": repr(floor), "maxLeverage": int(leverage)} for floor, leverage in tiers
                    ],
                },
            ]
            for tiers, number in self.listed.items()
        ]


def _perpetual(symbol: str, row: InstrumentRow, table: int) -> dict[str, Any]:
    worded = {
        "szDecimals": max(0, math.ceil(-math.log10(row.quantity_step))),
        "name": symbol,
        "maxLeverage": int(row.maximum_leverage or 1),
        "marginTableId": table,
    }
    return worded if row.status == "trading" else worded | {"isDelisted": True}


def _dexes(market: FakeMarket) -> dict[str, dict[str, Any]]:
    """Return the metadata of each dex by its name; the main one's name is empty and comes first."""
    dexes: dict[str, dict[str, Any]] = {}
    tables: dict[str, _MarginTables] = {}
    for symbol, row in sorted(market.instruments.items(), key=lambda item: ":" in item[0]):
        name = symbol.split(":")[0] if ":" in symbol else ""
        dex = dexes.setdefault(name, {"universe": [], "collateralToken": _TOKENS[row.settle]})
        tiers = [
            (tier.notional_floor, tier.maximum_leverage)
            for tier in _latest(market, "leverage_tiers", symbol)
            if isinstance(tier, LeverageTierRow)
        ]
        number = tables.setdefault(name, _MarginTables()).number(
            tiers or [(0.0, row.maximum_leverage or 1.0)]
        )
        dex["universe"].append(_perpetual(symbol, row, number))
    for name, dex in dexes.items():
        dex["marginTables"] = tables[name].worded()
    return dexes


def _context(symbol: str, market: FakeMarket) -> dict[str, Any]:
    context: dict[str, Any] = {
        "funding": "0.0", "openInterest": "0.0", "prevDayPx": "1.0", "dayNtlVlm": "0.0", "premium": None,
        "oraclePx": "1.0", "markPx": "1.0", "midPx": None, "impactPxs": None, "dayBaseVlm": "0.0",
    }  # fmt: skip
    for row in (*_latest(market, "mark_prices", symbol), *_latest(market, "open_interest", symbol)):
        if isinstance(row, MarkPrice):
            context["markPx"] = repr(row.mark_price)
            context["oraclePx"] = repr(row.index_price or row.mark_price)
            context["funding"] = repr(row.funding_rate or 0.0)
        elif isinstance(row, OpenInterest):
            # Every long and every short.
            context["openInterest"] = repr(row.open_interest + row.open_interest)
    return context


def _meta_and_contexts(asked: Mapping[str, Any], market: FakeMarket) -> Any:
    dex = _dexes(market).get(asked.get("dex", ""))
    if dex is None:
        return None
    return [dex, [_context(perpetual["name"], market) for perpetual in dex["universe"]]]


_ANSWERS: dict[str, Callable[[Mapping[str, Any], FakeMarket], Any]] = {
    "candleSnapshot": _candle_snapshot,
    "fundingHistory": _funding_history,
    "meta": lambda asked, market: _dexes(market).get(asked.get("dex", "")),
    "allPerpMetas": lambda _, market: list(_dexes(market).values()),
    "metaAndAssetCtxs": _meta_and_contexts,
    "clearinghouseState": clearinghouse_state,
    "spotClearinghouseState": spot_state,
}


def _answer(call: Call, market: FakeMarket) -> bytes | None:
    if call.path == LEADERBOARD:
        return msgspec.json.encode(leaderboard(market))
    if call.path != "/info":
        return None
    try:
        asked = msgspec.json.decode(call.body, type=dict[str, Any])
        return msgspec.json.encode(_ANSWERS[asked["type"]](asked, market))
    except (msgspec.MsgspecError, KeyError, TypeError, ValueError):
        return _UNREADABLE


def _weight(call: Call) -> int:
    """Return what a request costs; the leaderboard lives at a host that counts nothing."""
    try:
        return weight_of(msgspec.json.decode(call.body, type=dict[str, Any])) if call.path == "/info" else 0
    except msgspec.MsgspecError:
        return 20


# --- stream -----------------------------------------------------------------------------------------------

# What the server fills in when it repeats a subscription.
_OPTIONS: dict[str, dict[str, Any]] = {"l2Book": {"nSigFigs": None, "mantissa": None, "fast": False}}


def _pushed(channel: str, data: Any) -> bytes:
    return msgspec.json.encode({"channel": channel, "data": data})


class _Message(msgspec.Struct):
    method: str
    subscription: dict[str, Any] = {}


def _heard(message: bytes) -> Heard:
    try:
        heard = msgspec.json.decode(message, type=_Message)
    except msgspec.MsgspecError:
        words = f"Error parsing JSON into valid websocket request: {message.decode('utf-8', 'replace')}"
        return Heard(replies=(_pushed("error", words),))
    if heard.method == "ping":
        return Heard(replies=(b'{"channel":"pong"}',))
    asked = heard.subscription
    if asked.get("type") not in {"trades", "l2Book"} or not asked.get("coin"):
        quoted = msgspec.json.encode(asked).decode()
        return Heard(replies=(_pushed("error", f"Invalid subscription {quoted}"),))
    repeated = {**asked, **_OPTIONS.get(asked["type"], {})}
    reply = _pushed("subscriptionResponse", {"method": heard.method, "subscription": repeated})
    served = (f"{asked['type']}:{asked['coin']}",) if heard.method == "subscribe" else ()
    return Heard(served, (reply,))


def _trade(row: Trade, symbol: str) -> dict[str, Any]:
    return {
        "coin": symbol,
        "side": {"buy": "B", "sell": "A"}[row.side],
        "px": repr(row.price),
        "sz": repr(row.quantity),
        "time": row.ts,
        "hash": _NO_HASH,
        "tid": int(row.trade_id),
        "users": users_of_trade(int(row.trade_id)),
    }


def _book(rows: Sequence[MarketRow], symbol: str) -> dict[str, Any]:
    levels: dict[str, list[dict[str, Any]]] = {"bid": [], "ask": []}
    for row in rows:
        assert isinstance(row, DepthLevel)  # noqa: S101
        levels[row.side].append({"px": repr(row.price), "sz": repr(row.quantity), "n": 1})
    return {"coin": symbol, "time": rows[-1].ts, "levels": [levels["bid"], levels["ask"]]}


def _frames(table: str, symbol: str, rows: Sequence[MarketRow], _: InstrumentRow) -> list[tuple[str, bytes]]:
    if table == "depth_levels":
        return [(f"l2Book:{symbol}", _pushed("l2Book", _book(rows, symbol)))]
    if table == "trades":
        traded = [_trade(row, symbol) for row in rows if isinstance(row, Trade)]
        return [(f"trades:{symbol}", _pushed("trades", traded))]
    return []  # nothing else is pushed that says when it was so


DIALECT = Dialect(
    venue="hyperliquid",
    example=lambda row: row._replace(
        quote="USD", settle="USDC", contract="linear", contract_size=1.0, listed_ts=None
    ),
    answer=_answer,
    limited=b"null",
    opened=lambda _: (),
    heard=_heard,
    frames=_frames,
    weight=_weight,
)
