"""Measured maps through time: what was known of positions at each instant, on one clock."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from powderkeg.core.alignment import cadence_of
from powderkeg.errors import InputError, WindowError
from powderkeg.lake.tables import SeriesTable
from powderkeg.maps.heatmap import Heatmap
from powderkeg.maps.measured_map import NO_OPEN_INTEREST, MeasuredMap, measured_map
from powderkeg.model.account_positions import PositionSnapshot
from powderkeg.model.arrays import FloatArray, IntArray
from powderkeg.model.price_grid import PriceGrid
from powderkeg.model.times import duration_text, iso

# Without a word on it, a snapshot stands for this many of the usual distances between snapshots.
_STANDS_FOR = 3
_MOST_COLUMNS = 5_000


@dataclass(frozen=True, slots=True)
class MeasuredHeatmap:
    """Measured maps of one coin at a series of instants.

    Attributes
    ----------
    heatmap
        The columns; at times of which nothing is known there is none.
    snapshot_ts
        Time of the snapshot behind each column, UTC milliseconds, shape (columns,).
    counted
        USD counted on the (long, short) side in each column, levels or not, shape (columns, 2).
    """

    heatmap: Heatmap
    snapshot_ts: IntArray
    counted: FloatArray

    def as_json(self) -> dict[str, Any]:
        """Return what ``powderkeg heatmap --json`` prints, with what was counted beside each column."""
        found = self.heatmap.as_json()
        for column, at, (long, short) in zip(
            found["columns"], self.snapshot_ts.tolist(), self.counted.tolist(), strict=True
        ):
            column |= {"snapshot": iso(at), "counted_long": long, "counted_short": short}
        return found


def column_times(start: int, end: int, step: int, first: int = 0) -> IntArray:
    """Return the whole multiples of `step` in [start, end], none before `first`; UTC milliseconds.

    Raises
    ------
    WindowError
        There is none, or the end is before the start.
    InputError
        There are more than 5,000.
    """
    if end < start:
        raise WindowError(f"end: {iso(end)} is before the start, {iso(start)}")
    times = np.arange(-(-max(start, first) // step) * step, end + 1, step, dtype=np.int64)
    if not len(times):
        raise WindowError(
            f"step: no multiple of {duration_text(step)} lies between {iso(max(start, first))} and {iso(end)}"
        )
    if len(times) > _MOST_COLUMNS:
        raise InputError(f"step: {len(times):,} columns; expected at most {_MOST_COLUMNS:,}: a longer step")
    return times


def latest_snapshots(
    snapshots: Sequence[PositionSnapshot], times: IntArray, oldest: int | None
) -> list[tuple[int, PositionSnapshot]]:
    """Return (time, the last snapshot by then) for each time at which it is no older than `oldest` ms.

    Without `oldest`, a snapshot stands for three of the median distances between snapshots.
    """
    taken = np.array([one.as_of for one in snapshots])
    if oldest is None:
        oldest = _STANDS_FOR * int(np.median(np.diff(taken))) if len(taken) > 1 else 0
    rows = np.searchsorted(taken, times, side="right") - 1
    return [
        (int(time), snapshots[row])
        for time, row in zip(times.tolist(), rows.tolist(), strict=True)
        if row >= 0 and time - taken[row] <= oldest
    ]


def measured_heatmap(
    columns: Iterable[tuple[int, PositionSnapshot]],
    symbol: str,
    *,
    bars: SeriesTable | None = None,
    source: str = "positions",
) -> MeasuredHeatmap:
    """Return the published levels of one coin through time.

    A column is the map of the last snapshot known at its time, at that snapshot's mark. Modelled
    liquidations are none here, and NaN.

    Parameters
    ----------
    columns
        (Time, snapshot known then), ascending in time; a snapshot in which nobody holds the coin, or whose
        mark of it is not known, is left out.
    symbol
        The coin.
    bars
        Traded prices for the candles, of this venue or of one whose prices are near; without them there are
        none.
    source
        For the provenance.

    Raises
    ------
    WindowError
        No column holds the coin.
    """
    times: list[int] = []
    maps: list[MeasuredMap] = []
    snapshots: list[PositionSnapshot] = []
    for time, snapshot in columns:
        if snapshots and snapshot is snapshots[-1]:
            maps.append(maps[-1])
        else:
            try:
                maps.append(measured_map(snapshot, symbol, source=source))
            except InputError:
                continue
        times.append(time)
        snapshots.append(snapshot)
    if not maps:
        raise WindowError(
            f"heatmap: no snapshot known at a column's time holds {symbol} at a known mark; a shorter step, "
            "or another start and end, may meet one"
        )
    grids = [one.map.grid for one in maps if one.map.grid.count]
    first = min((grid.first for grid in grids), default=0)
    stop = max((grid.first + grid.count for grid in grids), default=0)
    masses = np.zeros((2, len(maps), stop - first), np.float32)
    for row, one in enumerate(maps):
        place = slice(one.map.grid.first - first, one.map.grid.first - first + one.map.grid.count)
        masses[0, row, place], masses[1, row, place] = one.map.long_notional, one.map.short_notional
    last = maps[-1].map
    notes = (
        *(note for note in last.provenance.notes if note != NO_OPEN_INTEREST),
        "each column is the last snapshot known at its time; its coverage is told by a map",
    )
    empty = np.full(len(maps), np.nan)
    prices = (empty,) * 4 if bars is None else _candles(bars, np.array(times))
    return MeasuredHeatmap(
        heatmap=Heatmap(
            instrument=last.instrument,
            times=np.array(times, np.int64),
            grid=PriceGrid(last.grid.width, first, stop - first),
            long_notional=masses[0],
            short_notional=masses[1],
            open=prices[0],
            high=prices[1],
            low=prices[2],
            close=prices[3],
            mark_price=np.array([one.map.mark_price for one in maps]),
            open_interest=np.array([one.map.open_interest for one in maps]),
            predicted_long=empty,
            predicted_short=empty,
            provenance=replace(last.provenance, notes=notes),
        ),
        snapshot_ts=np.array([one.as_of for one in snapshots], np.int64),
        counted=np.array([[side.notional for side in one.sides] for one in maps]),
    )


def _candles(bars: SeriesTable, times: IntArray) -> tuple[FloatArray, ...]:
    """Return open, high, low and close of the bars that ended since the column before; NaN where none did."""
    ends = bars.times + cadence_of(bars.times)
    length = int(np.diff(times).min()) if len(times) > 1 else cadence_of(bars.times)
    first = np.searchsorted(ends, times - length, side="right")
    stop = np.searchsorted(ends, times, side="right")
    out = np.full((4, len(times)), np.nan)
    for column in np.flatnonzero(stop > first):
        rows = slice(first[column], stop[column])
        out[:, column] = (
            bars.values["open"][rows][0],
            bars.values["high"][rows].max(),
            bars.values["low"][rows].min(),
            bars.values["close"][rows][-1],
        )
    return tuple(out)
