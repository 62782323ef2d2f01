"""One pass of a named model over a market frame, and everything that can be taken from it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace

import numpy as np

from powderkeg.core import worlds
from powderkeg.core.inventory_state import InventoryState
from powderkeg.core.named_models import model_parameters
from powderkeg.errors import InputError, WindowError
from powderkeg.maps.calibrated_model import Calibration
from powderkeg.maps.heatmap import Heatmap
from powderkeg.maps.liquidation_map import LiquidationMap
from powderkeg.maps.map_ensemble import map_ensemble
from powderkeg.maps.merged_bars import candles, last_observed
from powderkeg.model.arrays import FloatArray, IntArray, read_only
from powderkeg.model.market_frame import MarketFrame
from powderkeg.model.price_grid import PriceGrid
from powderkeg.model.provenance import Provenance
from powderkeg.model.times import DAY, HOUR, MINUTE, WEEK, duration, duration_text, iso, milliseconds
from powderkeg.model.worlds_parameters import LONG, SHORT, WorldsParameters

# The picture of a window has at most this many columns unless the caller asks for a step.
_COLUMNS = 1_500
_STEPS = (
    *(MINUTE * minutes for minutes in (1, 5, 15, 30)),
    *(HOUR * hours for hours in (1, 2, 4, 6, 12)),
    DAY,
    WEEK,
)
_LARGEST_HEATMAP = 2 << 30
_CHECKPOINTS = 16
_STALE_AFTER = 2 * DAY


@dataclass(frozen=True, slots=True)
class PredictedLiquidations:
    """Modelled liquidations by side over half-open intervals; the counterpart of recorded totals.

    Attributes
    ----------
    start, end
        Interval bounds in UTC milliseconds, shape (n,).
    long_notional, short_notional
        USD at the liquidation prices, shape (n,). An interval without any observed bar holds NaN: nothing
        is known of it, which is not zero.
    """

    start: IntArray
    end: IntArray
    long_notional: FloatArray
    short_notional: FloatArray

    def __post_init__(self) -> None:
        for name in ("start", "end"):
            object.__setattr__(self, name, read_only(getattr(self, name), np.int64))
        for name in ("long_notional", "short_notional"):
            object.__setattr__(self, name, read_only(getattr(self, name)))


@dataclass(frozen=True, slots=True)
class MapRun:
    """A model's pass over a frame, kept at a handful of instants so that any other is a short way off.

    Attributes
    ----------
    frame
        The market it has seen.
    parameters
        The model's numbers.
    checkpoints
        (rows folded in, state), ascending, the first before any bar and the last after all.
    kernel
        Which implementation runs.
    calibration
        Where the parameters come from a calibration: its ensemble, for bands and forced notional.
    """

    frame: MarketFrame
    parameters: WorldsParameters
    checkpoints: tuple[tuple[int, InventoryState], ...]
    kernel: worlds.KernelName
    calibration: Calibration | None = None

    def map(self, at: str | int | dt.date | None = None) -> LiquidationMap:
        """Return the map as it was known at `at`, by default after the last bar.

        Only bars that had ended by then, and observations known by then, are in it.

        Raises
        ------
        WindowError
            `at` lies outside the data, before the first open interest, or the open interest known then was
            too old to say anything (two days, or three times its cadence if that is longer).
        """
        time = self.frame.end if at is None else milliseconds(at, "at")
        rows = self.frame.rows_known_at(time)
        self._require_open_interest(rows, "at")
        state = self._state(rows)
        layers = worlds.standing_quantity(state)
        quantity = np.einsum("sdtn,sdt->sn", layers, self.parameters.weights)
        occupied = np.flatnonzero(quantity.sum(axis=0) > 0)
        cut = slice(int(occupied[0]), int(occupied[-1]) + 1) if len(occupied) else slice(0, 0)
        grid = state.grid
        return LiquidationMap(
            instrument=self.frame.instrument,
            as_of=state.as_of,
            mark_price=state.mark_price,
            open_interest=state.open_interest * state.mark_price,
            grid=PriceGrid(grid.width, grid.first + cut.start, cut.stop - cut.start),
            long_notional=quantity[LONG, cut] * state.mark_price,
            short_notional=quantity[SHORT, cut] * state.mark_price,
            provenance=self._provenance(state, rows),
            ensemble=None
            if self.calibration is None
            else map_ensemble(self.calibration, layers[..., cut] * state.mark_price),
        )

    def state(self, at: str | int | dt.date | None = None) -> InventoryState:
        """Return the estimator's state behind the map at `at`; errors as in `map`."""
        rows = self.frame.rows_known_at(self.frame.end if at is None else milliseconds(at, "at"))
        self._require_open_interest(rows, "at")
        return self._state(rows)

    def heatmap(
        self,
        start: str | int | dt.date | None = None,
        end: str | int | dt.date | None = None,
        step: str | int | dt.timedelta | None = None,
    ) -> Heatmap:
        """Return the maps of [start, end], one every `step`.

        The model is warmed up on everything before `start`. Columns stand at whole multiples of `step`.

        Parameters
        ----------
        start, end
            Window; by default from the first known open interest to the end of the data.
        step
            Distance of the columns, a multiple of the bars'; by default the finest of 1m, 5m, 15m, 30m, 1h,
            2h, 4h, 6h, 12h, 1d and 1w that gives at most 1,500 columns.

        Raises
        ------
        WindowError
            The window is empty or reaches outside the data.
        InputError
            `step` is not a multiple of the bars', or the heatmap would take more than 2 GB.
        """
        frame = self.frame
        known = np.flatnonzero(np.isfinite(frame.open_interest) & frame.valid)
        if len(known) == 0:
            raise WindowError("heatmap: no bar has both a price and a known open interest")
        earliest = int(frame.ts[known[0]])
        begin = earliest if start is None else milliseconds(start, "start")
        stop = frame.end if end is None else milliseconds(end, "end")
        if stop <= begin:
            raise WindowError(f"end: {iso(stop)} is not after the start, {iso(begin)}")
        if begin < earliest:
            raise WindowError(f"start: {iso(begin)} is before the first known open interest, {iso(earliest)}")
        length = self._column_length(stop - begin, step)
        times = np.arange(-(-begin // length) * length, stop + 1, length, dtype=np.int64)
        times = times[times >= earliest + frame.step]
        if len(times) == 0:
            raise WindowError(
                f"step: no multiple of {duration_text(length)} lies between {iso(begin)} and {iso(stop)}"
            )
        frame.rows_known_at(int(times[-1]))
        result = self._columns_at(times, length)
        notes = (*result.provenance.notes, *self._end_note(int(times[-1]), stop, length))
        return replace(result, provenance=replace(result.provenance, notes=notes))

    def predicted_liquidations(self, edges: IntArray) -> PredictedLiquidations:
        """Return the model's liquidations in each interval between neighbouring `edges`.

        Parameters
        ----------
        edges
            UTC milliseconds, ascending, shape (n + 1,), whole bars and inside the frame.

        Raises
        ------
        InputError
            `edges` are not ascending or do not fall between bars.
        WindowError
            An edge lies outside the frame.
        """
        layers = self.predicted_layers(edges)
        totals = np.einsum("isdt,sdt->is", layers, self.parameters.weights)
        edges = np.asarray(edges, np.int64)
        return PredictedLiquidations(edges[:-1], edges[1:], totals[:, LONG], totals[:, SHORT])

    def predicted_layers(self, edges: IntArray) -> FloatArray:
        """Return the liquidations of every world between neighbouring `edges`, shape (n, 2, D, 4), USD.

        Before weighting: what a calibration multiplies. NaN in an interval without any observed bar. `edges`
        and errors as in `predicted_liquidations`.
        """
        edges = np.asarray(edges, np.int64)
        frame = self.frame
        if len(edges) < 2 or np.any(np.diff(edges) <= 0):
            raise InputError("edges: expected at least two ascending times")
        if np.any((edges - frame.start) % frame.step):
            raise InputError(f"edges: not all of them fall between bars of {duration_text(frame.step)}")
        if edges[0] < frame.start or edges[-1] > frame.end:
            raise WindowError(
                f"edges: {iso(int(edges[0]))} to {iso(int(edges[-1]))} reaches outside the bars, "
                f"{iso(frame.start)} to {iso(frame.end)}"
            )
        first, stop = (int(edge - frame.start) // frame.step for edge in edges[[0, -1]])
        at, state = self._checkpoint(first)
        rows = frame.rows(at, stop)
        # Rows before the first edge are warm-up: interval 0, left out.
        interval = np.searchsorted(edges, rows.ts, side="right")
        result = worlds.run(state, rows, intervals=interval, kernel=self.kernel)
        layers = result.interval_predicted[1:]
        observed = np.bincount(interval, np.isfinite(result.predicted[:, LONG]), minlength=len(edges))
        layers[observed[1:] == 0] = np.nan
        return layers

    def layers(self, at: str | int | dt.date | None = None) -> tuple[PriceGrid, FloatArray]:
        """Return the price grid and the USD standing in every world before weighting, shape (2, D, 4, bins).

        Multiplied by weights and added up over D and 4 they are the map of those weights. `at` as in `map`.
        """
        time = self.frame.end if at is None else milliseconds(at, "at")
        rows = self.frame.rows_known_at(time)
        self._require_open_interest(rows, "at")
        state = self._state(rows)
        return state.grid, worlds.standing_quantity(state) * state.mark_price

    def reweighted(self, model: str | WorldsParameters | Calibration) -> MapRun:
        """Return this run under the weights of another model, without running again.

        Raises
        ------
        InputError
            The model's dictionary of worlds is another one.
        """
        parameters, calibration = _table_of(model)
        if not self.parameters.shares_dictionary_with(parameters):
            raise InputError(
                f"model: {parameters.name!r} has other distance or turnover classes than "
                f"{self.parameters.name!r}; run it on the frame instead"
            )
        states = tuple((rows, replace(state, parameters=parameters)) for rows, state in self.checkpoints)
        return replace(self, parameters=parameters, checkpoints=states, calibration=calibration)

    def _column_length(self, window: int, step: str | int | dt.timedelta | None) -> int:
        bar = self.frame.step
        if step is None:
            fitting = [length for length in _STEPS if length % bar == 0 and window // length <= _COLUMNS]
            return fitting[0] if fitting else bar * max(1, -(-window // (bar * _COLUMNS)))
        length = duration(step, "step")
        if length % bar:
            raise InputError(
                f"step: {duration_text(length)} is not a multiple of the bars' {duration_text(bar)}"
            )
        return length

    def _end_note(self, last: int, stop: int, length: int) -> list[str]:
        """Return the note that the last column does not stand at the end of the window, if it does not."""
        if last == stop:
            return []
        return [
            f"columns stand at whole multiples of {duration_text(length)}: the last one at {iso(last)}, the "
            f"window ends {iso(stop)}"
        ]

    def _columns_at(self, times: IntArray, length: int) -> Heatmap:
        frame = self.frame
        stops = (times - frame.start) // frame.step
        at, state = self._checkpoint(int(max(stops[0] - length // frame.step, 0)))
        size = len(times) * (state.bins or self.checkpoints[-1][1].bins) * 8
        if size > _LARGEST_HEATMAP:
            raise InputError(
                f"step: {len(times):,} columns would take {size / (1 << 30):.1f} GB, and at most 2 are "
                "built; choose a longer step or a shorter window"
            )
        rows = frame.rows(at, int(stops[-1]))
        intervals = np.searchsorted(stops - at, np.arange(len(rows)), side="right")
        # What precedes the first column's own interval is warm-up: an interval of its own, left out.
        warm_up = np.arange(len(rows)) < stops[0] - at - length // frame.step
        result = worlds.run(
            state,
            rows,
            columns=stops - at - 1,
            intervals=np.where(warm_up, 0, intervals + 1),
            kernel=self.kernel,
        )
        predicted = np.einsum("isdt,sdt->is", result.interval_predicted[1:], self.parameters.weights)
        notional = result.columns.notional
        occupied = np.flatnonzero(notional.any(axis=(0, 1)))
        cut = slice(int(occupied[0]), int(occupied[-1]) + 1) if len(occupied) else slice(0, 0)
        grid = result.columns.grid
        candle = candles(frame, stops, length // frame.step)
        last = stops - 1
        observed = frame.valid & np.isfinite(frame.open_interest)
        mark = last_observed(frame.mark_close, observed)[last]
        return Heatmap(
            instrument=frame.instrument,
            times=times,
            grid=PriceGrid(grid.width, grid.first + cut.start, cut.stop - cut.start),
            long_notional=notional[:, LONG, cut],
            short_notional=notional[:, SHORT, cut],
            open=candle[0],
            high=candle[1],
            low=candle[2],
            close=candle[3],
            mark_price=mark,
            open_interest=last_observed(frame.open_interest, observed)[last] * mark,
            predicted_long=predicted[:, LONG],
            predicted_short=predicted[:, SHORT],
            provenance=self._provenance(result.state, int(stops[-1])),
        )

    def _checkpoint(self, rows: int) -> tuple[int, InventoryState]:
        """Return the latest checkpoint with at most `rows` rows."""
        return next(entry for entry in reversed(self.checkpoints) if entry[0] <= rows)

    def _state(self, rows: int) -> InventoryState:
        at, state = self._checkpoint(rows)
        return state if at == rows else worlds.run(state, self.frame.rows(at, rows), kernel=self.kernel).state

    def _require_open_interest(self, rows: int, name: str) -> None:
        frame, last = self.frame, rows - 1
        time = int(frame.ts[last]) + frame.step
        if not np.isfinite(frame.open_interest[last]):
            known = np.flatnonzero(np.isfinite(frame.open_interest))
            since = (
                f"first known {iso(int(frame.ts[known[0]]) + frame.step)}" if len(known) else "never known"
            )
            raise WindowError(f"{name}: at {iso(time)} there is no open interest yet; it is {since}")
        if not np.any(frame.valid[:rows] & np.isfinite(frame.open_interest[:rows])):
            raise WindowError(f"{name}: no bar up to {iso(time)} has both a price and a known open interest")
        age = int(frame.open_interest_age[last])
        if age > max(_STALE_AFTER, 3 * self._interest_cadence):
            fresh = np.flatnonzero(frame.open_interest_age[:rows] == 0)
            until = (
                f"; the last fresh one is at {iso(int(frame.ts[fresh[-1]]) + frame.step)}"
                if len(fresh)
                else ""
            )
            raise WindowError(f"{name}: at {iso(time)} the open interest is {age / DAY:.1f} days old{until}")

    @property
    def _interest_cadence(self) -> int:
        return next((series.cadence for series in self.frame.series if series.name == "open_interest"), 0)

    def _provenance(self, state: InventoryState, rows: int) -> Provenance:
        frame = self.frame
        as_of, age = int(frame.ts[rows - 1]) + frame.step, int(frame.open_interest_age[rows - 1])
        notes = [*frame.notes, self.parameters.source]
        if self.calibration is not None:
            notes += [f"calibration: {note}" for note in self.calibration.notes]
            if self.calibration.end > as_of:
                notes.append(
                    f"LOOKS AHEAD: the parameters were fitted on data up to {iso(self.calibration.end)}, "
                    "after the time of the map"
                )
            if self.calibration.instrument != frame.instrument:
                notes.append(
                    f"the parameters were fitted on {self.calibration.instrument}, another instrument"
                )
        if age >= 0:
            stale = "STALE: " if age > 2 * self._interest_cadence else ""
            notes.append(
                f"{stale}the last open interest was known at {iso(as_of - age)}"
                + (f", {duration_text(age)} earlier" if age else "")
            )
        if rows < len(frame):
            notes.append(
                f"inputs are described up to the end of the data, {iso(frame.end)}; nothing known after "
                f"{iso(as_of)} shapes the map"
            )
        if not frame.valid[rows - 1]:
            last = int(np.flatnonzero(frame.valid[:rows])[-1])
            notes.append(f"the last observed bar ended {iso(int(frame.ts[last]) + frame.step)}")
        return Provenance(
            kind="modelled",
            model=self.parameters.name,
            parameter_hash=self.parameters.parameter_hash,
            inputs=frame.series,
            warm_up_share=worlds.warm_up_share(state, self.parameters.weights),
            kernel=self.kernel,
            notes=tuple(notes),
        )


def map_run(
    frame: MarketFrame,
    model: str | WorldsParameters | Calibration = "worlds",
    *,
    kernel: worlds.KernelName | None = None,
) -> MapRun:
    """Return one pass of `model` over `frame`.

    Parameters
    ----------
    frame
        From `market_frame`.
    model
        ``worlds``, ``fixed_tiers``, ``diffuse``, a table of parameters, or a calibration.
    kernel
        ``numba`` or ``numpy``; the faster one that can run by default.

    Raises
    ------
    InputError
        No model has that name, or the frame is empty.
    """
    parameters, calibration = _table_of(model)
    chosen = kernel or worlds.available_kernel()
    state = worlds.init(parameters)
    checkpoints = [(0, state)]
    for stop in np.unique(np.linspace(0, len(frame), _CHECKPOINTS + 1).astype(np.int64))[1:]:
        state = worlds.run(state, frame.rows(checkpoints[-1][0], int(stop)), kernel=chosen).state
        checkpoints.append((int(stop), state))
    return MapRun(
        frame=frame,
        parameters=parameters,
        checkpoints=tuple(checkpoints),
        kernel=chosen,
        calibration=calibration,
    )


def _table_of(model: str | WorldsParameters | Calibration) -> tuple[WorldsParameters, Calibration | None]:
    if isinstance(model, Calibration):
        return model.parameters, model
    return model_parameters(model), None
