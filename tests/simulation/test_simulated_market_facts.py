"""The simulated market looks like a market: stylised facts, scenarios and the feedback, on several seeds."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from powderkeg.model.arrays import FloatArray
from powderkeg.simulation.market import SimulatedMarket, simulated_market
from powderkeg.simulation.market_state import CROSS
from powderkeg.simulation.parameters import MarketParameters
from powderkeg.simulation.scenarios import ScenarioName
from powderkeg.simulation.simulated_venue import ALDER

SEEDS = (11, 12, 13)
CALM_DAYS = 10
EVENT_DAYS = 6
MINUTES = 1_440


@cache
def market(scenario: ScenarioName, seed: int, days: int, forced_impact: float = 1.0) -> SimulatedMarket:
    parameters = MarketParameters(warm_up_days=2, forced_impact=forced_impact)
    return simulated_market(
        np.random.default_rng(seed), scenario=scenario, days=days, venues=[ALDER], parameters=parameters
    )


def five_minute_returns(seed: int) -> FloatArray:
    return np.diff(np.log(market("calm", seed, CALM_DAYS).venues[0].close[4::5]))


def autocorrelation(values: FloatArray, lag: int) -> float:
    return float(np.corrcoef(values[:-lag], values[lag:])[0, 1])


def event_move(scenario: ScenarioName, seed: int, forced_impact: float) -> float:
    """Return the largest log move of the mark within four hours of the event, in its news' direction."""
    emission = market(scenario, seed, EVENT_DAYS, forced_impact).venues[0]
    first = round(2 / 3 * EVENT_DAYS * MINUTES)
    hours = slice(first, first + 4 * 60)
    if scenario == "short_squeeze":
        return float(np.log(emission.mark_high[hours].max() / emission.mark_open[first]))
    return float(np.log(emission.mark_open[first] / emission.mark_low[hours].min()))


# Calm


def test_returns_have_fat_tails_and_volatility_clusters() -> None:
    for seed in SEEDS:
        returns = five_minute_returns(seed)
        kurtosis = float(np.mean((returns - returns.mean()) ** 4) / returns.var() ** 2)
        assert kurtosis > 5
        assert abs(autocorrelation(returns, 1)) < 0.15
    # Over ten days a single jump can drown the clusters of one path; over three paths it does not.
    for lag, least in ((1, 0.15), (12, 0.08)):
        sizes = [np.abs(five_minute_returns(seed)) for seed in SEEDS]
        assert np.mean([autocorrelation(size, lag) for size in sizes]) > least


def test_daily_volatility_and_price_stay_in_a_sane_range() -> None:
    for seed in SEEDS:
        per_day = five_minute_returns(seed).std() * np.sqrt(288)
        assert 0.008 < per_day < 0.06
        close = market("calm", seed, CALM_DAYS).venues[0].close
        assert close.min() / close.max() > 0.6


def test_daily_turnover_is_that_of_a_market() -> None:
    for seed in SEEDS:
        made = market("calm", seed, CALM_DAYS)
        turnover = made.venues[0].volume.sum() / CALM_DAYS / made.truth.open_interest[0].mean()
        assert 0.5 < turnover < 3
        assert 0.4 < made.venues[0].taker_buy.sum() / made.venues[0].volume.sum() < 0.6


@pytest.mark.parametrize(("side", "target"), [(1, 0.42), (-1, 0.14)])
def test_share_of_open_interest_liquidated_per_percent_of_move(side: int, target: float) -> None:
    """Within a factor of three of the recorded 0.42 % (long, per 1 % of fall) and 0.14 % (short, of rise)."""
    share = moved = 0.0
    for seed in SEEDS:
        made = market("calm", seed, CALM_DAYS)
        emission, forced = made.venues[0], made.truth.liquidations
        by_day = {
            name: getattr(emission, name).reshape(-1, MINUTES)
            for name in ("mark_open", "mark_low", "mark_high")
        }
        farthest = by_day["mark_low"].min(axis=1) if side > 0 else by_day["mark_high"].max(axis=1)
        moved += 100 * np.abs(np.log(farthest / by_day["mark_open"][:, 0])).sum()
        mine = (forced.position_side == side) & (forced.method < 2)
        share += 100 * forced.quantity[mine].sum() / made.truth.open_interest[0].mean()
    assert target / 3 < share / moved < 3 * target


def test_open_interest_neither_dies_nor_explodes_and_funding_is_small() -> None:
    for seed in SEEDS:
        made = market("calm", seed, CALM_DAYS)
        interest = made.truth.open_interest[0]
        assert 0.4 * ALDER.open_interest < interest.min()
        assert interest.max() < 2.5 * ALDER.open_interest
        assert np.abs(made.venues[0].funding_rate).mean() < 5e-4


def test_most_notional_is_cross_and_far_from_liquidation() -> None:
    made = market("calm", SEEDS[0], CALM_DAYS).again(
        truth_at=[market("calm", SEEDS[0], CALM_DAYS).start + CALM_DAYS * 86_400_000]
    )
    positions = made.truth.positions[0]
    levered = np.isfinite(positions.liquidation_price)
    cross = positions.quantity[levered & (positions.margin_mode == CROSS)].sum()
    assert cross / positions.quantity[levered].sum() > 0.7
    distance = np.abs(np.log(positions.liquidation_price / positions.mark_price[0]))
    total = positions.quantity.sum()
    assert positions.quantity[distance < 0.01].sum() / total < 0.01
    assert positions.quantity[distance < 0.1].sum() / total < 0.35


# Scenarios


def test_a_trend_rises() -> None:
    moves = [
        np.log(made.close[-1] / made.close[0])
        for made in (market("trending", seed, CALM_DAYS).venues[0] for seed in SEEDS)
    ]
    drifts = [
        np.log(made.close[-1] / made.close[0])
        for made in (market("calm", seed, CALM_DAYS).venues[0] for seed in SEEDS)
    ]
    assert np.mean(moves) > np.mean(drifts) + 0.03


@pytest.mark.parametrize("scenario", ["short_squeeze", "long_cascade"])
def test_forced_orders_make_the_event_much_larger(scenario: ScenarioName) -> None:
    """The same news, with and without the impact of liquidation orders."""
    side = -1 if scenario == "short_squeeze" else 1
    with_feedback = [event_move(scenario, seed, 1.0) for seed in SEEDS]
    without = [event_move(scenario, seed, 0.0) for seed in SEEDS]
    assert np.mean(with_feedback) > 1.3 * np.mean(without)
    for seed in SEEDS:
        made = market(scenario, seed, EVENT_DAYS)
        first = round(2 / 3 * EVENT_DAYS * MINUTES)
        forced = made.truth.liquidations
        during = (forced.ts - made.start) // 60_000
        inside = (during >= first) & (during < first + 240) & (forced.method < 2)
        assert forced.quantity[inside & (forced.position_side == side)].sum() > (
            20 * forced.quantity[inside & (forced.position_side == -side)].sum()
        )
