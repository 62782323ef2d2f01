"""Open interest, marks and rates that cannot be this market in this unit: dollars taken for coins.

Each check returns nothing, or notes for the reader, or raises an `InputError` that names the field, the row,
the time and the value, and says what was expected.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from powderkeg.core.alignment import RegularSeries, mean_close
from powderkeg.core.price_plausibility import first_jump
from powderkeg.errors import InputError
from powderkeg.model.arrays import FloatArray, IntArray
from powderkeg.model.times import DAY, duration_text, row_text

_MARK_BAND = 0.05
_INTEREST_PER_DAILY_VOLUME = (1e-4, 1e4)
_LARGEST_INTEREST_JUMP = 10.0
# Beyond these a number is possible, but more often a wrong unit or another venue.
_SUSPICIOUS_INTEREST_PER_DAILY_VOLUME = 10.0
_SUSPICIOUS_VOLUME_PER_INTEREST = 10.0
_LARGEST_USUAL_FUNDING = 0.005
_TAKER_SHARE = (0.1, 0.9)
_NOTED_VIOLATIONS = 0.01


def check_mark_unit(mark_close: FloatArray, close: FloatArray, *, label: str) -> None:
    """Raise if the mark is on the whole more than 5 % away from the traded price.

    Rows where either is NaN are passed over.

    Raises
    ------
    InputError
        The median ratio of mark to traded price lies outside 0.95 to 1.05.
    """
    ratio = mark_close / close
    ratio = ratio[np.isfinite(ratio)]
    if ratio.size and abs(np.median(ratio) - 1) > _MARK_BAND:
        raise InputError(
            f"{label}: the mark is {np.median(ratio):.4g} times the traded price in the median; expected "
            f"within {_MARK_BAND:.0%} of it: is it in another unit, or of another market?"
        )


def daily_volume(bars: RegularSeries) -> float:
    """Return the median over UTC days of the base units traded per day; NaN without a valid bar.

    A day's volume is the mean of its valid bars times the number of bars in a day.
    """
    day = bars.ts[bars.valid] // DAY
    if not day.size:
        return float("nan")
    first = np.flatnonzero(np.diff(day, prepend=day[0] - 1))
    totals = np.add.reduceat(bars.values["volume"][bars.valid], first)
    counts = np.diff(np.append(first, day.size))
    return float(np.median(totals / counts)) * DAY / bars.step


def open_interest_notes(open_interest: FloatArray, volume_per_day: float, *, label: str) -> tuple[str, ...]:
    """Return a note if open interest is large beside a day's volume; raise if it cannot be in base units.

    Parameters
    ----------
    open_interest
        One-sided, in what is believed to be base units, shape (n,).
    volume_per_day
        Base units, as `daily_volume` gives it.
    label
        What messages call the table.

    Raises
    ------
    InputError
        The median open interest is less than a ten-thousandth of a day's volume or more than ten thousand.
    """
    median = float(np.median(open_interest))
    if not volume_per_day > 0 or median == 0:
        return ()
    days = median / volume_per_day
    low, high = _INTEREST_PER_DAILY_VOLUME
    if not low <= days <= high:
        raise InputError(
            f"{label}: open interest is {median:.10g} in the median where {volume_per_day:.6g} base units "
            f"are traded on a usual day, {days:.3g} times as much; expected {low:g} to {high:g} times: is "
            "it USD or base units? Say which with open_interest_unit='usd' or 'base'; volume_scale turns a "
            "volume in contracts into base units"
        )
    if days > _SUSPICIOUS_INTEREST_PER_DAILY_VOLUME:
        return (f"{days:.3g} times the volume of a usual day, which is much: check open_interest_unit",)
    return ()


def check_open_interest_rows(
    open_interest: FloatArray, times: IntArray, rows: IntArray, *, label: str
) -> None:
    """Raise if open interest changes by more than a factor of 10 from one row to the next.

    A market may begin at zero: rows of zero count only after the first that is not. Neighbours further apart
    than a day, or than usual, may differ.

    Parameters
    ----------
    open_interest
        As in the table, in any unit, shape (n,).
    times, rows
        UTC milliseconds, ascending, and numbers in the user's table, shape (n,).
    label
        What messages call the table.

    Raises
    ------
    InputError
        The message names the one of the two rows that is further from those around them.
    """
    begun = int(np.argmax(open_interest > 0))
    amount, times, rows = open_interest[begun:], times[begun:], rows[begun:]
    with np.errstate(divide="ignore"):
        size = np.maximum(np.log(amount), -1e3)
    jump = first_jump(size, times, np.log(_LARGEST_INTEREST_JUMP))
    if jump is None:
        return
    before, after = jump
    raise InputError(
        f"{label}: open interest is {amount[after]:.10g} in {row_text(rows[after], times[after])}; expected "
        f"within a factor of {_LARGEST_INTEREST_JUMP:g} of row {rows[before]} beside it, "
        f"{amount[before]:.10g}: correct the row or leave it out"
    )


def volume_notes(open_interest: FloatArray, volume_per_day: float) -> tuple[str, ...]:
    """Return a note if a usual day's volume is nothing, or more than ten times the open interest."""
    if volume_per_day == 0:
        return ("nothing is traded on a usual day: without volume only changes of open interest turn over",)
    median = float(np.median(open_interest))
    if median <= 0 or volume_per_day <= _SUSPICIOUS_VOLUME_PER_INTEREST * median:
        return ()
    return (
        f"the volume of a usual day is {volume_per_day / median:.3g} times the open interest: the bars' "
        "volume looks like another venue's; volume_scale brings it down to the share of the venue",
    )


def turnover_notes(
    start: IntArray, end: IntArray, open_interest: FloatArray, bars: RegularSeries
) -> tuple[str, ...]:
    """Return a note if open interest often changes by more than what was traded meanwhile.

    One-sided open interest cannot: every contract opened or closed is a trade.

    Parameters
    ----------
    start, end
        The time that each observation describes, UTC milliseconds, shape (n,); equal for instants.
    open_interest
        One-sided base units, shape (n,).
    bars
        With volume in base units. Observations across a hole in the bars are passed over.
    """
    volume = np.where(bars.valid, bars.values["volume"], 0.0)
    traded = np.concatenate([[0.0], np.cumsum(volume)])
    holes = np.concatenate([[0], np.cumsum(~bars.valid)])
    # The bars that touch the time from the earlier observation's start to the later one's end.
    low = (start[:-1] - bars.start) // bars.step
    high = -((bars.start - end[1:]) // bars.step)
    inside = (low >= 0) & (high <= len(bars)) & (high > low)
    low, high = low[inside], high[inside]
    whole = holes[high] == holes[low]
    if not whole.any():
        return ()
    change = np.abs(np.diff(open_interest))[inside][whole]
    share = float(np.mean(change > (traded[high] - traded[low])[whole]))
    if share <= _NOTED_VIOLATIONS:
        return ()
    return (f"in {share:.1%} of its intervals open interest changes by more than the volume traded",)


def check_funding_unit(funding_rate: FloatArray, *, label: str) -> None:
    """Raise if funding rates look like percentages or yearly rates.

    Raises
    ------
    InputError
        The median size is above 0.005 per payment.
    """
    median = float(np.median(np.abs(funding_rate)))
    if median > _LARGEST_USUAL_FUNDING:
        raise InputError(
            f"{label}: the median size of funding_rate is {median:.6g}; expected a fraction of notional per "
            f"payment, such as 0.0001 for one basis point, and at most {_LARGEST_USUAL_FUNDING:g} in the "
            "median: is it in percent, or per year?"
        )


def taker_buy_unit(
    start: IntArray, cadence: int, taker_buy: FloatArray, bars: RegularSeries, *, label: str
) -> Literal["base", "usd"]:
    """Return the unit in which takers' buying is nearest to half of the volume.

    Venues publish both under the same names, and takers buy about half of what is traded.

    Parameters
    ----------
    start, cadence
        What each row describes: [start, start + cadence), UTC milliseconds, shape (n,).
    taker_buy
        Base units or USD, shape (n,).
    bars
        With volume in base units.
    label
        What messages call the table.

    Raises
    ------
    InputError
        In neither unit is the median share of the volume between 0.1 and 0.9.
    """
    traded = np.concatenate([[0.0], np.cumsum(np.where(bars.valid, bars.values["volume"], 0.0))])
    low = np.clip((start - bars.start) // bars.step, 0, len(bars))
    high = np.clip((start + cadence - bars.start) // bars.step, 0, len(bars))
    volume = traded[high] - traded[low]
    price = mean_close(bars, start, start + cadence)
    rows = (volume > 0) & np.isfinite(price)
    if not rows.any():
        return "base"
    shares: dict[Literal["base", "usd"], float] = {
        "base": float(np.median(taker_buy[rows] / volume[rows])),
        "usd": float(np.median(taker_buy[rows] / volume[rows] / price[rows])),
    }
    unit = min(shares, key=lambda name: abs(np.log(max(shares[name], 1e-300) / 0.5)))
    if not _TAKER_SHARE[0] <= shares[unit] <= _TAKER_SHARE[1]:
        raise InputError(
            f"{label}: taker_buy is {shares['base']:.3g} times the bars' volume if in base units and "
            f"{shares['usd']:.3g} times if in USD, in the median per {duration_text(cadence)}; "
            f"expected about half, between {_TAKER_SHARE[0]:g} and {_TAKER_SHARE[1]:g}"
        )
    return unit
