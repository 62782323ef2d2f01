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
from typing import Literal, get_args

import numpy as np

from powderkeg.core.inventory_state import InventoryState, empty_state, masses
from powderkeg.core.worlds_folds import (
    FoldOutput,
    bars_in_bins,
    fold_first_bar,
    fold_numba,
    fold_numpy,
    storage_for,
)
from powderkeg.errors import InputError
from powderkeg.model.arrays import FloatArray, IntArray
from powderkeg.model.market_frame import MarketFrame
from powderkeg.model.price_grid import PriceGrid
from powderkeg.model.worlds_parameters import LONG, SHORT, WorldsParameters

KernelName = Literal["numba", "numpy"]


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
        The frame is empty, begins before the state's time, or `columns` or `intervals` do not fit it; no
        kernel has that name.
    """
    if kernel not in (None, *get_args(KernelName)):
        raise InputError(f"kernel: {kernel!r}; expected one of {', '.join(get_args(KernelName))}")
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

    bars = bars_in_bins(state, frame)
    state = storage_for(state, bars)
    column_grid = PriceGrid(
        state.parameters.bin_width,
        state.first_bin + int(bars.drift.min()),
        state.bins + int(np.ptp(bars.drift)),
    )
    output = FoldOutput(
        predicted=np.where(bars.observed[:, None], 0.0, np.nan) * np.ones((1, 2)),
        interval_predicted=np.zeros((int(intervals[-1]) + 1, *state.parameters.weights.shape)),
        intervals=intervals,
        column_rows=columns,
        column_factor=bars.mark_close[columns] if len(columns) else np.empty(0),
        column_first_bin=column_grid.first,
        columns=np.zeros((len(columns), 2, column_grid.count), np.float32),
    )
    fold = fold_numpy if (kernel or available_kernel()) == "numpy" else fold_numba
    begin = 0
    if state.bars == 0 and np.any(bars.observed):
        begin = int(np.argmax(bars.observed)) + 1
        state = fold_first_bar(fold, state, bars, begin - 1, output)
    state = fold(state, bars, slice(begin, rows), output)
    state = replace(
        state,
        as_of=frame.end,
        bars=state.bars + int(np.count_nonzero(bars.observed[begin:])),
        funding=float(bars.funding[-1]),
        mark_price=float(bars.mark_close[-1]),
    )
    return WorldsRun(
        state=state,
        predicted=output.predicted,
        interval_predicted=output.interval_predicted,
        columns=Columns(rows=columns, grid=column_grid, notional=output.columns),
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
