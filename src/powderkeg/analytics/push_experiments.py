"""Pushes into simulated markets: what was known before each, and what then happened.

The only place where the answer to "what if somebody sold this much now" can be looked up. An outsider buys or
sells at every venue within a minute; before it, every position and the depth of every book are written down,
and after it the market goes on by its own rules, none of which the predictions know.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from powderkeg.core.cascade_envelope import ForcedCurve, forced_curve
from powderkeg.model.depth_curve import DepthCurve, Direction
from powderkeg.model.price_grid import PriceGrid
from powderkeg.model.times import MINUTE
from powderkeg.simulation.market import DEFAULT_START, SimulatedMarket, simulated_market
from powderkeg.simulation.scenarios import Episode, ScenarioName, scenario_episodes
from powderkeg.simulation.truth import OpenPositions

SCENARIOS: tuple[ScenarioName, ...] = ("both", "calm", "trending")
HORIZON = 10 * MINUTE
_MINUTES_PER_DAY = 1_440
_BIN_WIDTH = 0.0005
_REACH = 0.5
_ONE_PERCENT = 0.01


@dataclass(frozen=True, slots=True)
class PushExperiment:
    """One push at one venue.

    Attributes
    ----------
    seed, venue, ts
        Of the market; row of the venue; when the push began, UTC milliseconds.
    direction
        +1 for buying, -1 for selling.
    push
        Notional in quote at the mark.
    mark_price
        Just before.
    volatility
        Standard deviation of log returns per root second over the hour before.
    depth
        The venue's book in that direction, at rest.
    forced
        What the true positions of the venue would release on the way.
    displacement
        Farthest that the mark went in the direction within ten minutes, |ln(P / mark)|, >= 0.
    traded_displacement
        The same of traded prices.
    forced_notional
        Force-closed on the pushed side within ten minutes, in quote at the mark.
    """

    seed: int
    venue: int
    ts: int
    direction: Direction
    push: float
    mark_price: float
    volatility: float
    depth: DepthCurve
    forced: ForcedCurve
    displacement: float
    traded_displacement: float
    forced_notional: float


def push_experiments(
    seeds: Sequence[int],
    *,
    days: int = 24,
    hours_apart: int = 8,
    progress: Callable[[int, int], None] | None = None,
) -> list[PushExperiment]:
    """Return pushes of random size and direction into markets of these seeds, at every venue.

    Sizes are log-uniform from a half to eight times the depth within 1 %. Each market has the scenario that
    its place in `seeds` gives it. Pushes leave traces: the next one meets a market that has seen the last.

    Parameters
    ----------
    seeds
        Of the markets and of the pushes.
    days, hours_apart
        Length of each market, and the time from one push to the next.
    progress
        Called with (markets done, of how many).
    """
    found: list[PushExperiment] = []
    for place, seed in enumerate(seeds):
        generator = np.random.default_rng([seed, 1])
        minutes = np.arange(hours_apart * 60, days * _MINUTES_PER_DAY - 60, hours_apart * 60)
        sizes = np.exp(generator.uniform(np.log(0.5), np.log(8.0), len(minutes)))
        signs = generator.choice([-1, 1], len(minutes))
        pushes = [
            Episode(
                begin=float(minute) / (days * _MINUTES_PER_DAY),
                days=1 / _MINUTES_PER_DAY,
                push=float(sign * size),
            )
            for minute, sign, size in zip(minutes, signs, sizes, strict=True)
        ]
        scenario = SCENARIOS[place % len(SCENARIOS)]
        market = simulated_market(
            np.random.default_rng(seed),
            days=days,
            episodes=(*scenario_episodes(scenario, days), *pushes),
            truth_at=DEFAULT_START + minutes * MINUTE,
        )
        for row, positions in enumerate(market.truth.positions):
            found += [
                _experiment(market, seed, venue, positions, int(signs[row]), float(sizes[row]))
                for venue in range(len(market.venues))
            ]
        if progress is not None:
            progress(place + 1, len(seeds))
    return found


def simulated_depth(positions: OpenPositions, venue: int, direction: int, exponent: float) -> DepthCurve:
    """Return the book of a simulated venue at rest: a power of distance up to 1 %, linear beyond."""
    within = float(positions.depth[venue] * positions.mark_price[venue])
    near = np.geomspace(1e-5, _ONE_PERCENT, 60)
    far = np.linspace(_ONE_PERCENT, _REACH, 50)[1:]
    absorbed = np.concatenate([within * (near / _ONE_PERCENT) ** exponent, within * far / _ONE_PERCENT])
    return DepthCurve(
        direction=1 if direction > 0 else -1,
        displacement=np.concatenate([[0.0], near, far]),
        absorbed=np.concatenate([[0.0], absorbed]),
        tail_exponent=1.0,
        kind="book",
        source="simulated book at rest",
        as_of=positions.ts,
    )


def _experiment(
    market: SimulatedMarket, seed: int, venue: int, positions: OpenPositions, sign: int, size: float
) -> PushExperiment:
    emission = market.venues[venue]
    minute = (positions.ts - market.start) // MINUTE
    after, before = slice(minute, minute + HORIZON // MINUTE), slice(max(minute - 60, 0), minute)
    mark = float(positions.mark_price[venue])
    marks = emission.mark_high[after].max() if sign > 0 else emission.mark_low[after].min()
    trades = emission.high[after].max() if sign > 0 else emission.low[after].min()
    returns = np.diff(np.log(emission.close[before]))
    liquidations = market.truth.liquidations
    mine = (
        (liquidations.venue == venue)
        & (liquidations.ts >= positions.ts)
        & (liquidations.ts < positions.ts + HORIZON)
        & (liquidations.position_side == -sign)
        & (liquidations.method < 2)
    )
    direction: Direction = 1 if sign > 0 else -1
    return PushExperiment(
        seed=seed,
        venue=venue,
        ts=positions.ts,
        direction=direction,
        push=size * float(positions.depth[venue]) * mark,
        mark_price=mark,
        volatility=float(returns.std() / np.sqrt(60.0)),
        depth=simulated_depth(positions, venue, sign, market.parameters.depth_exponent),
        forced=_true_forced(positions, venue, sign, mark),
        displacement=max(sign * float(np.log(marks / mark)), 0.0),
        traded_displacement=max(sign * float(np.log(trades / mark)), 0.0),
        forced_notional=float(liquidations.quantity[mine].sum()) * mark,
    )


def _true_forced(positions: OpenPositions, venue: int, sign: int, mark: float) -> ForcedCurve:
    first = int(np.floor((np.log(mark) - _REACH) / _BIN_WIDTH))
    grid = PriceGrid(_BIN_WIDTH, first, int(2 * _REACH / _BIN_WIDTH) + 2)
    side = 1 if sign > 0 else 0
    mass = positions.standing_notional(grid, venue)[side] * mark / grid.centres
    ahead = grid.centres > mark if sign > 0 else grid.centres < mark
    return forced_curve(grid, np.where(ahead, mass, 0.0), mark, sign)
