"""Bands: what an ensemble says about one number, with or without the noise of a single outcome."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from powderkeg.core.tweedie import tweedie_draws
from powderkeg.model.arrays import FloatArray

LEVELS = (0.05, 0.25, 0.75, 0.95)
_DRAWS_PER_MEMBER = 4


@dataclass(frozen=True, slots=True)
class Band:
    """Central 50 % and 90 % of what a number may be.

    Attributes
    ----------
    low_90, low_50, high_50, high_90
        Quantiles 5, 25, 75 and 95 %, ascending; NaN where the number exists in no member.
    """

    low_90: float
    low_50: float
    high_50: float
    high_90: float


def ensemble_band(values: FloatArray) -> Band:
    """Return the band of one number from its value in each member, shape (members,), NaN left out."""
    known = values[np.isfinite(values)]
    if not known.size:
        return Band(*(float("nan"),) * 4)
    return Band(*np.quantile(known, LEVELS).tolist())


def ensemble_quantiles(values: FloatArray) -> FloatArray:
    """Return the four quantiles of many numbers at once: (members, ...) gives (4, ...)."""
    return np.asarray(np.quantile(values, LEVELS, axis=0))


def outcome_quantiles(expected: FloatArray, dispersion: FloatArray | float, seed: int) -> FloatArray:
    """Return the four quantiles of totals around their expectations: (members, ...) gives (4, ...).

    Each member contributes four totals drawn from the Tweedie law around its own expectation, so that the
    spread is that of the parameters and of chance together.

    Parameters
    ----------
    expected
        Expectations, not negative, shape (members, ...).
    dispersion
        phi; broadcasts against ``expected[0]``.
    seed
        The same seed gives the same quantiles.
    """
    return summed_outcome_quantiles([(expected, dispersion)], seed)


def summed_outcome_quantiles(parts: Sequence[tuple[FloatArray, FloatArray | float]], seed: int) -> FloatArray:
    """Return the four quantiles of sums of totals: parts of shape (members, ...) give (4, ...).

    Member by member each part is drawn around its own expectation with its own dispersion, as in
    `outcome_quantiles`, and the draws are added: chance in one part is independent of chance in another.

    Parameters
    ----------
    parts
        (expected, dispersion) of each, at least one; all of the same shape.
    seed
        The same seed, and parts in the same order, give the same quantiles.
    """
    generator = np.random.default_rng(seed)
    draws = np.concatenate(
        [
            sum(
                (tweedie_draws(expected, dispersion, generator) for expected, dispersion in parts[1:]),
                start=tweedie_draws(*parts[0], generator),
            )
            for _ in range(_DRAWS_PER_MEMBER)
        ]
    )
    return np.asarray(np.quantile(draws, LEVELS, axis=0))


def outcome_band(expected: FloatArray, dispersion: float, seed: int) -> Band:
    """Return the band of one total from its expectation in each member, shape (members,)."""
    return Band(*outcome_quantiles(expected, dispersion, seed).tolist())
