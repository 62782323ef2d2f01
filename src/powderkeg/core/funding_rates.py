"""What it costs to be long: funding of several venues at one length, its persistence, and who pays."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from powderkeg.core.arguments import positive
from powderkeg.errors import InputError
from powderkeg.model.arrays import FloatArray
from powderkeg.model.times import DAY, HOUR

COMMON_INTERVAL = 8 * HOUR
YEAR = 365 * DAY
INTEREST = 1e-4
"""Per eight hours: what most venues charge longs when the perpetual stands at its index: no crowding."""
PERCENTILE, PERSISTENCE = 0.9, 0.8
"""A side is crowded from this percentile of its own past on, and this share of settlements on its side."""


def per_common_interval(rate: float, interval: int) -> float:
    """Return a rate per `interval` milliseconds as one per eight hours, without compounding.

    Raises
    ------
    InputError
        `interval` is not above 0.
    """
    return rate * COMMON_INTERVAL / float(positive("interval", interval))


def annualised(rate: float, interval: int = COMMON_INTERVAL) -> float:
    """Return a rate per `interval` milliseconds as one per 365 days, without compounding.

    Funding is paid out and not added to the position, so it does not compound by itself.

    Raises
    ------
    InputError
        `interval` is not above 0.
    """
    return rate * YEAR / float(positive("interval", interval))


def weighted_mean(values: FloatArray, weights: FloatArray) -> FloatArray:
    """Return the mean over the first axis, weighed, of what has both a value and a weight; NaN without any.

    Parameters
    ----------
    values, weights
        Shape (k, ...) each, NaN where not known; weights >= 0.
    """
    known = np.isfinite(values) & np.isfinite(weights)
    used = np.where(known, weights, 0.0)
    total = used.sum(axis=0)
    summed = (used * np.where(known, values, 0.0)).sum(axis=0)
    return np.asarray(np.where(total > 0, summed / np.where(total > 0, total, 1.0), np.nan))


class Persistence(NamedTuple):
    """Share of settlements on the side of the last one, and how many there were."""

    share: float
    settlements: int


def persistence(rates: FloatArray) -> Persistence:
    """Return how persistently one side has paid: the share of rates with the sign of the last one.

    A rate of 0 is on neither side; NaN are left out. The share is NaN without rates, and where the last is 0.
    """
    known = rates[np.isfinite(rates)]
    if not len(known) or known[-1] == 0:
        return Persistence(float("nan"), len(known))
    return Persistence(float(np.mean(np.sign(known) == np.sign(known[-1]))), len(known))


def crowded_side(rate: float, percentile: float, persisted: float) -> Literal["long", "short"] | None:
    """Return the side that pays unusually much, unusually long; None where neither does.

    Longs: the rate is above 0.01 % per eight hours, in the top tenth of the coin's own past, and 80 % of the
    settlements of the week were paid by longs. Shorts: the rate is below 0, in the bottom tenth, and 80 %
    were paid by shorts. What is not known (NaN) is not crowded. It says who pays, and is no forecast.

    Parameters
    ----------
    rate
        Fraction per eight hours.
    percentile
        Share of the past at or below it, [0, 1].
    persisted
        As `persistence`, [0, 1].

    Raises
    ------
    InputError
        A share is outside [0, 1].
    """
    for name, share in (("percentile", percentile), ("persisted", persisted)):
        if not (np.isnan(share) or 0 <= share <= 1):
            raise InputError(f"{name} is {share:g}; expected a share in [0, 1]")
    if not persisted >= PERSISTENCE:
        return None
    if rate > INTEREST and percentile >= PERCENTILE:
        return "long"
    if rate < 0 and percentile <= 1 - PERCENTILE:
        return "short"
    return None
