"""How OKX words what it both answers and pushes: contracts for sizes, text for numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from powderkeg.model.market_rows import Bar, InstrumentRow, Liquidation, MarkPrice, OpenInterest
from powderkeg.model.times import DAY, HOUR, MINUTE

BAR_CODES = {
    MINUTE: "1m", 3 * MINUTE: "3m", 5 * MINUTE: "5m", 15 * MINUTE: "15m", 30 * MINUTE: "30m", HOUR: "1H",
    2 * HOUR: "2H", 4 * HOUR: "4H", 6 * HOUR: "6Hutc", 12 * HOUR: "12Hutc", DAY: "1Dutc",
}  # fmt: skip
"""How lengths of bars are spelled."""


def text(value: float) -> str:
    """Return a number as OKX writes them: text."""
    return repr(value)


def contracts_of(instrument: InstrumentRow, quantity: float, price: float) -> str:
    """Return how many contracts hold this much coin, as text; inverse ones hold dollars."""
    held = quantity if instrument.contract == "linear" else quantity * price
    return text(held / instrument.contract_size)


def family_of(symbol: str) -> str:
    """Return the instrument family of a perpetual."""
    return symbol[: -len("-SWAP")]


def naming(symbol: str, instrument: InstrumentRow) -> dict[str, str]:
    """Return the fields that name an instrument."""
    return {
        "instType": "SWAP",
        "instId": symbol,
        "instFamily": family_of(symbol),
        "uly": f"{instrument.base}-{instrument.quote}",
    }


def candle(row: Bar, _: str, instrument: InstrumentRow) -> list[str]:
    """Return a closed bar: its volume in contracts, in coin and in quote."""
    contracts = contracts_of(instrument, row.volume, row.close)
    turnover = row.volume * row.close if row.turnover is None else row.turnover
    prices = map(text, (row.open, row.high, row.low, row.close))
    return [str(row.ts), *prices, contracts, text(row.volume), text(turnover), "1"]


def interest(row: OpenInterest, symbol: str, instrument: InstrumentRow) -> dict[str, Any]:
    """Return open interest in contracts, in coin and in dollars."""
    price = row.price or 1.0
    return {
        "instType": "SWAP",
        "instId": symbol,
        "oi": contracts_of(instrument, row.open_interest, price),
        "oiCcy": text(row.open_interest),
        "oiUsd": text(row.open_interest * price),
        "ts": str(row.ts),
    }


def _detail(row: Liquidation, instrument: InstrumentRow) -> dict[str, str]:
    long = row.position_side == "long"
    return {
        "bkLoss": "0",
        "bkPx": text(row.price),
        "ccy": "",
        "posSide": row.position_side,
        "side": "sell" if long else "buy",
        "sz": contracts_of(instrument, row.quantity, row.price),
        "ts": str(row.ts),
    }


def liquidated(rows: Sequence[Any], symbol: str, instrument: InstrumentRow) -> list[dict[str, Any]]:
    """Return the liquidations of one contract under its name; nothing where there are none."""
    details = [_detail(row, instrument) for row in rows]
    return [{"details": details, **naming(symbol, instrument)}] if details else []


def mark(row: MarkPrice, symbol: str, _: InstrumentRow) -> dict[str, Any]:
    """Return a mark price."""
    return {"instType": "SWAP", "instId": symbol, "markPx": text(row.mark_price), "ts": str(row.ts)}
