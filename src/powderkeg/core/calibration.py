"""Fitting the worlds to recorded liquidations, in stages that each have to earn their place.

Predicted liquidations are linear in the weights of the worlds, so everything is fitted on the liquidations of
every world per interval ("layers"), without running the estimator again:

    stage 0   the prior: nothing is fitted
    stage 1   one scale per side on the prior law
    stage 2   a law of distances and turnovers with a diffuse share beside it (`powderkeg.core.laws`)
    stage 3   the whole dictionary: a factor on each world, drawn towards stage 2

The scale is a pass-through: the share of what is said to stand that is really forced. It multiplies expected
liquidations and leaves the standing map alone. With the Tweedie deviance of power 1.5 the best scale of a law
has a closed form, and so has its deviance: with P the prediction of a law, A = sum(y P^-0.5) and
B = sum(P^0.5), they are A / B and 8 (sqrt(A B) - sum(y^0.5)). So all laws are weighed at once, and for every
resample of the intervals.

The result is an ensemble. Each member is fitted on its own block resample of the intervals and drawn from the
posterior of the laws, so that the spread of the members is the uncertainty of the parameters. It is not the
noise of a single total: that is the Tweedie law around a member's expectation (`powderkeg.core.tweedie`).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from powderkeg.core.event_scores import tweedie_deviance
from powderkeg.core.laws import BUILT_IN, PRIOR_SCALE, DistancePrior, Law, LawTable, all_laws, law_table
from powderkeg.errors import InputError
from powderkeg.model.arrays import FloatArray, IntArray, read_only

STAGES = (0, 1, 2, 3)
DEFAULT_STAGE = 2
FEWEST_INTERVALS = 10
MEMBERS = 64
# Relative dispersion where nothing can tell: phi = this times the root of the mean expectation.
UNKNOWN_DISPERSION = 1.5
_DICTIONARY_STEPS = 200
# How strongly stage 3 is drawn to stage 2: as if this many intervals had shown it, per world.
_DICTIONARY_PRIOR = 2.0


@dataclass(frozen=True, slots=True)
class SideCalibration:
    """What was fitted for one side: an ensemble of laws with their scales.

    Attributes
    ----------
    stage
        0 to 3; see the head of this file.
    laws
        One per member.
    scales
        Pass-through of each member, > 0, shape (members,).
    tilt
        Factor on each world, shape (16, 4), > 0; ones below stage 3.
    dispersion
        phi of the Tweedie noise of one interval's total, in the root of its unit; > 0.
    intervals
        How many were fitted on.
    deviance
        Held-out mean deviance by stage, of the stages that were tried; empty if none could be.
    prior
        The law of distances that was expected beforehand.
    """

    stage: int
    laws: tuple[Law, ...]
    scales: FloatArray
    tilt: FloatArray
    dispersion: float
    intervals: int
    deviance: dict[int, float]
    prior: DistancePrior = BUILT_IN

    def __post_init__(self) -> None:
        object.__setattr__(self, "scales", read_only(self.scales))
        object.__setattr__(self, "tilt", read_only(self.tilt))

    @property
    def standing(self) -> FloatArray:
        """Share of one-sided open interest per member and world, shape (members, 16, 4), at most 1 in sum."""
        plain = law_table(self.laws).standing
        tilted = plain * self.tilt
        sums = tilted.sum(axis=(1, 2), keepdims=True)
        return np.asarray(tilted * plain.sum(axis=(1, 2), keepdims=True) / np.maximum(sums, 1e-300))

    @property
    def releasing(self) -> FloatArray:
        """Factor on each world's liquidations per member, scale included, shape (members, 16, 4)."""
        return np.asarray(law_table(self.laws).releasing * self.tilt * self.scales[:, None, None])


def product(left: FloatArray, right: FloatArray) -> FloatArray:
    """Return the matrix product, added up in one order whatever the number of threads.

    A linear algebra library splits sums among its threads, and the last digits of a calibration with them.
    """
    return np.asarray(np.einsum("ij,jk->ik", left, right))


def expected_liquidations(layers: FloatArray, side: SideCalibration) -> FloatArray:
    """Return the liquidations that each member expects, shape (members, n), from layers (n, 16, 4)."""
    n = len(layers)
    return product(side.releasing.reshape(len(side.laws), -1), layers.reshape(n, -1).T)


def fitted_scale(observed: FloatArray, predicted: FloatArray, *, floor: float) -> float:
    """Return the factor on `predicted` that minimises the Tweedie deviance; closed form, > 0.

    Predictions count as at least `floor`.

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
    return float(np.sum(observed / np.sqrt(m)) / np.sum(np.sqrt(m)))


def calibrated_side(
    layers: FloatArray,
    observed: FloatArray,
    *,
    floor: float,
    generator: np.random.Generator,
    stage: int | None = None,
    embargo: int = 1,
    block: int = 5,
    members: int = MEMBERS,
    table: LawTable | None = None,
    prior: bool = True,
    distances: DistancePrior = BUILT_IN,
) -> SideCalibration:
    """Return the calibration of one side.

    Parameters
    ----------
    layers
        Liquidations per interval and world before weighting, USD, shape (n, 16, 4), finite.
    observed
        Recorded liquidations per interval, USD, shape (n,).
    floor
        Smallest total that counts, > 0.
    generator
        Source of the resamples and draws; the same state gives the same members.
    stage
        0 to 3; None chooses by held-out deviance, and stays with the prior where nothing can be fitted.
    embargo
        Intervals left out before each fold when the stage is chosen.
    block
        Intervals in a block of a resample.
    members
        Size of the ensemble, at least 1.
    table, prior
        Other laws to choose from, and False to weigh them by the data alone: for ablations, with stage 2.
    distances
        The law of distances expected beforehand, such as one measured elsewhere
        (`powderkeg.analytics.distance_prior`): what stages 0 and 1 stand on, and stage 2 is drawn to.

    Raises
    ------
    InputError
        `stage` is none of 0 to 3; it is above 0 and there are fewer than ten intervals, or nothing was
        observed.
    """
    deviance: dict[int, float] = {}
    if stage is None:
        stage, deviance = chosen_stage(layers, observed, floor=floor, embargo=embargo, distances=distances)
    _check(stage, observed)
    if stage == 0:
        return _prior_members(layers, observed, floor, generator, members, deviance, distances)
    table = _candidates(stage, distances) if table is None else table
    predicted = _predictions(layers, table, observed, floor)
    counts = _resamples(generator, len(observed), block, members)
    scales, objective = _weighed(predicted, observed, counts, table, prior=prior)
    chosen = _drawn(objective, generator)
    side = SideCalibration(
        stage=min(stage, 2),
        laws=tuple(table.laws[number] for number in chosen),
        scales=scales[np.arange(members), chosen],
        tilt=np.ones(layers.shape[1:]),
        dispersion=1.0,
        intervals=len(observed),
        deviance=deviance,
        prior=distances,
    )
    if stage == 3:
        side = replace(side, stage=3, tilt=_dictionary_tilt(layers, observed, side, floor))
    return replace(side, dispersion=_dispersion(layers, observed, side, floor))


def chosen_stage(
    layers: FloatArray,
    observed: FloatArray,
    *,
    floor: float,
    embargo: int,
    folds: int = 4,
    distances: DistancePrior = BUILT_IN,
) -> tuple[int, dict[int, float]]:
    """Return the stage to use, and the mean deviance of each on intervals that it was not fitted on.

    Walk-forward inside the given intervals: fitted on everything up to a fold, less the `embargo` before it,
    scored on the fold by the mean of the posterior. Stage 2 is a mean over laws that the prior holds together
    and has stage 1 among them, so it is the one to beat: another stage is used if it is better by more than
    one standard error of the paired difference, over at least ten intervals. With too few intervals for two
    folds it is stage 2 untried, or stage 0 where not even a scale can be fitted; then no deviance is given.
    """
    count = len(observed)
    begin = max(FEWEST_INTERVALS + embargo, count // 3)
    bounds = np.unique(np.linspace(begin, count, folds + 1).astype(np.int64))
    if count < FEWEST_INTERVALS or not np.any(observed > 0):
        return 0, {}
    parts: list[FloatArray] = []
    for start, stop in itertools.pairwise(bounds.tolist()) if begin < count and len(bounds) > 2 else ():
        train, test = slice(0, start - embargo), slice(start, stop)
        if not np.any(observed[train] > 0):
            continue
        flat = layers[test].reshape(stop - start, -1)
        predicted = [
            product(flat, _point(layers[train], observed[train], stage, floor, distances).reshape(-1, 1))[
                :, 0
            ]
            for stage in STAGES
        ]
        parts.append(
            np.stack([tweedie_deviance(observed[test], values, floor=floor) for values in predicted])
        )
    if not parts:
        return DEFAULT_STAGE, {}
    deviance = np.concatenate(parts, axis=1)
    gain = deviance[DEFAULT_STAGE] - deviance
    needed = gain.std(axis=1, ddof=min(1, gain.shape[1] - 1)) / np.sqrt(gain.shape[1])
    better = np.where(gain.mean(axis=1) > needed, gain.mean(axis=1), 0.0)
    better[DEFAULT_STAGE] = 1e-300
    if gain.shape[1] < FEWEST_INTERVALS:
        better[:] = np.arange(len(STAGES)) == DEFAULT_STAGE
    means = {stage: float(deviance[stage].mean()) for stage in STAGES}
    return int(np.argmax(better)), means


@lru_cache(maxsize=16)
def _candidates(stage: int, distances: DistancePrior) -> LawTable:
    return law_table((distances.law,), distances) if stage == 1 else all_laws(prior=distances)


def _check(stage: int, observed: FloatArray) -> None:
    if stage not in STAGES:
        raise InputError(f"stage: {stage} is none of {', '.join(map(str, STAGES))}")
    if stage == 0:
        return
    if len(observed) < FEWEST_INTERVALS:
        raise InputError(
            f"liquidations: {len(observed)} intervals to fit on; at least {FEWEST_INTERVALS} are needed"
        )
    if not np.any(observed > 0):
        raise InputError(
            "liquidations: nothing was liquidated in the training window; no scale can be fitted"
        )


def _predictions(layers: FloatArray, table: LawTable, observed: FloatArray, floor: float) -> FloatArray:
    """Return what each law predicts before its scale, shape (n, K), not below `floor` once scaled."""
    n = len(layers)
    plain = product(layers.reshape(n, -1), table.releasing.reshape(len(table), -1).T)
    total = plain.sum(axis=0)
    # A law that predicts nothing at all gets the floor, and a scale that the prior makes it pay for.
    rough = np.where(total > 0, observed.sum() / np.where(total > 0, total, 1.0), 1.0)
    return np.asarray(np.maximum(plain, floor / np.maximum(rough, 1e-12)))


def _weighed(
    predicted: FloatArray, observed: FloatArray, counts: FloatArray, table: LawTable, *, prior: bool = True
) -> tuple[FloatArray, FloatArray]:
    """Return the scale of each law in each resample and minus twice its log posterior, shape (members, K)."""
    root = np.sqrt(predicted)
    a, b = product(counts, observed[:, None] / root), product(counts, root)
    misfit = 8 * (np.sqrt(a * b) - product(counts, np.sqrt(observed)[:, None]))
    scales = np.maximum(a, 1e-300) / b
    freedom = max(len(observed) - 4, 1)
    dispersion = np.maximum(misfit.min(axis=1, keepdims=True) / freedom, 1e-300)
    penalty = (np.log(scales) / PRIOR_SCALE) ** 2 + table.penalty if prior else 0.0
    return scales, misfit / dispersion + penalty


def _posterior(objective: FloatArray) -> FloatArray:
    weights = np.exp(-(objective - objective.min(axis=-1, keepdims=True)) / 2)
    return np.asarray(weights / weights.sum(axis=-1, keepdims=True))


def _drawn(objective: FloatArray, generator: np.random.Generator) -> IntArray:
    """Return one law per resample, drawn from its posterior."""
    cumulative = np.cumsum(_posterior(objective), axis=1)
    draws = generator.random(len(objective))
    numbers = (cumulative < draws[:, None]).sum(axis=1)
    return np.asarray(np.minimum(numbers, objective.shape[1] - 1), np.int64)


def _resamples(generator: np.random.Generator, count: int, block: int, members: int) -> FloatArray:
    """Return how often each interval is in each resample of whole blocks, shape (members, count)."""
    block = min(block, count)
    starts = generator.integers(0, count, size=(members, -(-count // block)))
    index = (starts[:, :, None] + np.arange(block)).reshape(members, -1)[:, :count] % count
    flat = index + count * np.arange(members)[:, None]
    counts = np.bincount(flat.ravel(), minlength=members * count)
    return np.asarray(counts.reshape(members, count), np.float64)


def _point(
    layers: FloatArray, observed: FloatArray, stage: int, floor: float, distances: DistancePrior
) -> FloatArray:
    """Return the posterior mean factor on each world's liquidations, shape (16, 4), without resampling."""
    if stage == 0:
        return distances.law.releasing
    table = _candidates(stage, distances)
    predicted = _predictions(layers, table, observed, floor)
    scales, objective = _weighed(predicted, observed, np.ones((1, len(observed))), table)
    weights = _posterior(objective)[0] * scales[0]
    factors: FloatArray = np.einsum("k,kdt->dt", weights, table.releasing)
    return factors * _tilt(layers, observed, factors, floor) if stage == 3 else factors


def _dictionary_tilt(
    layers: FloatArray, observed: FloatArray, side: SideCalibration, floor: float
) -> FloatArray:
    return _tilt(layers, observed, side.releasing.mean(axis=0), floor)


def _tilt(layers: FloatArray, observed: FloatArray, factors: FloatArray, floor: float) -> FloatArray:
    """Return the factor on each world that lowers the deviance, drawn towards 1; shape (16, 4).

    The multiplicative update of non-negative factorisation under the beta divergence with beta = 2 - p,
    whose exponent 1 / p makes every step descend (Fevotte and Idier, Neural Computation 23, 2011), with a
    gamma prior of mean 1 on each factor. Worlds that the path never swept keep 1: data say nothing of them.
    """
    n = len(layers)
    parts = layers.reshape(n, -1) * factors.ravel()
    scale = max(float(parts.sum()) / n, floor)
    parts, y, least = parts / scale, observed / scale, floor / scale
    tilt = np.ones(parts.shape[1])
    for _ in range(_DICTIONARY_STEPS):
        m = np.maximum(product(parts, tilt[:, None])[:, 0], least)
        up = product((y * m**-1.5)[None], parts)[0] + _DICTIONARY_PRIOR / tilt
        down = product((m**-0.5)[None], parts)[0] + _DICTIONARY_PRIOR
        tilt *= (up / down) ** (1 / 1.5)
    return np.asarray(tilt.reshape(layers.shape[1:]))


def _dispersion(layers: FloatArray, observed: FloatArray, side: SideCalibration, floor: float) -> float:
    """Return the mean unit deviance around the ensemble's mean, corrected for what was fitted."""
    mean = expected_liquidations(layers, side).mean(axis=0)
    misfit = float(tweedie_deviance(observed, mean, floor=floor).sum())
    return max(misfit / max(len(observed) - 4, 1), 1e-12)


def _prior_members(
    layers: FloatArray,
    observed: FloatArray,
    floor: float,
    generator: np.random.Generator,
    members: int,
    deviance: dict[int, float],
    distances: DistancePrior,
) -> SideCalibration:
    """Return draws from the prior; nothing is fitted but the dispersion, where there is anything to see."""
    table = all_laws((0.0,), distances)
    objective = np.broadcast_to(table.penalty, (members, len(table)))
    chosen = _drawn(np.asarray(objective), generator)
    side = SideCalibration(
        stage=0,
        laws=tuple(table.laws[number] for number in chosen),
        scales=np.exp(PRIOR_SCALE * generator.standard_normal(members)),
        tilt=np.ones(layers.shape[1:]),
        dispersion=1.0,
        intervals=len(observed),
        deviance=deviance,
        prior=distances,
    )
    if len(observed) >= FEWEST_INTERVALS and np.any(observed > 0):
        return replace(side, dispersion=_dispersion(layers, observed, side, floor))
    mean = float(expected_liquidations(layers, side).mean()) if len(layers) else 1.0
    return replace(side, dispersion=float(UNKNOWN_DISPERSION * np.sqrt(max(mean, 1.0))))
