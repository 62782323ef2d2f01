"""Heatmaps of several venues as one: column by column, each of the venues that are known at its time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from powderkeg.errors import WindowError
from powderkeg.maps.added_bins import add_shifted, covering, require_addable, shares_of, summed_provenance
from powderkeg.maps.heatmap import Heatmap, whole_axis
from powderkeg.maps.input_coverage import is_fresh
from powderkeg.maps.map_run import MapRun
from powderkeg.model.arrays import BoolArray, FloatArray, IntArray
from powderkeg.model.provenance import Provenance
from powderkeg.model.times import HOUR, iso, milliseconds
from powderkeg.model.window import Window, united

# Older open interest says nothing of a column, unless it comes that seldom.
_OLDEST_INTEREST = HOUR


@dataclass(frozen=True, slots=True)
class HeatmapLayer:
    """One venue's part of an aggregated heatmap.

    Attributes
    ----------
    heatmap
        The venue's own heatmap, at its own prices, with the columns at which it is known.
    basis
        Its mark price over that of the sum in each of its columns, less 1, shape (own columns,).
    share
        Its share of the open interest, in [0, 1], each venue's taken at its last column.
    present
        True for each column of the sum that it is in, shape (columns of the sum,).
    missing
        The times of the columns that it is not in: a column is of the time up to it, since the one before.
    """

    heatmap: Heatmap
    basis: FloatArray
    share: float
    present: BoolArray
    missing: tuple[Window, ...]

    @property
    def coverage(self) -> float:
        """Share of the columns that it is in, in [0, 1]."""
        return float(self.present.mean())

    def as_json(self) -> dict[str, Any]:
        """Return the layer as ``powderkeg heatmap --json`` prints it."""
        own = self.heatmap.as_json()
        return {
            "instrument": own["instrument"],
            "kind": own["kind"],
            "share": self.share,
            "coverage": self.coverage,
            "missing": [{"start": iso(one.start), "end": iso(one.end)} for one in self.missing],
            "columns": [
                {**column, "basis": basis}
                for column, basis in zip(own["columns"], self.basis.tolist(), strict=True)
            ],
            "provenance": own["provenance"],
        }


@dataclass(frozen=True, slots=True)
class AggregatedHeatmap:
    """The sum of several venues' heatmaps.

    Attributes
    ----------
    total
        The sum. A column is the sum of the venues that are known at its time, at the prices of the one
        among them with the most open interest; times at which none is have no column.
    layers
        What it is the sum of, by open interest, largest first.
    """

    total: Heatmap
    layers: tuple[HeatmapLayer, ...]

    def plot(self, path: str | Path | None = None) -> Any:
        """Draw the sum and mark where a venue is missing; arguments and errors as in `Heatmap.plot`."""
        from powderkeg.maps.heatmap_picture import draw_heatmap

        return draw_heatmap(self.total, path, layers=self.layers)

    def as_json(self) -> dict[str, Any]:
        """Return the sum as ``powderkeg heatmap --json`` prints a heatmap, with who is missing where."""
        told = self.total.as_json()
        present = np.array([one.present for one in self.layers])
        missing: dict[int, list[str]] = {}
        for column, layer in np.argwhere(~present.T).tolist():
            missing.setdefault(column, []).append(self.layers[layer].heatmap.instrument)
        columns = [
            {**column, "missing": missing.get(index, [])} for index, column in enumerate(told["columns"])
        ]
        return {**told, "columns": columns, "layers": [layer.as_json() for layer in self.layers]}


def aggregated_heatmap(heatmaps: Sequence[Heatmap], name: str) -> AggregatedHeatmap:
    """Return the heatmaps of one coin on several venues as one, on one axis of time and one price grid.

    In each column the maps of the venues that have it are moved in log price to the mark price of the one
    with the most open interest, as in `powderkeg.maps.aggregated_map.aggregated_map`, and added. A venue
    without the column is missing there: it is not added as zero, and `HeatmapLayer.present` says so. Candles
    are of the venue whose mark price it is; open interest and modelled liquidations are sums.

    Parameters
    ----------
    heatmaps
        At least one with a column, of the same kind, bin width and step; those without any are left out.
    name
        What the sum is called, such as ``BTC``.

    Raises
    ------
    InputError
        No heatmap has a column; or they are of different kinds (what is modelled and what is measured are
        never added silently) or have bins of different widths.
    """
    given = [one for one in heatmaps if len(one)]
    require_addable(given)
    ordered = sorted(given, key=lambda one: -one.open_interest[-1])
    times = np.unique(np.concatenate([one.times for one in ordered]))
    places = [np.searchsorted(times, one.times) for one in ordered]
    told: dict[str, FloatArray] = {}
    for field in ("open", "high", "low", "close", "mark_price"):
        told[field] = np.full(len(times), np.nan)
        for one, place in zip(reversed(ordered), reversed(places), strict=True):
            told[field][place] = getattr(one, field)
    for field in ("open_interest", "predicted_long", "predicted_short"):
        told[field] = np.zeros(len(times))
        for one, place in zip(ordered, places, strict=True):
            told[field][place] += getattr(one, field)
    bases = [
        one.mark_price / told["mark_price"][place] - 1 for one, place in zip(ordered, places, strict=True)
    ]
    width = ordered[0].grid.width
    shifts = [-np.log1p(basis) / width for basis in bases]
    # Wide enough for the column that moves furthest down and for the one that moves furthest up.
    grid = covering(
        width,
        [one.grid for one in ordered for _ in range(2)],
        [float(end) for shift in shifts for end in (shift.min(), shift.max())],
    )
    sides = np.zeros((2, len(times), grid.count), np.float32)
    for one, place, shift in zip(ordered, places, shifts, strict=True):
        for own, (column, moved) in enumerate(zip(place, shift, strict=True)):
            for side, mass in enumerate((one.long_notional, one.short_notional)):
                add_shifted(sides[side, column], grid, one.grid, mass[own], float(moved))
    layers = _layers(ordered, bases, times)
    total = Heatmap(
        instrument=name,
        times=times,
        grid=grid,
        long_notional=sides[0],
        short_notional=sides[1],
        provenance=_provenance(layers, times),
        **told,
    )
    return AggregatedHeatmap(total, layers)


def known_heatmaps(
    runs: Sequence[MapRun], start: str | int | None = None, step: str | int | None = None
) -> tuple[list[Heatmap], dict[str, str]]:
    """Return the heatmap of each run with the columns at which it is known, and why others have none.

    A run is known at a column if a bar was observed since the column before, and its open interest is not
    older than an hour, or than two of its cadences if that is longer. What a single run's heatmap carries on
    through a hole would be told, in a sum, as what stands.

    Parameters
    ----------
    runs
        At least one; of bars of one length.
    start
        First time; a run whose open interest begins later has its first column later.
    step
        Distance of the columns, as in `MapRun.heatmap`; by default what the longest run gets there.

    Returns
    -------
    tuple
        Heatmaps, each with at least one column; and instrument -> reason.

    Raises
    ------
    WindowError
        No run has a column, or `start` is before the first known open interest of all.
    InputError
        As in `MapRun.heatmap`.
    """
    begins = {id(run): _first_known(run) for run in runs}
    ordered = sorted(runs, key=lambda run: begins[id(run)] - run.frame.end)
    earliest = min(begins.values())
    begin = earliest if start is None else milliseconds(start, "start")
    if begin < earliest:
        raise WindowError(
            f"start: {iso(begin)} is before the first known open interest of any venue, {iso(earliest)}"
        )
    found: list[Heatmap] = []
    without: dict[str, str] = {}
    for run in ordered:
        try:
            heatmap = run.heatmap(max(begin, begins[id(run)]), None, step)
        except WindowError as error:
            without[run.frame.instrument] = str(error)
            continue
        if step is None:
            step = heatmap.column_length or run.frame.step
        known = _known(run, heatmap)
        if known.any():
            found.append(heatmap.at_columns(known))
        else:
            without[run.frame.instrument] = "at none of the columns are its bars and its open interest known"
    if not found:
        raise WindowError("; ".join(f"{name}: {reason}" for name, reason in without.items()))
    return found, without


def _first_known(run: MapRun) -> int:
    frame = run.frame
    known = np.flatnonzero(np.isfinite(frame.open_interest) & frame.valid)
    return int(frame.ts[known[0]]) if len(known) else frame.end


def _known(run: MapRun, heatmap: Heatmap) -> BoolArray:
    frame = run.frame
    age = frame.open_interest_age[(heatmap.times - frame.start) // frame.step - 1]
    cadence = next((series.cadence for series in frame.series if series.name == "open_interest"), 0)
    recent = is_fresh(age, cadence) | ((age >= 0) & (age <= _OLDEST_INTEREST))
    return np.asarray(np.isfinite(heatmap.close) & recent)


def _layers(
    ordered: Sequence[Heatmap], bases: Sequence[FloatArray], times: IntArray
) -> tuple[HeatmapLayer, ...]:
    shares = shares_of([float(one.open_interest[-1]) for one in ordered])
    every = whole_axis(times)
    length = int(every[1] - every[0]) if len(every) > 1 else 0
    return tuple(
        HeatmapLayer(
            heatmap=one,
            basis=basis,
            share=share,
            present=np.isin(times, one.times),
            missing=united(Window(int(ts) - length, int(ts)) for ts in np.setdiff1d(every, one.times)),
        )
        for one, basis, share in zip(ordered, bases, shares, strict=True)
    )


def _provenance(layers: Sequence[HeatmapLayer], times: IntArray) -> Provenance:
    told = [
        f"the sum of {len(layers)} venues' maps in each column, each moved to the price of the largest one "
        "that is known there; a venue that is not known there is missing from the sum"
    ]
    for layer in layers:
        own = layer.heatmap.times
        told.append(
            f"{layer.heatmap.instrument}: {layer.share:.1%} of the open interest, in {len(own)} of "
            f"{len(times)} columns, from {iso(int(own[0]))} to {iso(int(own[-1]))}"
        )
    if left_out := len(whole_axis(times)) - len(times):
        told.append(f"{left_out} columns in between are left out: no venue is known there")
    return summed_provenance([layer.heatmap for layer in layers], [layer.share for layer in layers], told)
