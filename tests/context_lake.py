"""A lake of two coins at two venues with all that a context asks for, as far as it was known by a time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from powderkeg.lake.dataset_key import DatasetKey
from powderkeg.lake.market_lake import Lake
from powderkeg.model.market_rows import (
    AccountPosition,
    AccountState,
    Bar,
    DeleveragingSignal,
    DepthBand,
    FundingRate,
    InsuranceFund,
    Liquidation,
    LongShortRatio,
    MarketRow,
    MarkPrice,
    OpenInterest,
    PositionSide,
    interval_of,
    variant_of,
)
from powderkeg.model.times import DAY, HOUR, MINUTE
from powderkeg.model.window import Window
from powderkeg.venues.census import PERPETUALS
from powderkeg.venues.registry import venue
from small_market import SmallMarket, small_market

START = 1_767_225_600_000  # 2026-01-01
DAYS = 30
CRASH = START + int(DAYS * 0.8) * DAY
"""When the crash of the small market begins: open interest falls by a third within two hours."""
BETA = 1.5
SHARES = {"binance": 0.75, "bybit": 0.25}
STEP = 5 * MINUTE


def made_market() -> SmallMarket:
    """Return the market of the lake's bitcoin; the lake has it twice, at different sizes."""
    return small_market(np.random.default_rng(17), start=START, days=DAYS)


def context_lake(root: Path, until: int) -> Lake:
    """Return a lake with the rows that were known by a time, and coverage up to it."""
    lake = Lake(root, create=True)
    market = made_market()
    noise = np.exp(np.random.default_rng(18).normal(0, 0.001, len(market.ts)))
    for name, share in SHARES.items():
        for coin in ("BTC", "ETH"):
            symbol = venue(name).symbol(coin)
            power, price = (1.0, 1.0) if coin == "BTC" else (BETA, 3_000 / 100_000**BETA)
            wobble = 1.0 if coin == "BTC" else noise
            rows: dict[str, list[MarketRow]] = _market(market, share, power, price, wobble)
            if coin == "BTC":
                rows |= _extras(market, name)
            for table, found in rows.items():
                put(lake, table, name, symbol, found, until)
    _census(lake, market, until)
    return lake


def put(lake: Lake, table: str, name: str, symbol: str, rows: Sequence[MarketRow], until: int) -> None:
    """Write the rows that were known by a time, by variant, with the coverage of that time."""
    by_variant: dict[str, list[MarketRow]] = {}
    for row in rows:
        if row.ts + interval_of(row) <= until:
            by_variant.setdefault(variant_of(row), []).append(row)
    for variant, found in by_variant.items():
        lake.append(
            DatasetKey(table, name, symbol, variant),
            found,
            received_ts=[row.ts + interval_of(row) for row in found],
            source="made",
            # Marks are told once an hour, which is no record of their extremes.
            covered=() if table == "mark_prices" else (Window(START, min(until, START + DAYS * DAY)),),
        )


def _market(
    market: SmallMarket, share: float, power: float, price: float, wobble: np.ndarray | float
) -> dict[str, list[MarketRow]]:
    o, h, lo, c = (
        price * getattr(market, name) ** power * wobble for name in ("open", "high", "low", "close")
    )
    volume = market.volume * share * (1.0 if power == 1 else 20.0)
    return {
        "bars": [
            Bar(ts, STEP, first, high, low, final, traded, traded * final, traded * 0.4, 100)
            for ts, traded, first, high, low, final in zip(
                market.ts.tolist(), volume.tolist(), *(part.tolist() for part in (o, h, lo, c)), strict=True
            )
        ],
        "open_interest": [
            OpenInterest(int(ts), float(value * share), float(value * share), "base", 1, None)
            for ts, value in zip(market.open_interest_ts, market.open_interest, strict=True)
        ],
        "funding": [
            FundingRate(int(ts), float(rate), 8 * HOUR)
            for ts, rate in zip(market.funding_ts, market.funding_rate, strict=True)
        ],
    }


def _extras(market: SmallMarket, name: str) -> dict[str, list[MarketRow]]:
    close = dict(zip((market.ts + STEP).tolist(), market.close.tolist(), strict=True))
    hours = market.ts[11::12] + STEP
    sides: tuple[PositionSide, PositionSide] = ("long", "short")
    liquidations: list[MarketRow] = []
    for number, ts in enumerate(hours.tolist()):
        side = sides[number % 2]
        in_crash = CRASH <= ts < CRASH + 3 * HOUR
        notional = 5e7 if in_crash else 2e4
        liquidations.append(
            Liquidation(
                ts,
                "long" if in_crash else side,
                close[ts],
                "fill",
                notional / close[ts],
                notional,
                None,
                "",
                0,
            )
        )
    rows: dict[str, list[MarketRow]] = {
        "mark_prices": [
            MarkPrice(ts - MINUTE, close[ts] * 1.001, close[ts], 1e-4, None) for ts in hours.tolist()
        ],
        "liquidations": liquidations,
        "insurance_funds": [InsuranceFund(ts, "USDT", 1e9) for ts in hours[::6].tolist()],
        "deleveraging_signals": [
            DeleveragingSignal(ts, 8e8, 1e9, -0.1, -0.3, None) for ts in hours[::6].tolist()
        ],
        "long_short_ratios": [
            LongShortRatio(ts, STEP, population, 0.6, 0.4)
            for ts in hours.tolist()
            for population in ("accounts", "top_positions")
        ],
        "depth_bands": [
            DepthBand(ts, distance, 1e3 * abs(distance) * 100, 1e8 * abs(distance) * 100)
            for ts in hours[-200:].tolist()
            for distance in (-0.05, -0.02, -0.01, 0.01, 0.02, 0.05)
        ],
    }
    return rows if name == "binance" else {key: rows[key] for key in ("mark_prices", "liquidations")}


def _census(lake: Lake, market: SmallMarket, until: int) -> None:
    for ts in (market.ts[11::12] + STEP).tolist()[-300::24]:
        names = ("0x" + digit * 40 for digit in "abc")
        states: list[MarketRow] = []
        held: list[MarketRow] = []
        for number, name in enumerate(names):
            states.append(AccountState(ts, name, 1e5, 1e5, 4e3, 1, "standard"))
            side: PositionSide = "long" if number else "short"
            level = 1.0 if number else 1e6
            entry = 150_000.0 if number == 1 else 50_000.0
            held.append(
                AccountPosition(ts, name, "BTC", side, 2.0, entry, 2e5, 0.0, 5.0, "cross", 4e4, level)
            )
        put(lake, "account_states", "hyperliquid", PERPETUALS, states, until)
        put(lake, "positions", "hyperliquid", PERPETUALS, held, until)
