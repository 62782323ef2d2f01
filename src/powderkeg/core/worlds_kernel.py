"""The worlds estimator compiled: one pass over the bars, constant work per bar and distance class.

`worlds_reference` says the same in plain numpy; the tests compare the two. Three ideas make this one fast.

*One side is the mirror of the other.* Storage bin j counts upwards towards the price: for longs it is the
price bin itself, for shorts the price axis is turned over. Either way price eats the bins from the top, and
one function serves both sides.

*Differences instead of masses.* Bin j stores ``increments[j] = mass[j] - mass[j + 1]``, so spreading an
opening over any number of bins changes four numbers, and a sweep, which walks the bins from the top anyway,
recovers the masses by adding up.

*Lazy scaling.* Voluntary closings shrink a whole world by one factor. Instead of touching its bins,
``growth`` remembers the inverse of all factors so far, and what is opened later is stored that much larger.

Everything here works on arrays that `worlds` has prepared and checked: finite, in bin units, inside the grid.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from powderkeg.model.arrays import BoolArray, FloatArray, IntArray
from powderkeg.model.worlds_parameters import TURNOVER_CLASSES as LANES

# Stored numbers grow without bound while a world turns over; far below overflow they are rescaled.
_RESCALE_ABOVE = 1e100
# What rescaling leaves this small is gone for good; kept, it would decay into slow subnormal numbers.
_NOTHING = 1e-50


@njit(cache=True)
def _rescale(increments: FloatArray, growth: FloatArray, initial: FloatArray, largest: FloatArray) -> None:
    """Divide what worlds of large growth store by it, and set their growth and `largest` to 1."""
    for side in range(2):
        for k in range(growth.shape[1]):
            for lane in range(LANES):
                divisor = growth[side, k, lane]
                if divisor > _RESCALE_ABOVE:
                    for j in range(increments.shape[2]):
                        increments[side, k, j, lane] /= divisor
                        if abs(increments[side, k, j, lane]) < _NOTHING:
                            increments[side, k, j, lane] = 0.0
                    initial[side, k, lane] /= divisor
                    growth[side, k, lane] = 1.0
    largest[:] = 1.0


@njit(cache=True, error_model="numpy")
def _advance_side(  # noqa: PLR0912, PLR0915 - one loop body: a call per class would cost more than its work
    increments: FloatArray,
    growth: FloatArray,
    top: IntArray,
    bottom: IntArray,
    initial: FloatArray,
    nearest: FloatArray,
    farthest: FloatArray,
    turnover: FloatArray,
    weights: FloatArray,
    extreme: float,
    met: float,
    entry_low: float,
    entry_high: float,
    previous_interest: float,
    open_interest: float,
    volume: float,
    level_price: FloatArray,
    price_factor: float,
    predicted: FloatArray,
    scratch: FloatArray,
) -> float:
    """Advance one side by one bar in place and return its predicted liquidations under `weights`, in USD."""
    classes, bins = increments.shape[0], increments.shape[1]
    limit, met_limit = math.floor(extreme), math.floor(met)
    change = open_interest - previous_interest
    churn = 0.5 * max(volume - abs(change), 0.0)
    opened, kept, grown = scratch[0], scratch[1], scratch[2]
    mass, swept_quantity, swept_notional = scratch[3], scratch[4], scratch[5]
    largest = scratch[6]

    # What a class does that neither is swept nor opens beyond the extreme depends on the turnover alone.
    replaced = False
    for lane in range(LANES):
        opened[lane] = max(change, 0.0) + turnover[lane] * churn
        rest = open_interest - opened[lane]
        kept[lane] = opened[lane]
        if rest <= 0.0:
            replaced = True
        elif previous_interest <= rest:
            kept[lane] = open_interest - previous_interest
            grown[lane] = 1.0
        else:
            grown[lane] = previous_interest / rest

    total = 0.0
    for k in range(classes):
        low = entry_low - farthest[k]
        high = entry_high - nearest[k]

        if top[k] < limit and high <= met_limit and not replaced:
            first, last = math.floor(low), math.floor(high)
            top[k] = max(top[k], last)
            bottom[k] = min(bottom[k], first)
            if first < last:
                density = 1.0 / (high - low)
                on_last, after_last = (high - last) * density, (last + 1 - high) * density
                on_first, before_first = (low - first) * density, (first + 1 - low) * density
                for lane in range(LANES):
                    growth[k, lane] *= grown[lane]
                    largest[lane] = max(largest[lane], growth[k, lane])
                    stored = kept[lane] * growth[k, lane]
                    increments[k, last, lane] += stored * on_last
                    increments[k, last - 1, lane] += stored * after_last
                    increments[k, first, lane] -= stored * on_first
                    increments[k, first - 1, lane] -= stored * before_first
            else:
                for lane in range(LANES):
                    growth[k, lane] *= grown[lane]
                    largest[lane] = max(largest[lane], growth[k, lane])
                    stored = kept[lane] * growth[k, lane]
                    increments[k, first, lane] += stored
                    increments[k, first - 1, lane] -= stored
            continue

        # 1. Sweep: walk from the highest occupied bin down to the bar's extreme.
        for lane in range(LANES):
            mass[lane] = 0.0
            swept_quantity[lane] = 0.0
            swept_notional[lane] = 0.0
        for j in range(top[k], limit - 1, -1):
            for lane in range(LANES):
                mass[lane] += increments[k, j, lane]
                increments[k, j, lane] = 0.0
                swept_quantity[lane] += mass[lane]
                swept_notional[lane] += mass[lane] * level_price[j]
        if top[k] >= limit:
            for lane in range(LANES):
                increments[k, limit - 1, lane] += mass[lane]
            top[k] = limit - 1

        # 2. Where openings land: uniform over [low, high]; what lies beyond what they meet is forced at once.
        if low >= met_limit:
            beyond = 1.0
            first, last = met_limit - 1, met_limit - 1
        else:
            beyond = (high - met_limit) / (high - low) if high > met_limit else 0.0
            high = min(high, float(met_limit))
            first, last = math.floor(low), math.floor(high)
        if first < last:
            density = 1.0 / (high - low)
            on_last, after_last = (high - last) * density, (last + 1 - high) * density
            on_first, before_first = (low - first) * density, (first + 1 - low) * density
        else:
            on_last, after_last, on_first, before_first = 1.0, 0.0, 0.0, 1.0
        top[k] = max(top[k], last if on_last > 0.0 else last - 1)
        bottom[k] = min(bottom[k], first)
        beyond_price = level_price[
            min(int(0.5 * (met_limit + max(entry_high - nearest[k], float(met_limit)))), bins - 1)
        ]

        # 3. Close the rest so that the world holds the open interest again.
        for lane in range(LANES):
            remaining = max(previous_interest - swept_quantity[lane] / growth[k, lane], 0.0)
            same_bar = min(opened[lane] * beyond, remaining)
            liquidated = (swept_notional[lane] / growth[k, lane] + same_bar * beyond_price) * price_factor
            predicted[k, lane] += liquidated
            total += weights[k, lane] * liquidated
            keep = opened[lane] * (1.0 - beyond)
            rest = open_interest - keep
            if rest <= 0.0:
                keep = open_interest
                for j in range(bins):
                    increments[k, j, lane] = 0.0
                initial[k, lane] = 0.0
                growth[k, lane] = 1.0
            else:
                initial[k, lane] = min(initial[k, lane], remaining * growth[k, lane])
                if remaining <= rest:
                    keep = open_interest - remaining
                else:
                    growth[k, lane] *= remaining / rest
            largest[lane] = max(largest[lane], growth[k, lane])
            stored = keep * growth[k, lane]
            increments[k, last, lane] += stored * on_last
            increments[k, last - 1, lane] += stored * after_last
            increments[k, first, lane] -= stored * on_first
            increments[k, first - 1, lane] -= stored * before_first
    return total


@njit(cache=True)
def _standing_side(
    increments: FloatArray,
    growth: FloatArray,
    top: IntArray,
    bottom: IntArray,
    weights: FloatArray,
    residue: float,
    out: FloatArray,
) -> tuple[int, int]:
    """Write the standing quantity per storage bin under `weights` into `out`; return the bins' range.

    Outside (lowest, highest) nothing stands, and what `out` holds there means nothing. What does not exceed
    `residue` is left by rounding, and set to zero.
    """
    classes, bins = increments.shape[0], increments.shape[1]
    lowest, highest = bins, -1
    for k in range(classes):
        lowest, highest = min(lowest, bottom[k]), max(highest, top[k])
    out[max(lowest - 1, 0) : highest + 1] = 0.0
    for k in range(classes):
        factor0, factor1 = weights[k, 0] / growth[k, 0], weights[k, 1] / growth[k, 1]
        factor2, factor3 = weights[k, 2] / growth[k, 2], weights[k, 3] / growth[k, 3]
        for j in range(bottom[k], top[k] + 1):
            out[j] += (
                factor0 * increments[k, j, 0]
                + factor1 * increments[k, j, 1]
                + factor2 * increments[k, j, 2]
                + factor3 * increments[k, j, 3]
            )
        # Below its lowest bin a class holds nothing; the increment there closes its running sum.
        if lowest < bottom[k] <= top[k]:
            out[bottom[k] - 1] += (
                factor0 * increments[k, bottom[k] - 1, 0]
                + factor1 * increments[k, bottom[k] - 1, 1]
                + factor2 * increments[k, bottom[k] - 1, 2]
                + factor3 * increments[k, bottom[k] - 1, 3]
            )
    mass = 0.0
    for j in range(highest, lowest - 1, -1):
        mass += out[j]
        out[j] = mass if mass > residue else 0.0
    return lowest, highest


@njit(cache=True, error_model="numpy")
def advance(
    increments: FloatArray,
    growth: FloatArray,
    top: IntArray,
    bottom: IntArray,
    initial: FloatArray,
    nearest: FloatArray,
    farthest: FloatArray,
    turnover: FloatArray,
    weights: FloatArray,
    first_bin: int,
    level_price: FloatArray,
    bin_width: float,
    observed: BoolArray,
    mark_low: FloatArray,
    mark_high: FloatArray,
    met_low: FloatArray,
    met_high: FloatArray,
    entry_low: FloatArray,
    entry_high: FloatArray,
    previous_interest: float,
    open_interest: FloatArray,
    volume: FloatArray,
    drift: IntArray,
    interval: IntArray,
    predicted: FloatArray,
    interval_predicted: FloatArray,
    residue_share: float,
    column_rows: IntArray,
    column_factor: FloatArray,
    column_first_bin: int,
    columns: FloatArray,
) -> float:
    """Advance both sides over every observed bar in place; return the open interest of the last one.

    Prices are in bins from a price of 1; `drift` is the funding shift in whole bins. Per bar `predicted`,
    shape (n, 2), receives the weighted liquidations, `interval_predicted`, shape (intervals, 2, D, 4), those
    of every world, and after row ``column_rows[c]`` the standing quantities times ``column_factor[c]`` are
    written to ``columns[c]``, shape (2, bins of the picture).
    """
    bins = increments.shape[2]
    scratch = np.zeros((7, LANES))
    standing = np.zeros(bins)
    column = 0
    while column < len(column_rows) and column_rows[column] < 0:
        column += 1
    for n in range(len(observed)):
        if observed[n]:
            base = first_bin + drift[n]
            mirror = first_bin + drift[n] + bins
            factor = math.exp(drift[n] * bin_width)
            predicted[n, 0] = _advance_side(
                increments[0],
                growth[0],
                top[0],
                bottom[0],
                initial[0],
                nearest[0],
                farthest[0],
                turnover,
                weights[0],
                mark_low[n] - base,
                met_low[n] - base,
                entry_low[n] - base,
                entry_high[n] - base,
                previous_interest,
                open_interest[n],
                volume[n],
                level_price[0],
                factor,
                interval_predicted[interval[n], 0],
                scratch,
            )
            predicted[n, 1] = _advance_side(
                increments[1],
                growth[1],
                top[1],
                bottom[1],
                initial[1],
                nearest[1],
                farthest[1],
                turnover,
                weights[1],
                mirror - mark_high[n],
                mirror - met_high[n],
                mirror - entry_high[n],
                mirror - entry_low[n],
                previous_interest,
                open_interest[n],
                volume[n],
                level_price[1],
                factor,
                interval_predicted[interval[n], 1],
                scratch,
            )
            previous_interest = open_interest[n]
            if scratch[6].max() > _RESCALE_ABOVE:
                _rescale(increments, growth, initial, scratch[6])
        while column < len(column_rows) and column_rows[column] == n:
            shift = first_bin + drift[n] - column_first_bin
            factor = column_factor[column]
            residue = residue_share * previous_interest
            lowest, highest = _standing_side(
                increments[0], growth[0], top[0], bottom[0], weights[0], residue, standing
            )
            for j in range(lowest, highest + 1):
                columns[column, 0, shift + j] = standing[j] * factor
            lowest, highest = _standing_side(
                increments[1], growth[1], top[1], bottom[1], weights[1], residue, standing
            )
            for j in range(lowest, highest + 1):
                columns[column, 1, shift + bins - 1 - j] = standing[j] * factor
            column += 1
    return previous_interest
