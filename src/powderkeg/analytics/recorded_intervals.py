"""The intervals of recorded liquidations that a model can be held against."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from powderkeg.errors import InputError, WindowError
from powderkeg.model.arrays import BoolArray, FloatArray, IntArray
from powderkeg.model.market_frame import LiquidationTotals, MarketFrame
from powderkeg.model.times import duration, iso


@dataclass(frozen=True, slots=True)
class RecordedIntervals:
    """Recorded totals per interval, each inside the bars and with open interest known.

    Attributes
    ----------
    start, end
        UTC milliseconds, shape (n,), ascending.
    totals
        USD recorded, shape (n, 2) for (long, short).
    edges
        All bounds, ascending, for `MapRun.predicted_liquidations`.
    numbers
        Which of the intervals between `edges` each recorded one is, shape (n,).
    notes
        What was left out.
    """

    start: IntArray
    end: IntArray
    totals: FloatArray
    edges: IntArray
    numbers: IntArray
    notes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.start)


def recorded_intervals(frame: MarketFrame, step: str) -> RecordedIntervals:
    """Return the recorded liquidations of `frame` that can be compared, none shorter than `step`.

    Shorter ones are added up to whole UTC multiples of `step`. An interval counts when it was recorded from
    its start to its end, its bounds fall between bars, and every bar in it was observed with a known open
    interest: a part of a record is never held against the whole of a prediction.

    Raises
    ------
    InputError
        The frame has no recorded liquidations; `step` is not a length of time; or more was liquidated on a
        side in an interval than its largest open interest.
    WindowError
        No recorded interval can be compared.
    """
    recorded = frame.liquidations
    if recorded is None or len(recorded) == 0:
        raise InputError("liquidations: the frame has none to compare with")
    start, end, totals, recorded_whole = _merged(recorded, duration(step, "step"))
    on_bars = ((start - frame.start) % frame.step == 0) & ((end - frame.start) % frame.step == 0)
    inside = (start >= frame.start) & (end <= frame.end) & on_bars
    known = np.concatenate([[0], np.cumsum(np.isfinite(frame.open_interest) & frame.valid)])
    first = np.clip((start - frame.start) // frame.step, 0, len(frame))
    stop = np.clip((end - frame.start) // frame.step, 0, len(frame))
    whole = known[stop] - known[first] == stop - first
    used = inside & whole & recorded_whole
    if not used.any():
        raise WindowError(
            f"liquidations: none of the {len(start)} recorded intervals, {iso(int(start[0]))} to "
            f"{iso(int(end[-1]))}, lies inside the bars, {iso(frame.start)} to {iso(frame.end)}, on their "
            "bounds, recorded whole and without a missing bar"
        )
    _check_against_open_interest(frame, start[used], first[used], stop[used], totals[used])
    left_out = int(np.count_nonzero(~used))
    start, end = start[used], end[used]
    edges = np.unique(np.concatenate([start, end]))
    return RecordedIntervals(
        start=start,
        end=end,
        totals=totals[used],
        edges=edges,
        numbers=np.searchsorted(edges, start),
        notes=(
            f"{left_out} intervals left out: not recorded whole, or bars or open interest missing in them",
        )
        if left_out
        else (),
    )


def _merged(recorded: LiquidationTotals, step: int) -> tuple[IntArray, IntArray, FloatArray, BoolArray]:
    """Return start, end, (n, 2) totals added up to whole steps, and which steps were recorded whole."""
    totals = np.column_stack([recorded.long_notional, recorded.short_notional])
    if np.any(recorded.end - recorded.start >= step):
        return recorded.start, recorded.end, totals, np.ones(len(recorded), np.bool_)
    starts, group = np.unique(recorded.start // step * step, return_inverse=True)
    merged = np.zeros((len(starts), 2))
    np.add.at(merged, group, totals)
    covered = np.bincount(group, recorded.end - recorded.start, minlength=len(starts))
    return starts, starts + step, merged, covered >= step


def _check_against_open_interest(
    frame: MarketFrame, start: IntArray, first: IntArray, stop: IntArray, totals: FloatArray
) -> None:
    """Raise if more was liquidated in an interval, rows [first, stop), than stood at any time of it."""
    stood = frame.open_interest * frame.mark_close
    largest = np.array([stood[i:j].max() for i, j in zip(first.tolist(), stop.tolist(), strict=True)])
    wrong = np.flatnonzero((totals > largest[:, None]).any(axis=1))
    if not wrong.size:
        return
    row = int(wrong[0])
    side = int(np.argmax(totals[row]))
    raise InputError(
        f"liquidations: {totals[row, side]:,.0f} USD of {('longs', 'shorts')[side]} in the interval from "
        f"{iso(int(start[row]))}; expected at most the open interest of a side, {largest[row]:,.0f} USD: is "
        "one of the two in another unit, or of another market?"
    )
