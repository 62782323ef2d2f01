"""The bars of one coin that its technical state is read from: those of one venue, and which one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from powderkeg.core.alignment import RegularSeries
from powderkeg.errors import InputError
from powderkeg.lake.market_lake import Lake
from powderkeg.maps.lake_market import lake_bars
from powderkeg.model.arrays import FloatArray, IntArray
from powderkeg.model.times import DAY, HOUR, duration_text, iso
from powderkeg.model.window import Window
from powderkeg.venues.venue import Venue

REACH = {HOUR: 400 * DAY, 4 * HOUR: 200 * DAY, DAY: 1000 * DAY}
"""Length of a bar -> how far back bars of it are read: what an indicator remembers is the same every day."""


def period_text(length: int) -> str:
    """Return a length of time as facts are named by it: in days where it is whole days, as ``7d``."""
    return duration_text(length) if length % DAY else f"{length // DAY}d"


@dataclass(frozen=True, slots=True)
class ReferenceBars:
    """Bars of one market as known at a time, ascending by the length of a bar.

    Attributes
    ----------
    venue, symbol
        Whose.
    at
        The time; UTC milliseconds. No bar ends later.
    bars
        Length of a bar in ms -> bars; a length of which there are none lacks.
    """

    venue: str
    symbol: str
    at: int
    bars: dict[int, RegularSeries]

    def ended(self, step: int) -> int | None:
        """Return when the last bar of a length ended; None without any."""
        return self.bars[step].end if step in self.bars else None

    def is_fresh(self, step: int) -> bool:
        """Return whether the last bar of a length is the newest that there can be, or the one before it."""
        end = self.ended(step)
        return end is not None and self.at - end < 2 * step

    def seen(self, step: int, length: int | None = None) -> SeenBars:
        """Return the bars that are there, without holes, of the `length` ms that end with the last."""
        return SeenBars(self.bars[step], length)

    def source(self, step: int) -> str:
        """Return what to call the bars in a fact."""
        return f"lake: {duration_text(step)} bars of {self.venue} {self.symbol}"


class SeenBars:
    """Arrays of the bars that are there, ascending, and how many lack among them."""

    __slots__ = ("coverage", "missing", "ts", "values", "window")

    def __init__(self, series: RegularSeries, length: int | None) -> None:
        first = 0 if length is None else max(len(series) - length // series.step, 0)
        there = series.valid[first:]
        self.ts: IntArray = series.ts[first:][there]
        self.values: dict[str, FloatArray] = {
            name: column[first:][there] for name, column in series.values.items()
        }
        self.missing = int(np.count_nonzero(~there))
        start = int(series.ts[first])
        expected = len(series) - first if length is None else length // series.step
        self.coverage = min(len(self.ts) / expected, 1.0)
        self.window = Window(start, series.end)

    def __len__(self) -> int:
        return len(self.ts)

    def __getitem__(self, name: str) -> FloatArray:
        return self.values[name]


def reference_bars(lake: Lake, venues: Sequence[Venue], coin: str, at: int) -> ReferenceBars:
    """Return the bars of the venue that knows the coin best at a time.

    Of the venues whose newest hourly bar is at most six hours older than any other's, that with the most
    hourly bars; of equals the first named.

    Parameters
    ----------
    lake, venues, coin
        Where to read, whose main perpetual, of what.
    at
        UTC milliseconds: bars that had ended.

    Raises
    ------
    InputError
        No venue has bars; the message says what to do.
    LakeError
        A file is missing or damaged.
    """
    hourly = {}
    for venue in venues:
        window = Window(at - REACH[HOUR], at)
        bars = lake_bars(lake, venue.name, venue.symbol(coin.upper()), window, HOUR)
        if bars is not None:
            hourly[venue.name] = (venue, bars)
    if not hourly:
        names = ", ".join(venue.name for venue in venues)
        raise InputError(
            f"bars: the lake has none of {coin.upper()} at {names or 'no venue'} in the "
            f"{duration_text(REACH[HOUR])} before {iso(at)}; `powderkeg backfill` or `powderkeg record` "
            "brings them"
        )
    newest = max(bars.end for _, bars in hourly.values())
    fresh = [(venue, bars) for venue, bars in hourly.values() if newest - bars.end <= 6 * HOUR]
    venue, bars = max(fresh, key=lambda one: int(one[1].valid.sum()))
    symbol = venue.symbol(coin.upper())
    found = {HOUR: bars}
    for step, reach in REACH.items():
        if step != HOUR:
            longer = lake_bars(lake, venue.name, symbol, Window(at - reach, at), step)
            if longer is not None:
                found[step] = longer
    return ReferenceBars(venue.name, symbol, at, found)
