"""Measure the simulated market and print the tables of docs/simulated-market.md.

Run it with ``python tests/simulation/stylised_facts.py``; it takes about five minutes.
"""

from __future__ import annotations

import time

import numpy as np

from powderkeg.model.arrays import FloatArray
from powderkeg.model.times import DAY, MINUTE
from powderkeg.simulation.market import DEFAULT_START, SimulatedMarket, simulated_market
from powderkeg.simulation.market_state import CLOSING_CAUSES, CROSS, TRADER_KINDS
from powderkeg.simulation.parameters import MarketParameters
from powderkeg.simulation.scenarios import ScenarioName

SEEDS = (101, 102, 103)
CALM_DAYS = 90
EVENT_DAYS = 30


def kurtosis(returns: FloatArray) -> float:
    return float(np.mean((returns - returns.mean()) ** 4) / returns.var() ** 2)


def autocorrelation(values: FloatArray, lag: int) -> float:
    return float(np.corrcoef(values[:-lag], values[lag:])[0, 1])


def share_per_percent(market: SimulatedMarket, side: int) -> float:
    """Return percent of open interest liquidated per 1 % of move from the day's open, all venues and days."""
    share = moved = 0.0
    forced = market.truth.liquidations
    for row, emission in enumerate(market.venues):
        extreme = emission.mark_low if side > 0 else emission.mark_high
        by_day = extreme.reshape(market.days, -1)
        farthest = by_day.min(axis=1) if side > 0 else by_day.max(axis=1)
        moved += 100 * np.abs(np.log(farthest / emission.mark_open[:: DAY // MINUTE])).sum()
        mine = (forced.venue == row) & (forced.position_side == side) & (forced.method < 2)
        share += 100 * forced.quantity[mine].sum() / market.truth.open_interest[row].mean()
    return float(share / moved)


def calm_facts(seed: int) -> dict[str, str]:
    """Return the stylised facts of one calm market by name."""
    begin = time.perf_counter()
    market = simulated_market(
        np.random.default_rng(seed),
        scenario="calm",
        days=CALM_DAYS,
        truth_at=[DEFAULT_START + CALM_DAYS * DAY],
    )
    seconds = time.perf_counter() - begin
    close = market.venues[0].close
    five, daily = np.diff(np.log(close[4::5])), np.diff(np.log(close[1439::1440]))
    size = np.abs(five)
    positions = market.truth.positions[0]
    total = positions.quantity.sum()
    distance = np.abs(np.log(positions.liquidation_price / positions.mark_price[positions.venue]))
    levered = np.isfinite(positions.liquidation_price)
    kinds = [positions.quantity[positions.kind == kind].sum() / total for kind in range(len(TRADER_KINDS))]
    closed = market.truth.closed_quantity.sum(axis=(0, 1))
    within = [100 * positions.quantity[distance < limit].sum() / total for limit in (0.01, 0.02, 0.05, 0.1)]
    turnover = [
        emission.volume.sum() / market.days / interest.mean()
        for emission, interest in zip(market.venues, market.truth.open_interest, strict=True)
    ]
    levered_quantity = positions.quantity[levered].sum()
    cross = positions.quantity[levered & (positions.margin_mode == CROSS)].sum()
    return {
        "lowest and highest price": f"{close.min():,.0f} and {close.max():,.0f}",
        "daily standard deviation": f"{100 * daily.std():.1f} %",
        "kurtosis, 5 minutes": f"{kurtosis(five):.0f}",
        "autocorrelation of 5-minute sizes at 5 min, 1 h, 1 day": " / ".join(
            f"{autocorrelation(size, lag):.2f}" for lag in (1, 12, 288)
        ),
        "autocorrelation of 5-minute returns": f"{autocorrelation(five, 1):.2f}",
        "daily turnover over open interest, by venue": " / ".join(f"{each:.1f}" for each in turnover),
        "share of open interest liquidated per 1 %, longs / shorts": " / ".join(
            f"{share_per_percent(market, side):.2f} %" for side in (1, -1)
        ),
        "closed " + " / ".join(CLOSING_CAUSES): " / ".join(
            f"{100 * each:.1f}" for each in closed / closed.sum()
        )
        + " %",
        "held by " + " / ".join(TRADER_KINDS): " / ".join(f"{100 * each:.0f}" for each in kinds) + " %",
        "cross, of notional with a liquidation price": f"{100 * cross / levered_quantity:.0f} %",
        "liquidation price within 1 / 2 / 5 / 10 %": " / ".join(f"{each:.2f}" for each in within) + " %",
        "open positions": f"{len(positions):,}",
        "seconds": f"{seconds:.0f}",
    }


def event_facts(seed: int, scenario: ScenarioName) -> dict[str, str]:
    """Return how far the price went in the six hours after the news, with and without the feedback."""
    facts = {}
    first = round(2 / 3 * EVENT_DAYS * DAY / MINUTE)
    hours = slice(first, first + 360)
    for name, impact in (("with feedback", 1.0), ("without", 0.0)):
        market = simulated_market(
            np.random.default_rng(seed),
            scenario=scenario,
            days=EVENT_DAYS,
            parameters=MarketParameters(forced_impact=impact),
        )
        emission = market.venues[0]
        start = emission.mark_open[first]
        farthest = (
            emission.mark_high[hours].max() if scenario == "short_squeeze" else emission.mark_low[hours].min()
        )
        forced = market.truth.liquidations
        minute = (forced.ts - market.start) // MINUTE
        inside = (minute >= first) & (minute < first + 360)
        interest = market.truth.open_interest.sum(axis=0)
        lost = 100 * forced.quantity[inside & (forced.method < 2)].sum() / interest[first]
        deleveraged = 100 * forced.quantity[inside & (forced.method == 2)].sum() / interest[first]
        after = emission.mark_close[first + 359]
        facts[f"{scenario}, {name}: farthest and after 6 h"] = (
            f"{100 * (farthest / start - 1):+.1f} % and {100 * (after / start - 1):+.1f} %"
        )
        facts[f"{scenario}, {name}: open interest liquidated / deleveraged"] = (
            f"{lost:.1f} / {deleveraged:.1f} %"
        )
    return facts


def print_table(title: str, columns: list[dict[str, str]]) -> None:
    print(f"\n| {title} | " + " | ".join(f"seed {seed}" for seed in SEEDS) + " |")
    print("|---|" + "---|" * len(SEEDS))
    for name in columns[0]:
        print(f"| {name} | " + " | ".join(column[name] for column in columns) + " |")


if __name__ == "__main__":
    simulated_market(np.random.default_rng(0), scenario="calm", days=1)
    print_table(f"calm, {CALM_DAYS} days, three venues", [calm_facts(seed) for seed in SEEDS])
    events: tuple[ScenarioName, ...] = ("short_squeeze", "long_cascade")
    for scenario in events:
        print_table(f"{EVENT_DAYS} days, three venues", [event_facts(seed, scenario) for seed in SEEDS])
