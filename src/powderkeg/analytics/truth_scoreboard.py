"""Maps against known positions: models, floors and a calibration on markets that nobody tuned on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from powderkeg.analytics.calibrating import calibration
from powderkeg.analytics.scoreboard import RELIABILITY_LEVELS, scoreboard
from powderkeg.analytics.simulated_frames import true_quantity, venue_frame
from powderkeg.core.event_scores import block_bootstrap_interval
from powderkeg.core.liquidation_price import liquidation_log_offset
from powderkeg.core.map_reading import cumulative_long, cumulative_short, liquidated_at
from powderkeg.core.named_models import (
    FIXED_LEVERAGES,
    FIXED_MAINTENANCE_MARGIN_RATE,
    lognormal_class_weights,
)
from powderkeg.core.truth_scores import imbalance_error, side_truth_scores
from powderkeg.errors import InputError
from powderkeg.maps.liquidation_map import LiquidationMap
from powderkeg.maps.map_run import map_run
from powderkeg.model.arrays import FloatArray
from powderkeg.model.market_frame import MarketFrame
from powderkeg.model.price_grid import PriceGrid
from powderkeg.model.times import DAY, HOUR
from powderkeg.model.worlds_parameters import LONG, SHORT
from powderkeg.simulation.market import DEFAULT_START, SimulatedMarket, simulated_market
from powderkeg.simulation.scenarios import ScenarioName

MODELS = (
    "calibrated",
    "worlds",
    "fixed_tiers",
    "diffuse",
    "uniform",
    "distance_only",
    "spot_spikes",
    "smoothed_truth",
)
EVENT_MODELS = ("calibrated", "worlds", "fixed_tiers", "diffuse", "range")
EVENT_METRICS = (
    "log_mae",
    "deviance_skill",
    "coverage_50",
    "coverage_90",
    "top_quarter_share",
    "top_quarter_chance",
    *(f"share_below_{level}" for level in RELIABILITY_LEVELS),
)
HELD_OUT_SEEDS = (501, 502, 503, 504, 505)
"""Markets that no parameter, default or prior of this package was chosen on."""
SCENARIOS: tuple[ScenarioName, ...] = ("both", "calm", "trending", "short_squeeze", "long_cascade")
_INSTANTS = (0.55, 0.7, 0.85, 1.0)
_IMBALANCE_REACH = 0.05
_SMOOTHING = 0.01
_SIDES = ("long", "short")


@dataclass(frozen=True, slots=True)
class TruthRow:
    """One number of the board.

    Attributes
    ----------
    model
        Name of the model or floor.
    side
        ``long``, ``short``, or ``both`` for the imbalance.
    metric
        As `powderkeg.core.truth_scores` names them, ``imbalance_error`` besides; and of the venue's daily
        totals, walk-forward, what `powderkeg.analytics.scoreboard` calls ``log_mae``, ``deviance_skill``,
        ``coverage_50`` and ``coverage_90``. Mass ratios and skills are medians, everything else a mean.
    value, low, high
        Over markets, venues and instants, with the 90 % interval from resampling whole markets.
    n
        Number of maps, or of venues, scored.
    """

    model: str
    side: str
    metric: str
    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True)
class TruthBoard:
    """Scores against truth.

    Attributes
    ----------
    rows
        The numbers.
    seeds, scenarios, days
        The markets scored.
    """

    rows: tuple[TruthRow, ...]
    seeds: tuple[int, ...]
    scenarios: tuple[ScenarioName, ...]
    days: int

    def value(self, model: str, side: str, metric: str) -> float:
        """Return one score; KeyError if it is not on the board."""
        for row in self.rows:
            if (row.model, row.side, row.metric) == (model, side, metric):
                return row.value
        raise KeyError((model, side, metric))

    def as_json(self) -> list[dict[str, Any]]:
        """Return the rows as a list of dictionaries."""
        return [{field: getattr(row, field) for field in TruthRow.__slots__} for row in self.rows]


def truth_scoreboard(
    seeds: Sequence[int] = HELD_OUT_SEEDS,
    *,
    days: int = 60,
    progress: Callable[[int, int], None] | None = None,
) -> TruthBoard:
    """Return how well maps agree with the positions of simulated markets.

    Each market has the scenario that its place in `seeds` gives it and three venues; at four instants of its
    second half each venue's map is drawn from what the venue has published by then, and ``calibrated`` is
    fitted on the venue's own liquidation feed up to then, thinned where the venue thins it. The daily
    totals of those feeds are scored as recorded ones are.

    Floors: ``uniform`` spreads open interest over 20 % to either side, ``distance_only`` puts the prior's law
    around the current mark without any history, ``spot_spikes`` all of it at four leverages from the mark.
    ``smoothed_truth`` is the truth itself as a mean over 1 % of price: what a map could reach that knows
    everything but where single positions stand.

    Parameters
    ----------
    seeds
        One market each, at least one.
    days
        Length of each market, at least 30.
    progress
        Called with the number of markets done and to do.

    Raises
    ------
    InputError
        No seeds, or too few days.
    """
    if not seeds:
        raise InputError("seeds: none given")
    if days < 30:
        raise InputError(f"days: {days}; expected at least 30, for a calibration has to be fitted on them")
    scenarios = [SCENARIOS[place % len(SCENARIOS)] for place in range(len(seeds))]
    by_market: list[dict[tuple[str, str, str], list[float]]] = []
    for place, (seed, scenario) in enumerate(zip(seeds, scenarios, strict=True)):
        by_market.append(_market_scores(seed, scenario, days))
        if progress:
            progress(place + 1, len(seeds))
    generator = np.random.default_rng(0)
    rows = []
    for key in by_market[0]:
        model, side, metric = key
        centre = np.nanmedian if metric.startswith(("mass_ratio", "deviance_skill")) else np.nanmean
        maps = np.array([market[key] for market in by_market])

        def statistic(rows: FloatArray, centre: Callable[[FloatArray], Any] = centre) -> float:
            return float(centre(rows)) if np.isfinite(rows).any() else float("nan")

        low, high = block_bootstrap_interval(maps, statistic, generator, block=1, draws=500)
        rows.append(TruthRow(model, side, metric, statistic(maps), low, high, int(np.isfinite(maps).sum())))
    return TruthBoard(tuple(rows), tuple(seeds), tuple(scenarios), days)


def _market_scores(seed: int, scenario: ScenarioName, days: int) -> dict[tuple[str, str, str], list[float]]:
    instants = [DEFAULT_START + round(share * days * 24) * HOUR for share in _INSTANTS]
    market = simulated_market(np.random.default_rng(seed), scenario=scenario, days=days, truth_at=instants)
    scores: dict[tuple[str, str, str], list[float]] = {}
    for venue in range(len(market.venues)):
        frame = venue_frame(market, venue)
        for maps, true, grid, mark in _venue_maps(market, venue, frame, instants):
            for model, sides in maps.items():
                _add_scores(scores, model, sides, true, grid, mark)
        for row in scoreboard(frame, EVENT_MODELS).rows:
            if row.metric in EVENT_METRICS:
                scores.setdefault((row.model, row.side, row.metric), []).append(row.value)
    return scores


def _venue_maps(
    market: SimulatedMarket, venue: int, frame: MarketFrame, instants: list[int]
) -> list[tuple[dict[str, FloatArray], FloatArray, PriceGrid, float]]:
    """Return per instant the maps by model in base units on one grid, shape (2, bins), and the true one."""
    worlds, tiers = map_run(frame), map_run(frame, "fixed_tiers")
    diffuse = worlds.reweighted("diffuse")
    out = []
    for positions, at in zip(market.truth.positions, instants, strict=True):
        fitted = worlds.reweighted(calibration(frame, until=at // DAY * DAY))
        drawn = {
            "calibrated": fitted.map(at),
            "worlds": worlds.map(at),
            "fixed_tiers": tiers.map(at),
            "diffuse": diffuse.map(at),
        }
        mark, interest = drawn["worlds"].mark_price, drawn["worlds"].open_interest
        grid = _covering(mark, drawn["worlds"].grid.width)
        maps = {model: _on_grid(result, grid) / mark for model, result in drawn.items()}
        for floor in ("uniform", "distance_only", "spot_spikes"):
            maps[floor] = _floor_map(floor, grid, mark, interest / mark)
        true = true_quantity(positions, grid, venue)
        window = np.full(round(_SMOOTHING / grid.width), grid.width / _SMOOTHING)
        maps["smoothed_truth"] = np.array([np.convolve(side, window, "same") for side in true])
        out.append((maps, true, grid, mark))
    return out


def _add_scores(
    scores: dict[tuple[str, str, str], list[float]],
    model: str,
    sides: FloatArray,
    true: FloatArray,
    grid: PriceGrid,
    mark: float,
) -> None:
    for number, side in enumerate(_SIDES):
        found = side_truth_scores(grid, sides[number], true[number], mark_price=mark, falling=number == LONG)
        for metric, value in found.items():
            scores.setdefault((model, side, metric), []).append(value)
    near = [
        (
            liquidated_at(grid, cumulative_long(both[LONG]), mark * (1 - _IMBALANCE_REACH)),
            liquidated_at(grid, cumulative_short(both[SHORT]), mark * (1 + _IMBALANCE_REACH)),
        )
        for both in (sides, true)
    ]
    scores.setdefault((model, "both", "imbalance_error"), []).append(imbalance_error(near[0], near[1]))


def _covering(mark: float, width: float) -> PriceGrid:
    """Return a grid that reaches 25 % to either side of `mark`."""
    middle, reach = round(np.log(mark) / width), round(0.25 / width)
    return PriceGrid(width, middle - reach, 2 * reach)


def _on_grid(result: LiquidationMap, grid: PriceGrid) -> FloatArray:
    """Return both sides of a map on another grid of the same bins, shape (2, grid.count)."""
    out = np.zeros((2, grid.count))
    first = max(grid.first, result.grid.first)
    stop = min(grid.first + grid.count, result.grid.first + result.grid.count)
    if stop > first:
        into = slice(first - grid.first, stop - grid.first)
        taken = slice(first - result.grid.first, stop - result.grid.first)
        out[LONG, into], out[SHORT, into] = result.long_notional[taken], result.short_notional[taken]
    return out


def _floor_map(name: str, grid: PriceGrid, mark: float, interest: float) -> FloatArray:
    """Return a map without any history: of the current mark and open interest alone."""
    edges = np.arange(grid.first, grid.first + grid.count + 1) * grid.width - np.log(mark)
    out = np.zeros((2, grid.count))
    for side, sign in ((LONG, -1.0), (SHORT, 1.0)):
        distance = np.abs(np.expm1(np.maximum(sign * edges, 0.0) * sign))
        if name == "uniform":
            cumulative = np.minimum(distance / 0.2, 1.0)
        elif name == "distance_only":
            shares = np.concatenate([[0.0], np.cumsum(lognormal_class_weights(0.25, 0.9))])
            cumulative = np.interp(distance, np.geomspace(0.004, 0.5, len(shares)), shares)
        else:
            offsets = [
                abs(float(liquidation_log_offset(leverage, FIXED_MAINTENANCE_MARGIN_RATE)[side]))
                for leverage in FIXED_LEVERAGES
            ]
            cumulative = np.mean([np.maximum(sign * edges, 0.0) > offset for offset in offsets], axis=0)
        out[side] = interest * np.abs(np.diff(cumulative))
    return out
