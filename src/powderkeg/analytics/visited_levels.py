"""Does a map know where? Recorded liquidations on the levels that the price visited, and on no others.

Scored on all levels, every map that hugs the price would look skilful, for that is where prices go next. So
an interval's levels are those between the mark at its start and its extreme, the map is the one of its start,
and the question is which share of the recorded USD lies in the quarter of those levels where it has most.
"""

from __future__ import annotations

import math

import numpy as np

from powderkeg.errors import InputError
from powderkeg.maps.map_run import MapRun
from powderkeg.model.arrays import FloatArray
from powderkeg.model.market_frame import LiquidationEvents
from powderkeg.model.times import HOUR
from powderkeg.model.worlds_parameters import LONG

FEWEST_LEVELS = 4
TOP_SHARE = 0.25


def visited_level_shares(
    run: MapRun, events: LiquidationEvents, start: int, end: int, *, side: int, step: int = 4 * HOUR
) -> FloatArray:
    """Return per interval the USD in the top quarter of visited levels, USD on all, and USD by chance.

    Shape (intervals, 3). Chance is what a quarter of the levels, rounded up, would hold of evenly spread USD.
    Intervals in which the price visited fewer than four levels, or nothing was recorded on them, hold zeros.

    Parameters
    ----------
    run
        The model over the market.
    events
        Recorded liquidations with prices.
    start, end
        Window in UTC milliseconds, inside the data.
    side
        LONG or SHORT.
    step
        Length of an interval in milliseconds.

    Raises
    ------
    InputError
        The window is shorter than two intervals.
    """
    if end - start < 2 * step:
        raise InputError("visited levels: the window is shorter than two intervals")
    heatmap = run.heatmap(start, end, step)
    grid, times = heatmap.grid, heatmap.times
    mass = heatmap.long_notional if side == LONG else heatmap.short_notional
    amount = events.long_notional if side == LONG else events.short_notional
    out = np.zeros((max(len(times) - 1, 0), 3))
    for i in range(len(out)):
        extreme = heatmap.low[i + 1] if side == LONG else heatmap.high[i + 1]
        mark = heatmap.mark_price[i]
        if not (np.isfinite(extreme) and np.isfinite(mark)):
            continue
        low, high = sorted((float(extreme), float(mark)))
        if (extreme > mark) == (side == LONG):
            continue
        first = max(math.floor(math.log(low) / grid.width) - grid.first, 0)
        stop = min(math.floor(math.log(high) / grid.width) + 1 - grid.first, grid.count)
        levels = stop - first
        if levels < FEWEST_LEVELS:
            continue
        inside = slice(*np.searchsorted(events.ts, [times[i], times[i + 1]]))
        level = np.floor(np.log(events.price[inside]) / grid.width).astype(np.int64) - grid.first - first
        fits = (level >= 0) & (level < levels)
        found = np.bincount(level[fits], amount[inside][fits], minlength=levels)
        count = math.ceil(TOP_SHARE * levels)
        top = np.argsort(mass[i, first:stop], kind="stable")[-count:]
        out[i] = found[top].sum(), found.sum(), found.sum() * count / levels
    return out
