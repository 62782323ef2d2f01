"""Totals of reported liquidations over windows of time, and what a throttled feed may have hidden of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from powderkeg.core.feed_coverage import RATE_WINDOW, throttled_coverage
from powderkeg.errors import InputError
from powderkeg.model.arrays import BoolArray, FloatArray, IntArray


def totals_between(
    times: IntArray, values: npt.NDArray[np.float64], starts: IntArray, ends: IntArray
) -> FloatArray:
    """Return the sums of `values` whose time lies in each window [start, end), shape (windows, columns).

    Windows may overlap and need no order. A window without events is exactly 0, and the windows of a
    partition add up to the whole but for rounding: nothing is subtracted.

    Parameters
    ----------
    times
        UTC milliseconds, ascending, shape (n,).
    values
        Shape (n, columns).
    starts, ends
        UTC milliseconds, shape (windows,), no end before its start.
    """
    first = np.searchsorted(times, starts, side="left")
    stop = np.searchsorted(times, ends, side="left")
    if not len(first):
        return np.zeros((0, values.shape[1]))
    lowest = first.min()
    bounds = np.column_stack([first, stop]).ravel() - lowest
    # The row of zeros makes the end of the last window a place to stop at.
    used = np.concatenate([values[lowest : stop.max()], np.zeros((1, values.shape[1]))])
    sums = np.add.reduceat(used, bounds, axis=0)[::2]
    return np.where((first < stop)[:, None], sums, 0.0)


def covered_between(spans: IntArray, starts: IntArray, ends: IntArray) -> IntArray:
    """Return how many milliseconds of each window lie in `spans`, shape (windows,).

    Parameters
    ----------
    spans
        Half-open spans that ascend and do not overlap, shape (spans, 2).
    starts, ends
        UTC milliseconds, shape (windows,).
    """
    if not len(spans):
        return np.zeros(len(starts), np.int64)
    before = np.concatenate([[0], np.cumsum(spans[:, 1] - spans[:, 0])])

    def until(times: IntArray) -> IntArray:
        number = np.searchsorted(spans[:, 0], times, side="right")
        last = np.maximum(number - 1, 0)
        over = np.maximum(spans[last, 1] - times, 0)
        return np.asarray(np.where(number > 0, before[number] - over, 0), np.int64)

    return until(ends) - until(starts)


@dataclass(frozen=True, slots=True)
class ThrottleWeights:
    """By how much each shown event of a throttled feed is to be multiplied, shape (n,) each.

    Attributes
    ----------
    estimate
        If arrivals are random and the shown event says nothing about its size: counts all events of its
        minute in equal parts. 1 where `saturated`.
    low
        If arrivals are random and the largest event of a slot is the one shown: hidden ones are smaller.
        Their sum over USD is at most that of `estimate`. 1 where `saturated`.
    saturated
        Every slot of the event's minute was taken: how many were hidden cannot be said.
    """

    estimate: FloatArray
    low: FloatArray
    saturated: BoolArray


def throttle_weights(times: IntArray, notional: FloatArray, slot: int) -> ThrottleWeights:
    """Return what stands behind each event of a feed that shows at most one per slot, whatever its side.

    With N of T slots taken, events that arrive at random number -T ln(1 - N / T); see
    `powderkeg.core.feed_coverage.throttled_coverage`, which takes it minute by minute. Slots belong to the
    instrument, so longs and shorts share them and are corrected by the same factor: a slot that showed a
    short may have hidden a long. Where the largest is shown, its size has the distribution of the largest of
    a Poisson number: turned around, an event that is larger than a share F of those shown stands for
    T / (T - N (1 - F)) events.

    Real events cluster inside a minute, so both are too low rather than too high; `CLUSTERING` times the
    estimate is the high end, which bursts of dozens of events in a slot still exceed. A minute listened to
    in part counts as listened to in whole, which lowers both too.

    Parameters
    ----------
    times, notional
        UTC milliseconds, ascending, and sizes of the shown events, shape (n,).
    slot
        Milliseconds in which at most one event is shown.

    Raises
    ------
    InputError
        `slot` is not above 0.
    """
    if slot <= 0:
        raise InputError(f"slot: {slot} ms; expected a length of time above 0")
    if not len(times):
        empty = np.empty(0)
        return ThrottleWeights(empty, empty, np.empty(0, np.bool_))
    window = RATE_WINDOW * slot
    _, estimated = throttled_coverage(times, slot=slot, window=window)
    _, minute, shown = np.unique(times // window, return_inverse=True, return_counts=True)
    first_of_slot = np.append(True, np.diff(times // slot) > 0)
    taken = np.bincount(minute, first_of_slot)
    larger = 1 - (_rank_inside(minute, notional) + 0.5) / shown[minute]
    saturated = (taken >= RATE_WINDOW)[minute]
    # A venue may show more than it says; then fewer events were hidden behind each.
    per_shown = (taken / shown)[minute]
    low = per_shown * RATE_WINDOW / (RATE_WINDOW - taken[minute] * larger)
    estimate = (estimated / shown)[minute]
    return ThrottleWeights(
        estimate=np.where(saturated, 1.0, np.maximum(estimate, 1.0)),
        low=np.where(saturated, 1.0, np.maximum(low, 1.0)),
        saturated=saturated,
    )


def _rank_inside(group: IntArray, values: FloatArray) -> IntArray:
    """Return the rank of each value among those of its group, from 0 for the smallest; groups ascend."""
    order = np.lexsort((values, group))
    first = np.searchsorted(group, group, side="left")
    rank = np.empty(len(values), np.int64)
    rank[order] = np.arange(len(values))
    return rank - first
