"""Do measured positions help the map of a market where nobody sees them: the test of the transfer.

Every comparison is paired: the same data, calibrated once with the built-in prior and once with the measured
one, scored on what neither has seen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from powderkeg.analytics.distance_prior import Reference, measured_priors
from powderkeg.analytics.recorded_intervals import recorded_intervals
from powderkeg.analytics.simulated_frames import true_quantity, venue_frame
from powderkeg.analytics.simulated_positions import venue_snapshot
from powderkeg.analytics.truth_scoreboard import SCENARIOS
from powderkeg.analytics.walk_forward import interval_layers, walk_forward_splits
from powderkeg.core.calibration import SideCalibration, calibrated_side, expected_liquidations
from powderkeg.core.event_scores import FLOOR_SHARE, block_bootstrap_interval, total_floor, tweedie_deviance
from powderkeg.core.laws import BUILT_IN, DistancePrior
from powderkeg.core.named_models import model_parameters
from powderkeg.core.truth_scores import side_truth_scores
from powderkeg.maps.map_run import MapRun, map_run
from powderkeg.model.arrays import BoolArray, FloatArray
from powderkeg.model.market_frame import MarketFrame
from powderkeg.model.times import DAY
from powderkeg.simulation.market import DEFAULT_START, SimulatedMarket, simulated_market
from powderkeg.simulation.truth import OpenPositions

SEEDS = (601, 602, 603, 604, 605)
"""Markets that nothing of the prior was chosen on."""
TRAINED = (0, 10, 20)
MEASURED_VENUE = 2
_LARGE, _LARGE_SEEN, _SMALL_SEEN = 1e5, 0.6, 0.05
_SIDES = ("long", "short")
_Priors = tuple[DistancePrior, DistancePrior]


@dataclass(frozen=True, slots=True)
class TransferRow:
    """One paired comparison.

    Attributes
    ----------
    trained
        How many days were fitted on; 0 is the prior alone.
    side
        ``long`` or ``short``.
    metric
        ``pearson`` and ``overlap`` with the true map, larger is better; ``log_mass``, |ln| of the modelled
        over the true mass within 10 %, and ``log_deviance``, ln of the mean held-out deviance of daily
        totals, smaller is better.
    built_in, measured
        Mean with either prior.
    difference, low, high
        Mean of measured less built-in, with the 90 % interval from resampling whole markets, or blocks of
        five days of a recorded one.
    n
        Pairs.
    """

    trained: int
    side: str
    metric: str
    built_in: float
    measured: float
    difference: float
    low: float
    high: float
    n: int


def simulated_transfer(
    seeds: Sequence[int] = SEEDS,
    *,
    reference: Reference = "entry",
    days: int = 40,
    progress: Callable[[int, int], None] | None = None,
) -> list[TransferRow]:
    """Return how a prior measured at one simulated venue serves the maps of the others.

    Half way through each market a biased sample of the third venue's positions is seen: 60 % of those of
    100,000 USD and more, 5 % of the others. The other venues are calibrated on their own feeds up to then,
    with either prior, and their maps held against the truth then, half way to the end, and at the end; daily
    totals after a day's embargo against what is predicted given the path.

    Parameters
    ----------
    seeds
        One market each; the scenario comes from the place.
    reference
        What distances are told from; see `measured_law`.
    days
        Length of each market, a multiple of 4.
    progress
        Called with the number of markets done and to do.
    """
    by_market: list[dict[tuple[int, str, str], list[tuple[float, float]]]] = []
    for place, seed in enumerate(seeds):
        instants = [DEFAULT_START + days * share * DAY // 4 for share in (2, 3, 4)]
        market = simulated_market(
            np.random.default_rng(seed),
            scenario=SCENARIOS[place % len(SCENARIOS)],
            days=days,
            truth_at=instants,
        )
        generator = np.random.default_rng([seed, 7])
        positions = market.truth.positions[0]
        sample = venue_snapshot(positions, MEASURED_VENUE, _seen(positions, generator))
        priors = measured_priors([sample], generator, reference=reference)
        found: dict[tuple[int, str, str], list[tuple[float, float]]] = {}
        for venue in range(len(market.venues)):
            if venue != MEASURED_VENUE:
                _add_venue(found, market, venue, priors)
        by_market.append(found)
        if progress:
            progress(place + 1, len(seeds))
    generator = np.random.default_rng(0)
    return [_row(key, [np.array(market[key]) for market in by_market], generator) for key in by_market[0]]


def recorded_transfer(frame: MarketFrame, priors: _Priors) -> list[TransferRow]:
    """Return how a measured prior serves recorded totals, each predicted from those before it.

    `trained` is the number of days before the first that is predicted; 0 is the prior alone, on the same
    days.

    Raises
    ------
    InputError, WindowError
        As in `powderkeg.analytics.scoreboard.scoreboard`.
    """
    intervals = recorded_intervals(frame, "1d")
    layers = interval_layers(map_run(frame), intervals)
    splits = walk_forward_splits(intervals, embargo=DAY, train_end=None)
    generator = np.random.default_rng(0)
    rows = []
    for side, name in enumerate(_SIDES):
        totals = intervals.totals[:, side]
        floor = total_floor(totals)
        for trained in (0, splits[0].train):
            pairs = np.empty((len(splits), 2))
            for number, split in enumerate(splits):
                for column, prior in enumerate((BUILT_IN, priors[side])):
                    count = split.train if trained else 0
                    fitted = _fitted(layers[:count, side], totals[:count], prior, side, floor)
                    predicted = expected_liquidations(layers[split.test, side], fitted).mean(axis=0)
                    pairs[number, column] = tweedie_deviance(
                        totals[split.test], predicted, floor=floor
                    ).mean()
            rows.append(_recorded_row(trained, name, pairs, generator))
    return rows


def _seen(positions: OpenPositions, generator: np.random.Generator) -> BoolArray:
    notional = positions.quantity * positions.mark_price[positions.venue]
    chance = np.where(notional >= _LARGE, _LARGE_SEEN, _SMALL_SEEN)
    return np.asarray(generator.random(len(positions)) < chance)


def _add_venue(
    found: dict[tuple[int, str, str], list[tuple[float, float]]],
    market: SimulatedMarket,
    venue: int,
    priors: _Priors,
) -> None:
    frame = venue_frame(market, venue)
    run, intervals = map_run(frame), recorded_intervals(frame, "1d")
    layers, totals = interval_layers(run, intervals), intervals.totals
    known = int(np.count_nonzero(intervals.end <= market.truth.positions[0].ts))
    for trained in TRAINED:
        rows = slice(max(known - trained, 0), known)
        both: list[dict[tuple[str, str], list[float]]] = []
        for prior in ((BUILT_IN, BUILT_IN), priors):
            sides = []
            scores: dict[tuple[str, str], list[float]] = {}
            for side, name in enumerate(_SIDES):
                floor = max(FLOOR_SHARE * float(totals[:, side].mean()), 1e-9)
                fitted = _fitted(layers[rows, side], totals[rows, side], prior[side], side, floor)
                sides.append(fitted)
                expected = expected_liquidations(layers[known + 1 :, side], fitted).mean(axis=0)
                deviance = tweedie_deviance(totals[known + 1 :, side], expected, floor=floor).mean()
                scores[name, "log_deviance"] = [float(np.log(deviance))]
            _add_maps(scores, run, sides, market, venue)
            both.append(scores)
        for (name, metric), values in both[0].items():
            pairs = zip(values, both[1][name, metric], strict=True)
            found.setdefault((trained, name, metric), []).extend(pairs)


def _add_maps(
    scores: dict[tuple[str, str], list[float]],
    run: MapRun,
    sides: list[SideCalibration],
    market: SimulatedMarket,
    venue: int,
) -> None:
    weights = np.stack([side.standing.mean(axis=0) for side in sides])
    fitted = run.reweighted(replace(model_parameters("worlds"), name="fitted", weights=weights))
    for positions in market.truth.positions:
        drawn = fitted.map(positions.ts)
        true = true_quantity(positions, drawn.grid, venue) * drawn.mark_price
        modelled = (drawn.long_notional, drawn.short_notional)
        for side, name in enumerate(_SIDES):
            found = side_truth_scores(
                drawn.grid, modelled[side], true[side], mark_price=drawn.mark_price, falling=side == 0
            )
            for metric in ("pearson", "overlap"):
                scores.setdefault((name, metric), []).append(found[metric])
            ratio = found["mass_ratio_10pct"]
            scores.setdefault((name, "log_mass"), []).append(
                float(abs(np.log(ratio))) if ratio > 0 else float("nan")
            )


def _fitted(
    layers: FloatArray, totals: FloatArray, prior: DistancePrior, side: int, floor: float
) -> SideCalibration:
    return calibrated_side(
        layers,
        totals,
        floor=floor,
        generator=np.random.default_rng([0, side]),
        stage=None if len(totals) else 0,
        distances=prior,
    )


def _row(key: tuple[int, str, str], markets: list[FloatArray], generator: np.random.Generator) -> TransferRow:
    by_market = np.array([np.nanmean(pairs, axis=0) for pairs in markets])

    def difference(rows: FloatArray) -> float:
        return float((rows[:, 1] - rows[:, 0]).mean())

    low, high = block_bootstrap_interval(by_market, difference, generator, block=1)
    built_in, measured = by_market.mean(axis=0).tolist()
    count = sum(len(pairs) for pairs in markets)
    return TransferRow(*key, built_in, measured, difference(by_market), low, high, count)


def _recorded_row(trained: int, side: str, pairs: FloatArray, generator: np.random.Generator) -> TransferRow:
    def difference(rows: FloatArray) -> float:
        return float(np.log(rows[:, 1].mean() / rows[:, 0].mean()))

    low, high = block_bootstrap_interval(pairs, difference, generator, block=5)
    built_in, measured = np.log(pairs.mean(axis=0)).tolist()
    return TransferRow(
        trained, side, "log_deviance", built_in, measured, difference(pairs), low, high, len(pairs)
    )
