"""How much a series usually changes over some time: what noise is, before anything is called a move."""

from __future__ import annotations

import numpy as np

from powderkeg.model.arrays import FloatArray, IntArray
from powderkeg.model.times import DAY

HISTORY = 30 * DAY
"""How far back the usual change is looked for."""
FEWEST = 48
"""With fewer changes than this nothing is said to be usual."""


def log_changes(times: IntArray, values: FloatArray, lag: int) -> FloatArray:
    """Return ln(v(t) / v(t - lag)) at each time, shape (n,), NaN where either is not known.

    The earlier value is the last one at or before t - lag, and no older than a quarter of the lag at that
    time, so that a hole is not bridged.

    Parameters
    ----------
    times
        UTC milliseconds, ascending, shape (n,).
    values
        Positive, NaN where not known, shape (n,).
    lag
        Milliseconds, > 0.
    """
    earlier = np.searchsorted(times, times - lag, side="right") - 1
    there = (earlier >= 0) & (times - lag - times[np.maximum(earlier, 0)] <= lag // 4)
    with np.errstate(invalid="ignore", divide="ignore"):
        changes = np.log(values / np.where(there, values[np.maximum(earlier, 0)], np.nan))
    return np.where(np.isfinite(changes), changes, np.nan)


def usual_change(
    times: IntArray, values: FloatArray, lag: int, at: int, *, history: int = HISTORY, fewest: int = FEWEST
) -> float:
    """Return the median of abs(ln(v(t) / v(t - lag))) over (at - history, at]: half of them are larger.

    A median, so that the one large move that is to be judged does not raise the bar for itself. NaN with
    fewer than `fewest` changes known. Arguments are those of `log_changes`; what comes after `at` is not
    looked at.
    """
    first, stop = np.searchsorted(times, [at - history - lag, at], side="right")
    known = log_changes(times[first:stop], values[first:stop], lag)
    known = known[(times[first:stop] > at - history) & np.isfinite(known)]
    return float(np.median(np.abs(known))) if len(known) >= fewest else float("nan")
