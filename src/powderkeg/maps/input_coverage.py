"""What a table covers of the bars, said the same way for each of them."""

from __future__ import annotations

from typing import Literal

import numpy as np

from powderkeg.core.alignment import RegularSeries, cadence_of
from powderkeg.errors import InputError
from powderkeg.lake.tables import SeriesTable
from powderkeg.model.arrays import BoolArray, IntArray
from powderkeg.model.provenance import SeriesCoverage
from powderkeg.model.times import DAY, HOUR, duration_text, iso

Stamp = Literal["interval", "instant"]

# The last value stays in use for as long as it must, but beyond so many cadences it no longer covers a bar.
_FRESH_CADENCES = 2


def cadence_for(table: SeriesTable, stamp: Stamp) -> int:
    """Return the most common distance between rows; raise if it is needed and there is only one row."""
    cadence = cadence_of(table.times)
    if stamp == "interval" and not cadence:
        raise InputError(
            f"{table.label}: one row, {iso(int(table.times[0]))}; expected two or more, to tell how long an "
            "interval each row describes"
        )
    return cadence


def require_overlap(label: str, starts: IntArray, ends: IntArray, clock: RegularSeries) -> None:
    """Raise if no row of a table was known in the time of the bars."""
    start, end = int(starts[0]), int(ends[-1])
    if not (start < clock.end and end >= clock.start and int(ends[0]) <= clock.end):
        raise InputError(
            f"{label}: covers {iso(start)} to {iso(end)}, the bars {iso(clock.start)} to {iso(clock.end)}; "
            "expected a table of the same time"
        )


def stamp_note(stamp: Stamp, cadence: int) -> str:
    """Return the note that says from when a row counts."""
    if stamp == "instant":
        return "each row counts from its own time on"
    return f"each row describes the {duration_text(cadence)} from its time on, and counts from their end"


def is_fresh(age: IntArray, cadence: int) -> BoolArray:
    """Return True where a value was known and not older than two cadences; any age will do without one."""
    return (age >= 0) & ((age <= _FRESH_CADENCES * cadence) | (cadence == 0))


def age_notes(age: IntArray, cadence: int, clock: RegularSeries) -> list[str]:
    """Return notes on bars before the first value and on the longest time that one was kept."""
    notes = []
    if before := int(np.count_nonzero(clock.valid & (age < 0))):
        notes.append(f"unknown for the first {before} of {len(clock)} bars")
    oldest = int(age[clock.valid].max(initial=-1))
    if cadence and oldest > _FRESH_CADENCES * cadence:
        notes.append(f"has holes: the last known value is kept, for up to {about(oldest)}")
    return notes


def missing_note(known: BoolArray, clock: RegularSeries) -> list[str]:
    """Return a note that counts the bars without a value, if there are any."""
    missing = int(np.count_nonzero(clock.valid & ~known))
    return [f"missing for {missing} of {len(clock)} bars"] if missing else []


def about(length: int) -> str:
    """Return milliseconds as rounded text, such as ``18.9 hours``."""
    for unit, name in ((DAY, "days"), (HOUR, "hours")):
        if length >= 2 * unit:
            return f"{length / unit:.3g} {name}"
    return duration_text(length)


def coverage_of(
    name: str,
    table: SeriesTable,
    ends: IntArray,
    cadence: int,
    known: BoolArray,
    clock: RegularSeries,
    notes: list[str],
) -> SeriesCoverage:
    """Return what a table covers: the share of the valid bars of `clock` that are `known`."""
    return SeriesCoverage(
        name=name,
        source=table.source,
        start=int(table.times[0]),
        end=int(ends[-1]),
        cadence=cadence,
        rows=len(table),
        coverage=float(np.mean(known[clock.valid])),
        notes=(*table.notes, *notes),
    )
