"""What Gate's REST API answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from powderkeg.fake_venues.dialect import Call, FakeMarket
from powderkeg.fake_venues.gate.wording import (
    CODES,
    contract,
    contracts,
    liquidation_order,
    refused,
    text,
    ticker,
    tier,
)
from powderkeg.model.market_rows import InstrumentRow, variant_name
from powderkeg.model.times import SECOND
from powderkeg.model.window import Window

Query = Mapping[str, str]

_INTERVALS = {code: interval for interval, code in CODES.items()}
_HOUR = 3600
_OF_TICKERS = ("mark_prices", "open_interest")
_DEFAULT_ROWS, _MOST_POINTS, _MOST_ROWS, _MOST_STATISTICS = 100, 2000, 1000, 2000
# Pages of contract_stats run on past their limit.
_BEYOND = 2


def _invalid(message: str) -> bytes:
    return refused("INVALID_PARAM_VALUE", message)


def _between(query: Query, market: FakeMarket, reach: int) -> Window:
    """Return the window from the first second to the last, both inside; by default `reach` s until now."""
    last = int(query.get("to", market.now // SECOND))
    return Window(int(query.get("from", last - reach)) * SECOND, (last + 1) * SECOND)


def _limit(query: Query, most: int) -> int:
    return min(int(query.get("limit", _DEFAULT_ROWS)), most)


def _candlesticks(query: Query, market: FakeMarket, symbol: str, instrument: InstrumentRow) -> bytes:
    interval = _INTERVALS.get(query.get("interval", "5m"))
    if interval is None:
        return _invalid("invalid interval")
    if "limit" in query and ("from" in query or "to" in query):
        return _invalid("limit conflicts with from and to")
    window = _between(query, market, _limit(query, _MOST_POINTS) * interval // SECOND)
    if (window.end - window.start) // interval > _MOST_POINTS:
        return _invalid("Candlestick range too broad. Maximum 2000 data points are allowed per request")
    marks = query["contract"].startswith("mark_")
    rows: Sequence[Any] = market.rows(
        "mark_bars" if marks else "bars", symbol, window, variant_name(interval, "")
    )
    items = []
    for row in rows:
        item: dict[str, Any] = {"t": row.ts // SECOND, "o": text(row.open), "h": text(row.high)}
        item |= {"l": text(row.low), "c": text(row.close)}
        if not marks:
            item |= {"v": text(contracts(instrument, row.volume, row.close)), "sum": text(row.turnover)}
        items.append(item)
    return msgspec.json.encode(items)


def _funding(query: Query, market: FakeMarket, symbol: str, _: InstrumentRow) -> bytes:
    rows: Sequence[Any] = market.rows("funding", symbol, _between(query, market, 30 * 24 * _HOUR))
    newest = list(reversed(rows))[: _limit(query, _MOST_ROWS)]
    return msgspec.json.encode([{"t": row.ts // SECOND, "r": text(row.funding_rate)} for row in newest])


def _liquidation_orders(query: Query, market: FakeMarket, symbol: str, instrument: InstrumentRow) -> bytes:
    window = _between(query, market, _HOUR)
    if window.end - window.start > _HOUR * SECOND + SECOND:
        return _invalid("range from/to must in 1 hour")
    rows: Sequence[Any] = [
        *market.rows("liquidations", symbol, window),
        *market.rows("liquidations", symbol, window, "orders"),
    ]
    newest = list(reversed(rows))[: _limit(query, _MOST_ROWS)]
    return msgspec.json.encode([liquidation_order(row, symbol, instrument) for row in newest])


def _statistics(query: Query, market: FakeMarket, symbol: str, instrument: InstrumentRow) -> bytes:
    interval = _INTERVALS.get(query.get("interval", "5m"))
    if interval is None:
        return _invalid("invalid interval")
    limit = int(query.get("limit", 30))
    if limit > _MOST_STATISTICS:
        return _invalid("invalid limit")
    first = int(query.get("from", market.now // SECOND - limit * interval // SECOND)) * SECOND
    window = Window(first, first + (limit + _BEYOND) * interval)

    def told(table: str, population: str = "") -> dict[int, Any]:
        rows = market.rows(table, symbol, window, variant_name(interval, population))
        return {row.ts: row for row in rows}

    totals, takers = told("liquidation_totals"), told("taker_volume")
    ratios = {
        field: told("long_short_ratios", population)
        for field, population in (
            ("lsr_account", "accounts"),
            ("top_lsr_account", "top_accounts"),
            ("top_lsr_size", "top_positions"),
        )
    }
    # The open interest beside an interval's start is the one at its end.
    ends = Window(window.start + interval, window.end + interval)
    interests: dict[int, Any] = {
        row.ts - interval: row for row in market.rows("open_interest", symbol, ends) if row.ts % interval == 0
    }
    starts = sorted({*totals, *takers, *interests, *(ts for rows in ratios.values() for ts in rows)})
    items = []
    for ts in starts:
        total, taker, interest = totals.get(ts), takers.get(ts), interests.get(ts)
        price = interest.price or 1.0 if interest else 0.0
        both = 2 * contracts(instrument, interest.open_interest, price) if interest else 0.0
        item: dict[str, Any] = {"time": ts // SECOND, "mark_price": price, "open_interest": text(both)}
        item["long_liq_usd"] = item["long_liq_usd_new"] = total.long_usd if total else 0
        item["short_liq_usd"] = item["short_liq_usd_new"] = total.short_usd if total else 0
        size = instrument.contract_size
        item["long_taker_size"] = text(taker.taker_buy / size) if taker else "0"
        item["short_taker_size"] = text(taker.taker_sell / size) if taker else "0"
        for field, rows in ratios.items():
            row = rows.get(ts)
            ratio = row.long_share / row.short_share if row else 0
            item[field] = text(ratio) if field == "top_lsr_size" else ratio
        items.append(item)
    return msgspec.json.encode(items[: limit + _BEYOND])


_OF_CONTRACT: dict[str, Callable[[Query, FakeMarket, str, InstrumentRow], bytes]] = {
    "candlesticks": _candlesticks,
    "funding_rate": _funding,
    "liq_orders": _liquidation_orders,
    "contract_stats": _statistics,
}


def _page(query: Query, listed: Sequence[str]) -> Sequence[str]:
    offset = int(query.get("offset", 0))
    return listed[offset : offset + _limit(query, _DEFAULT_ROWS)]


def _newest(market: FakeMarket, table: str, symbol: str) -> list[Any]:
    """Return the rows of the newest time that is known."""
    rows: Sequence[Any] = market.rows(table, symbol, Window(0, market.now + 1))
    return [row for row in rows if row.ts == rows[-1].ts]


def _listed(endpoint: str, query: Query, market: FakeMarket, settle: str) -> list[dict[str, Any]] | None:
    """Return the items of an endpoint that speaks of all contracts with one settlement."""
    symbols = [symbol for symbol, row in market.instruments.items() if row.settle.lower() == settle]
    if endpoint == "contracts":
        return [contract(symbol, market.instruments[symbol]) for symbol in _page(query, symbols)]
    if endpoint == "risk_limit_tiers":
        return [
            tier(row, symbol)
            for symbol in _page(query, symbols)
            for row in _newest(market, "leverage_tiers", symbol)
        ]
    if endpoint == "tickers":
        newest = {
            symbol: [next(iter(_newest(market, table, symbol)), None) for table in _OF_TICKERS]
            for symbol in symbols
        }
        return [
            ticker(symbol, mark, interest, market.instruments[symbol])
            for symbol, (mark, interest) in newest.items()
        ]
    if endpoint == "insurance":
        funds: list[Any] = [
            row
            for symbol in symbols
            for row in market.rows("insurance_funds", symbol, Window(0, market.now + 1))
        ]
        balances = {row.ts // SECOND: row.balance for row in funds if row.asset.lower() == settle}
        return [{"t": t, "b": text(balances[t])} for t in sorted(balances, reverse=True)]
    return None


def answer(call: Call, market: FakeMarket) -> bytes | None:
    """Return the body of an answer, None where Gate has no such path."""
    match call.path.removeprefix("/api/v4/futures/").split("/"):
        case [settle, endpoint] if settle in {"usdt", "btc"}:
            listed = _listed(endpoint, call.query, market, settle)
            if listed is not None:
                return msgspec.json.encode(listed)
            if endpoint not in _OF_CONTRACT:
                return None
            asked = call.query.get("contract", "")
            symbol = asked.removeprefix("mark_") if endpoint == "candlesticks" else asked
            instrument = market.instruments.get(symbol)
            if instrument is None or instrument.settle.lower() != settle:
                return msgspec.json.encode({"label": "CONTRACT_NOT_FOUND"})
            return _OF_CONTRACT[endpoint](call.query, market, symbol, instrument)
    return None
