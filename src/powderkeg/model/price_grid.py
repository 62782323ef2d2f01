"""The price axis of every map: bins of equal width in log price with one origin for all markets."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from powderkeg.errors import InputError
from powderkeg.model.arrays import FloatArray


@dataclass(frozen=True, slots=True)
class PriceGrid:
    """`count` bins from number `first` on; bin i holds the prices in [exp(i * width), exp((i + 1) * width)).

    Bin numbers count from a price of 1, so that two grids of one width always share their edges: maps of
    different times, venues and runs add up bin by bin, and a grid grows at either end without moving.

    Parameters
    ----------
    width
        Bin width in natural log of price, in [1e-5, 0.1]; 0.001 is 10 basis points.
    first
        Number of the lowest bin; negative below a price of 1.
    count
        Number of bins, at least 0.

    Raises
    ------
    InputError
        `width` is outside its range or `count` is negative.
    """

    width: float
    first: int
    count: int

    def __post_init__(self) -> None:
        if not 1e-5 <= self.width <= 0.1:
            raise InputError(f"bin width: {self.width} is outside [0.00001, 0.1] of log price")
        if self.count < 0:
            raise InputError(f"number of bins: {self.count} is negative")

    @property
    def edges(self) -> FloatArray:
        """Prices at the `count` + 1 bin edges, ascending."""
        return np.asarray(np.exp(np.arange(self.first, self.first + self.count + 1) * self.width))

    @property
    def centres(self) -> FloatArray:
        """Prices at the centre of each bin in log price, ascending, shape (count,)."""
        return np.asarray(np.exp((np.arange(self.first, self.first + self.count) + 0.5) * self.width))

    def bin_of(self, price: float) -> int:
        """Return the number of the bin that holds `price` (> 0); it may lie outside this grid."""
        return math.floor(math.log(price) / self.width)
