"""Folding bars into a state: what the two kernels are given, and what they leave.

`worlds` is the interface; this is the machinery behind it. Prices become positions in bins, the state's
arrays are copied once, and either the compiled kernel or its numpy twin advances the copy in place.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from powderkeg.core import worlds_reference
from powderkeg.core.inventory_state import RESIDUE, InventoryState, covering, from_masses, masses
from powderkeg.model.arrays import BoolArray, FloatArray, IntArray
from powderkeg.model.market_frame import MarketFrame
from powderkeg.model.price_grid import PriceGrid
from powderkeg.model.worlds_parameters import LONG, SHORT

# Nothing is known about entries before the first bar; they are spread this far to either side of it.
INITIAL_SPREAD = 0.05


@dataclass(frozen=True, slots=True)
class BarsInBins:
    """The columns of a frame as the kernels take them: prices in bins from a price of 1, nothing missing.

    What a bar's own openings meet of its mark prices, `met_low` and `met_high`, is the bar's extremes, or its
    close where the extremes come first.
    """

    observed: BoolArray
    mark_low: FloatArray
    mark_high: FloatArray
    met_low: FloatArray
    met_high: FloatArray
    mark_close: FloatArray
    entry_low: FloatArray
    entry_high: FloatArray
    open_interest: FloatArray
    volume: FloatArray
    funding: FloatArray
    drift: IntArray


@dataclass(frozen=True, slots=True)
class FoldOutput:
    """Arrays that a fold fills; see `worlds_kernel.advance` for their shapes."""

    predicted: FloatArray
    interval_predicted: FloatArray
    intervals: IntArray
    column_rows: IntArray
    column_factor: FloatArray
    column_first_bin: int
    columns: np.ndarray


Fold = Callable[[InventoryState, BarsInBins, slice, FoldOutput], InventoryState]


def bars_in_bins(state: InventoryState, frame: MarketFrame) -> BarsInBins:
    """Return the columns of `frame` in bins, its funding added to what `state` has paid already."""
    width = state.parameters.bin_width
    observed = frame.valid & np.isfinite(frame.open_interest)

    def bins(prices: FloatArray) -> FloatArray:
        return _exact(np.log(np.where(observed, prices, 1.0)) / width)

    rates = np.zeros(len(frame)) if frame.funding_rate is None else np.nan_to_num(frame.funding_rate)
    # Added up one by one, so that a window split anywhere reaches the same sums to the last bit.
    funding = np.cumsum(np.concatenate([[state.funding], rates]))[1:]
    first = state.parameters.extremes_first
    return BarsInBins(
        observed=observed,
        mark_low=bins(frame.mark_low),
        mark_high=bins(frame.mark_high),
        met_low=bins(frame.mark_close if first else frame.mark_low),
        met_high=bins(frame.mark_close if first else frame.mark_high),
        mark_close=_last_known(frame.mark_close, observed, state.mark_price),
        entry_low=bins(frame.low),
        entry_high=bins(frame.high),
        open_interest=np.where(observed, frame.open_interest, 0.0),
        volume=np.where(observed, frame.volume, 0.0),
        funding=funding,
        drift=np.rint(funding / width).astype(np.int64),
    )


def _exact(bins: FloatArray) -> FloatArray:
    """Return positions or distances in bins rounded to a billionth of a bin.

    Sums and differences of such numbers are exact, so results do not depend on where storage begins.
    """
    return np.rint(bins * 2.0**30) / 2.0**30


def _last_known(values: FloatArray, observed: BoolArray, before: float) -> FloatArray:
    """Return `values` with each row that was not observed showing the last one that was, or `before`."""
    last = np.maximum.accumulate(np.where(observed, np.arange(len(values)), -1))
    return np.where(last >= 0, values[last], before)


def storage_for(state: InventoryState, bars: BarsInBins) -> InventoryState:
    """Return `state` with storage for every level that `bars` can open."""
    if not np.any(bars.observed):
        return state
    drift, observed = bars.drift[bars.observed], bars.observed
    spread = INITIAL_SPREAD / state.parameters.bin_width if state.bars == 0 else 0.0
    lowest = (np.minimum(bars.mark_low, bars.entry_low)[observed] - drift).min() - spread
    highest = (np.maximum(bars.mark_high, bars.entry_high)[observed] - drift).max() + spread
    return covering(state, float(lowest), float(highest))


def fold_first_bar(
    fold: Fold, state: InventoryState, bars: BarsInBins, row: int, output: FoldOutput
) -> InventoryState:
    """Place the open interest that was there before the data: entries spread around the first bar's range."""
    spread = INITIAL_SPREAD / state.parameters.bin_width
    entry_low, entry_high = bars.entry_low.copy(), bars.entry_high.copy()
    entry_low[row] -= spread
    entry_high[row] += spread
    widened = replace(bars, entry_low=entry_low, entry_high=entry_high)
    state = fold(state, widened, slice(0, row + 1), output)
    return replace(state, bars=1, initial=state.open_interest * state.growth)


def fold_numba(state: InventoryState, bars: BarsInBins, rows: slice, output: FoldOutput) -> InventoryState:
    """Return `state` after `rows` of `bars` by the compiled kernel; fill `output`."""
    from powderkeg.core import worlds_kernel

    increments, growth = state.increments.copy(), state.growth.copy()
    top, bottom, initial = state.top.copy(), state.bottom.copy(), state.initial.copy()
    parameters, width = state.parameters, state.parameters.bin_width
    open_interest = worlds_kernel.advance(
        increments,
        growth,
        top,
        bottom,
        initial,
        _exact(parameters.nearest / width),
        _exact(parameters.farthest / width),
        parameters.turnover,
        parameters.weights,
        state.first_bin,
        _level_price(state),
        width,
        bars.observed[rows],
        bars.mark_low[rows],
        bars.mark_high[rows],
        bars.met_low[rows],
        bars.met_high[rows],
        bars.entry_low[rows],
        bars.entry_high[rows],
        state.open_interest,
        bars.open_interest[rows],
        bars.volume[rows],
        bars.drift[rows],
        output.intervals[rows],
        output.predicted[rows],
        output.interval_predicted,
        RESIDUE,
        output.column_rows - rows.start,
        output.column_factor,
        output.column_first_bin,
        output.columns,
    )
    for array in (increments, growth, top, bottom, initial):
        array.flags.writeable = False
    return replace(
        state,
        open_interest=open_interest,
        increments=increments,
        growth=growth,
        top=top,
        bottom=bottom,
        initial=initial,
    )


def fold_numpy(state: InventoryState, bars: BarsInBins, rows: slice, output: FoldOutput) -> InventoryState:
    """Return `state` after `rows` of `bars` by the plain twin; fill `output`."""
    parameters, width = state.parameters, state.parameters.bin_width
    quantity, initial = masses(state), state.initial / state.growth
    level_price, open_interest = _level_price(state), state.open_interest
    for n in range(rows.start, rows.stop):
        base = state.first_bin + bars.drift[n]
        mirror = base + state.bins
        sides = (
            (
                bars.mark_low[n] - base,
                bars.met_low[n] - base,
                bars.entry_low[n] - base,
                bars.entry_high[n] - base,
            ),
            (
                mirror - bars.mark_high[n],
                mirror - bars.met_high[n],
                mirror - bars.entry_high[n],
                mirror - bars.entry_low[n],
            ),
        )
        if bars.observed[n]:
            for side, (extreme, met, entry_low, entry_high) in enumerate(sides):
                predicted = worlds_reference.advance_side(
                    quantity[side],
                    initial[side],
                    nearest=_exact(parameters.nearest[side] / width),
                    farthest=_exact(parameters.farthest[side] / width),
                    turnover=parameters.turnover,
                    extreme=extreme,
                    met=met,
                    entry_low=entry_low,
                    entry_high=entry_high,
                    previous_interest=open_interest,
                    open_interest=float(bars.open_interest[n]),
                    volume=float(bars.volume[n]),
                    level_price=level_price[side] * np.exp(bars.drift[n] * width),
                )
                output.predicted[n, side] = (predicted * parameters.weights[side]).sum()
                output.interval_predicted[output.intervals[n], side] += predicted
            open_interest = float(bars.open_interest[n])
        for column in np.flatnonzero(output.column_rows == n):
            shift = base - output.column_first_bin
            standing = np.einsum("sdtn,sdt->sn", quantity, parameters.weights) * output.column_factor[column]
            output.columns[column, LONG, shift : shift + state.bins] = standing[LONG]
            output.columns[column, SHORT, shift : shift + state.bins] = standing[SHORT, ::-1]
    return replace(from_masses(state, quantity, initial), open_interest=open_interest)


def _level_price(state: InventoryState) -> FloatArray:
    """Return the price of each storage bin before the funding shift, shape (2, bins)."""
    centres = PriceGrid(state.parameters.bin_width, state.first_bin, state.bins).centres
    return np.stack([centres, centres[::-1]])
