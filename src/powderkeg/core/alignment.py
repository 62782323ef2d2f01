"""One regular clock for tables that each have their own, without looking ahead.

A bar is labelled by its start and known at its end. A row of any other table counts for a bar only if what it
says was known when the bar ended.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from powderkeg.errors import InputError
from powderkeg.model.arrays import BoolArray, FloatArray, IntArray
from powderkeg.model.times import MINUTE, SECOND, duration_text, iso, row_text

# With fewer rows than this share of a clock it is a misread one, and its empty rows would fill the memory.
_SPARSEST = 0.02

_COARSER: dict[str, Callable[[FloatArray], FloatArray]] = {
    "open": lambda fine: fine[:, 0],
    "high": lambda fine: fine.max(axis=1),
    "low": lambda fine: fine.min(axis=1),
    "close": lambda fine: fine[:, -1],
    "volume": lambda fine: fine.sum(axis=1),
    "taker_buy": lambda fine: fine.sum(axis=1),
}


@dataclass(frozen=True, slots=True)
class RegularSeries:
    """Rows exactly `step` milliseconds apart, each describing [ts, ts + step).

    Attributes
    ----------
    ts
        Start of each row, UTC milliseconds, shape (n,).
    step
        Milliseconds.
    valid
        True where the data have the row, shape (n,).
    values
        Field name -> float64, shape (n,), NaN where not valid.
    """

    ts: IntArray
    step: int
    valid: BoolArray
    values: Mapping[str, FloatArray]

    def __len__(self) -> int:
        return len(self.ts)

    @property
    def start(self) -> int:
        """Start of the first row."""
        return int(self.ts[0])

    @property
    def end(self) -> int:
        """End of the last row (half-open)."""
        return int(self.ts[-1]) + self.step


def cadence_of(times: IntArray) -> int:
    """Return the most common distance between ascending times in milliseconds; 0 for fewer than two.

    Distances are rounded first, to minutes where they are ten minutes or more and to seconds where they are
    ten seconds or more: venues stamp the same hour some milliseconds early or late.
    """
    if len(times) < 2:
        return 0
    gaps = np.diff(times)
    usual = np.median(gaps)
    unit = MINUTE if usual >= 10 * MINUTE else SECOND if usual >= 10 * SECOND else 1
    return _most_common((gaps + unit // 2) // unit * unit)


def regular_series(
    times: IntArray, values: Mapping[str, FloatArray], rows: IntArray, *, label: str
) -> RegularSeries:
    """Return rows on the clock of their most common distance; what is missing between them is not valid.

    Parameters
    ----------
    times
        UTC milliseconds, ascending without repetition, shape (n,).
    values
        Field name -> float64, shape (n,).
    rows
        Number of each row in the user's table, for messages, shape (n,).
    label
        What messages call the table.

    Raises
    ------
    InputError
        Fewer than two rows, a distance that is no multiple of the most common one, or so few rows that they
        are no clock.
    """
    if len(times) < 2:
        raise InputError(f"{label}: {len(times)} row; expected two or more, to tell how long a bar is")
    gaps = np.diff(times)
    step = _most_common(gaps)
    if np.any(gaps % step):
        second = int(np.argmax(gaps % step != 0)) + 1
        raise InputError(
            f"{label}: {row_text(rows[second], times[second])}, comes {duration_text(int(gaps[second - 1]))} "
            f"after the row before it; expected a multiple of {duration_text(step)}, the most common distance"
        )
    index = (times - times[0]) // step
    count = int(index[-1]) + 1
    if len(times) < _SPARSEST * count:
        raise InputError(
            f"{label}: {len(times)} rows from {iso(int(times[0]))} to {iso(int(times[-1]))}, most often "
            f"{duration_text(step)} apart; expected a row for at least {_SPARSEST:.0%} of that clock"
        )
    valid = np.zeros(count, dtype=np.bool_)
    valid[index] = True
    on_clock = {}
    for field, column in values.items():
        on_clock[field] = np.full(count, np.nan)
        on_clock[field][index] = column
    return RegularSeries(times[0] + step * np.arange(count), step, valid, on_clock)


def coarser_series(fine: RegularSeries, step: int, *, anchor: int = 0, label: str) -> RegularSeries:
    """Return rows of `step` milliseconds, each made of all the finer ones inside it.

    A coarse row is valid only if every fine row inside it is: an extreme that was not seen cannot be ruled
    out, and a sum without it is too small. What is incomplete at either end is left out.

    Parameters
    ----------
    fine
        Rows with any of the fields open, high, low, close, volume and taker_buy.
    step
        Milliseconds, a multiple of the fine step.
    anchor
        A time at which a coarse row may begin; the default counts from 1970, so that days are UTC days.
    label
        What messages call the table.

    Raises
    ------
    InputError
        `step` is not a multiple of the fine one, the fine rows straddle the coarse ones, or no coarse row is
        complete.
    """
    if step % fine.step:
        raise InputError(
            f"{label}: rows of {duration_text(fine.step)} do not divide a bar of {duration_text(step)}; "
            f"expected bars of a multiple of {duration_text(fine.step)}"
        )
    if (fine.start - anchor) % fine.step:
        raise InputError(
            f"{label}: rows begin at {iso(fine.start)} and every {duration_text(fine.step)} from there, and "
            f"so straddle bars that begin at {iso(anchor + (fine.start - anchor) // step * step)}"
        )
    each = step // fine.step
    skipped = -((fine.start - anchor) // fine.step) % each
    count = max(len(fine) - skipped, 0) // each
    inside = slice(skipped, skipped + count * each)
    valid = np.asarray(fine.valid[inside].reshape(count, each).all(axis=1))
    if not valid.any():
        raise InputError(
            f"{label}: no {duration_text(step)} from {iso(fine.start)} to {iso(fine.end)} has all of its "
            f"{each} rows of {duration_text(fine.step)}"
        )
    first, stop = int(np.argmax(valid)), count - int(np.argmax(valid[::-1]))
    valid = valid[first:stop]
    values = {
        field: np.where(valid, _COARSER[field](column[inside].reshape(count, each)[first:stop]), np.nan)
        for field, column in fine.values.items()
    }
    start = fine.start + (skipped + first * each) * fine.step
    return RegularSeries(start + step * np.arange(stop - first), step, valid, values)


def rows_on_clock(series: RegularSeries, ts: IntArray) -> dict[str, FloatArray]:
    """Return each field at the rows that begin at `ts`, NaN where there is none.

    `series` has the step of `ts`; where it begins is checked by `coarser_series`.
    """
    index = (ts - series.start) // series.step
    there = (index >= 0) & (index < len(series))
    there[there] &= series.ts[index[there]] == ts[there]
    on_clock = {}
    for field, column in series.values.items():
        on_clock[field] = np.full(len(ts), np.nan)
        on_clock[field][there] = column[index[there]]
    return on_clock


def last_known(known_at: IntArray, values: FloatArray, moments: IntArray) -> tuple[FloatArray, IntArray]:
    """Return the last value known at each moment, and how long it had been known, in milliseconds.

    Parameters
    ----------
    known_at
        When each value became known, UTC milliseconds, ascending, shape (n,).
    values
        Shape (n,).
    moments
        UTC milliseconds, such as the ends of bars, shape (m,).

    Returns
    -------
    tuple
        Values and ages, shape (m,); NaN and -1 at moments before the first value.
    """
    index = np.searchsorted(known_at, moments, side="right") - 1
    known = index >= 0
    value, age = np.full(len(moments), np.nan), np.full(len(moments), -1, dtype=np.int64)
    value[known] = values[index[known]]
    age[known] = moments[known] - known_at[index[known]]
    return value, age


def mean_close(bars: RegularSeries, start: IntArray, end: IntArray) -> FloatArray:
    """Return the mean close of the bars inside each interval [start, end), shape of `start`.

    Where no bar lies inside, it is the last close known at the end, and NaN where there is none either.
    """
    begins, closes = bars.ts[bars.valid], bars.values["close"][bars.valid]
    low = np.searchsorted(begins, start, side="left")
    high = np.searchsorted(begins + bars.step, end, side="right")
    mean, _ = last_known(begins + bars.step, closes, end)
    inside = high > low
    bounds = np.column_stack([low[inside], high[inside]])
    # The last bound may lie behind the last close; what reduceat sums between two intervals is dropped.
    sums = np.add.reduceat(np.append(closes, 0.0), bounds.ravel())[::2] if bounds.size else 0.0
    mean[inside] = sums / (bounds[:, 1] - bounds[:, 0])
    return mean


def sum_per_bar(times: IntArray, amounts: FloatArray, ts: IntArray, step: int) -> FloatArray:
    """Return the sum of the amounts whose time lies in each bar [ts, ts + step), shape of `ts`.

    `ts` is exactly `step` apart; amounts outside of the bars are left out.
    """
    index = (times - ts[0]) // step
    inside = (index >= 0) & (index < len(ts))
    return np.bincount(index[inside], weights=amounts[inside], minlength=len(ts)).astype(np.float64)


def observed_span(times: IntArray, cadence: int, ts: IntArray, step: int) -> BoolArray:
    """Return True for each bar in which payments that come every `cadence` were being recorded.

    That is each bar that ends within one cadence of the last payment before its end, give or take less than
    a bar for a payment stamped early. It is judged at each bar's end, so that a later payment does not bring
    a silent stretch back.
    """
    _, age = last_known(times, np.zeros(len(times)), ts + step - 1)
    return (age >= 0) & (age + 1 < cadence + step)


def _most_common(gaps: IntArray) -> int:
    distances, counts = np.unique(gaps, return_counts=True)
    return int(distances[np.argmax(counts)])
