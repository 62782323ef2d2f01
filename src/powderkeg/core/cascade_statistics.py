"""Runs of forced orders in a record of liquidations: how long, how far, how one-sided.

The record may be a venue's, or a simulated market's: the same numbers from both make them comparable. They
are what a cascade model is calibrated to. Published for Hyperliquid [third party]: runs last 19, 60 and 121 s
in quartiles, the price travels 1.0 % in the median, and 98 % of the runs are one-sided.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from powderkeg.core.arguments import finite, positive, sign_of
from powderkeg.errors import InputError
from powderkeg.model.arrays import FloatArray, IntArray, read_only

GAP = 30_000
ONE_SIDED = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class ForcedRuns:
    """Runs of forced orders in the order of their beginnings; arrays of shape (runs,), read-only.

    Attributes
    ----------
    begin, end
        Time of the first and of the last order, UTC milliseconds. `end` belongs to the run.
    orders
        How many.
    notional
        In quote, both sides together.
    long_share
        Share of the notional in closed longs, 0 to 1.
    travel
        ln(highest / lowest price) of its orders, >= 0.
    drift
        ln(last / first price).
    """

    begin: IntArray = field(repr=False)
    end: IntArray = field(repr=False)
    orders: IntArray = field(repr=False)
    notional: FloatArray = field(repr=False)
    long_share: FloatArray = field(repr=False)
    travel: FloatArray = field(repr=False)
    drift: FloatArray = field(repr=False)

    def __len__(self) -> int:
        """Return the number of runs."""
        return len(self.begin)

    def duration(self) -> FloatArray:
        """Return seconds from the first to the last order; 0 for a run of one."""
        return np.asarray((self.end - self.begin) / 1_000)

    def one_sidedness(self) -> FloatArray:
        """Return the share of the larger side, 0.5 to 1."""
        return np.maximum(self.long_share, 1 - self.long_share)

    def summary(self) -> RunStatistics:
        """Return what is compared with targets; NaN throughout where there is no run."""
        quartiles = (0.25, 0.5, 0.75)
        if not len(self):
            nothing = np.full(3, np.nan)
            return RunStatistics(0, nothing, nothing, nothing, float("nan"))
        return RunStatistics(
            runs=len(self),
            duration=np.quantile(self.duration(), quartiles),
            travel=np.quantile(self.travel, quartiles),
            notional=np.quantile(self.notional, quartiles),
            one_sided=float(np.mean(self.one_sidedness() >= ONE_SIDED)),
        )


@dataclass(frozen=True, slots=True)
class RunStatistics:
    """Quartiles over runs, each of shape (3,).

    Attributes
    ----------
    runs
        How many.
    duration
        Seconds.
    travel
        ln(highest / lowest price).
    notional
        In quote.
    one_sided
        Share of the runs of which 90 % of the notional or more is one side.
    """

    runs: int
    duration: FloatArray
    travel: FloatArray
    notional: FloatArray
    one_sided: float


def runs_of_forced_orders(
    time: npt.ArrayLike,
    notional: npt.ArrayLike,
    position_side: npt.ArrayLike,
    price: npt.ArrayLike,
    *,
    gap: int = GAP,
    fewest_orders: int = 5,
    smallest_notional: float = 0.0,
) -> ForcedRuns:
    """Return the runs: orders of which each follows the one before it within the gap, whichever its side.

    Durations depend on the gap: state it beside them. In a thinned feed (Binance, OKX: one order per symbol
    and second at most) orders and notional are floors, durations and travel are nearly right.

    Parameters
    ----------
    time
        UTC milliseconds, in any order, shape (n,).
    notional
        In quote, > 0, shape (n,).
    position_side
        +1 for a closed long, -1 for a closed short, shape (n,).
    price
        Quote per base, > 0: fill prices if known, and one meaning throughout, as bankruptcy prices lie
        elsewhere than fills. Shape (n,).
    gap
        Longest pause inside a run, milliseconds, > 0.
    fewest_orders, smallest_notional
        Smaller runs are left out.

    Raises
    ------
    InputError
        A number is outside its range, or the lengths differ.
    """
    if gap <= 0 or fewest_orders < 1 or not smallest_notional >= 0:
        raise InputError(
            f"gap, fewest_orders, smallest_notional: {gap}, {fewest_orders}, {smallest_notional:g}; expected "
            "milliseconds above 0, a count from 1 and a notional from 0"
        )
    moments = finite("time", time)
    columns = (
        moments,
        positive("notional", notional),
        sign_of("position_side", position_side),
        positive("price", price),
    )
    if any(column.shape != (moments.size,) for column in columns):
        shapes = ", ".join(str(column.shape) for column in columns)
        raise InputError(f"time, notional, position_side, price: shapes {shapes}; expected one length")
    order = np.argsort(moments, kind="stable")
    at = np.asarray(time, np.int64)[order]
    size, side, log_price = columns[1][order], columns[2][order], np.log(columns[3][order])
    first = np.flatnonzero(np.diff(at, prepend=at[:1] - gap - 1) > gap)
    if not len(first):
        return _runs(first, first, at, size, size, log_price, log_price, log_price)
    last = np.append(first[1:], len(at)) - 1
    total = np.add.reduceat(size, first)
    longs = np.add.reduceat(np.where(side > 0, size, 0.0), first)
    highest, lowest = np.maximum.reduceat(log_price, first), np.minimum.reduceat(log_price, first)
    kept = (last - first + 1 >= fewest_orders) & (total >= smallest_notional)
    return _runs(
        first[kept], last[kept], at, total[kept], longs[kept], highest[kept], lowest[kept], log_price
    )


def _runs(
    first: IntArray,
    last: IntArray,
    at: IntArray,
    total: FloatArray,
    longs: FloatArray,
    highest: FloatArray,
    lowest: FloatArray,
    log_price: FloatArray,
) -> ForcedRuns:
    return ForcedRuns(
        begin=read_only(at[first], np.int64),
        end=read_only(at[last], np.int64),
        orders=read_only(last - first + 1, np.int64)[: len(first)],
        notional=read_only(total),
        long_share=read_only(longs / total),
        travel=read_only(highest - lowest),
        drift=read_only(log_price[last] - log_price[first]),
    )
