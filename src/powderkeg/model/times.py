"""Times are int64 UTC milliseconds; ISO 8601 text appears only where people read and write it."""

from __future__ import annotations

import datetime as dt
import re
from numbers import Integral
from typing import TYPE_CHECKING

from powderkeg.errors import InputError

if TYPE_CHECKING:
    from powderkeg.model.arrays import IntArray

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
WEEK = 7 * DAY

_UNITS = {"ms": 1, "s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY, "w": WEEK}
_DURATION = re.compile(r"(\d+)\s*(ms|s|m|h|d|w)")
# Dates outside this range are times in a wrong unit, not market data.
_EARLIEST = 1_230_768_000_000  # 2009-01-01
_LATEST = 4_102_444_800_000  # 2100-01-01


def milliseconds(time: str | int | dt.date, name: str = "time") -> int:
    """Return `time` as UTC milliseconds.

    Parameters
    ----------
    time
        ISO 8601 text (``2025-10-10``, ``2025-10-10T21:15``, with ``Z`` or an offset; without one it is
        UTC), a `datetime` (naive ones are UTC), a `date` (its midnight) or milliseconds as an integer.
    name
        What the value is called in an error message.

    Raises
    ------
    InputError
        The text is not ISO 8601, the value is of another type, or the time lies before 2009 or after 2100.
    """
    if isinstance(time, str):
        try:
            time = dt.datetime.fromisoformat(time)
        except ValueError:
            raise InputError(f"{name}: {time!r} is not an ISO 8601 time such as 2025-10-10T21:15Z") from None
    if isinstance(time, dt.date) and not isinstance(time, dt.datetime):
        time = dt.datetime.combine(time, dt.time(), dt.UTC)
    if isinstance(time, dt.datetime):
        if time.tzinfo is None:
            time = time.replace(tzinfo=dt.UTC)
        time = int(time.timestamp() * 1000)
    if isinstance(time, bool) or not isinstance(time, Integral):
        raise InputError(
            f"{name}: {time!r} is no time; expected ISO 8601 text, a datetime, a date or milliseconds"
        )
    time = int(time)
    if not _EARLIEST <= time < _LATEST:
        raise InputError(f"{name}: {time} is not a time in UTC milliseconds between 2009 and 2100")
    return time


def iso(time: int) -> str:
    """Return UTC milliseconds as ISO 8601 text with the fewest digits that lose nothing, ending in Z."""
    moment = dt.datetime.fromtimestamp(time / 1000, tz=dt.UTC)
    timespec = "milliseconds" if time % SECOND else "seconds"
    return moment.isoformat(timespec=timespec).replace("+00:00", "Z")


def duration(length: str | int | dt.timedelta, name: str = "duration") -> int:
    """Return a length of time such as ``5m``, ``1h``, ``1d`` or ``1w`` in milliseconds.

    A `timedelta` will do as well, or whole milliseconds.

    Raises
    ------
    InputError
        The text is not a positive whole number followed by ms, s, m, h, d or w; or the length is not above
        zero, or of another type.
    """
    if isinstance(length, dt.timedelta):
        length = length // dt.timedelta(milliseconds=1)
    if isinstance(length, Integral) and not isinstance(length, bool) and length > 0:
        return int(length)
    match = _DURATION.fullmatch(length.strip()) if isinstance(length, str) else None
    if match is None or int(match[1]) == 0:
        raise InputError(f"{name}: {length!r} is not a length of time such as 5m, 1h or 1d")
    return int(match[1]) * _UNITS[match[2]]


def duration_text(length: int) -> str:
    """Return milliseconds as the shortest exact text, such as ``1h`` for 3,600,000."""
    for unit in ("w", "d", "h", "m", "s"):
        if length and length % _UNITS[unit] == 0 and (unit != "w" or length == WEEK):
            return f"{length // _UNITS[unit]}{unit}"
    return f"{length}ms"


def row_text(row: int, time: int | None = None) -> str:
    """Return how a message names a row of a table: ``row 17 (counted from 0), 2025-10-10T21:15:00Z``."""
    return f"row {row} (counted from 0)" + ("" if time is None else f", {iso(time)}")


def epoch_milliseconds(values: IntArray, name: str) -> IntArray:
    """Return integer epoch times given in s, ms, us or ns as milliseconds, the unit read off their size.

    Raises
    ------
    InputError
        The values fit none of the four units between 2009 and 2100, or do not all fit the same one.
    """
    # As Python integers: nanoseconds times a thousand do not fit 64 bits.
    first, last = int(values.min()), int(values.max())
    for factor_up, factor_down in ((1000, 1), (1, 1), (1, 1_000), (1, 1_000_000)):
        low, high = first * factor_up // factor_down, last * factor_up // factor_down
        if low >= _EARLIEST and high < _LATEST:
            return (values * factor_up // factor_down).astype("int64")
    raise InputError(
        f"{name}: values from {first} to {last} are not epoch times in seconds, milliseconds, "
        "microseconds or nanoseconds between 2009 and 2100"
    )
