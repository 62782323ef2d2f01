"""Prices that cannot be this market in this unit: in cents, of another coin, or one bar that is off.

Each check returns nothing, or notes for the reader, or raises an `InputError` that names the field, the row,
the time and the value, and says what was expected.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from powderkeg.errors import InputError
from powderkeg.model.arrays import FloatArray, IntArray
from powderkeg.model.times import DAY, row_text

# From well below the lowest price since there were perpetual futures to well above the highest (read
# 2026-08): wide enough for any market, narrow enough for a price in cents or thousands, or of bitcoin.
_PRICES = {
    "BTC": (200.0, 2_000_000.0),
    "ETH": (10.0, 50_000.0),
    "SOL": (0.5, 5_000.0),
    "BNB": (2.0, 20_000.0),
    "XRP": (0.05, 100.0),
    "DOGE": (0.001, 20.0),
    "HYPE": (1.0, 2_000.0),
    "LTC": (10.0, 10_000.0),
    "BCH": (30.0, 50_000.0),
    "ADA": (0.01, 100.0),
    "LINK": (0.1, 5_000.0),
    "AVAX": (1.0, 10_000.0),
    "SUI": (0.1, 500.0),
    "TRX": (0.003, 20.0),
}
_LARGEST_JUMP = 5.0
# Rounded lows and highs of each year in USD (read 2026-08): what a coin cost when these bars were traded.
_YEARS: dict[str, dict[int, tuple[float, float]]] = {
    "BTC": {
        2018: (3_100, 17_200),
        2019: (3_350, 13_900),
        2020: (3_800, 29_300),
        2021: (28_700, 69_000),
        2022: (15_400, 48_200),
        2023: (16_500, 44_800),
        2024: (38_500, 108_400),
        2025: (74_400, 126_300),
        2026: (60_000, 98_000),
    },
    "ETH": {
        2018: (80, 1_440),
        2019: (100, 366),
        2020: (86, 760),
        2021: (715, 4_870),
        2022: (880, 3_890),
        2023: (1_190, 2_450),
        2024: (2_100, 4_110),
        2025: (1_380, 4_960),
        2026: (1_740, 3_400),
    },
    "SOL": {
        2021: (1.2, 260),
        2022: (8, 180),
        2023: (9.6, 126),
        2024: (78, 264),
        2025: (95, 296),
        2026: (67, 149),
    },
}
# Milliseconds of a mean year: its count is off the calendar by less than a day.
_MEAN_YEAR = int(365.2425 * DAY)
# How far beyond its year's extremes a median may lie, and beyond the last listed ones in any later year.
_BEYOND_YEAR, _BEYOND_LIST = 2.5, 4.0
# A lone price this far from neighbours that agree with each other within the other factor is noted.
_LONE, _AGREEING = 1.3, 1.1


def check_price_unit(symbol: str, close: FloatArray, times: IntArray, *, label: str) -> None:
    """Raise if the median price of a well-known coin is not what it cost then; other coins pass.

    Parameters
    ----------
    symbol
        The coin in upper case.
    close
        Closes in USD, shape (n,), n >= 1.
    times
        Their times in UTC milliseconds, shape (n,).
    label
        What messages call the table.

    Raises
    ------
    InputError
        The median of `close` lies outside the coin's range: for BTC, ETH and SOL a factor of 2.5 around the
        extremes of the years that `times` span (4 around the last listed ones in later years), else a
        generous range of all time.
    """
    if symbol not in _PRICES:
        return
    low, high = _PRICES[symbol]
    when = ""
    years = _YEARS.get(symbol, {})
    first, last = (1970 + int(year) for year in times[[0, -1]] // _MEAN_YEAR)
    listed = [years[year] for year in range(first, last + 1) if year in years]
    if years and last > max(years):
        listed.append(years[max(years)])
    if listed:
        beyond = _BEYOND_LIST if last > max(years) else _BEYOND_YEAR
        low, high = min(row[0] for row in listed) / beyond, max(row[1] for row in listed) * beyond
        when = f" in {first}" if first == last else f" in {first} to {last}"
    median = float(np.median(close))
    if not low <= median <= high:
        raise InputError(
            f"{label}: the median close is {median:.10g}; expected a price of {symbol} in USD{when}, between "
            f"{low:,.6g} and {high:,.6g}: is it in another unit, or of another market?"
        )


def first_jump(size: FloatArray, times: IntArray, limit: float) -> tuple[int, int] | None:
    """Return the first two neighbours that differ by more than `limit`, or None; the odd one comes second.

    Neighbours further apart than a day, or than usual, may differ. The odd one is further from the median of
    the rows around both. `size` has shape (n,), `times` are ascending UTC milliseconds.
    """
    gaps = np.diff(times)
    near = gaps <= max(DAY, float(np.median(gaps)) if len(gaps) else 0)
    jumps = np.flatnonzero((np.abs(np.diff(size)) > limit) & near)
    if not jumps.size:
        return None
    before, after = int(jumps[0]), int(jumps[0]) + 1
    around = np.median(size[max(before - 5, 0) : after + 6])
    odd_first = abs(size[before] - around) > abs(size[after] - around)
    return (after, before) if odd_first else (before, after)


def check_price_jumps(
    values: Mapping[str, FloatArray], times: IntArray, rows: IntArray, *, label: str
) -> None:
    """Raise if a price lies more than a factor of 5 from the bar before it, or from its own bar.

    Parameters
    ----------
    values
        open, high, low and close of the bars that exist, shape (n,).
    times, rows
        Start of each bar in UTC milliseconds, ascending, and its number in the user's table, shape (n,).
    label
        What messages call the table.

    Raises
    ------
    InputError
        A jump between neighbours no further apart than a day, or than usual; the message names the one of
        the two bars that is further from those around them.
    """
    usual, limit = np.log(values["close"]), np.log(_LARGEST_JUMP)
    jump = first_jump(usual, times, limit)
    if jump:
        before, after = jump
        raise InputError(
            f"{label}: close is {values['close'][after]:.10g} in {row_text(rows[after], times[after])}; "
            f"expected within a factor of {_LARGEST_JUMP:g} of row {rows[before]} beside it, "
            f"{values['close'][before]:.10g}: correct the row or leave it out"
        )
    # The closes agree with one another, so in a bar at odds with its own close it is the other price.
    for field in ("open", "high", "low"):
        odd = np.abs(np.log(values[field]) - usual) > limit
        if odd.any():
            first = int(np.argmax(odd))
            raise InputError(
                f"{label}: {field} is {values[field][first]:.10g} in {row_text(rows[first], times[first])}; "
                f"expected within a factor of {_LARGEST_JUMP:g} of the bar's close, "
                f"{values['close'][first]:.10g}: correct the row or leave it out"
            )


def lone_price_notes(values: Mapping[str, FloatArray], times: IntArray, rows: IntArray) -> tuple[str, ...]:
    """Return a note on bars with a price far from neighbours that agree with each other, if there are any.

    Such a price may have been traded in a flash crash, or be a slip of the recorder: nothing in the table can
    tell, and every level on the way to it counts as swept. Arguments as in `check_price_jumps`.
    """
    if len(times) < 3:
        return ()
    close = np.log(values["close"])
    before, after = close[:-2], close[2:]
    level, agree = (before + after) / 2, np.abs(after - before) <= np.log(_AGREEING)
    off = {field: np.abs(np.log(values[field][1:-1]) - level) for field in ("high", "low", "close")}
    lone = agree & (np.maximum.reduce(list(off.values())) > np.log(_LONE))
    if not lone.any():
        return ()
    first = int(np.argmax(lone)) + 1
    field = max(off, key=lambda name: float(off[name][first - 1]))
    price, place = values[field][first], row_text(rows[first], times[first])
    return (
        f"{int(np.count_nonzero(lone))} bars hold a price more than {_LONE - 1:.0%} from neighbours that "
        f"agree, the first {field} {price:.10g} in {place}: check them, for all levels "
        "on the way count as swept",
    )
