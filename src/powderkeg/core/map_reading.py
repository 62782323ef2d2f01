"""Reading a map: what is liquidated on the way to a price, which price liquidates so much, and the balance.

A side of a map is mass per price bin on a grid uniform in log price; inside a bin it is uniform as well.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from powderkeg.model.arrays import FloatArray
from powderkeg.model.price_grid import PriceGrid

# A range with less than this share of one-sided open interest in it is called thin.
THIN_SHARE = 1e-3


def cumulative_long(mass: FloatArray) -> FloatArray:
    """Return the long mass liquidated once price has fallen to each bin edge, shape (bins + 1,), falling."""
    return np.concatenate([np.cumsum(mass[::-1])[::-1], [0.0]])


def cumulative_short(mass: FloatArray) -> FloatArray:
    """Return the short mass liquidated once price has risen to each bin edge, shape (bins + 1,), rising."""
    return np.concatenate([[0.0], np.cumsum(mass)])


def liquidated_at(grid: PriceGrid, cumulative: FloatArray, price: float) -> float:
    """Return `cumulative`, given at the edges of `grid`, at `price` > 0; linear in log price between them."""
    edges = np.arange(grid.first, grid.first + grid.count + 1)
    return float(np.interp(math.log(price) / grid.width, edges, cumulative))


def price_reaching(grid: PriceGrid, mass: FloatArray, notional: float, *, falling: bool) -> float | None:
    """Return the price nearest to the market by which `notional` is liquidated, or None if less stands there.

    Parameters
    ----------
    grid, mass
        One side of a map.
    notional
        Mass to reach, > 0.
    falling
        True for longs, reached from the top of the grid downwards; False for shorts, from the bottom upwards.
    """
    ordered = mass[::-1] if falling else mass
    reached = np.cumsum(ordered)
    bin_index = int(np.searchsorted(reached, notional))
    if bin_index == len(reached):
        return None
    before = reached[bin_index] - ordered[bin_index]
    walked = bin_index + (notional - before) / ordered[bin_index]
    position = grid.first + grid.count - walked if falling else grid.first + walked
    return math.exp(position * grid.width)


@dataclass(frozen=True, slots=True)
class RangeImbalance:
    """The balance of a map within a distance of the mark price.

    Attributes
    ----------
    range
        Distance as a fraction of the mark price: longs down to ``mark * (1 - range)``, shorts up to
        ``mark * (1 + range)``.
    long_notional
        USD of longs below the mark inside the range.
    short_notional
        USD of shorts above the mark inside the range.
    imbalance
        (short - long) / (short + long) in [-1, 1]: positive when more stands above. None if nothing stands
        there.
    thin
        True if less than a thousandth of one-sided open interest stands in the range on both sides together:
        the imbalance then tells which extreme was swept last, and little else.
    """

    range: float
    long_notional: float
    short_notional: float
    imbalance: float | None
    thin: bool


def range_imbalance(
    grid: PriceGrid,
    long_mass: FloatArray,
    short_mass: FloatArray,
    *,
    mark_price: float,
    open_interest: float,
    distance: float,
) -> RangeImbalance:
    """Return the balance of long mass below and short mass above `mark_price` within `distance` in (0, 1).

    Masses and the one-sided `open_interest` are in the same unit.
    """
    long_notional = liquidated_at(grid, cumulative_long(long_mass), mark_price * (1 - distance))
    short_notional = liquidated_at(grid, cumulative_short(short_mass), mark_price * (1 + distance))
    total = long_notional + short_notional
    return RangeImbalance(
        range=distance,
        long_notional=long_notional,
        short_notional=short_notional,
        imbalance=(short_notional - long_notional) / total if total > 0 else None,
        thin=total < THIN_SHARE * open_interest,
    )
