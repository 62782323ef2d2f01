"""Open interest on the clock of the bars: one-sided, in base units, known at each bar's end."""

from __future__ import annotations

from typing import Literal

import numpy as np

from powderkeg.core.alignment import RegularSeries, last_known, mean_close
from powderkeg.core.plausibility import check_open_interest_rows, open_interest_notes, turnover_notes
from powderkeg.errors import InputError
from powderkeg.lake.tables import SeriesTable
from powderkeg.maps.input_coverage import (
    Stamp,
    age_notes,
    cadence_for,
    coverage_of,
    is_fresh,
    require_overlap,
    stamp_note,
)
from powderkeg.model.arrays import FloatArray, IntArray
from powderkeg.model.provenance import SeriesCoverage
from powderkeg.model.times import iso

Unit = Literal["base", "usd"]

# A base and a USD column must be the price apart, give or take the hour between them.
_UNIT_BAND = 0.2


def aligned_open_interest(
    table: SeriesTable,
    bars: RegularSeries,
    clock: RegularSeries,
    *,
    unit: Unit | None,
    sides: Literal[1, 2],
    stamp: Stamp,
    volume_per_day: float,
) -> tuple[FloatArray, IntArray, SeriesCoverage]:
    """Return one-sided open interest in base units per row of `clock`, its age, and its coverage.

    `bars` are the finest bars there are, whose closes turn USD into base units; see `market_frame`.
    """
    cadence = cadence_for(table, stamp)
    known_at = table.times + (cadence if stamp == "interval" else 0)
    require_overlap(table.label, table.times, known_at, clock)
    amount, unit, notes = _open_interest_column(table, bars, known_at, unit)
    check_open_interest_rows(amount, table.times, table.rows, label=table.label)
    if unit == "usd":
        amount = amount / mean_close(bars, table.times, known_at)
        price = "the mean close of each interval" if stamp == "interval" else "the last close before each row"
        notes.append(f"USD converted at {price}")
    else:
        notes.append("in base units")
    notes.append("one-sided" if sides == 1 else "two-sided, halved")
    notes.append(stamp_note(stamp, cadence))
    usable = np.isfinite(amount)
    starts, known_at, amount = table.times[usable], known_at[usable], amount[usable] / sides
    value, age = last_known(known_at, amount, clock.ts + clock.step)
    if not np.any(np.isfinite(value)):
        raise InputError(
            f"{table.label}: nothing is known before the last bar ends, {iso(clock.end)}; expected open "
            "interest for the time of the bars"
        )
    notes += open_interest_notes(value[np.isfinite(value)], volume_per_day, label=table.label)
    notes += turnover_notes(starts, known_at, amount, bars)
    notes += age_notes(age, cadence, clock)
    return (
        value,
        age,
        coverage_of("open_interest", table, known_at, cadence, is_fresh(age, cadence), clock, notes),
    )


def _open_interest_column(
    table: SeriesTable, bars: RegularSeries, known_at: IntArray, unit: Unit | None
) -> tuple[FloatArray, Unit, list[str]]:
    """Return the column to read, its unit, and a note if there was a choice."""
    base, usd = table.values.get("open_interest"), table.values.get("open_interest_usd")
    if usd is None:
        return table.values["open_interest"], unit or "base", []
    usd_name = table.column_names["open_interest_usd"]
    if base is None:
        if unit == "base":
            raise InputError(
                f"{table.label}: open_interest_unit is 'base', but the only column is {usd_name!r}, named "
                "for USD; if it holds base units say so with "
                f"columns={{'open_interest': {{'open_interest': {usd_name!r}}}}}"
            )
        return usd, "usd", []
    base_name = table.column_names["open_interest"]
    ratio = usd / np.where(base > 0, base, np.nan) / mean_close(bars, table.times, known_at)
    ratio = ratio[np.isfinite(ratio)]
    differ_by_price = not ratio.size or abs(float(np.median(ratio)) - 1) <= _UNIT_BAND
    if unit == "base":
        if not differ_by_price:
            raise InputError(
                f"{table.label}: {usd_name!r} / {base_name!r} is {np.median(ratio):.3g} times the price in "
                f"the median; expected about 1 if {base_name!r} is in base units: leave open_interest_unit "
                f"out to read {usd_name!r} as USD, or name one column with columns={{'open_interest': ...}}"
            )
        return base, "base", [f"column {base_name} read, not {usd_name}"]
    note = "" if differ_by_price else f", which is not in base units: {usd_name} is not the price times it"
    return usd, "usd", [f"column {usd_name} read, not {base_name}{note}"]
