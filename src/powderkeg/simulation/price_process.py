"""The efficient price, what ties venues to it, and how index, mark price and depth follow."""

from __future__ import annotations

import math
from typing import Any

from powderkeg.simulation.compiled import inside_kernel
from powderkeg.simulation.market_state import EXOGENOUS, MarketState
from powderkeg.simulation.randomness import SeedArray, normal, uniform

_DAY = 86_400.0
_SECONDS_OF_SHORT_VARIANCE = 240.0
_SECONDS_OF_LONG_VARIANCE = 43_200.0


@inside_kernel
def renew_conditions(state: MarketState, minute: int, depth_factor: float) -> None:
    """Advance, once a minute, volatility, appetite, trends, activity, depth and the makers' premium.

    What is drawn here comes from the stream of the efficient price, always the same number of times, so that
    the news do not depend on what traders made of the last ones.
    """
    parameters = state.parameters[0]
    market = state.market[0]
    keep = math.exp(-1.0 / (1_440.0 * parameters.slow_volatility_days))
    market.slow = keep * market.slow + parameters.slow_volatility * math.sqrt(1.0 - keep * keep) * normal(
        state.seeds, EXOGENOUS
    )
    keep = math.exp(-1.0 / (60.0 * parameters.fast_volatility_hours))
    market.fast = keep * market.fast + parameters.fast_volatility * math.sqrt(1.0 - keep * keep) * normal(
        state.seeds, EXOGENOUS
    )
    market.excitation *= math.exp(-1.0 / (60.0 * parameters.jump_excitation_hours))
    keep = math.exp(-1.0 / (1_440.0 * parameters.appetite_days))
    market.appetite = keep * market.appetite + parameters.appetite_sigma * math.sqrt(
        1.0 - keep * keep
    ) * normal(state.seeds, EXOGENOUS)

    stress = math.sqrt(market.short_variance / market.long_variance)
    cycle = math.exp(parameters.season * math.cos(2.0 * math.pi * ((minute % 1_440) / 1_440.0 - 0.625)))
    market.cycle = math.sqrt(cycle)
    market.activity = cycle * min(max(stress, 0.5), 4.0)
    thin = max(stress, 1.0) ** parameters.depth_withdrawal
    for v in range(len(state.venues)):
        venue = state.venues[v]
        share = max(depth_factor / thin, parameters.depth_floor)
        venue.depth = parameters.depth_share * venue.target * share
        slowdown = 1.0 + parameters.refill_slowdown * max(1.0 - share, 0.0)
        venue.refill = 1.0 / (parameters.refill_seconds * slowdown)
        held = state.maker_inventory[v].sum() / (venue.target * parameters.maker_comfort)
        skew = -parameters.maker_skew * math.tanh(held)
        # Quotes are shaded slowly: a minute's change of inventory is no news.
        venue.skew += (skew - venue.skew) / 10.0


@inside_kernel
def renew_trends(state: MarketState, hours_ago: float, days_ago: float) -> None:
    """Measure the trends against exponential means of the log index over four hours and two days."""
    market = state.market[0]
    deviation = math.sqrt(market.long_variance)
    market.trend_hours = (market.index - hours_ago) / (deviation * math.sqrt(4.0 * 3_600.0))
    market.trend_days = (market.index - days_ago) / (deviation * math.sqrt(2.0 * _DAY))


@inside_kernel
def move_prices(parameter_rows: Any, market_rows: Any, venues: Any, seeds: SeedArray, drift: float) -> float:
    """Advance the efficient price, venues' mids and mark prices and the index by one second.

    Returns the log move of the mean mid.

    Parameters
    ----------
    parameter_rows, market_rows, venues, seeds
        The parts of the market that are needed here; a call that passes all of it costs more than the work.
    drift
        Log move that the scenario adds in this second.
    """
    parameters = parameter_rows[0]
    market = market_rows[0]
    level = math.exp(
        market.slow
        + market.fast
        - parameters.slow_volatility * parameters.slow_volatility
        - parameters.fast_volatility * parameters.fast_volatility
    )
    deviation = parameters.daily_volatility / math.sqrt(_DAY) * level * market.cycle
    deviation *= math.sqrt(1.0 + market.excitation)
    market.efficient += drift + deviation * normal(seeds, EXOGENOUS)
    chance = uniform(seeds, EXOGENOUS)
    rate = parameters.jumps_per_day / _DAY
    if chance < rate:
        # What is left of the number is uniform again and makes the Laplace law of the jump.
        tail = chance / rate
        size = math.log(2.0 * min(tail, 1.0 - tail)) / math.sqrt(2.0)
        jump = parameters.jump_size * (size if tail < 0.5 else -size)
        market.efficient += jump
        market.excitation += parameters.jump_excitation * abs(size)

    count = len(venues)
    # What the makers' premium leaves of the venues' mids is the spot price, and the index follows it.
    mean_mid, mean_gap = 0.0, 0.0
    for v in range(count):
        venue = venues[v]
        mean_mid += venue.weight * (venue.log_mid - venue.skew)
        mean_gap += venue.weight * venue.gap
    forgotten = mean_gap / (3_600.0 * parameters.lasting_impact_hours)
    market.efficient += parameters.information_share * forgotten
    after, spot = 0.0, 0.0
    for v in range(count):
        venue = venues[v]
        venue.gap -= (venue.log_mid - venue.skew - mean_mid) / parameters.arbitrage_seconds + forgotten
        attracted = 1.0 + abs(venue.displacement) / parameters.bargain_distance
        venue.displacement *= 1.0 - min(venue.refill * attracted, 0.5)
        venue.log_mid = market.efficient + venue.gap + venue.skew + venue.displacement
        after += venue.weight * (venue.log_mid - venue.skew)
        spot += venue.weight * (
            venue.log_mid - venue.skew - (1.0 - parameters.spot_follows) * venue.displacement
        )
    squared = (after - mean_mid) * (after - mean_mid)
    market.short_variance += (squared - market.short_variance) / _SECONDS_OF_SHORT_VARIANCE
    market.long_variance += (squared - market.long_variance) / _SECONDS_OF_LONG_VARIANCE
    market.index += (spot - market.index) / parameters.index_seconds
    for v in range(count):
        venue = venues[v]
        venue.basis += (venue.log_mid - market.index - venue.basis) / parameters.mark_basis_seconds
        bounded = min(max(venue.basis, -parameters.mark_basis_bound), parameters.mark_basis_bound)
        venue.mark = math.exp(market.index + bounded)
        venue.mark_high = max(venue.mark_high, venue.mark)
        venue.mark_low = min(venue.mark_low, venue.mark)
    return float(after - mean_mid)
