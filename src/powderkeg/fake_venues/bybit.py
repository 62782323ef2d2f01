"""Bybit's protocol, spoken by a server; https://bybit-exchange.github.io/docs/v5, read 2026-11-25."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from powderkeg.fake_venues.dialect import Call, Dialect, FakeMarket, Heard
from powderkeg.model.market_rows import (
    Bar,
    DeleveragingSignal,
    DepthLevel,
    FundingRate,
    InstrumentRow,
    InsuranceFund,
    LeverageTierRow,
    Liquidation,
    LongShortRatio,
    MarkBar,
    MarketRow,
    MarkPrice,
    OpenInterest,
    Trade,
    variant_name,
)
from powderkeg.model.times import DAY, HOUR, MINUTE
from powderkeg.model.window import Window

_BAR_CODES = {
    "1": MINUTE, "3": 3 * MINUTE, "5": 5 * MINUTE, "15": 15 * MINUTE, "30": 30 * MINUTE, "60": HOUR,
    "120": 2 * HOUR, "240": 4 * HOUR, "360": 6 * HOUR, "720": 12 * HOUR, "D": DAY,
}  # fmt: skip
_CODES = {interval: code for code, interval in _BAR_CODES.items()}
_SERIES_CODES = {
    "5min": 5 * MINUTE, "15min": 15 * MINUTE, "30min": 30 * MINUTE, "1h": HOUR, "4h": 4 * HOUR, "1d": DAY,
}  # fmt: skip


def _text(value: float | None) -> str:
    return "" if value is None else repr(value)


def _answer(result: Mapping[str, Any], now: int) -> bytes:
    return msgspec.json.encode(
        {"retCode": 0, "retMsg": "OK", "result": result, "retExtInfo": {}, "time": now}
    )


def _refused(code: int, message: str) -> bytes:
    return msgspec.json.encode({"retCode": code, "retMsg": message, "result": {}, "retExtInfo": {}})


def _contracts(instrument: InstrumentRow, quantity: float, price: float) -> float:
    """Linear contracts are counted in base, inverse ones in USD."""
    return quantity if instrument.contract == "linear" else quantity * price


def _instrument(symbol: str, row: InstrumentRow) -> dict[str, Any]:
    return {
        "symbol": symbol,
        "contractType": "LinearPerpetual" if row.contract == "linear" else "InversePerpetual",
        "status": "Trading" if row.status == "trading" else row.status,
        "baseCoin": row.base,
        "quoteCoin": row.quote,
        "settleCoin": row.settle,
        "launchTime": str(row.listed_ts or 0),
        "leverageFilter": {"minLeverage": "1", "maxLeverage": _text(row.maximum_leverage)},
        "priceFilter": {"tickSize": _text(row.tick_size)},
        "lotSizeFilter": {"qtyStep": _text(row.quantity_step)},
    }


def _bar(row: Bar, _: str, instrument: InstrumentRow) -> list[str]:
    volumes = (row.volume, row.turnover)
    first, second = volumes if instrument.contract == "linear" else reversed(volumes)
    return [repr(row.ts), *map(_text, (row.open, row.high, row.low, row.close, first, second))]


def _mark_bar(row: MarkBar, _: str, __: InstrumentRow) -> list[str]:
    return [repr(row.ts), *map(_text, (row.open, row.high, row.low, row.close))]


def _funding(row: FundingRate, symbol: str, _: InstrumentRow) -> dict[str, Any]:
    return {"symbol": symbol, "fundingRate": _text(row.funding_rate), "fundingRateTimestamp": repr(row.ts)}


def _interest(row: OpenInterest, _: str, __: InstrumentRow) -> dict[str, Any]:
    return {"openInterest": _text(2 * row.open_interest), "timestamp": repr(row.ts)}


def _ratio(row: LongShortRatio, symbol: str, _: InstrumentRow) -> dict[str, Any]:
    shares = {"buyRatio": _text(row.long_share), "sellRatio": _text(row.short_share)}
    return {"symbol": symbol, **shares, "timestamp": repr(row.ts)}


def _tier(row: LeverageTierRow, symbol: str, _: InstrumentRow) -> dict[str, Any]:
    return {
        "id": row.tier,
        "symbol": symbol,
        "riskLimitValue": _text(row.notional_cap),
        "maintenanceMargin": _text(row.maintenance_margin_rate),
        "maxLeverage": _text(row.maximum_leverage),
        "mmDeduction": _text(row.maintenance_amount),
    }


def _fund(row: InsuranceFund, symbol: str, _: InstrumentRow) -> dict[str, Any]:
    return {"coin": row.asset, "symbols": symbol, "balance": _text(row.balance), "value": ""}


def _listed_alert(row: DeleveragingSignal, symbol: str, instrument: InstrumentRow) -> dict[str, Any]:
    return {
        "coin": instrument.settle,
        "symbol": symbol,
        "balance": _text(row.balance),
        "maxBalance": _text(row.peak_balance),
        "pnlRatio": _text(row.pnl_ratio),
        "insurancePnlRatio": _text(row.trigger_ratio),
    }


_LISTED: dict[type, Callable[[Any, str, InstrumentRow], Any]] = {
    Bar: _bar,
    MarkBar: _mark_bar,
    FundingRate: _funding,
    OpenInterest: _interest,
    LongShortRatio: _ratio,
    LeverageTierRow: _tier,
    InsuranceFund: _fund,
    DeleveragingSignal: _listed_alert,
}


def _listed(row: MarketRow, symbol: str, instrument: InstrumentRow) -> Any:
    return _LISTED[type(row)](row, symbol, instrument)


# path -> table, population, name of the interval, its codes, names of both ends, default and largest limit
_SERIES: dict[str, tuple[str, str, str, Mapping[str, int], str, str, int, int]] = {
    "/v5/market/kline": ("bars", "", "interval", _BAR_CODES, "start", "end", 200, 1000),
    "/v5/market/mark-price-kline": ("mark_bars", "", "interval", _BAR_CODES, "start", "end", 200, 1000),
    "/v5/market/funding/history": ("funding", "", "", {}, "startTime", "endTime", 200, 200),
    "/v5/market/open-interest": (
        "open_interest", "", "intervalTime", _SERIES_CODES, "startTime", "endTime", 50, 200,
    ),
    "/v5/market/account-ratio": (
        "long_short_ratios", "accounts", "period", _SERIES_CODES, "startTime", "endTime", 50, 500,
    ),
}  # fmt: skip


def _series(call: Call, market: FakeMarket) -> bytes:
    table, population, name, codes, first, last, default, largest = _SERIES[call.path]
    symbol = call.query.get("symbol", "")
    if symbol not in market.instruments:
        return _refused(10001, "params error: symbol invalid")
    interval = codes.get(call.query.get(name, ""), 0)
    if codes and not interval:
        return _refused(10001, f"params error: {name} invalid")
    end = int(call.query.get(last, market.now)) + 1
    start = int(call.query.get(first, 0))
    limit = min(int(call.query.get("limit", default)), largest)
    variant = "all" if table in {"funding", "open_interest"} else variant_name(interval, population)
    rows = market.rows(table, symbol, Window(start, max(end, start + 1)), variant)
    if table == "open_interest":
        rows = [row for row in rows if row.ts % interval == 0]
    # The newest of the window, newest first.
    chosen = list(reversed(rows))[:limit]
    instrument = market.instruments[symbol]
    listed = [_listed(row, symbol, instrument) for row in chosen]
    return _answer({"category": call.query.get("category"), "symbol": symbol, "list": listed}, market.now)


def _latest(call: Call, market: FakeMarket, table: str) -> bytes:
    asked = call.query.get("symbol")
    symbols: Iterable[str] = market.instruments if asked is None else [asked]
    listed = []
    for symbol in symbols:
        if symbol not in market.instruments:
            return _refused(10001, "params error: symbol invalid")
        rows = market.rows(table, symbol, Window(0, market.now + 1))
        newest = [row for row in rows if row.ts == rows[-1].ts]
        listed += [_listed(row, symbol, market.instruments[symbol]) for row in newest]
    return _answer({"updatedTime": str(market.now), "list": listed}, market.now)


def _instruments(call: Call, market: FakeMarket) -> bytes:
    listed = [
        _instrument(symbol, row)
        for symbol, row in market.instruments.items()
        if row.contract == call.query.get("category")
    ]
    return _answer({"list": listed, "nextPageCursor": ""}, market.now)


_LATEST = {
    "/v5/market/risk-limit": "leverage_tiers",
    "/v5/market/insurance": "insurance_funds",
    "/v5/market/adlAlert": "deleveraging_signals",
}


def _heard_answer(call: Call, market: FakeMarket) -> bytes | None:
    if call.path == "/v5/market/instruments-info":
        return _instruments(call, market)
    if call.path in _LATEST:
        return _latest(call, market, _LATEST[call.path])
    return _series(call, market) if call.path in _SERIES else None


# --- stream -----------------------------------------------------------------------------------------------


class _Message(msgspec.Struct):
    op: str
    args: list[str] = []
    req_id: str = ""


def _heard(message: bytes) -> Heard:
    try:
        heard = msgspec.json.decode(message, type=_Message)
    except msgspec.MsgspecError:
        return Heard(replies=(b'{"success":false,"ret_msg":"error:json format","conn_id":"fake"}',))
    if heard.op == "ping":
        return Heard(replies=(b'{"success":true,"ret_msg":"pong","conn_id":"fake","req_id":"","op":"ping"}',))
    reply = {"success": True, "ret_msg": "", "conn_id": "fake", "req_id": heard.req_id, "op": heard.op}
    return Heard(tuple(heard.args), (msgspec.json.encode(reply),))


def _liquidation(row: Liquidation, symbol: str, instrument: InstrumentRow) -> dict[str, Any]:
    size = _contracts(instrument, row.quantity, row.price)
    side = "Buy" if row.position_side == "long" else "Sell"
    return {"T": row.ts, "s": symbol, "S": side, "v": _text(size), "p": _text(row.price)}


def _trade(row: Trade, symbol: str, instrument: InstrumentRow) -> dict[str, Any]:
    size = _contracts(instrument, row.quantity, row.price)
    item = {"T": row.ts, "s": symbol, "S": row.side.capitalize(), "v": _text(size), "p": _text(row.price)}
    return {**item, "i": row.trade_id, "BT": False}


def _alert(row: DeleveragingSignal, symbol: str, instrument: InstrumentRow) -> dict[str, Any]:
    pool = {"c": instrument.settle, "s": symbol, "b": _text(row.balance), "mb": ""}
    return {**pool, "i_pr": _text(row.trigger_ratio), "pr": _text(row.pnl_ratio)}


def _kline(row: Bar, symbol: str, instrument: InstrumentRow) -> dict[str, Any]:
    _, *values = _bar(row, symbol, instrument)
    named = zip(("open", "high", "low", "close", "volume", "turnover"), values, strict=True)
    end = row.ts + row.interval_ms - 1
    code = _CODES[row.interval_ms]
    return {"start": row.ts, "end": end, "interval": code, **dict(named), "confirm": True}


def _mark(row: MarkPrice, symbol: str, _: InstrumentRow) -> dict[str, Any]:
    return {
        "symbol": symbol,
        "markPrice": _text(row.mark_price),
        "indexPrice": _text(row.index_price),
        "fundingRate": _text(row.funding_rate),
        "nextFundingTime": _text(row.next_funding_ts),
    }


def _ticker_interest(row: OpenInterest, symbol: str, instrument: InstrumentRow) -> dict[str, Any]:
    if instrument.contract == "linear":
        return {"symbol": symbol, "openInterest": _text(2 * row.open_interest)}
    # Inverse contracts are counted in USD; their value is in coin.
    both = 2 * row.open_interest
    return {
        "symbol": symbol,
        "openInterest": _text(both * (row.price or 1.0)),
        "openInterestValue": _text(both),
    }


def _book(rows: Sequence[MarketRow], symbol: str, instrument: InstrumentRow) -> dict[str, Any]:
    levels: dict[str, list[list[str]]] = {"bid": [], "ask": []}
    for row in rows:
        assert isinstance(row, DepthLevel)  # noqa: S101
        size = _contracts(instrument, row.quantity, row.price)
        levels[row.side].append([_text(row.price), _text(size)])
    return {"s": symbol, "b": levels["bid"], "a": levels["ask"], "u": rows[-1].ts, "seq": rows[-1].ts}


# table -> topic, type, wording of a row, and whether the rows of an instant share a message
_PUSHED: dict[str, tuple[str, str, Callable[[Any, str, InstrumentRow], Any], bool]] = {
    "liquidations": ("allLiquidation.{symbol}", "snapshot", _liquidation, True),
    "trades": ("publicTrade.{symbol}", "snapshot", _trade, True),
    "deleveraging_signals": ("adlAlert.{group}", "snapshot", _alert, True),
    "bars": ("kline.{code}.{symbol}", "snapshot", lambda *row: [_kline(*row)], False),
    "mark_prices": ("tickers.{symbol}", "delta", _mark, False),
    "open_interest": ("tickers.{symbol}", "delta", _ticker_interest, False),
}


def _frames(
    table: str, symbol: str, rows: Sequence[MarketRow], instrument: InstrumentRow
) -> list[tuple[str, bytes]]:
    def pushed(topic: str, kind: str, ts: int, data: Any) -> tuple[str, bytes]:
        return topic, msgspec.json.encode({"topic": topic, "type": kind, "ts": ts, "data": data})

    if table == "depth_levels":
        return [pushed(f"orderbook.50.{symbol}", "snapshot", rows[-1].ts, _book(rows, symbol, instrument))]
    topic, kind, word, together = _PUSHED[table]
    code = _CODES[rows[0].interval_ms] if isinstance(rows[0], Bar) else ""
    group = instrument.settle if instrument.contract == "linear" else "inverse"
    topic = topic.format(symbol=symbol, group=group, code=code)
    worded = [word(row, symbol, instrument) for row in rows]
    if together:
        return [pushed(topic, kind, rows[-1].ts, worded)]
    return [pushed(topic, kind, row.ts, data) for row, data in zip(rows, worded, strict=True)]


DIALECT = Dialect(
    venue="bybit",
    example=lambda row: row,
    answer=_heard_answer,
    limited=_refused(10006, "Too many visits!"),
    opened=lambda _: (),
    heard=_heard,
    frames=_frames,
    stream_path=lambda instrument: f"/v5/public/{instrument.contract}",
)
