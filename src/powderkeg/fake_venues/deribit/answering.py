"""What Deribit answers over HTTP."""

from __future__ import annotations

from itertools import count
from typing import Any

from powderkeg.fake_venues.deribit.wording import (
    body,
    error,
    instrument_words,
    ticker_words,
    trade_words,
)
from powderkeg.fake_venues.dialect import Call, FakeMarket
from powderkeg.model.market_rows import Bar, FundingRate, variant_name
from powderkeg.model.times import DAY, MINUTE
from powderkeg.model.window import Window

_RESOLUTIONS = {
    **{str(minutes): minutes * MINUTE for minutes in (1, 3, 5, 10, 15, 30, 60, 120, 180, 360, 720)},
    "1D": DAY,
}
# How many trades one answer holds: as documented, and at the archive, which is asked for old ones.
_TRADES, _ARCHIVED_TRADES = 1000, 10_000
# Bars and hours of funding; not documented.
_BARS, _FUNDINGS = 5000, 744


def _result(result: Any) -> bytes:
    return body({"result": result, "usIn": 1779177087630873, "usOut": 1779177087631275, "usDiff": 402})


def _between(call: Call) -> Window:
    """Return what is asked for; both times are inside."""
    start, end = int(call.query["start_timestamp"]), int(call.query["end_timestamp"])
    return Window(start, max(end + 1, start))


def _listed(call: Call, market: FakeMarket) -> bytes:
    currency, kind = call.query.get("currency", ""), call.query.get("kind", "future")
    listed = [
        instrument_words(symbol, row)
        for symbol, row in market.instruments.items()
        if currency in {"any", row.settle} and kind == "future" and call.query.get("expired") != "true"
    ]
    return _result(listed)


def _chart(call: Call, market: FakeMarket, symbol: str) -> bytes:
    interval = _RESOLUTIONS.get(call.query.get("resolution", ""))
    if interval is None:
        return error(-32602, "Invalid params", reason="wrong format", param="resolution")
    rows = market.rows("bars", symbol, _between(call), variant_name(interval))[-_BARS:]
    bars = [row for row in rows if isinstance(row, Bar)]
    return _result(
        {
            "status": "ok" if bars else "no_data",
            "ticks": [row.ts for row in bars],
            "open": [row.open for row in bars],
            "high": [row.high for row in bars],
            "low": [row.low for row in bars],
            "close": [row.close for row in bars],
            "volume": [row.volume for row in bars],
            "cost": [row.volume * row.close if row.turnover is None else row.turnover for row in bars],
        }
    )


def _funding_history(call: Call, market: FakeMarket, symbol: str) -> bytes:
    start, end = _between(call)
    # The hour of the start is left out.
    rows = market.rows("funding", symbol, Window(start + 1, max(end, start + 1)))[-_FUNDINGS:]
    return _result(
        [
            {
                "timestamp": row.ts,
                "index_price": 60_500.0,
                "prev_index_price": 60_500.0,
                "interest_8h": 8 * row.funding_rate,
                "interest_1h": row.funding_rate,
            }
            for row in rows
            if isinstance(row, FundingRate)
        ]
    )


def _last_trades(call: Call, market: FakeMarket, symbol: str) -> bytes:
    largest = _ARCHIVED_TRADES if call.query.get("include_old") == "true" else _TRADES
    limit = min(int(call.query.get("count", 10)), largest)
    rows = [row for table in ("liquidations", "trades") for row in market.rows(table, symbol, _between(call))]
    rows.sort(key=lambda row: row.ts, reverse=call.query.get("sorting") == "desc")
    trades = trade_words(rows[:limit], symbol, market.instruments[symbol], count(1))
    return _result({"trades": trades, "has_more": len(rows) > limit})


def _ticker(_: Call, market: FakeMarket, symbol: str) -> bytes:
    def newest(table: str) -> Any:
        rows = market.rows(table, symbol, Window(0, market.now + 1))
        return rows[-1] if rows else None

    mark, interest = newest("mark_prices"), newest("open_interest")
    if mark is None and interest is None:
        return error(13028, "temporarily_unavailable")
    return _result(ticker_words(symbol, market.instruments[symbol], mark, interest))


_ASKED = {
    "get_tradingview_chart_data": _chart,
    "get_funding_rate_history": _funding_history,
    "get_last_trades_by_instrument_and_time": _last_trades,
    "ticker": _ticker,
}


def answer(call: Call, market: FakeMarket) -> bytes | None:
    """Return the body of an answer; None for a method that is not spoken here."""
    method = call.path.removeprefix("/api/v2/public/")
    if method == "get_instruments":
        return _listed(call, market)
    if method not in _ASKED:
        return None
    symbol = call.query.get("instrument_name", "")
    if symbol not in market.instruments:
        return error(-32602, "Invalid params", reason="instrument not found", param="instrument_name")
    return _ASKED[method](call, market, symbol)
