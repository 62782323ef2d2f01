"""Numbers, contracts and rows as Gate writes them."""

from __future__ import annotations

from typing import Any

import msgspec

from powderkeg.model.market_rows import InstrumentRow, LeverageTierRow, Liquidation, MarkPrice, OpenInterest
from powderkeg.model.times import DAY, HOUR, MINUTE, SECOND

CODES = {
    10 * SECOND: "10s", MINUTE: "1m", 5 * MINUTE: "5m", 15 * MINUTE: "15m", 30 * MINUTE: "30m", HOUR: "1h",
    4 * HOUR: "4h", 8 * HOUR: "8h", DAY: "1d", 7 * DAY: "7d",
}  # fmt: skip
"""How lengths of bars are spelled."""


def refused(label: str, message: str) -> bytes:
    """Return the body of a refusal."""
    return msgspec.json.encode({"label": label, "message": message})


def text(value: float | None) -> str:
    """Return a number as text, empty for none."""
    return "" if value is None else repr(value)


def contracts(instrument: InstrumentRow, quantity: float, price: float) -> float:
    """Return how many contracts a quantity in base is: of a size in base, or in USD where inverse."""
    held = quantity if instrument.contract == "linear" else quantity * price
    return held / instrument.contract_size


def contract(symbol: str, row: InstrumentRow) -> dict[str, Any]:
    """Return an item of the contracts endpoint."""
    whole = row.quantity_step == 1
    return {
        "name": symbol,
        "type": "direct" if row.contract == "linear" else "inverse",
        "quanto_multiplier": text(row.contract_size) if row.contract == "linear" else "0",
        "leverage_min": "1",
        "leverage_max": text(row.maximum_leverage),
        "order_price_round": text(row.tick_size),
        "order_size_min": "1" if whole else text(row.quantity_step),
        "order_size_max": "1000000",
        "enable_decimal": not whole,
        "status": row.status,
        "in_delisting": False,
        "create_time": (row.listed_ts or 0) // 1000,
        "funding_interval": 28800,
    }


def tier(row: LeverageTierRow, symbol: str) -> dict[str, Any]:
    """Return an item of the risk limit tiers."""
    return {
        "contract": symbol,
        "tier": row.tier,
        "risk_limit": text(row.notional_cap),
        "initial_rate": text(1 / row.maximum_leverage),
        "maintenance_rate": text(row.maintenance_margin_rate),
        "leverage_max": text(row.maximum_leverage),
        "deduction": text(row.maintenance_amount),
    }


def liquidation_order(row: Liquidation, symbol: str, instrument: InstrumentRow) -> dict[str, Any]:
    """Return an item of liq_orders: the position signed, the order that closes it signed the other way.

    A row whose price is not a fill is an order of which nothing was filled.
    """
    size = contracts(instrument, row.quantity, row.price) * (1 if row.position_side == "long" else -1)
    filled = row.price_meaning == "fill"
    return {
        "time": row.ts // 1000,
        "contract": symbol,
        "size": text(size),
        "order_size": text(-size),
        "order_price": text(row.limit_price if filled else row.price),
        "fill_price": text(row.price) if filled else "0",
        "left": "0",
    }


def ticker(
    symbol: str, mark: MarkPrice | None, interest: OpenInterest | None, instrument: InstrumentRow
) -> dict[str, Any]:
    """Return a ticker that says what is known of mark price and open interest, which counts both sides."""
    item: dict[str, Any] = {"contract": symbol, "mark_price": "", "total_size": ""}
    if interest is not None:
        price = interest.price or 1.0
        item["total_size"] = text(2 * contracts(instrument, interest.open_interest, price))
        if instrument.contract == "inverse":
            item["mark_price"] = text(price)
    if mark is not None:
        item["mark_price"] = text(mark.mark_price)
        item["index_price"] = text(mark.index_price)
        item["funding_rate"] = item["funding_rate_indicative"] = text(mark.funding_rate)
        item["funding_next_apply"] = (mark.next_funding_ts or 0) // 1000
    return item
