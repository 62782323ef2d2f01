"""How well modelled liquidation totals match recorded ones: deviance, skill, log error, coverage, CRPS.

Totals are heavy-tailed and sometimes zero, so squared errors say nothing but the largest day. The Tweedie
family with a power between 1 and 2 has a point mass at zero and a tail; models are fitted with it as well.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from powderkeg.core.truth_scores import spearman
from powderkeg.errors import InputError
from powderkeg.model.arrays import FloatArray

TWEEDIE_POWER = 1.5
# A total below this share of the mean recorded one is taken for it in ratios and logs: a day of a few dollars
# against a day of none is no error of any size that matters.
FLOOR_SHARE = 1e-3
_FEWEST_FOR_CORRELATION = 5


def total_floor(observed: FloatArray) -> float:
    """Return the smallest total that counts in ratios and logs: a thousandth of the mean of `observed`.

    Raises
    ------
    InputError
        Nothing was observed at all.
    """
    floor = FLOOR_SHARE * float(np.mean(observed)) if len(observed) else 0.0
    if not floor > 0:
        raise InputError(
            "liquidations: nothing was liquidated in the scored window; there is nothing to score"
        )
    return floor


def tweedie_deviance(
    observed: FloatArray, predicted: FloatArray, *, floor: float, power: float = TWEEDIE_POWER
) -> FloatArray:
    """Return the unit deviance of each total, not negative, 0 where prediction and observation agree.

    With y >= 0, m = max(prediction, floor) and power p in (1, 2),

        d = 2 [ y^(2-p) / ((1-p)(2-p)) - y m^(1-p) / (1-p) + m^(2-p) / (2-p) ]

    Parameters
    ----------
    observed, predicted
        Totals in one unit, not negative, of one shape.
    floor
        Smallest prediction that counts, > 0.
    power
        p, in (1, 2).

    References
    ----------
    Jorgensen, "Exponential dispersion models", J. R. Stat. Soc. B 49 (1987).
    """
    y, m = np.asarray(observed, np.float64), np.maximum(predicted, floor)
    terms = (
        y ** (2 - power) / ((1 - power) * (2 - power))
        - y * m ** (1 - power) / (1 - power)
        + m ** (2 - power) / (2 - power)
    )
    return np.asarray(np.maximum(2 * terms, 0.0))


def deviance_skill(deviance: FloatArray, baseline: FloatArray) -> float:
    """Return 1 - mean(deviance) / mean(baseline): 1 is perfect, 0 is no better, negative is worse."""
    return float(1 - np.mean(deviance) / np.mean(baseline))


def log_errors(observed: FloatArray, predicted: FloatArray, *, floor: float) -> FloatArray:
    """Return abs(ln(prediction / observation)) with both raised to `floor`; 0.69 is a factor of two."""
    return np.asarray(np.abs(np.log(np.maximum(predicted, floor) / np.maximum(observed, floor))))


def rank_correlation(left: FloatArray, right: FloatArray) -> float | None:
    """Return Spearman's rank correlation, ties sharing their mean rank.

    None with fewer than five values, or where all of one side are the same.
    """
    if len(left) < _FEWEST_FOR_CORRELATION:
        return None
    found = spearman(left, right)
    return found if np.isfinite(found) else None


def crps(samples: FloatArray, observed: FloatArray) -> FloatArray:
    """Return the continuous ranked probability score of each total, in its unit; smaller is better.

    E|X - y| - E|X - X'| / 2 over the ensemble, the second term by the sorted-sample formula.

    Parameters
    ----------
    samples
        Ensemble of predictions, shape (members, n), at least one member.
    observed
        Shape (n,).

    References
    ----------
    Gneiting and Raftery, "Strictly proper scoring rules", JASA 102 (2007).
    """
    ordered = np.sort(samples, axis=0)
    members = len(ordered)
    distance = np.abs(ordered - observed).mean(axis=0)
    rank = 2 * np.arange(1, members + 1) - members - 1
    spread = (rank[:, None] * ordered).sum(axis=0) / members**2
    return np.asarray(distance - spread)


def inside_band(draws: FloatArray, observed: FloatArray, level: float) -> FloatArray:
    """Return 1 where a total lies in the central band of its draws that is meant to hold `level`, else 0.

    Bounds are part of the band: totals of zero are common and draws of zero with them.

    Parameters
    ----------
    draws
        Shape (draws, n).
    observed
        Shape (n,).
    level
        In (0, 1).
    """
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return np.asarray((observed >= low) & (observed <= high), np.float64)


def share_below(draws: FloatArray, observed: FloatArray, level: float) -> FloatArray:
    """Return 1 where a total lies below the quantile `level` of its draws, 1/2 where it equals it, else 0.

    Its mean is `level` if the predictive distribution is reliable. Arguments as in `inside_band`.
    """
    bound = np.quantile(draws, level, axis=0)
    return np.asarray((observed < bound) + 0.5 * (observed == bound), np.float64)


def block_bootstrap_interval(
    rows: FloatArray,
    statistic: Callable[[FloatArray], float],
    generator: np.random.Generator,
    *,
    block: int,
    draws: int = 1_000,
    level: float = 0.90,
) -> tuple[float, float]:
    """Return an interval of `statistic` from resampling whole blocks of neighbouring rows.

    Days follow each other, so single days are not independent draws; blocks keep what belongs together. They
    wrap around at the end, so that every row is drawn equally often.

    Parameters
    ----------
    rows
        What the statistic is computed from, shape (n, ...), in time order.
    statistic
        Function of such an array.
    generator
        Source of randomness.
    block
        Rows in a block, at least 1.
    draws
        Number of resamples.
    level
        Probability that the interval spans, in (0, 1).
    """
    count = len(rows)
    block = min(block, count)
    starts = generator.integers(0, count, size=(draws, -(-count // block)))
    index = (starts[:, :, None] + np.arange(block)).reshape(draws, -1)[:, :count] % count
    values = np.array([statistic(rows[drawn]) for drawn in index])
    tail = (1 - level) / 2
    low, high = np.nanquantile(values, [tail, 1 - tail])
    return float(low), float(high)
