"""Which side was liquidated more: the ratio that headlines use, and a measure that can be compared."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from powderkeg.errors import InputError
from powderkeg.model.arrays import FloatArray

LEAST_USD = 100_000.0
"""Below this a denominator says nothing: of the smaller side for the headline, of both together for ours."""
# An interval from fewer blocks of comparable size would describe one burst, not a market.
_FEWEST_BLOCKS = 3.0
_DRAWS = 2_000
_LEVELS = (0.05, 0.95)


class HeadlineRatio(NamedTuple):
    """The ratio of headlines.

    `percent` is 100 x larger / smaller, None where the smaller side is 0. `direction` is the side that was
    liquidated more, None where they are equal. `small` flags a smaller side below the minimum.
    """

    percent: float | None
    direction: Literal["long", "short"] | None
    small: bool


class ImbalanceInterval(NamedTuple):
    """Central 90 % of an imbalance, and how many blocks of equal size would vary as these do."""

    low: float
    high: float
    blocks: float


class PercentileRank(NamedTuple):
    """Share of a history at or below a value, ties counted half, and the number of windows in it."""

    share: float
    windows: int


def headline_ratio(long_usd: float, short_usd: float, least: float = LEAST_USD) -> HeadlineRatio:
    """Return 100 x max / min of what was liquidated, as headlines have it.

    It is unbounded and explodes where the smaller side is small: `small` says so below `least` USD.

    Raises
    ------
    InputError
        An amount is negative or no number.
    """
    _check(long_usd, short_usd)
    smaller, larger = sorted((long_usd, short_usd))
    return HeadlineRatio(
        percent=100 * larger / smaller if smaller else None,
        direction=None if long_usd == short_usd else "long" if long_usd > short_usd else "short",
        small=smaller < least,
    )


def imbalance(long_usd: float, short_usd: float, least: float = LEAST_USD) -> float | None:
    """Return (L - S) / (L + S) in [-1, 1], positive where more longs were liquidated.

    None where both sides together are below `least` USD, or 0.

    Raises
    ------
    InputError
        An amount is negative or no number.
    """
    _check(long_usd, short_usd)
    total = long_usd + short_usd
    return None if total < least or total == 0 else (long_usd - short_usd) / total


def imbalance_interval(blocks: FloatArray, seed: int = 0) -> ImbalanceInterval | None:
    """Return the central 90 % of (L - S) / (L + S) if history drew its stretches again.

    Liquidations come in bursts of one side, so single events are not independent; stretches of time nearly
    are. The blocks are drawn with replacement, together with one block per side of average size, so that
    one-sided hours do not look certain: what was not seen in n blocks may well be in the next. None where
    the total rests on fewer than three blocks of comparable size, (sum)^2 / sum of squares.

    Parameters
    ----------
    blocks
        USD liquidated in each stretch of equal length, shape (blocks, 2) for (long, short).
    seed
        The same seed gives the same interval.

    Raises
    ------
    InputError
        Another shape.
    """
    if blocks.ndim != 2 or blocks.shape[1] != 2:
        raise InputError(f"blocks: shape {blocks.shape}; expected (blocks, 2) for (long, short)")
    sizes = blocks.sum(axis=1)
    total = float(sizes.sum())
    if not total:
        return None
    comparable = total**2 / float((sizes**2).sum())
    if comparable < _FEWEST_BLOCKS:
        return None
    mean = total / len(blocks)
    drawn = np.concatenate([blocks, [[mean, 0.0], [0.0, mean]]])
    count = len(drawn)
    often = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), _DRAWS)
    sums = often @ drawn
    both = sums.sum(axis=1)
    values = (sums[:, 0] - sums[:, 1])[both > 0] / both[both > 0]
    low, high = np.quantile(values, _LEVELS).tolist()
    point = float((blocks[:, 0] - blocks[:, 1]).sum()) / total
    return ImbalanceInterval(min(low, point), max(high, point), comparable)


def percentile_rank(history: FloatArray, value: float) -> PercentileRank:
    """Return where `value` stands in a history of shape (windows,), NaN left out; NaN without a history."""
    known = history[np.isfinite(history)]
    if not known.size:
        return PercentileRank(float("nan"), 0)
    below, equal = np.count_nonzero(known < value), np.count_nonzero(known == value)
    return PercentileRank(float(below + 0.5 * equal) / known.size, known.size)


def _check(long_usd: float, short_usd: float) -> None:
    for name, value in (("long_usd", long_usd), ("short_usd", short_usd)):
        if not 0 <= value < np.inf:
            raise InputError(f"{name} is {value!r}; expected USD, 0 or more")
