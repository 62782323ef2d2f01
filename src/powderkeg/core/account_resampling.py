"""How far a number would move if other accounts had been in the sample.

Positions of one account are not independent draws: it opens, sizes and collateralises them together. So whole
accounts are drawn again, never single positions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from powderkeg.model.arrays import FloatArray, IntArray

DRAWS = 200
_TAIL = 0.05


class Estimate(NamedTuple):
    """A number of a sample, its standard error, and the central 90 % of it over resamples of accounts.

    Everything but `value` is NaN where fewer than two accounts tell.
    """

    value: float
    error: float
    low: float
    high: float


def account_estimates(
    statistics: Callable[[FloatArray], FloatArray],
    account: IntArray,
    generator: np.random.Generator,
    draws: int = DRAWS,
) -> list[Estimate]:
    """Return statistics of a sample of positions with what they owe to the accounts that are in it.

    Parameters
    ----------
    statistics
        Returns an array of shape (k,) from how often each position is in the sample, shape (n,); NaN where a
        statistic does not exist.
    account
        Number of each position's account, shape (n,).
    generator
        Source of the resamples; the same state gives the same result.
    draws
        Number of resamples.
    """
    values = statistics(np.ones(len(account)))
    numbers, member = np.unique(account, return_inverse=True)
    count = len(numbers)
    if count < 2:
        return [Estimate(float(value), *(float("nan"),) * 3) for value in values]
    drawn = np.empty((draws, len(values)))
    for row in drawn:
        times = np.bincount(generator.integers(0, count, count), minlength=count)
        row[:] = statistics(times[member].astype(np.float64))
    return [_estimate(float(value), column) for value, column in zip(values, drawn.T, strict=True)]


def effective_accounts(weight: FloatArray, account: IntArray) -> float:
    """Return how many accounts of equal weight would vary as these do: (sum w)^2 / sum w^2, w by account.

    Parameters
    ----------
    weight
        Of each position, such as its notional, not negative, shape (n,).
    account
        Number of each position's account, shape (n,).
    """
    held = np.bincount(account, weight) if len(account) else np.zeros(0)
    squares = float((held**2).sum())
    return float(held.sum()) ** 2 / squares if squares > 0 else 0.0


def _estimate(value: float, drawn: FloatArray) -> Estimate:
    known = drawn[np.isfinite(drawn)]
    if len(known) < 2:
        return Estimate(value, *(float("nan"),) * 3)
    low, high = np.quantile(known, [_TAIL, 1 - _TAIL]).tolist()
    return Estimate(value, float(known.std(ddof=1)), low, high)
