"""From the bins of a map to the cells of a picture: notional is moved, never dropped or made.

Pure array arithmetic: nothing here knows how a picture is drawn.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from powderkeg.maps.heatmap import Heatmap
from powderkeg.model.arrays import FloatArray, IntArray
from powderkeg.model.times import DAY, HOUR, MINUTE, WEEK

# Lengths of time that people count in; a candle of 30 hours would be read as a day.
_LENGTHS = (
    *(MINUTE * minutes for minutes in (1, 2, 3, 5, 10, 15, 30)),
    *(HOUR * hours for hours in (1, 2, 3, 4, 6, 8, 12)),
    *(DAY * days for days in (1, 2, 3)),
    *(WEEK * weeks for weeks in (1, 2, 4, 8, 13, 26, 52)),
)
# Columns at a time: the memory needed does not grow with the length of the heatmap.
_BLOCK = 1024
_SATURATED = 99.7
_MEDIAN_BRIGHTNESS = 0.42


def rebinned(mass: npt.NDArray[np.floating], edges: FloatArray, new_edges: FloatArray) -> FloatArray:
    """Return the mass per new cell, each old cell being spread evenly over its width.

    The sum over the new cells is the mass between the first and the last of `new_edges`: nothing is sampled
    or dropped, and where both sets of edges cover the same ground the totals agree.

    Parameters
    ----------
    mass
        Not negative, shape (..., n).
    edges
        Bounds of the old cells, strictly ascending, shape (n + 1,).
    new_edges
        Bounds of the new cells in the same unit, ascending, shape (m + 1,); they may reach beyond `edges`,
        where there is nothing.
    """
    cells = len(edges) - 1
    if cells < 1:
        return np.zeros((*mass.shape[:-1], len(new_edges) - 1))
    cumulative = np.zeros((*mass.shape[:-1], cells + 1))
    np.cumsum(mass, axis=-1, dtype=np.float64, out=cumulative[..., 1:])
    position = np.interp(new_edges, edges, np.arange(cells + 1.0))
    below = np.minimum(position.astype(np.int64), cells - 1)
    part = position - below
    at_edge = cumulative[..., below]
    at_edge += part * (cumulative[..., below + 1] - at_edge)
    # Rounding may leave a difference of a few ulp below zero.
    return np.asarray(np.maximum(np.diff(at_edge, axis=-1), 0.0))


@dataclass(frozen=True, slots=True)
class ColourScale:
    """From an amount per cell to brightness: ``(amount / brightest) ** exponent``, at most 1.

    Attributes
    ----------
    brightest
        Amount from which on cells are equally bright: the 99.7th percentile of those that are not empty, so
        that a few extreme cells do not leave the others dark. 0 if all cells are empty.
    exponent
        In [0.4, 1.5], such that the median of the cells that are not empty has brightness 0.42: a smooth map
        keeps its contrast and a spiky one its faint levels.
    """

    brightest: float
    exponent: float

    @classmethod
    def of(cls, amounts: FloatArray) -> ColourScale:
        """Return the scale for `amounts`, not negative, of any shape."""
        # Every seventh cell: a percentile of 120,000 cells is as good as one of 900,000 and much faster.
        occupied = amounts[amounts > 0]
        if len(occupied) == 0:
            return cls(0.0, 1.0)
        median, brightest = np.percentile(occupied[::7], [50, _SATURATED])
        exponent = math.log(_MEDIAN_BRIGHTNESS) / math.log(median / brightest) if median < brightest else 1.0
        return cls(float(brightest), min(max(exponent, 0.4), 1.5))

    def brightness(self, amounts: FloatArray) -> FloatArray:
        """Return [0, 1] per cell; nothing is 0."""
        if self.brightest <= 0:
            return np.zeros_like(amounts)
        return np.asarray(np.minimum(amounts / self.brightest, 1.0) ** self.exponent)

    def amount(self, brightness: float) -> float:
        """Return the amount that has a brightness in [0, 1]."""
        return float(self.brightest * brightness ** (1 / self.exponent))


@dataclass(frozen=True, slots=True)
class Candles:
    """Groups of neighbouring heatmap columns: what trades and modelled liquidations did in each.

    Attributes
    ----------
    start, end
        UTC milliseconds, shape (n,): after `start`, up to and including `end`.
    open, high, low, close
        NaN where no bar was observed.
    predicted_long, predicted_short
        USD, summed over the group.
    length
        Milliseconds of a full group.
    """

    start: IntArray
    end: IntArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    predicted_long: FloatArray
    predicted_short: FloatArray
    length: int


def candles_of(heatmap: Heatmap, most: int, column_length: int) -> Candles:
    """Return the candles of `heatmap`, neighbours joined until there are at most about `most`.

    Groups end at whole multiples of their length in UTC (weeks on Thursdays, as the epoch began on one), so
    the first and the last may hold fewer columns. Open is the first observed one, close the last.
    """
    columns = len(heatmap)
    span = columns * column_length
    fitting = [
        length
        for length in _LENGTHS
        if length >= column_length and length % column_length == 0 and span // length <= most
    ]
    length = (
        column_length if columns <= most else (fitting[0] if fitting else -(-columns // most) * column_length)
    )
    group = -(-heatmap.times // length)
    first = np.flatnonzero(np.diff(group, prepend=group[0] - 1))
    last = np.append(first[1:], columns) - 1
    seen = np.isfinite(heatmap.close)
    index = np.arange(columns)
    next_seen = np.minimum.accumulate(np.where(seen, index, columns)[::-1])[::-1][first]
    last_seen = np.maximum.accumulate(np.where(seen, index, -1))[last]
    some = (next_seen <= last) & (last_seen >= first)
    opens, closes = np.full(len(first), np.nan), np.full(len(first), np.nan)
    opens[some] = heatmap.open[next_seen[some]]
    closes[some] = heatmap.close[last_seen[some]]
    high = np.maximum.reduceat(np.where(seen, heatmap.high, -np.inf), first)
    low = np.minimum.reduceat(np.where(seen, heatmap.low, np.inf), first)
    return Candles(
        start=heatmap.times[first] - column_length,
        end=heatmap.times[last],
        open=opens,
        high=np.where(some, high, np.nan),
        low=np.where(some, low, np.nan),
        close=closes,
        predicted_long=np.add.reduceat(np.nan_to_num(heatmap.predicted_long), first),
        predicted_short=np.add.reduceat(np.nan_to_num(heatmap.predicted_short), first),
        length=length,
    )


def heatmap_cells(heatmap: Heatmap, price_edges: FloatArray, time_edges: FloatArray, hold: int) -> FloatArray:
    """Return USD per cell of the picture, longs and shorts together, shape (price cells, time cells).

    In price the notional of the bins is shared out (`rebinned`): a column of cells sums to the notional of
    its map between the first and the last edge. In time a cell is the mean of the maps that it covers,
    weighted by how long each stood: a map is a stock, so two of them are averaged, not added. Where no map
    stands the cell is zero.

    Parameters
    ----------
    price_edges
        Ascending prices > 0, shape (p + 1,).
    time_edges
        Ascending UTC milliseconds, shape (t + 1,).
    hold
        Milliseconds for which a map stands: up to the next column.
    """
    grid = heatmap.grid
    bins = np.arange(grid.first, grid.first + grid.count + 1, dtype=np.float64)
    # From the lowest to the highest bin in sight, so that nothing else is read.
    wanted = np.log(price_edges) / grid.width
    low = min(max(int(np.floor(wanted[0])) - grid.first, 0), grid.count)
    high = min(max(int(np.ceil(wanted[-1])) - grid.first, low), grid.count)
    starts = np.append(heatmap.times, heatmap.times[-1] + hold).astype(np.float64)
    usd_milliseconds = np.zeros((len(price_edges) - 1, len(time_edges) - 1))
    for first in range(0, len(heatmap), _BLOCK):
        block = slice(first, first + _BLOCK)
        total = heatmap.long_notional[block, low:high] + heatmap.short_notional[block, low:high]
        in_price = rebinned(total, bins[low : high + 1], wanted)
        bounds = starts[first : first + len(total) + 1]
        usd_milliseconds += rebinned(in_price.T * np.diff(bounds), bounds, time_edges)
    stood = np.diff(np.clip(time_edges, starts[0], starts[-1]))
    return np.asarray(
        np.divide(usd_milliseconds, stood, out=np.zeros_like(usd_milliseconds), where=stood > 0)
    )


def spread_apart(wanted: Sequence[float], distance: float, low: float, high: float) -> list[float]:
    """Return places for labels near the `wanted` ones, ascending, at least `distance` apart.

    They lie within [low, high] if there is room for all of them there.
    """
    places: list[float] = []
    for place in wanted:
        places.append(max(place, low, places[-1] + distance if places else low))
    limit = high
    for index in range(len(places) - 1, -1, -1):
        places[index] = min(places[index], limit)
        limit = places[index] - distance
    return places
