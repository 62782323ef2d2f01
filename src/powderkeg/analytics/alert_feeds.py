"""When tables of a coin had their last row, and how much of a window is complete, for alert rules."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np

from powderkeg.analytics.alert_rules import AlertRule
from powderkeg.lake.catalogue import DatasetSummary
from powderkeg.lake.market_lake import Lake
from powderkeg.model.arrays import IntArray
from powderkeg.model.times import DAY
from powderkeg.model.window import Window, missing, united
from powderkeg.venues.venue import Venue

# Silences are told as at least so long.
_LOOK_BACK = 7 * DAY


class FeedRecord:
    """Times of rows and coverage of those tables that rules ask for; parameters as `CoinObserver`'s."""

    def __init__(
        self, lake: Lake, venues: Sequence[Venue], coin: str, rules: Sequence[AlertRule], window: Window
    ) -> None:
        silent = {str(one.parameters["table"]) for one in rules if one.kind == "feed_silent"}
        self._rows = {
            (venue.name, table): _row_times(
                lake, list(lake.datasets(table, venue.name, venue.symbol(coin))), window
            )
            for venue, table in product(venues, sorted(silent))
        }
        self._windows = sorted(
            {(str(one.parameters["table"]), one.window) for one in rules if one.kind == "coverage_lost"}
        )
        self._covered = {
            (venue.name, table): tuple(
                part
                for summary in lake.datasets(table, venue.name, venue.symbol(coin))
                for part in summary.covered
            )
            for venue, (table, _) in product(venues, self._windows)
        }

    def last_rows(self, time: int) -> dict[tuple[str, str], int]:
        """Return (venue, table) -> time of the newest row by then, of tables that had one."""
        found = {}
        for key, times in self._rows.items():
            place = int(np.searchsorted(times, time, side="right"))
            if place:
                found[key] = int(times[place - 1])
        return found

    def coverage(self, time: int) -> dict[tuple[str, str, int], float]:
        """Return (venue, table, window) -> share of the window before that is complete."""
        found = {}
        for (venue, table), covered in self._covered.items():
            begun = [part.start for part in covered if part.start < time]
            for _, length in (one for one in self._windows if one[0] == table):
                if begun:
                    asked = Window(time - length, time)
                    lost = sum(part.length for part in missing(asked, united(covered)))
                    found[venue, table, length] = 1 - lost / length
        return found


def _row_times(lake: Lake, summaries: Sequence[DatasetSummary], window: Window) -> IntArray:
    """Return times of rows, ascending; one where the last came before all of the window."""
    known: list[IntArray] = [np.empty(0, np.int64)]
    earliest = window.start - _LOOK_BACK
    for summary in summaries:
        if summary.first_ts is None or summary.last_ts is None:
            continue
        if summary.last_ts <= window.start:
            known.append(np.array([summary.last_ts], np.int64))
            continue
        if summary.first_ts < earliest:
            known.append(np.array([earliest], np.int64))
        known.append(lake.read(summary.key, Window(earliest, window.end + 1), ("ts",))["ts"].to_numpy())
    return np.unique(np.concatenate(known))
