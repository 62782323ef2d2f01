"""Rows as Deribit words them, over HTTP and WebSocket alike, and its JSON-RPC envelope."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from powderkeg.model.market_rows import (
    InstrumentRow,
    Liquidation,
    MarketRow,
    MarkPrice,
    OpenInterest,
    Trade,
)
from powderkeg.model.times import MINUTE


def body(content: Mapping[str, Any]) -> bytes:
    """Return the envelope around a result or an error."""
    return msgspec.json.encode({"jsonrpc": "2.0", **content, "testnet": False})


def error(code: int, message: str, **data: str) -> bytes:
    """Return an error; `data` names parameter and reason."""
    return body({"error": {"code": code, "message": message, **({"data": data} if data else {})}})


def amount_of(instrument: InstrumentRow, quantity: float, price: float) -> float:
    """Return a quantity as the venue states amounts: USD for inverse contracts, the coin for linear ones."""
    return quantity if instrument.contract == "linear" else quantity * price


def instrument_words(symbol: str, row: InstrumentRow) -> dict[str, Any]:
    """Return an instrument as get_instruments lists it."""
    kind = "linear" if row.contract == "linear" else "reversed"
    return {
        "instrument_name": symbol,
        "kind": "future",
        "settlement_period": "perpetual",
        "instrument_type": kind,
        "future_type": kind,
        "base_currency": row.base,
        "quote_currency": row.quote,
        "counter_currency": row.quote,
        "settlement_currency": row.settle,
        "price_index": f"{row.base}_{row.quote}".lower(),
        "contract_size": row.contract_size,
        "min_trade_amount": row.contract_size * row.quantity_step,
        "tick_size": row.tick_size,
        "tick_size_steps": [],
        "max_leverage": row.maximum_leverage,
        "is_active": row.status == "trading",
        "state": "open" if row.status == "trading" else row.status,
        "creation_timestamp": row.listed_ts,
        "expiration_timestamp": 32_503_708_800_000,
    }


def trade_words(
    rows: Iterable[MarketRow], symbol: str, instrument: InstrumentRow, numbers: Iterator[int]
) -> list[dict[str, Any]]:
    """Return trades and liquidations, both as trades, numbered from `numbers`."""
    places: Counter[int] = Counter()
    worded = []
    for row in rows:
        if isinstance(row, Trade):
            worded.append({**_trade(row, row.trade_id, symbol, instrument, next(numbers)), **_parties(row)})
        elif isinstance(row, Liquidation):
            # The same id, whoever asks and when: a place among those of the millisecond.
            trade_id = row.event_id or f"{row.ts}.{places[row.ts]}"
            places[row.ts] += 1
            worded.append({**_trade(row, trade_id, symbol, instrument, next(numbers)), **_parties(row)})
    return worded


def _trade(
    row: Trade | Liquidation, trade_id: str, symbol: str, instrument: InstrumentRow, number: int
) -> dict[str, Any]:
    amount = amount_of(instrument, row.quantity, row.price)
    return {
        "trade_seq": number,
        "trade_id": trade_id,
        "timestamp": row.ts,
        "tick_direction": 0,
        "price": row.price,
        "mark_price": row.price,
        "index_price": row.price,
        "instrument_name": symbol,
        "contracts": amount / instrument.contract_size,
        "amount": amount,
    }


def _parties(row: Trade | Liquidation) -> dict[str, str]:
    """Return what the taker did and who was liquidated; in odd minutes that is the maker."""
    if isinstance(row, Trade):
        return {"direction": row.side}
    closing, opposite = ("sell", "buy") if row.position_side == "long" else ("buy", "sell")
    if row.ts // MINUTE % 2 == 1:
        return {"direction": opposite, "liquidation": "M"}
    return {"direction": closing, "liquidation": "T"}


def ticker_words(
    symbol: str, instrument: InstrumentRow, mark: MarkPrice | None, interest: OpenInterest | None
) -> dict[str, Any]:
    """Return a ticker that says what is known of both; at least one must be."""
    price = mark.mark_price if mark else (interest.price if interest else None) or 1.0
    open_interest = interest.open_interest if interest else 0.0
    return {
        "timestamp": max(row.ts for row in (mark, interest) if row),
        "state": "open",
        "stats": {"high": price, "low": price, "price_change": 0.0, "volume": 0.0, "volume_usd": 0.0},
        "index_price": mark.index_price if mark else price,
        "instrument_name": symbol,
        "last_price": price,
        "mark_price": price,
        "best_bid_price": price,
        "best_ask_price": price,
        "open_interest": amount_of(instrument, open_interest, price),
        "current_funding": mark.funding_rate if mark else 0.0,
        "funding_8h": 0.00001742,
    }
