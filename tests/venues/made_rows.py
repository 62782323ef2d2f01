"""Rows of a small invented market in house units, for every table; prices near 60,000, deterministic."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from powderkeg.model.market_rows import (
    Bar,
    DeleveragingSignal,
    DepthBand,
    DepthLevel,
    FundingRate,
    InstrumentRow,
    InsuranceFund,
    LeverageTierRow,
    Liquidation,
    LiquidationTotal,
    LongShortRatio,
    MarkBar,
    MarketRow,
    MarkPrice,
    OpenInterest,
    TakerVolume,
    Trade,
)
from powderkeg.venues.venue import Semantics

START = 1_750_000_000_000 - 1_750_000_000_000 % 86_400_000


def instrument_row(
    *, base: str = "BTC", quote: str = "USDT", contract: str = "linear", contract_size: float = 1.0
) -> InstrumentRow:
    settle = quote if contract == "linear" else base
    listed = START - 10 * 86_400_000
    return InstrumentRow(
        START, base, quote, settle, contract, contract_size, 0.5, 0.25, "trading", listed, 100.0
    )


def _prices(generator: np.random.Generator) -> tuple[float, float, float, float]:
    low, first, last, high = sorted(float(x) for x in generator.integers(120_000, 122_000, 4) / 2)
    opened, closed = (first, last) if generator.random() < 0.5 else (last, first)
    return opened, high, low, closed


def _quantity(generator: np.random.Generator) -> float:
    return float(generator.integers(1, 4000)) / 4


def made_rows(
    table: str,
    count: int,
    *,
    interval: int = 60_000,
    population: str = "",
    semantics: Semantics,
    seed: int = 1,
) -> Sequence[MarketRow]:
    """Return `count` rows of a table from START on, one per interval."""
    rng = np.random.default_rng(seed)
    times = [START + number * interval for number in range(count)]
    price = 60_500.0

    def liquidation(ts: int) -> Liquidation:
        side, at, quantity = ("long", "short")[rng.integers(2)], _prices(rng)[0], _quantity(rng)
        meaning = semantics.liquidation_price
        return Liquidation(ts, side, at, meaning, quantity, at * quantity, None, "", 0)  # type: ignore[arg-type]

    def bar(ts: int) -> Bar:
        volume = 10 + _quantity(rng)
        prices = _prices(rng)
        return Bar(ts, interval, *prices, volume, volume * prices[0], volume / 2, int(rng.integers(1, 99)))

    def interest(ts: int) -> OpenInterest:
        value = 1000 + _quantity(rng)
        return OpenInterest(ts, value, value, "base", 1, price)

    def ratio(ts: int) -> LongShortRatio:
        share = float(rng.integers(1, 1024)) / 1024
        return LongShortRatio(ts, interval, population, share, 1 - share)

    makers: dict[str, Callable[[int], MarketRow]] = {
        "bars": bar,
        "mark_bars": lambda ts: MarkBar(ts, interval, *_prices(rng)),
        "mark_prices": lambda ts: MarkPrice(ts, price + _quantity(rng) / 8, price, 1e-4, START + 28_800_000),
        "open_interest": interest,
        "funding": lambda ts: FundingRate(ts, float(rng.integers(-64, 64)) / 65536, 3_600_000),
        "long_short_ratios": ratio,
        "taker_volume": lambda ts: TakerVolume(ts, interval, _quantity(rng), _quantity(rng), "base"),
        "liquidations": liquidation,
        "liquidation_totals": lambda ts: LiquidationTotal(ts, interval, _quantity(rng), _quantity(rng)),
        "trades": lambda ts: Trade(
            ts, str(1000 + (ts - START) // interval), _prices(rng)[0], _quantity(rng),
            "buy" if rng.random() < 0.5 else "sell",
        ),
        "depth_bands": lambda ts: DepthBand(ts, -0.01, _quantity(rng), price * _quantity(rng)),
        "insurance_funds": lambda ts: InsuranceFund(ts, "USDT", 1e6 + _quantity(rng)),
        "deleveraging_signals": lambda ts: DeleveragingSignal(ts, 1e6, None, -0.125, -0.25),
    }  # fmt: skip
    return [makers[table](ts) for ts in times]


def made_tiers(ts: int = START) -> list[LeverageTierRow]:
    return [
        LeverageTierRow(ts, 1, 0.0, 50_000.0, 0.004, 0.0, 125.0),
        LeverageTierRow(ts, 2, 50_000.0, 600_000.0, 0.005, 50.0, 100.0),
        LeverageTierRow(ts, 3, 600_000.0, 3_000_000.0, 0.0065, 950.0, 75.0),
    ]


def made_book(ts: int = START, levels: int = 5) -> list[DepthLevel]:
    return [DepthLevel(ts, "bid", level, 60_000.0 - level / 2, 1.25 + level) for level in range(levels)] + [
        DepthLevel(ts, "ask", level, 60_000.5 + level / 2, 2.5 + level) for level in range(levels)
    ]
