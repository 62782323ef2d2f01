"""The worlds estimator as `init`, `step` and `run`: where today's open interest would be force-closed.

In every world all open interest sits in one distance class and turns over at one rate, so long open interest
equals short open interest equals the observed one at every bar. Per bar and world:

1. levels touched by the mark's low (longs) or high (shorts) leave: the predicted liquidations;
2. positions open: max(change, 0) + phi * (volume - abs(change)) / 2, more if the sweep has left too little;
3. the others close in proportion, which is the choice that assumes nothing else (maximum entropy);
4. openings stand at the class's distances from the bar's traded range.

Funding paid per notional moves both sides' liquidation prices up by as much. The map is the sum over worlds,
each with the weight that the parameters give it; the rest of open interest is inert.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Literal, Protocol

import numpy as np

from powderkeg.core import worlds_reference
from powderkeg.core.inventory_state import (
    RESIDUE,
    InventoryState,
    covering,
    empty_state,
    from_masses,
    masses,
)
from powderkeg.errors import InputError
from powderkeg.model.arrays import BoolArray, FloatArray, IntArray
from powderkeg.model.market_frame import MarketFrame
from powderkeg.model.price_grid import PriceGrid
from powderkeg.model.worlds_parameters import LONG, SHORT, WorldsParameters

KernelName = Literal["numba", "numpy"]

# Nothing is known about entries before the first bar; they are spread this far to either side of it.
INITIAL_SPREAD = 0.05


def available_kernel() -> KernelName:
    """Return the faster of the two kernels that can run here."""
    return "numba" if find_spec("numba") else "numpy"


@dataclass(frozen=True, slots=True)
class Columns:
    """The map after chosen rows: standing notional in USD at the mark price of each, by side and price bin.

    Attributes
    ----------
    rows
        Row after which each column stands, ascending, shape (c,).
    grid
        The price bins.
    notional
        Shape (c, 2, bins), float32.
    """

    rows: IntArray
    grid: PriceGrid
    notional: np.ndarray


@dataclass(frozen=True, slots=True)
class WorldsRun:
    """What one pass over a frame leaves.

    Attributes
    ----------
    state
        The state after the last bar.
    predicted
        Predicted liquidations per bar in USD at the liquidation price, shape (n, 2) for (long, short), under
        the weights of the parameters; NaN on bars that were not observed.
    interval_predicted
        The same per interval and world before weighting, shape (intervals, 2, D, 4): what a new set of
        weights multiplies.
    columns
        The map after the rows that were asked for.
    """

    state: InventoryState
    predicted: FloatArray
    interval_predicted: FloatArray
    columns: Columns


def init(parameters: WorldsParameters) -> InventoryState:
    """Return the state before the first bar."""
    return empty_state(parameters)


def step(
    state: InventoryState, bar: MarketFrame, *, kernel: KernelName | None = None
) -> tuple[InventoryState, tuple[float, float]]:
    """Return the state after one more bar, and the bar's predicted (long, short) liquidations in USD.

    Folding `step` over the bars of a frame gives what `run` gives, bit for bit.

    Raises
    ------
    InputError
        `bar` does not hold exactly one row, or does not come after the state's time.
    """
    if len(bar) != 1:
        raise InputError(f"bar: {len(bar)} rows where one was expected")
    result = run(state, bar, kernel=kernel)
    return result.state, (float(result.predicted[0, LONG]), float(result.predicted[0, SHORT]))


def run(
    state: InventoryState,
    frame: MarketFrame,
    *,
    columns: IntArray | None = None,
    intervals: IntArray | None = None,
    kernel: KernelName | None = None,
) -> WorldsRun:
    """Fold every bar of `frame` into `state`.

    Parameters
    ----------
    state
        Where to begin: `init(parameters)`, or the state that an earlier run ended with.
    frame
        The bars. Rows that are not valid, or that precede the first open interest, change nothing.
    columns
        Rows after which to keep the map, ascending; none by default.
    intervals
        Number of the interval that each row belongs to, ascending from 0, shape (n,); all rows belong to one
        interval by default.
    kernel
        ``numba`` or its plain twin ``numpy``; by default the faster one that can run.

    Raises
    ------
    InputError
        The frame is empty, begins before the state's time, or `columns` or `intervals` do not fit it.
    """
    rows = len(frame)
    if rows == 0:
        raise InputError("frame: no bars")
    if frame.start < state.as_of:
        raise InputError("frame: begins before the time that the state has reached")
    columns = np.empty(0, np.int64) if columns is None else np.asarray(columns, np.int64)
    if len(columns) and (columns[0] < 0 or columns[-1] >= rows or np.any(np.diff(columns) < 0)):
        raise InputError(f"columns: expected ascending rows within 0 and {rows - 1}")
    intervals = np.zeros(rows, np.int64) if intervals is None else np.asarray(intervals, np.int64)
    if intervals.shape != (rows,) or intervals[0] < 0 or np.any(np.diff(intervals) < 0):
        raise InputError(f"intervals: expected {rows} ascending numbers from 0")

    bars = _bars_in_bins(state, frame)
    state = _storage_for(state, bars)
    column_grid = PriceGrid(
        state.parameters.bin_width,
        state.first_bin + int(bars.drift.min()),
        state.bins + int(np.ptp(bars.drift)),
    )
    work = _Work(
        predicted=np.where(bars.observed[:, None], 0.0, np.nan) * np.ones((1, 2)),
        interval_predicted=np.zeros((int(intervals[-1]) + 1, *state.parameters.weights.shape)),
        intervals=intervals,
        column_rows=columns,
        column_factor=bars.mark_close[columns] if len(columns) else np.empty(0),
        column_first_bin=column_grid.first,
        columns=np.zeros((len(columns), 2, column_grid.count), np.float32),
    )
    fold = _fold_numpy if (kernel or available_kernel()) == "numpy" else _fold_numba
    begin = 0
    if state.bars == 0 and np.any(bars.observed):
        begin = int(np.argmax(bars.observed)) + 1
        state = _first_bar(fold, state, bars, begin - 1, work)
    state = fold(state, bars, slice(begin, rows), work)
    state = replace(
        state,
        as_of=frame.end,
        bars=state.bars + int(np.count_nonzero(bars.observed[begin:])),
        funding=float(bars.funding[-1]),
        mark_price=float(bars.mark_close[-1]),
    )
    return WorldsRun(
        state=state,
        predicted=work.predicted,
        interval_predicted=work.interval_predicted,
        columns=Columns(rows=columns, grid=column_grid, notional=work.columns),
    )


def standing_quantity(state: InventoryState) -> FloatArray:
    """Return the base units standing in each world and price bin of ``state.grid``, shape (2, D, 4, bins).

    In each world every side sums to the open interest; multiply by weights and add up for a map.
    """
    quantity = masses(state)
    quantity[SHORT] = quantity[SHORT, :, :, ::-1].copy()
    return quantity


def warm_up_share(state: InventoryState, weights: FloatArray | None = None) -> tuple[float, float]:
    """Return an upper bound of the share of (long, short) mass that stems from before the first bar.

    In [0, 1]. It falls as positions turn over; near 1 the map is a guess about unknown entries.
    """
    weights = state.parameters.weights if weights is None else weights
    if state.open_interest <= 0.0:
        return 1.0, 1.0
    left = np.minimum(state.initial / state.growth / state.open_interest, 1.0)
    share = (left * weights).sum(axis=(1, 2)) / np.maximum(weights.sum(axis=(1, 2)), 1e-300)
    return float(share[LONG]), float(share[SHORT])


@dataclass(frozen=True, slots=True)
class _BarsInBins:
    """The columns of a frame as the kernels take them: prices in bins from a price of 1, nothing missing."""

    observed: BoolArray
    mark_low: FloatArray
    mark_high: FloatArray
    mark_close: FloatArray
    entry_low: FloatArray
    entry_high: FloatArray
    open_interest: FloatArray
    volume: FloatArray
    funding: FloatArray
    drift: IntArray


@dataclass(frozen=True, slots=True)
class _Work:
    """Arrays that a fold fills."""

    predicted: FloatArray
    interval_predicted: FloatArray
    intervals: IntArray
    column_rows: IntArray
    column_factor: FloatArray
    column_first_bin: int
    columns: np.ndarray


class _Fold(Protocol):
    """The signature that the two folds share."""

    def __call__(
        self, state: InventoryState, bars: _BarsInBins, rows: slice, work: _Work
    ) -> InventoryState: ...


def _bars_in_bins(state: InventoryState, frame: MarketFrame) -> _BarsInBins:
    width = state.parameters.bin_width
    observed = frame.valid & np.isfinite(frame.open_interest)

    def bins(prices: FloatArray) -> FloatArray:
        return _exact(np.log(np.where(observed, prices, 1.0)) / width)

    rates = np.zeros(len(frame)) if frame.funding_rate is None else np.nan_to_num(frame.funding_rate)
    # Added up one by one, so that a window split anywhere reaches the same sums to the last bit.
    funding = np.cumsum(np.concatenate([[state.funding], rates]))[1:]
    return _BarsInBins(
        observed=observed,
        mark_low=bins(frame.mark_low),
        mark_high=bins(frame.mark_high),
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


def _storage_for(state: InventoryState, bars: _BarsInBins) -> InventoryState:
    """Return `state` with storage for every level that `bars` can open."""
    if not np.any(bars.observed):
        return state
    drift, observed = bars.drift[bars.observed], bars.observed
    spread = INITIAL_SPREAD / state.parameters.bin_width if state.bars == 0 else 0.0
    lowest = (np.minimum(bars.mark_low, bars.entry_low)[observed] - drift).min() - spread
    highest = (np.maximum(bars.mark_high, bars.entry_high)[observed] - drift).max() + spread
    return covering(state, float(lowest), float(highest))


def _first_bar(
    fold: _Fold, state: InventoryState, bars: _BarsInBins, row: int, work: _Work
) -> InventoryState:
    """Place the open interest that was there before the data: entries spread around the first bar's range."""
    spread = INITIAL_SPREAD / state.parameters.bin_width
    entry_low, entry_high = bars.entry_low.copy(), bars.entry_high.copy()
    entry_low[row] -= spread
    entry_high[row] += spread
    widened = replace(bars, entry_low=entry_low, entry_high=entry_high)
    state = fold(state, widened, slice(0, row + 1), work)
    return replace(state, bars=1, initial=state.open_interest * state.growth)


def _fold_numba(state: InventoryState, bars: _BarsInBins, rows: slice, work: _Work) -> InventoryState:
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
        bars.entry_low[rows],
        bars.entry_high[rows],
        state.open_interest,
        bars.open_interest[rows],
        bars.volume[rows],
        bars.drift[rows],
        work.intervals[rows],
        work.predicted[rows],
        work.interval_predicted,
        RESIDUE,
        work.column_rows - rows.start,
        work.column_factor,
        work.column_first_bin,
        work.columns,
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


def _fold_numpy(state: InventoryState, bars: _BarsInBins, rows: slice, work: _Work) -> InventoryState:
    parameters, width = state.parameters, state.parameters.bin_width
    quantity, initial = masses(state), state.initial / state.growth
    level_price, open_interest = _level_price(state), state.open_interest
    for n in range(rows.start, rows.stop):
        base = state.first_bin + bars.drift[n]
        mirror = base + state.bins
        sides = (
            (bars.mark_low[n] - base, bars.entry_low[n] - base, bars.entry_high[n] - base),
            (mirror - bars.mark_high[n], mirror - bars.entry_high[n], mirror - bars.entry_low[n]),
        )
        if bars.observed[n]:
            for side, (extreme, entry_low, entry_high) in enumerate(sides):
                predicted = worlds_reference.advance_side(
                    quantity[side],
                    initial[side],
                    nearest=_exact(parameters.nearest[side] / width),
                    farthest=_exact(parameters.farthest[side] / width),
                    turnover=parameters.turnover,
                    extreme=extreme,
                    entry_low=entry_low,
                    entry_high=entry_high,
                    previous_interest=open_interest,
                    open_interest=float(bars.open_interest[n]),
                    volume=float(bars.volume[n]),
                    level_price=level_price[side] * np.exp(bars.drift[n] * width),
                )
                work.predicted[n, side] = (predicted * parameters.weights[side]).sum()
                work.interval_predicted[work.intervals[n], side] += predicted
            open_interest = float(bars.open_interest[n])
        for column in np.flatnonzero(work.column_rows == n):
            shift = base - work.column_first_bin
            standing = np.einsum("sdtn,sdt->sn", quantity, parameters.weights) * work.column_factor[column]
            work.columns[column, LONG, shift : shift + state.bins] = standing[LONG]
            work.columns[column, SHORT, shift : shift + state.bins] = standing[SHORT, ::-1]
    return replace(from_masses(state, quantity, initial), open_interest=open_interest)


def _level_price(state: InventoryState) -> FloatArray:
    """Return the price of each storage bin before the funding shift, shape (2, bins)."""
    centres = PriceGrid(state.parameters.bin_width, state.first_bin, state.bins).centres
    return np.stack([centres, centres[::-1]])
