"""Fitting the worlds to recorded liquidations, in stages that each have to earn their place.

Predicted liquidations are linear in the weights of the worlds, so a law of distances with a scale is fitted
on the liquidations of every world per interval ("layers"), without running the estimator again:

    stage 0   the prior: nothing is fitted
    stage 1   one scale per side
    stage 2   per side a scale, median and width of the lognormal law of distances, and a mix of turnovers

The scale is a pass-through: the share of what the model says is standing that is really forced. It multiplies
predicted liquidations and leaves the standing map alone. Fits minimise the Tweedie deviance plus a weak prior
that draws the scale to 1 and the law to the default one; with few intervals the prior wins.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from powderkeg.core.event_scores import TWEEDIE_POWER, tweedie_deviance
from powderkeg.core.named_models import (
    DISTANCE_SIGMA,
    MEDIAN_DISTANCE,
    TURNOVER_WEIGHTS,
    lognormal_class_weights,
)
from powderkeg.errors import InputError
from powderkeg.model.arrays import FloatArray

STAGES = (0, 1, 2)
FEWEST_INTERVALS = 10

_MEDIANS = MEDIAN_DISTANCE * 1.2 ** np.arange(-6, 7)
_SIGMAS = (0.5, 0.7, DISTANCE_SIGMA, 1.1, 1.3)
# The prior mix, one that turns over slowly and one that turns over fast.
_TURNOVERS = (TURNOVER_WEIGHTS, (0.5, 0.3, 0.15, 0.05), (0.05, 0.15, 0.3, 0.5))
# Standard deviations of the weak prior: log scale, log median, width.
_PRIOR_SCALE, _PRIOR_MEDIAN, _PRIOR_SIGMA = 1.5, 0.5, 0.3


@dataclass(frozen=True, slots=True)
class SideFit:
    """What was fitted for one side.

    Attributes
    ----------
    stage
        0, 1 or 2.
    scale
        Pass-through, > 0.
    median, sigma
        Of the lognormal law of distances.
    turnover
        Weights of the four turnover classes, sum 1.
    """

    stage: int
    scale: float
    median: float
    sigma: float
    turnover: tuple[float, ...]

    @property
    def weights(self) -> FloatArray:
        """Share of one-sided open interest per world, without the scale, shape (16, 4)."""
        law = lognormal_class_weights(self.median, self.sigma)
        return np.asarray(law[:, None] * np.asarray(self.turnover))


PRIOR = SideFit(0, 1.0, MEDIAN_DISTANCE, DISTANCE_SIGMA, TURNOVER_WEIGHTS)


def expected_liquidations(layers: FloatArray, fit: SideFit) -> FloatArray:
    """Return the liquidations that `fit` expects per interval, from layers of shape (n, 16, 4), USD."""
    return np.asarray(fit.scale * np.einsum("idt,dt->i", layers, fit.weights))


def fitted_scale(observed: FloatArray, predicted: FloatArray, *, floor: float) -> float:
    """Return the factor on `predicted` that minimises the Tweedie deviance; closed form, > 0.

    Setting the derivative to zero gives sum(y m^(1-p)) / sum(m^(2-p)) with m the prediction, not below
    `floor`.

    Raises
    ------
    InputError
        Nothing was observed.
    """
    if not np.any(observed > 0):
        raise InputError(
            "liquidations: nothing was liquidated in the training window; no scale can be fitted"
        )
    m = np.maximum(predicted, floor)
    return float(np.sum(observed * m ** (1 - TWEEDIE_POWER)) / np.sum(m ** (2 - TWEEDIE_POWER)))


def fitted_side(layers: FloatArray, observed: FloatArray, *, stage: int, floor: float) -> SideFit:
    """Return the fit of one side at a stage.

    Parameters
    ----------
    layers
        Liquidations per interval and world before weighting, USD, shape (n, 16, 4).
    observed
        Recorded liquidations per interval, USD, shape (n,).
    stage
        0, 1 or 2; see the head of this file.
    floor
        Smallest total that counts, > 0.

    Raises
    ------
    InputError
        `stage` is none of 0, 1, 2; there are fewer than ten intervals; or nothing was observed.
    """
    if stage not in STAGES:
        raise InputError(f"stage: {stage} is none of {', '.join(map(str, STAGES))}")
    if stage == 0:
        return PRIOR
    if len(observed) < FEWEST_INTERVALS:
        raise InputError(
            f"liquidations: {len(observed)} intervals to fit on; at least {FEWEST_INTERVALS} are needed"
        )
    prior_prediction = expected_liquidations(layers, PRIOR)
    scale = fitted_scale(observed, prior_prediction, floor=floor)
    first = SideFit(1, scale, PRIOR.median, PRIOR.sigma, PRIOR.turnover)
    if stage == 1:
        return first
    dispersion = float(tweedie_deviance(observed, scale * prior_prediction, floor=floor).mean())
    best, least = first, np.inf
    for turnover in _TURNOVERS:
        by_class = layers @ np.asarray(turnover)
        for median in _MEDIANS:
            for sigma in _SIGMAS:
                predicted = by_class @ lognormal_class_weights(median, sigma)
                scale = fitted_scale(observed, predicted, floor=floor)
                misfit = float(tweedie_deviance(observed, scale * predicted, floor=floor).sum())
                penalty = (
                    (np.log(scale) / _PRIOR_SCALE) ** 2
                    + (np.log(median / MEDIAN_DISTANCE) / _PRIOR_MEDIAN) ** 2
                    + ((sigma - DISTANCE_SIGMA) / _PRIOR_SIGMA) ** 2
                )
                objective = misfit / dispersion + penalty
                if objective < least:
                    best, least = SideFit(2, scale, float(median), sigma, turnover), objective
    return best


def chosen_stage(
    layers: FloatArray, observed: FloatArray, *, floor: float, embargo: int, folds: int = 4
) -> int:
    """Return the stage with the least deviance on intervals that it was not fitted on.

    Walk-forward inside the given intervals: fitted on everything up to a fold, less the `embargo` before it,
    scored on the fold. Ties go to the simpler stage. With too few intervals for two folds it is stage 1, or
    stage 0 where not even that can be fitted.
    """
    count = len(observed)
    begin = max(FEWEST_INTERVALS + embargo, count // 3)
    bounds = np.unique(np.linspace(begin, count, folds + 1).astype(np.int64))
    if count < FEWEST_INTERVALS or not np.any(observed > 0):
        return 0
    if begin >= count or len(bounds) < 3:
        return 1
    deviance = dict.fromkeys(STAGES, 0.0)
    for start, stop in itertools.pairwise(bounds.tolist()):
        train, test = slice(0, start - embargo), slice(start, stop)
        if not np.any(observed[train] > 0):
            continue
        for stage in STAGES:
            fit = fitted_side(layers[train], observed[train], stage=stage, floor=floor)
            predicted = expected_liquidations(layers[test], fit)
            deviance[stage] += float(tweedie_deviance(observed[test], predicted, floor=floor).sum())
    return min(STAGES, key=lambda stage: (deviance[stage], stage))
