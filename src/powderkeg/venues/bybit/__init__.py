"""Bybit, linear and inverse perpetuals, API v5."""

from __future__ import annotations

from powderkeg.venues.asking import RateLimit
from powderkeg.venues.bybit.answers import refusal
from powderkeg.venues.bybit.history import HISTORY
from powderkeg.venues.bybit.snapshots import SNAPSHOTS
from powderkeg.venues.bybit.stream import STREAM
from powderkeg.venues.venue import Regime, Semantics, Venue

_DOCUMENTATION = "https://bybit-exchange.github.io/docs/v5"

VENUE = Venue(
    name="bybit",
    title="Bybit",
    urls={
        "rest": "https://api.bybit.com",
        "stream": "wss://stream.bybit.com/v5/public/linear",
        "stream_inverse": "wss://stream.bybit.com/v5/public/inverse",
    },
    limits={"rest": RateLimit(weight=500, period_ms=5_000)},
    symbol=lambda coin: f"{coin}USDT",
    refusal=refusal,
    history=HISTORY,
    snapshots=SNAPSHOTS,
    stream=STREAM,
    semantics=Semantics(
        liquidation_completeness="every",
        liquidation_slot=None,
        liquidation_side="position",
        liquidation_price="bankruptcy",
        open_interest_unit="base (linear), quote (inverse)",
        open_interest_sides=2,
        clock="milliseconds; bars are stamped with their start",
        regimes=(
            Regime("2025-02-20", "allLiquidation carries all; before, one per second", _DOCUMENTATION),
            Regime("2026-06-11", "one-sided singleOpenInterest beside the sum of both sides", _DOCUMENTATION),
        ),
        notes=(
            "The side names the position: Buy means that a long was liquidated, the opposite of Binance.",
            "Tickers come as a snapshot, then as changes: without a mark price they say nothing about it.",
            "Inverse contracts state open interest in USD, and its value in coin to two decimals. Changes "
            "too small for the value to change have the USD alone, and are left out.",
        ),
    ),
    unavailable={
        "liquidation_totals": "not published; add up the liquidations recorded live",
        "taker_volume": "not published; add up the trades recorded live",
        "depth_bands": "not published; depth_levels are recorded live",
    },
)
