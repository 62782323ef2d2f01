"""What time does to a push: paths through a refilling book under the rules of a venue, as prices."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from powderkeg.analytics.squeeze import DEPTH_SIGMA
from powderkeg.core.cascade_envelope import forced_curve
from powderkeg.core.cascade_paths import CascadePaths, ForcedEnsemble, cascade_paths
from powderkeg.core.cascade_rules import BINANCE, VENUE_RULES, CascadeRules
from powderkeg.maps.liquidation_map import LiquidationMap
from powderkeg.model.arrays import FloatArray
from powderkeg.model.depth_curve import DepthCurve
from powderkeg.model.worlds_parameters import LONG, SHORT

HORIZON = 300
_SHARES = ("p5", "p25", "p50", "p75", "p95")


@dataclass(frozen=True, slots=True)
class PathReading:
    """Many paths of one push, as prices.

    Attributes
    ----------
    push
        Order in quote, sold or bought over `push_seconds`.
    paths, seed, horizon
        How many, of which seed, over how many seconds.
    rules
        Name of the venue whose rules they follow.
    fan
        Prices by second: quantiles 5, 25, 50, 75 and 95 % of displacement, nearest first,
        shape (5, horizon + 1).
    extreme
        The same quantiles of the farthest price, shape (5,).
    extremes
        Farthest price of each path, shape (paths,), for a distribution.
    further
        Quantiles of how much further than without forced orders, log price, shape (5,).
    forced
        Quantiles of the notional force-closed, shape (5,).
    duration
        Quartiles in seconds of the chains that closed anything, shape (3,); NaN if none did.
    more_than_doubled
        Probability that more is forced than was pushed.
    deleveraged
        Probability that the insurance fund does not cover the losses; None where it is not known.
    exhausted
        Probability that the book ends first.
    """

    push: float
    push_seconds: int
    paths: int
    seed: int
    horizon: int
    rules: str
    fan: FloatArray
    extreme: FloatArray
    extremes: FloatArray
    further: FloatArray
    forced: FloatArray
    duration: FloatArray
    more_than_doubled: float
    deleveraged: float | None
    exhausted: float

    def as_json(self) -> dict[str, Any]:
        """Return the reading without single paths; the fan by ten seconds."""
        return {
            "push": self.push,
            "push_seconds": self.push_seconds,
            "paths": self.paths,
            "seed": self.seed,
            "horizon_seconds": self.horizon,
            "rules": self.rules,
            "farthest_price": _named(self.extreme),
            "further": _named(self.further),
            "forced": _named(self.forced),
            "duration_seconds": dict(zip(("p25", "p50", "p75"), self.duration.tolist(), strict=True)),
            "probability_more_than_doubled": self.more_than_doubled,
            "probability_deleveraged": self.deleveraged,
            "probability_book_ends": self.exhausted,
            "fan": [
                {"second": second, **_named(self.fan[:, second])} for second in range(0, self.horizon + 1, 10)
            ],
        }


def rules_of(venue: str) -> tuple[str, CascadeRules]:
    """Return the name and the rules of a venue; those of Binance where it has none of its own."""
    name = venue.lower()
    return (name, VENUE_RULES[name]) if name in VENUE_RULES else ("binance", BINANCE)


def squeeze_paths(
    liquidation_map: LiquidationMap,
    depth: DepthCurve,
    push: float,
    *,
    paths: int = 10_000,
    seed: int = 0,
    horizon: int = HORIZON,
    push_seconds: int = 1,
    volatility: float | None = None,
    pass_through: float | None = None,
    threads: int = 1,
) -> PathReading:
    """Return the paths of a push under the rules of the map's venue.

    A calibrated map releases what each of its members expects to be forced, path i the member i modulo
    members; of others a share of what stands is released, drawn per path around the rules' own or the given
    one. Each path has a depth of its own, with the spread of its kind (`powderkeg.analytics.squeeze`).

    Parameters
    ----------
    liquidation_map, depth
        As in `powderkeg.analytics.squeeze.squeeze`.
    push
        Order in quote, > 0.
    paths, seed, horizon, push_seconds, threads
        As in `powderkeg.core.cascade_paths.cascade_paths`; the same seed gives the same paths.
    volatility
        Of the price's own moves, log, per root second; that of the rules by default.
    pass_through
        Median share of standing notional that is really forced, in [0, 1], for a map without a calibration.

    Raises
    ------
    InputError
        As in `cascade_paths`.
    """
    name, rules = rules_of(liquidation_map.instrument.partition(":")[0])
    rules = replace(rules, stress_spread=DEPTH_SIGMA[depth.kind])
    if volatility is not None:
        rules = replace(rules, volatility=volatility)
    direction, mark = depth.direction, liquidation_map.mark_price
    if liquidation_map.ensemble is not None:
        rules = replace(rules, pass_through=1.0, pass_through_spread=0.0)
        masses = liquidation_map.ensemble.forced[:, SHORT if direction > 0 else LONG]
    else:
        rules = rules if pass_through is None else replace(rules, pass_through=pass_through)
        masses = liquidation_map.standing_ahead(direction)[None, :]
    curves = [forced_curve(liquidation_map.grid, mass, mark, direction) for mass in masses]
    found = cascade_paths(
        depth,
        ForcedEnsemble(curves[0].displacement, np.array([curve.forced for curve in curves])),
        rules,
        seed=seed,
        push=push,
        push_seconds=push_seconds,
        horizon=horizon,
        paths=paths,
        threads=threads,
    )
    return _reading(found, name, mark, direction, push_seconds, seed, horizon)


def _reading(
    found: CascadePaths, name: str, mark: float, direction: int, push_seconds: int, seed: int, horizon: int
) -> PathReading:
    summary = found.summary()
    return PathReading(
        push=found.push,
        push_seconds=push_seconds,
        paths=len(found.final),
        seed=seed,
        horizon=horizon,
        rules=name,
        fan=mark * np.exp(direction * found.fan),
        extreme=mark * np.exp(direction * summary.extreme),
        extremes=mark * np.exp(direction * found.extreme),
        further=summary.further,
        forced=summary.forced,
        duration=summary.duration,
        more_than_doubled=summary.more_than_doubled,
        deleveraged=None if math.isnan(summary.deleveraged) else summary.deleveraged,
        exhausted=summary.exhausted,
    )


def _named(values: FloatArray) -> dict[str, float]:
    return dict(zip(_SHARES, values.tolist(), strict=True))
