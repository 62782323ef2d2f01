"""A market given as rows."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from operator import attrgetter

from powderkeg.model.market_rows import InstrumentRow, MarketRow, interval_of
from powderkeg.model.window import Window

Series = tuple[str, str, str]


class ScriptedMarket:
    """Rows in house units, told as far as a clock has come.

    Parameters
    ----------
    instruments
        Symbol, as the venue spells it -> instrument.
    series
        (table, symbol, variant) -> rows. A row is known from its ts on, a bar from its end on.
    now
        Where the clock starts, UTC milliseconds; set `now` to move it.
    """

    def __init__(
        self,
        instruments: Mapping[str, InstrumentRow],
        series: Mapping[Series, Sequence[MarketRow]],
        now: int,
    ) -> None:
        self.instruments = instruments
        self.now = now
        self.series = {key: sorted(rows, key=attrgetter("ts")) for key, rows in series.items()}
        self._times = {key: [row.ts for row in rows] for key, rows in self.series.items()}
        self._known = {key: [known_at(row) for row in rows] for key, rows in self.series.items()}

    def rows(self, table: str, symbol: str, window: Window, variant: str = "all") -> Sequence[MarketRow]:
        """Return the rows of one series with ts in [start, end), ascending, that are known by now."""
        key = (table, symbol, variant)
        times = self._times.get(key, [])
        rows = self.series.get(key, [])[bisect_left(times, window.start) : bisect_left(times, window.end)]
        return [row for row in rows if known_at(row) <= self.now]

    def replace_rows(self, key: Series, window: Window, rows: Sequence[MarketRow]) -> None:
        """Put rows, ascending, in the place of those of a series in [start, end), which nobody was told yet.

        They are known from their own times on: this is not for bars.
        """
        times = self._times.setdefault(key, [])
        place = slice(bisect_left(times, window.start), bisect_left(times, window.end))
        self.series.setdefault(key, [])[place] = rows
        self._known.setdefault(key, [])[place] = [known_at(row) for row in rows]
        times[place] = [row.ts for row in rows]

    def news(self, key: Series, since: int, until: int) -> Sequence[MarketRow]:
        """Return the rows of one series that became known in (since, until], in that order."""
        known = self._known[key]
        return self.series[key][bisect_right(known, since) : bisect_right(known, until)]


def known_at(row: MarketRow) -> int:
    """Return when a row is known: an interval when it is over, everything else at its own time."""
    return row.ts + interval_of(row)
