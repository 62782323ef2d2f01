"""Each table of a market on the clock of its bars, with what it covers and what was decided about it."""

from __future__ import annotations

import numpy as np

from powderkeg.core.alignment import (
    RegularSeries,
    cadence_of,
    coarser_series,
    last_known,
    mean_close,
    observed_span,
    regular_series,
    rows_on_clock,
    sum_per_bar,
)
from powderkeg.core.plausibility import (
    check_funding_unit,
    check_mark_unit,
    taker_buy_unit,
)
from powderkeg.core.price_plausibility import check_price_jumps
from powderkeg.errors import InputError
from powderkeg.lake.tables import SeriesTable
from powderkeg.maps.input_coverage import (
    about,
    age_notes,
    cadence_for,
    coverage_of,
    is_fresh,
    missing_note,
    require_overlap,
    stamp_note,
)
from powderkeg.model.arrays import FloatArray, IntArray
from powderkeg.model.market_frame import LiquidationEvents, LiquidationTotals
from powderkeg.model.provenance import SeriesCoverage
from powderkeg.model.times import DAY, duration_text, iso

# Without one forced order for so long, a recorder was off more likely than a market was calm.
_LONGEST_CALM = DAY


def aligned_mark(
    table: SeriesTable, clock: RegularSeries
) -> tuple[FloatArray, FloatArray, FloatArray, SeriesCoverage]:
    """Return mark high, low and close per row of `clock`, and their coverage.

    A bar without a mark has its traded prices, and a note counts those.
    """
    check_price_jumps(table.values, table.times, table.rows, label=table.label)
    series = _not_coarser(
        regular_series(table.times, table.values, table.rows, label=table.label), table, clock
    )
    require_overlap(table.label, series.ts, series.ts + series.step, clock)
    mark = rows_on_clock(coarser_series(series, clock.step, anchor=clock.start, label=table.label), clock.ts)
    check_mark_unit(mark["close"], clock.values["close"], label=table.label)
    there = np.isfinite(mark["close"]) & clock.valid
    notes = [f"{note}, which have their traded prices instead" for note in missing_note(there, clock)]
    high, low, close = (np.where(there, mark[f], clock.values[f]) for f in ("high", "low", "close"))
    ends = series.ts + series.step
    return high, low, close, coverage_of("mark_price", table, ends, series.step, there, clock, notes)


def aligned_funding(table: SeriesTable, clock: RegularSeries) -> tuple[FloatArray, SeriesCoverage]:
    """Return the sum of the funding rates paid in each row of `clock`, NaN where none were recorded."""
    check_funding_unit(table.values["funding_rate"], label=table.label)
    require_overlap(table.label, table.times, table.times + 1, clock)
    cadence = cadence_of(table.times)
    recorded = observed_span(table.times, cadence, clock.ts, clock.step)
    paid = sum_per_bar(table.times, table.values["funding_rate"], clock.ts, clock.step)
    notes = missing_note(recorded, clock)
    coverage = coverage_of("funding_rate", table, table.times, cadence, recorded, clock, notes)
    return np.where(recorded, paid, np.nan), coverage


def aligned_taker_buy(
    table: SeriesTable, bars: RegularSeries, clock: RegularSeries, *, volume_scale: float
) -> tuple[FloatArray, SeriesCoverage]:
    """Return base units bought by takers in each row of `clock`, NaN where missing, and their coverage.

    The table comes from the trades of the bars, so `volume_scale` holds for it too.
    """
    taker_buy = table.values["taker_buy"] * volume_scale
    series = regular_series(table.times, {"taker_buy": taker_buy}, table.rows, label=table.label)
    series = _not_coarser(series, table, clock)
    ends = table.times + series.step
    require_overlap(table.label, table.times, ends, clock)
    notes = []
    if taker_buy_unit(table.times, series.step, taker_buy, bars, label=table.label) == "usd":
        taker_buy = taker_buy / mean_close(bars, table.times, ends)
        series = regular_series(table.times, {"taker_buy": taker_buy}, table.rows, label=table.label)
        notes.append("read as USD, being near half of the volume in that unit; converted at the mean close")
    fitted = coarser_series(series, clock.step, anchor=clock.start, label=table.label)
    taker_buy = np.where(clock.valid, rows_on_clock(fitted, clock.ts)["taker_buy"], np.nan)
    known = np.isfinite(taker_buy)
    notes += missing_note(known, clock)
    return taker_buy, coverage_of("taker_buy", table, ends, series.step, known, clock, notes)


def aligned_long_short_ratio(table: SeriesTable, clock: RegularSeries) -> tuple[FloatArray, SeriesCoverage]:
    """Return the last ratio known at the end of each row of `clock`, and its coverage.

    Rows describe the interval that begins at their time, which is the reading that cannot look ahead.
    """
    cadence = cadence_for(table, "interval")
    known_at = table.times + cadence
    require_overlap(table.label, table.times, known_at, clock)
    value, age = last_known(known_at, table.values["long_short_ratio"], clock.ts + clock.step)
    notes = [stamp_note("interval", cadence), *age_notes(age, cadence, clock)]
    fresh = is_fresh(age, cadence)
    return value, coverage_of("long_short_ratio", table, known_at, cadence, fresh, clock, notes)


def aligned_liquidations(
    table: SeriesTable, clock: RegularSeries
) -> tuple[LiquidationTotals, SeriesCoverage]:
    """Return realised liquidations by side inside the time of `clock`, and their coverage.

    Totals keep their own intervals. Events are summed per bar from the first to the last one; a stretch of
    more than a day without any counts as not observed, not as zero.
    """
    long, short = table.values["long_notional"], table.values["short_notional"]
    events = None
    if table.is_events and "price" in table.values:
        priced = np.isfinite(table.values["price"])
        events = LiquidationEvents(
            table.times[priced], table.values["price"][priced], long[priced], short[priced]
        )
    if table.is_events:
        require_overlap(table.label, table.times, table.times + 1, clock)
        cadence, known_at = 0, table.times
        start, notes = _bars_with_a_recorder(table, clock)
        end, kept = start + clock.step, (start - clock.start) // clock.step
        long, short = (sum_per_bar(table.times, side, clock.ts, clock.step)[kept] for side in (long, short))
    else:
        cadence = cadence_for(table, "interval")
        known_at = table.times + cadence
        require_overlap(table.label, table.times, known_at, clock)
        inside = (table.times >= clock.start) & (known_at <= clock.end)
        start, end, long, short = table.times[inside], known_at[inside], long[inside], short[inside]
        notes = [f"totals of {duration_text(cadence)}, beginning at their times"]
        if outside := int(np.count_nonzero(~inside)):
            notes.append(f"{outside} rows that are not wholly inside the time of the bars are left out")
    index = np.searchsorted(start, clock.ts, side="right") - 1
    covered = (
        (index >= 0) & (clock.ts < end[np.maximum(index, 0)]) if len(end) else np.zeros(len(clock), bool)
    )
    totals = LiquidationTotals(start=start, end=end, long_notional=long, short_notional=short, events=events)
    return totals, coverage_of("liquidations", table, known_at, cadence, covered, clock, notes)


def bars_coverage(table: SeriesTable, bars: RegularSeries, clock: RegularSeries) -> SeriesCoverage:
    """Return what the bars cover of their own clock."""
    notes = []
    missing = int(np.count_nonzero(~clock.valid))
    if clock.step != bars.step:
        notes.append(
            f"bars of {duration_text(bars.step)} made into {duration_text(clock.step)}, complete ones only"
        )
    if missing:
        notes.append(f"{missing} of {len(clock)} bars are missing or incomplete")
    return SeriesCoverage(
        name="bars",
        source=table.source,
        start=bars.start,
        end=bars.end,
        cadence=bars.step,
        rows=len(table),
        coverage=float(np.mean(clock.valid)),
        notes=(*table.notes, *notes),
    )


def _bars_with_a_recorder(table: SeriesTable, clock: RegularSeries) -> tuple[IntArray, list[str]]:
    """Return the starts of the bars from first to last event that are in no long silence, and notes."""
    notes = ["events summed per bar"]
    inside = table.times[(table.times >= clock.start) & (table.times < clock.end)]
    if not inside.size:
        raise InputError(
            f"{table.label}: no event from {iso(clock.start)} to {iso(clock.end)}, the time of the bars; "
            "expected at least one"
        )
    before = np.searchsorted(inside, clock.ts + clock.step, side="left") - 1
    after = np.searchsorted(inside, clock.ts, side="left")
    between = (before >= 0) & (after < len(inside))
    last, following = inside[np.maximum(before, 0)], inside[np.minimum(after, len(inside) - 1)]
    silent = between & (following - last > _LONGEST_CALM)
    if silent.any():
        length = about(int(np.count_nonzero(silent)) * clock.step)
        notes.append(f"{length} in stretches of more than a day without an event count as not observed")
    return clock.ts[between & ~silent], notes


def _not_coarser(series: RegularSeries, table: SeriesTable, clock: RegularSeries) -> RegularSeries:
    if series.step > clock.step:
        step = duration_text(series.step)
        raise InputError(
            f"{table.label}: one row per {step}, coarser than the bars of {duration_text(clock.step)}; "
            f"expected the same step or a finer one: pass bar_step={step!r} to make the bars that long"
        )
    return series
