"""The freshest depth of an instrument that a lake holds: a book, else bands, else what its bars imply.

A recorded book is exact and short: twenty levels of bitcoin reach 0.003 %. It is used as far as it reaches,
and bands or, where there are none, the impact law say what lies beyond. What was used, how old it was, and
what had to be refused is told with the curve: a guess never passes for a count.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from powderkeg.core.band_depth import band_depth
from powderkeg.core.book_depth import book_depth
from powderkeg.core.combined_depth import combined_depth, continued_depth
from powderkeg.core.impact_law import FEWEST_BARS, LAW_FACTOR, impact_depth, recent_flow
from powderkeg.errors import InputError, WindowError
from powderkeg.lake.dataset_key import DatasetKey
from powderkeg.lake.market_lake import Lake
from powderkeg.model.depth_curve import DepthCurve, Direction
from powderkeg.model.times import DAY, HOUR, MINUTE, duration, duration_text, iso
from powderkeg.model.window import Window

BOOK_AGE, BANDS_AGE, BARS_AGE = 2 * MINUTE, 10 * MINUTE, HOUR
REACH = 0.05
"""Displacement up to which a book is continued by something else if it ends before."""
_LAW_WINDOW = 2 * DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class LakeDepth:
    """Depth in one direction as a lake knew it.

    Attributes
    ----------
    curve
        The depth; its kind is that of its least certain part, its source names all parts with their ages.
    age
        Milliseconds from the oldest part to the time asked for.
    factor
        Depth is to be looked for between ``curve / factor`` and ``curve * factor``: 1 where all of it was
        counted, `powderkeg.core.impact_law.LAW_FACTOR` where a part is the impact law.
    notes
        What was refused, and why.
    """

    curve: DepthCurve
    age: int
    factor: float
    notes: tuple[str, ...]


def lake_depth(
    lake: Lake,
    venue: str,
    symbol: str,
    direction: Direction,
    at: int,
    *,
    mark_price: float | None = None,
    book_age: int = BOOK_AGE,
    bands_age: int = BANDS_AGE,
    bars_age: int = BARS_AGE,
    learned_by: int | None = None,
) -> LakeDepth:
    """Return the depth of one instrument in one direction, of the newest rows before a time.

    Parameters
    ----------
    lake, venue, symbol
        Where, and what, as the venue spells it.
    direction
        -1: what absorbs a fall; +1: a rise.
    at
        UTC milliseconds. Books and bands of this time and before count, and bars that had ended.
    mark_price
        From where displacement counts, quote per base; the middle of the book by default. Bands and the law
        count from the middle, whatever it is; with the mark, or else with the last bar's close, bands of
        another price are told.
    book_age, bands_age, bars_age
        Milliseconds; a book, bands or last bar older than this is not used.
    learned_by
        Rows that the lake learned later, in UTC milliseconds, are not looked at: with `at` for what was known
        then. By default history that was fetched afterwards counts as well.

    Raises
    ------
    WindowError
        Nothing fresh enough is there; the message says what is, and how to get more.
    LakeError
        A file is missing or damaged.
    """
    if direction not in (-1, 1):
        raise InputError(f"direction is {direction}; expected -1 or 1")
    rows = _Rows(lake, venue, symbol, at, learned_by)
    notes: list[str] = []
    book = _tried(notes, lambda: rows.book(direction, mark_price, book_age))
    curve = book
    if book is None or book.displacement[-1] < REACH:
        far = _tried(notes, lambda: rows.bands(direction, mark_price, bands_age, bars_age))
        if far is None:
            far = _tried(notes, lambda: rows.law(direction, bars_age))
        curve = continued_depth(book, far) if book and far else book or far
    if curve is None:
        raise WindowError(
            f"depth of {venue} {symbol}: none at {iso(at)} ({'; '.join(notes)}); "
            f"`powderkeg record {venue}` brings books, `powderkeg backfill {venue} {symbol}` bars"
        )
    factor = LAW_FACTOR if curve.kind == "law" else 1.0
    return LakeDepth(curve=curve, age=at - curve.as_of, factor=factor, notes=tuple(notes))


def lake_combined_depth(
    lake: Lake,
    instruments: Sequence[tuple[str, str]],
    direction: Direction,
    at: int,
    *,
    learned_by: int | None = None,
) -> LakeDepth:
    """Return the sum of the depths of several (venue, symbol), each from its own mark.

    Those without any are left out with a note. See `lake_depth` and
    `powderkeg.core.combined_depth.combined_depth`.

    Raises
    ------
    InputError
        No instruments are given.
    WindowError
        None of them has any depth.
    """
    if not instruments:
        raise InputError("instruments: none; expected (venue, symbol) pairs")
    found: list[LakeDepth] = []
    notes: list[str] = []
    for venue, symbol in instruments:
        try:
            one = lake_depth(lake, venue, symbol, direction, at, learned_by=learned_by)
        except WindowError as error:
            notes.append(str(error))
            continue
        found.append(one)
        notes.extend(f"{venue} {symbol}: {note}" for note in one.notes)
    if not found:
        raise WindowError("; ".join(notes))
    curve = combined_depth([one.curve for one in found])
    return LakeDepth(
        curve=curve,
        age=max(one.age for one in found),
        factor=max(one.factor for one in found),
        notes=tuple(notes),
    )


def _tried(notes: list[str], made: Callable[[], DepthCurve]) -> DepthCurve | None:
    try:
        return made()
    except InputError as error:
        notes.append(str(error))
        return None


class _Rows:
    """Reads what is known of one instrument's depth at a time; raises `InputError` for what will not do."""

    def __init__(self, lake: Lake, venue: str, symbol: str, at: int, learned_by: int | None) -> None:
        self._lake = lake
        self._venue = venue
        self._symbol = symbol
        self._at = at
        self._learned_by = learned_by

    def book(self, direction: Direction, mark_price: float | None, oldest: int) -> DepthCurve:
        rows = self._newest("depth_levels", ("side", "price", "quantity"), oldest)
        bids, asks = (
            list(rows.filter(pl.col("side") == side).select("price", "quantity").iter_rows())
            for side in ("bid", "ask")
        )
        ts = int(rows["ts"][0])
        return book_depth(
            bids,
            asks,
            direction=direction,
            source=self._source(f"book of {len(bids)} bids and {len(asks)} asks", ts),
            as_of=ts,
            mark_price=mark_price,
        )

    def bands(
        self, direction: Direction, mark_price: float | None, oldest: int, oldest_bar: int
    ) -> DepthCurve:
        rows = self._newest("depth_bands", ("distance", "quantity", "notional"), oldest)
        ts = int(rows["ts"][0])
        return band_depth(
            rows["distance"].to_numpy(),
            rows["notional"].to_numpy(),
            direction=direction,
            source=self._source("depth bands", ts),
            as_of=ts,
            quantity=rows["quantity"].to_numpy(),
            mark_price=self._last_close(oldest_bar) if mark_price is None else mark_price,
        )

    def law(self, direction: Direction, oldest: int) -> DepthCurve:
        length, bars = self._bars(oldest)
        clock = pl.DataFrame({"ts": pl.int_range(bars["ts"][0], bars["ts"][-1] + length, length, eager=True)})
        whole = clock.join(bars, on="ts", how="left", maintain_order="left")
        close, volume = (whole[name].fill_null(np.nan).to_numpy() for name in ("close", "volume"))
        traded, volatility = recent_flow(close, volume, length)
        end = int(bars["ts"][-1]) + length
        return impact_depth(
            traded,
            volatility,
            direction=direction,
            source=self._source(
                f"impact law of {bars.height} bars of {duration_text(length)}, {traded:.3g} a day at "
                f"{volatility:.2%} volatility",
                end,
            ),
            as_of=end,
        )

    def _source(self, what: str, ts: int) -> str:
        return f"{what} of {self._venue} {self._symbol}, {duration_text(self._at - ts)} old"

    def _newest(self, table: str, columns: tuple[str, ...], oldest: int) -> pl.DataFrame:
        """Return the rows of the last time that has any."""
        key = DatasetKey(table, self._venue, self._symbol)
        rows = self._known(key, Window(self._at - oldest, self._at + 1), columns)
        if rows.is_empty():
            raise InputError(f"{table}: none in the {duration_text(oldest)} before {iso(self._at)}")
        return rows.filter(pl.col("ts") == rows["ts"].max())

    def _bars(self, oldest: int) -> tuple[int, pl.DataFrame]:
        """Return length and rows of the bars whose last ended latest, the shortest of several.

        Bars too few for a law, such as those of a recording that has just begun, are taken where there are no
        others.
        """
        found: list[tuple[bool, int, int, pl.DataFrame]] = []
        for summary in self._lake.datasets("bars", self._venue, self._symbol):
            length = duration(summary.key.variant)
            window = Window(self._at - _LAW_WINDOW, self._at - length + 1)
            rows = self._known(summary.key, window, ("close", "volume"))
            if rows.height and (end := int(rows["ts"][-1]) + length) >= self._at - oldest:
                found.append((rows.height < FEWEST_BARS, -end, length, rows))
        if not found:
            raise InputError(f"bars: none that ended in the {duration_text(oldest)} before {iso(self._at)}")
        _, _, length, rows = min(found, key=lambda one: one[:3])
        return length, rows

    def _last_close(self, oldest: int) -> float | None:
        try:
            return float(self._bars(oldest)[1]["close"][-1])
        except InputError:
            return None

    def _known(self, key: DatasetKey, window: Window, columns: tuple[str, ...]) -> pl.DataFrame:
        rows = self._lake.read(key, window, ("ts", *columns, "received_ts"))
        return rows if self._learned_by is None else rows.filter(pl.col("received_ts") <= self._learned_by)
