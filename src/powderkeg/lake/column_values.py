"""Columns as numbers: times as int64 UTC milliseconds, values as checked float64.

A message names the table, the column, the value, the row (counted from 0 in the table as given) and its time.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import polars as pl

from powderkeg.errors import InputError
from powderkeg.model.arrays import BoolArray, FloatArray, IntArray
from powderkeg.model.times import epoch_milliseconds, milliseconds, row_text

Rule = Literal["positive", "non-negative", "finite", "positive or empty"]

_EXPECTED: dict[Rule, str] = {
    "positive": "a finite number above 0",
    "non-negative": "a finite number, 0 or more",
    "finite": "a finite number",
    "positive or empty": "a finite number above 0, or none",
}
# After "T" has become a space, "Z" an offset, and seconds are added where there are none.
_ISO = ("%Y-%m-%d %H:%M:%S%.f%#z", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d")


def times_of(column: pl.Series, rows: IntArray, *, label: str) -> IntArray:
    """Return a column of times as UTC milliseconds; anything finer is cut off.

    Parameters
    ----------
    column
        Dates, datetimes of any unit and zone (naive ones are UTC), ISO 8601 text, or epoch numbers in s, ms,
        us or ns, whose unit is read off their size.
    rows
        Number of each row in the table as given, for messages.
    label
        What the table is called in a message.

    Raises
    ------
    InputError
        A time is missing or is none of these.
    """
    if column.null_count():
        raise InputError(
            f"{label}: time {column.name!r} is missing in {_place(rows, _first(column.is_null()))}; "
            "every row needs a time"
        )
    if column.dtype == pl.String:
        column = _epoch_or_datetime(column, rows, label=label)
    name = f"{label}: time {column.name!r}"
    if column.dtype in (pl.Date, pl.Datetime):
        times = np.asarray(column.cast(pl.Datetime("ms")).dt.epoch("ms").to_numpy(), dtype=np.int64)
        for extreme in (times.min(), times.max()):
            milliseconds(int(extreme), name)  # seconds read as milliseconds are dates of 1970
        return times
    if column.dtype.is_float():
        seconds = column.to_numpy()
        if not np.all(np.isfinite(seconds)):
            place = _place(rows, int(np.argmin(np.isfinite(seconds))))
            raise InputError(f"{name} is not finite in {place}; every row needs a time")
        fractional = bool(np.any(seconds != np.floor(seconds)))
        return epoch_milliseconds(np.rint(seconds * (1000 if fractional else 1)).astype(np.int64), name)
    if column.dtype.is_integer():
        return epoch_milliseconds(column.cast(pl.Int64).to_numpy(), name)
    raise InputError(f"{name} holds {column.dtype}; expected datetimes, ISO 8601 text or epoch numbers")


def numbers_of(column: pl.Series, times: IntArray, rows: IntArray, rule: Rule, *, label: str) -> FloatArray:
    """Return a column as float64 that obeys `rule` in every row; numbers written as text are read.

    Raises
    ------
    InputError
        The column does not hold numbers, or one is NaN, infinite, or breaks the rule; or one is missing and
        may not be: where it may, it is NaN.
    """
    name = f"{label}: {column.name!r}"
    if column.dtype == pl.String:
        numbers = column.str.strip_chars().cast(pl.Float64, strict=False)
        unreadable = numbers.is_null() & column.is_not_null()
        if unreadable.any():
            first = _first(unreadable)
            raise InputError(
                f"{name} is {column[first]!r} in {_place(rows, first, times)}; expected {_EXPECTED[rule]}"
            )
        column = numbers
    elif not column.dtype.is_numeric():
        raise InputError(f"{name} holds {column.dtype}; expected numbers")
    empty = column.is_null().to_numpy()
    if rule != "positive or empty" and empty.any():
        place = _place(rows, _first(column.is_null()), times)
        raise InputError(f"{name} is missing in {place}; expected {_EXPECTED[rule]}")
    values = np.asarray(column.cast(pl.Float64).to_numpy(), dtype=np.float64)
    good: BoolArray = np.isfinite(values)
    if rule.startswith("positive"):
        good &= values > 0
    elif rule == "non-negative":
        good &= values >= 0
    good |= empty
    if not np.all(good):
        first = int(np.argmin(good))
        raise InputError(
            f"{name} is {values[first]:.10g} in {_place(rows, first, times)}; expected {_EXPECTED[rule]}"
        )
    return values


def _place(rows: IntArray, index: int, times: IntArray | None = None) -> str:
    return row_text(int(rows[index]), None if times is None else int(times[index]))


def _epoch_or_datetime(column: pl.Series, rows: IntArray, *, label: str) -> pl.Series:
    """Return text as epoch numbers if all of it is that, else as datetimes."""
    epochs = column.str.strip_chars().cast(pl.Float64, strict=False)
    if not epochs.null_count():
        # Read again as integers where they are: nanoseconds do not fit a float.
        integers = column.str.strip_chars().cast(pl.Int64, strict=False)
        return epochs if integers.null_count() else integers
    text = column.str.strip_chars().str.replace(r"^(\S{10})T", "${1} ")
    text = text.str.replace(r"\s*(Z|UTC)$", "+00:00")
    text = text.str.replace(r"^(\S{10} \d\d:\d\d)([+-]|$)", "${1}:00${2}")
    parsed = [text.str.to_datetime(layout, time_unit="ms", time_zone="UTC", strict=False) for layout in _ISO]
    datetimes = pl.select(pl.coalesce(parsed)).to_series().rename(column.name)
    if datetimes.null_count():
        first = _first(datetimes.is_null())
        raise InputError(
            f"{label}: time {column.name!r} is {column[first]!r} in {_place(rows, first)}; "
            "expected an ISO 8601 time such as 2025-10-10T21:15Z"
        )
    return datetimes


def _first(mask: pl.Series) -> int:
    return int(np.argmax(mask.to_numpy()))
