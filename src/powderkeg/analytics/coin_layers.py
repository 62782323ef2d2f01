"""What the maps of a coin are the weighted sums of, and what each weight would have scored.

A map is linear in the weights of its worlds. With the notional of every world before weighting, on one grid
for all venues, anybody can weigh anew without running a model again; with what every world predicted for
intervals whose liquidations were recorded, they can see how far off their weights would have been.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from powderkeg.analytics.liquidation_feeds import read_feed
from powderkeg.analytics.recorded_intervals import RecordedIntervals, recorded_intervals
from powderkeg.analytics.walk_forward import interval_layers
from powderkeg.core.event_scores import log_errors, rank_correlation, total_floor
from powderkeg.errors import InputError, WindowError
from powderkeg.lake.market_lake import Lake
from powderkeg.maps.added_bins import add_shifted, covering
from powderkeg.maps.map_run import MapRun
from powderkeg.model.arrays import FloatArray, IntArray
from powderkeg.model.market_frame import LiquidationTotals, MarketFrame
from powderkeg.model.price_grid import PriceGrid
from powderkeg.model.times import duration_text
from powderkeg.model.window import Window
from powderkeg.venues.registry import venue

SIDES = ("long", "short")


@dataclass(frozen=True, slots=True)
class VenueLayers:
    """One venue's worlds.

    Attributes
    ----------
    run
        The model's pass over the venue's frame.
    mark_price, open_interest
        Quote per base, and one-sided USD at it, at the end of the frame.
    basis
        Its mark price over that of the reference, less 1.
    standing
        USD in every world and bin of the common grid before weighting, moved by the basis; (2, D, 4, bins).
    """

    run: MapRun
    mark_price: float
    open_interest: float
    basis: float
    standing: FloatArray


@dataclass(frozen=True, slots=True)
class CoinLayers:
    """Worlds of several venues on one grid; the first, with the most open interest, is the reference."""

    grid: PriceGrid
    venues: tuple[VenueLayers, ...]


def coin_layers(runs: Sequence[MapRun]) -> CoinLayers:
    """Return the worlds of one coin's runs, moved to one price as `aggregated_map` moves maps.

    The weighted sum over worlds and venues is its total.

    Parameters
    ----------
    runs
        One for each venue, at least one, of one bin width.

    Raises
    ------
    WindowError
        A venue has no open interest at its end, as in `MapRun.layers`.
    """
    found = []
    for run in runs:
        grid, standing = run.layers()
        state = run.checkpoints[-1][1]
        found.append((run, grid, standing, state.mark_price, state.open_interest * state.mark_price))
    found.sort(key=lambda one: -one[4])
    reference = found[0][3]
    width = found[0][1].width
    shifts = [math.log(reference / mark) / width for _, _, _, mark, _ in found]
    common = covering(width, [grid for _, grid, _, _, _ in found], shifts)
    moved = []
    for (_, grid, standing, _, _), shift in zip(found, shifts, strict=True):
        out = np.zeros((*standing.shape[:-1], common.count))
        add_shifted(out, common, grid, standing, shift)
        moved.append(out)
    occupied = np.flatnonzero(sum(one.any(axis=(0, 1, 2)) for one in moved))
    cut = slice(int(occupied[0]), int(occupied[-1]) + 1) if len(occupied) else slice(0, 0)
    return CoinLayers(
        grid=PriceGrid(width, common.first + cut.start, cut.stop - cut.start),
        venues=tuple(
            VenueLayers(run, mark, interest, mark / reference - 1, out[..., cut])
            for (run, _, _, mark, interest), out in zip(found, moved, strict=True)
        ),
    )


@dataclass(frozen=True, slots=True)
class RecordedVenue:
    """What a venue reported in whole intervals, and what the worlds of its run predict for them."""

    run: MapRun
    intervals: RecordedIntervals

    @property
    def name(self) -> str:
        """The venue."""
        return str(self.run.frame.venue)


@dataclass(frozen=True, slots=True)
class ScoredIntervals:
    """Intervals that at least one venue has recorded whole.

    Attributes
    ----------
    start, end
        UTC milliseconds, shape (n,), ascending.
    recorded
        USD reported, (long, short), added up over the venues that recorded the interval; shape (n, 2).
    venues
        Those that recorded any.
    counted
        How many of them recorded each, shape (n,).
    """

    start: IntArray
    end: IntArray
    recorded: FloatArray
    venues: tuple[RecordedVenue, ...]
    counted: IntArray

    def layers(self, one: RecordedVenue) -> FloatArray:
        """Return what each world of a venue predicts, (n, 2, D, 4), USD; NaN where it did not record."""
        return self._placed(one, interval_layers(one.run, one.intervals))

    def predicted(self, runs: Mapping[str, MapRun]) -> FloatArray:
        """Return what runs by venue predict for the venues that recorded each interval, shape (n, 2), USD."""
        total = np.zeros((len(self.start), 2))
        for one in self.venues:
            run = runs[one.name]
            weighed = np.einsum("isdt,sdt->is", interval_layers(run, one.intervals), run.parameters.weights)
            total += np.nan_to_num(self._placed(one, weighed))
        return total

    def _placed(self, one: RecordedVenue, values: FloatArray) -> FloatArray:
        out = np.full((len(self.start), *values.shape[1:]), np.nan)
        out[np.searchsorted(self.start, one.intervals.start)] = values
        return out


def scored_intervals(
    lake: Lake, runs: Sequence[MapRun], window: Window, step: int
) -> tuple[ScoredIntervals | None, dict[str, str]]:
    """Return the recorded intervals of a window, or None without any; and venue -> why it has none.

    An interval of a venue counts where its feed listened, or the venue added up, from its start to its end,
    and every bar in it was observed with a known open interest. Reported amounts are a floor.

    Parameters
    ----------
    lake
        Where liquidations are.
    runs
        One for each venue.
    window
        From when to when.
    step
        Length of the intervals, which are whole multiples of it; milliseconds.

    Raises
    ------
    LakeError
        A file is missing or damaged.
    """
    found: list[RecordedVenue] = []
    without: dict[str, str] = {}
    for run in runs:
        frame = run.frame
        try:
            totals = recorded_totals(lake, frame, window, step)
            intervals = recorded_intervals(replace(frame, liquidations=totals), duration_text(step))
        except (InputError, WindowError) as error:
            without[str(frame.venue)] = str(error)
            continue
        found.append(RecordedVenue(run, intervals))
    if not found:
        return None, without
    starts = np.unique(np.concatenate([one.intervals.start for one in found]))
    recorded, counted = np.zeros((len(starts), 2)), np.zeros(len(starts), np.int64)
    for one in found:
        places = np.searchsorted(starts, one.intervals.start)
        recorded[places] += one.intervals.totals
        counted[places] += 1
    return ScoredIntervals(starts, starts + step, recorded, tuple(found), counted), without


def recorded_totals(lake: Lake, frame: MarketFrame, window: Window, step: int) -> LiquidationTotals:
    """Return what was reported of a frame's instrument in each whole multiple of `step` in a window.

    Only intervals that were recorded from start to end are in it.

    Raises
    ------
    InputError
        There is none.
    LakeError
        A file is missing or damaged.
    """
    asked = venue(str(frame.venue))
    symbol = asked.symbol(frame.symbol)
    starts = np.arange(-(-window.start // step), window.end // step, dtype=np.int64) * step
    if len(starts):
        reported = read_feed(lake, asked, symbol, window).between(starts, starts + step)
        whole = reported.recorded & (reported.share >= 1 - 1e-9)
        if whole.any():
            usd = reported.usd[whole]
            return LiquidationTotals(starts[whole], starts[whole] + step, usd[:, 0], usd[:, 1])
    raise InputError(
        f"liquidations: none of {asked.name} {symbol} were recorded over a whole {duration_text(step)} from "
        f"{window}"
    )


def interval_scores(observed: FloatArray, predicted: FloatArray) -> dict[str, Any]:
    """Return how far predicted totals are from recorded ones: of each side, and of both together.

    ``log_mae`` is the mean of abs(ln(predicted / recorded)) with both raised to the side's floor, a
    thousandth of its mean recorded total; ``rank_correlation`` is Spearman's; ``total_ratio`` is the sum
    predicted over the sum recorded, ``predicted`` and ``recorded`` in USD. None where one is not defined.

    Parameters
    ----------
    observed, predicted
        USD, shape (n, 2) for (long, short).
    """
    errors = [
        log_errors(observed[:, side], predicted[:, side], floor=floor)
        for side, floor in enumerate(side_floors(observed))
        if floor is not None
    ]
    told = {
        name: _measures(
            observed[:, side],
            predicted[:, side],
            [] if floor is None else [log_errors(observed[:, side], predicted[:, side], floor=floor)],
        )
        for side, (name, floor) in enumerate(zip(SIDES, side_floors(observed), strict=True))
    }
    return {**_measures(observed.ravel(), predicted.ravel(), errors), **told}


def side_floors(observed: FloatArray) -> tuple[float | None, float | None]:
    """Return the least total that counts in logs on each side; None where nothing was liquidated on it."""
    long, short = (total_floor(side) if side.any() else None for side in (observed[:, 0], observed[:, 1]))
    return long, short


def _measures(observed: FloatArray, predicted: FloatArray, errors: Sequence[FloatArray]) -> dict[str, Any]:
    total = float(observed.sum())
    return {
        "predicted": float(predicted.sum()),
        "recorded": total,
        "log_mae": float(np.concatenate(errors).mean()) if errors else None,
        "rank_correlation": rank_correlation(predicted, observed),
        "total_ratio": float(predicted.sum()) / total if total > 0 else None,
    }
