"""The models by name. Each is a table of numbers for the one worlds estimator, not a program of its own."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from powderkeg.core.liquidation_price import liquidation_log_offset
from powderkeg.errors import InputError
from powderkeg.model.arrays import FloatArray, read_only
from powderkeg.model.worlds_parameters import WorldsParameters

BIN_WIDTH = 0.001
TURNOVER = (0.03, 0.1, 0.3, 1.0)
TURNOVER_WEIGHTS = (0.2, 0.3, 0.3, 0.2)
DISTANCE_CLASSES = 16
NEAREST_DISTANCE, FARTHEST_DISTANCE = 0.004, 0.5
MEDIAN_DISTANCE, DISTANCE_SIGMA = 0.25, 0.9
FIXED_LEVERAGES = (10.0, 25.0, 50.0, 100.0)
FIXED_MAINTENANCE_MARGIN_RATE = 0.005


# Bounds of the distance classes, fractions of the entry price, ascending, shape (17,).
_DISTANCE_EDGES = read_only(np.geomspace(NEAREST_DISTANCE, FARTHEST_DISTANCE, DISTANCE_CLASSES + 1))


def lognormal_class_weights(median: float, sigma: float) -> FloatArray:
    """Return the share of a lognormal law of distances in each of the 16 distance classes, shape (16,).

    Parameters
    ----------
    median
        Median distance as a fraction of the entry price, > 0.
    sigma
        Standard deviation of the log distance, > 0. What lies outside 0.4 % to 50 % is in no class.
    """
    z = (np.log(_DISTANCE_EDGES) - math.log(median)) / sigma
    return np.diff([0.5 * (1 + math.erf(value / math.sqrt(2))) for value in z])


def _dictionary(class_weights: FloatArray, *, name: str, source: str) -> WorldsParameters:
    """Return the shared dictionary with `class_weights`, shape (16,), the same on both sides.

    A distance is the fraction x of the entry price that the mark has to move, so the log offset is
    -ln(1 - x) for a long and ln(1 + x) for a short: the two sides are not mirror images.
    """
    edges = _DISTANCE_EDGES
    offsets = np.stack([-np.log1p(-edges), np.log1p(edges)])
    weights = class_weights[:, None] * np.asarray(TURNOVER_WEIGHTS)
    return WorldsParameters(
        name=name,
        nearest=offsets[:, :-1],
        farthest=offsets[:, 1:],
        turnover=np.asarray(TURNOVER),
        weights=np.stack([weights, weights]),
        bin_width=BIN_WIDTH,
        source=source,
    )


def worlds() -> WorldsParameters:
    """Return the default model: a lognormal law of distances, 16 classes by 4 turnovers, nothing fitted.

    Distances follow a lognormal with median 25 % and sigma 0.9. That is a compromise between two published
    readings of real positions: 36 % of Hyperliquid's open interest stands at 0-3x effective leverage
    (here 38 % lies beyond 33 %) and about 1 % of one-sided open interest is liquidated per 1 % of price
    (here 0.75 % per 1 % over the first 5 %). What lies beyond 50 % is inert. Turnover 0.03, 0.1, 0.3 and 1
    weigh 0.2, 0.3, 0.3 and 0.2.
    """
    return _dictionary(
        lognormal_class_weights(MEDIAN_DISTANCE, DISTANCE_SIGMA),
        name="worlds",
        source=f"prior, nothing fitted: lognormal distances, median {MEDIAN_DISTANCE:.0%}, "
        f"sigma {DISTANCE_SIGMA}",
    )


def diffuse() -> WorldsParameters:
    """Return the structureless baseline: 1 % of one-sided open interest per 1 % of distance, up to 50 %.

    The rule of thumb of the field, uniform in distance; it has the dictionary of `worlds`, so one run of
    the estimator serves both.
    """
    return _dictionary(
        np.diff(_DISTANCE_EDGES),
        name="diffuse",
        source="baseline: 1 % of one-sided open interest per 1 % of distance up to 50 %",
    )


def fixed_tiers() -> WorldsParameters:
    """Return what most public maps do: all open interest at 10x, 25x, 50x and 100x in equal parts.

    Each leverage is one distance, by the isolated linear identity with a maintenance margin rate of 0.5 %;
    turnover as in `worlds`, so that the two differ in the law of distances alone. It is a baseline: it puts
    far more money near the price than is ever liquidated there.
    """
    pairs = [
        liquidation_log_offset(leverage, FIXED_MAINTENANCE_MARGIN_RATE) for leverage in FIXED_LEVERAGES[::-1]
    ]
    offsets = np.abs(np.asarray(pairs, dtype=np.float64)).T
    weights = np.full((len(FIXED_LEVERAGES), 1), 1 / len(FIXED_LEVERAGES)) * np.asarray(TURNOVER_WEIGHTS)
    return WorldsParameters(
        name="fixed_tiers",
        nearest=offsets,
        farthest=offsets,
        turnover=np.asarray(TURNOVER),
        weights=np.stack([weights, weights]),
        bin_width=BIN_WIDTH,
        source="baseline: 10x, 25x, 50x and 100x in equal parts, maintenance margin rate 0.5 %",
    )


NAMED_MODELS: dict[str, Callable[[], WorldsParameters]] = {
    "worlds": worlds,
    "fixed_tiers": fixed_tiers,
    "diffuse": diffuse,
}


def model_parameters(model: str | WorldsParameters) -> WorldsParameters:
    """Return the parameters of a model given by name, or `model` itself where it already is a table.

    Raises
    ------
    InputError
        No model has that name; the message lists those that exist.
    """
    if isinstance(model, WorldsParameters):
        return model
    if model not in NAMED_MODELS:
        raise InputError(f"model: {model!r} does not exist; choose from {', '.join(NAMED_MODELS)}")
    return NAMED_MODELS[model]()
