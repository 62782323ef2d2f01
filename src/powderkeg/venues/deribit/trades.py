"""Trades of Deribit, and the liquidations that are some of them.

https://docs.deribit.com/subscriptions/trades/tradesinstrument_nameinterval and
/api-reference/market-data/public-get_last_trades_by_instrument_and_time, read 2026-11-25. Stream and history
word a trade alike, so both are read here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

from powderkeg.model.instrument import Instrument
from powderkeg.model.market_rows import Liquidation, PositionSide, TakerSide, Trade
from powderkeg.venues.deribit.amounts import base_of, notional_of
from powderkeg.venues.payload import positive, time_ms

Flag = Literal["M", "T", "MT"]

# `liquidation` says who was liquidated, `direction` what the taker did; the maker did the opposite. Whoever
# is liquidated closes: selling ends a long, buying ends a short.
_CLOSED: dict[tuple[Flag, TakerSide], tuple[PositionSide, ...]] = {
    ("T", "sell"): ("long",),
    ("T", "buy"): ("short",),
    ("M", "sell"): ("short",),
    ("M", "buy"): ("long",),
    ("MT", "sell"): ("long", "short"),
    ("MT", "buy"): ("short", "long"),
}


class TradeItem(msgspec.Struct):
    """A trade as published; `trade_seq` counts the trades of its instrument."""

    instrument_name: str
    trade_id: str
    trade_seq: int
    timestamp: int
    price: float
    amount: float
    direction: TakerSide
    liquidation: Flag | None = None


def trade_of(item: TradeItem, instrument: Instrument) -> Trade:
    """Return the trade in house units; raises `PayloadError` for a number that cannot be."""
    price = positive(item.price, "price")
    quantity = positive(base_of(instrument, positive(item.amount, "amount"), price), "quantity")
    return Trade(time_ms(item.timestamp, "timestamp"), item.trade_id, price, quantity, item.direction)


def liquidations_of(items: Iterable[TradeItem], instrument: Instrument) -> list[Liquidation]:
    """Return the liquidations among trades of one instrument, at the prices at which they filled.

    A trade between two that were liquidated is two liquidations, one of each side. Raises `PayloadError` as
    `trade_of`.
    """
    rows = []
    for item in items:
        if item.liquidation is None:
            continue
        trade = trade_of(item, instrument)
        notional = notional_of(instrument, item.amount, trade.price)
        rows += [
            Liquidation(
                trade.ts, side, trade.price, "fill", trade.quantity, notional, None, trade.trade_id, 0
            )
            for side in _CLOSED[item.liquidation, item.direction]
        ]
    return rows
