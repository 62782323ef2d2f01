"""Deleveraging events: times in which open interest fell fast and far, and how much of it came back.

With O(t) open interest in base units and H(t) the highest of the day up to t, the fall is 1 - O(t) / H(t).

- An event begins to be known when the fall first reaches the threshold: the larger of 10 % and seven times
  the usual change over four hours (the median of the month before, see `powderkeg.core.usual_change`).
  Nothing later is needed to know it: that time is `known_at`, and it never moves.
- It is over when the fall is below half of the threshold, and the highest of the day is taken from after its
  trough from then on, so that one fall is not counted twice.
- Its start is the last time before the fall was known at which 85 % of the fall was still ahead: the peak of
  a day may have been passed hours before anything happened.

While an event is under way its trough may deepen and its start may follow. Open interest in base does not
fall because the price does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from powderkeg.core.usual_change import usual_change
from powderkeg.errors import InputError
from powderkeg.model.arrays import FloatArray, IntArray
from powderkeg.model.times import DAY, HOUR

LEAST_FALL = 0.10
USUAL_FALLS = 7.0
USUAL_LAG = 4 * HOUR
LOOKBACK = DAY
_STILL_AHEAD = 0.85
_MOST = 0.9
_OVER = 0.5
# How long after the time asked for an observation still tells how much came back.
_LATE = 2 * HOUR


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleveragingEvent:
    """A fall of open interest; times in UTC milliseconds, open interest in base units.

    Attributes
    ----------
    start, trough
        When the fall began, and the lowest point of it.
    most_by
        The first time by which 90 % of the fall had happened: a tail of days would hide a fall of an hour.
    known_at
        When the fall reached the threshold. What is known of `trough` and `depth` at that time is less.
    ended
        When it was over; None while it is under way.
    before, at_trough
        Open interest at the start and at the trough.
    depth
        1 - at_trough / before, in (0, 1).
    threshold
        The fall from the highest of the day that made it an event.
    recovery_1d, recovery_7d
        Share of the fall that had come back one and seven days after the trough, below 0 if it fell on; None
        where that is not known yet, or was not observed.
    """

    start: int
    trough: int
    most_by: int
    known_at: int
    ended: int | None
    before: float
    at_trough: float
    depth: float
    threshold: float
    recovery_1d: float | None
    recovery_7d: float | None

    @property
    def duration(self) -> int:
        """Milliseconds from the start to the trough."""
        return self.trough - self.start


def deleveraging_events(
    times: IntArray,
    open_interest: FloatArray,
    *,
    least_fall: float = LEAST_FALL,
    usual_falls: float = USUAL_FALLS,
    lookback: int = LOOKBACK,
) -> tuple[DeleveragingEvent, ...]:
    """Return the events in a series of open interest, ascending.

    Parameters
    ----------
    times
        When each value was known, UTC milliseconds, ascending, shape (n,).
    open_interest
        Base units, > 0, shape (n,); what is not known is left out, or NaN.
    least_fall, usual_falls
        The threshold: see the module. In (0, 1), and >= 0.
    lookback
        Milliseconds from which the highest is taken.

    Raises
    ------
    InputError
        Times do not ascend, a value is not positive, shapes differ, or a number is outside its range.
    """
    if times.shape != open_interest.shape:
        raise InputError(f"open_interest: shape {open_interest.shape} where times have {times.shape}")
    if not 0 < least_fall < 1 or not usual_falls >= 0 or lookback <= 0:
        raise InputError(
            f"least_fall, usual_falls, lookback: {least_fall:g}, {usual_falls:g}, {lookback}; expected a "
            "fraction in (0, 1), a multiple from 0, and milliseconds above 0"
        )
    known = np.isfinite(open_interest)
    times, values = times[known], open_interest[known]
    if np.any(np.diff(times) <= 0):
        raise InputError("times: they do not ascend; expected each after the one before")
    if np.any(values <= 0):
        raise InputError(f"open_interest is {values.min():g}; expected numbers above 0")

    found: list[DeleveragingEvent] = []
    first_of_day = np.searchsorted(times, times - lookback, side="left")
    earliest, event = 0, None
    for row in range(len(times)):
        since = max(int(first_of_day[row]), earliest)
        peak = since + int(np.argmax(values[since : row + 1]))
        fall = 1 - values[row] / values[peak]
        if event is None:
            if fall < least_fall:
                continue
            usual = usual_change(times, values, USUAL_LAG, int(times[row]))
            # With too little of a past the least fall alone decides.
            threshold = least_fall if math.isnan(usual) else max(least_fall, usual_falls * usual)
            if fall >= threshold:
                event = _Running(peak, row, row, float(threshold))
            continue
        if values[row] < values[event.trough]:
            event.trough = row
        if fall < _OVER * event.threshold:
            found.append(_finished(times, values, event, int(times[row])))
            earliest, event = event.trough + 1, None
    if event is not None:
        found.append(_finished(times, values, event, None))
    return tuple(found)


@dataclass(slots=True)
class _Running:
    """Rows of an event that is under way."""

    peak: int
    known: int
    trough: int
    threshold: float


def _finished(times: IntArray, values: FloatArray, event: _Running, ended: int | None) -> DeleveragingEvent:
    low = float(values[event.trough])
    ahead = low + _STILL_AHEAD * (float(values[event.peak]) - low)
    candidates = np.flatnonzero(values[event.peak : event.known + 1] >= ahead)
    start = event.peak + int(candidates[-1])
    before = float(values[start])
    most = before - _MOST * (before - low)
    most_by = start + int(np.argmax(values[start : event.trough + 1] <= most))
    bottom = int(times[event.trough])
    recovery = [
        None if value is None else (value - low) / (before - low)
        for value in (_value_at(times, values, bottom + after) for after in (DAY, 7 * DAY))
    ]
    return DeleveragingEvent(
        start=int(times[start]),
        trough=bottom,
        most_by=int(times[most_by]),
        known_at=int(times[event.known]),
        ended=ended,
        before=before,
        at_trough=low,
        depth=1 - low / before,
        threshold=event.threshold,
        recovery_1d=None if ended is None else recovery[0],
        recovery_7d=None if ended is None else recovery[1],
    )


def _value_at(times: IntArray, values: FloatArray, at: int) -> float | None:
    """Return the first value at or after a time; None where there is none soon."""
    row = int(np.searchsorted(times, at, side="left"))
    return float(values[row]) if row < len(times) and times[row] - at <= _LATE else None
