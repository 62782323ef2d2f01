"""One market of the lake as a frame: history and live rows together, on one clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import polars as pl

from powderkeg.core.alignment import RegularSeries, cadence_of, coarser_series, regular_series
from powderkeg.errors import InputError
from powderkeg.lake.dataset_key import DatasetKey
from powderkeg.lake.market_lake import Lake
from powderkeg.maps.market_frame import market_frame
from powderkeg.model.arrays import BoolArray, IntArray
from powderkeg.model.market_frame import MarketFrame
from powderkeg.model.times import duration, duration_text
from powderkeg.model.window import Window
from powderkeg.venues.venue import Venue

_PRICES = ("open", "high", "low", "close")


def lake_market_frame(
    lake: Lake,
    venue: Venue,
    symbol: str,
    window: Window,
    *,
    bar_step: str = "5m",
    liquidations: bool = False,
) -> MarketFrame:
    """Return one market's rows of [start, end) aligned on bars of `bar_step`.

    Bars are those of that length and, where they lack, shorter ones put together whole. Bars of the mark
    that nobody told are made of recorded mark prices, and a note counts them; one of whose time only a part
    was recorded counts as missing, for what was not seen may have been its extreme. Open interest is that of
    all series, each row as of the instant at which it was known. Everything else is as in `market_frame`.

    Parameters
    ----------
    lake
        Where the rows are.
    venue
        Which venue, with what its numbers mean.
    symbol
        As the venue spells it.
    window
        From when to when.
    bar_step
        Length of the bars.
    liquidations
        Take recorded liquidations in, too: events where there are any, else the venue's own totals.

    Raises
    ------
    InputError
        The lake has no bars or no open interest in the window; the message says what to do. Or what is
        there cannot be right, as in `market_frame`.
    """
    step = duration(bar_step, "bar_step")
    rows = _Rows(lake, venue.name, symbol, window)
    bars = rows.bars("bars", (*_PRICES, "volume"), step)
    interest = rows.open_interest(venue.semantics.open_interest_history_stamp == "interval")
    for table, found in (("bars", bars), ("open_interest", interest)):
        if found.is_empty():
            raise InputError(
                f"{table}: the lake has none of {venue.name} {symbol} from {window}; "
                f"`powderkeg backfill {venue.name} {symbol}` or `powderkeg record {venue.name}` brings them"
            )
    mark, mark_tables, mark_notes = rows.mark(step)
    funding = rows.read("funding", "all", ("ts", "funding_rate"))
    frame = market_frame(
        bars,
        interest,
        symbol=symbol,
        mark=None if mark.is_empty() else mark,
        funding=None if funding.is_empty() else funding,
        liquidations=rows.liquidations() if liquidations else None,
        open_interest_unit="base",
        open_interest_stamp="instant",
        bar_step=bar_step,
    )
    named = {"mark_price": mark_tables, "funding_rate": "funding"}
    series = tuple(
        replace(one, source=f"lake: {named.get(one.name, one.name)} of {venue.name} {symbol}")
        for one in frame.series
    )
    return replace(frame, venue=venue.name, series=series, notes=(*frame.notes, *mark_notes))


def lake_bars(
    lake: Lake, venue: str, symbol: str, window: Window, step: int, *, taker: bool = False
) -> RegularSeries | None:
    """Return the traded bars of `step` ms that lie whole in a window, known when they have ended.

    Bars are those of that length and, where they lack, shorter ones put together where all of them are there.

    Parameters
    ----------
    lake, venue, symbol, window
        Where, whose, what, and from when to when.
    step
        Milliseconds; bars begin at multiples of it since 1970, so that days are UTC days.
    taker
        Read what takers bought, too, in base, as ``taker_buy``; NaN where the venue does not tell it.

    Returns
    -------
    RegularSeries or None
        Open, high, low, close and volume in base, NaN where a bar lacks; None with fewer than two bars.

    Raises
    ------
    LakeError
        A file is missing or damaged.
    """
    fields = (*_PRICES, "volume", *(("taker_buy",) if taker else ()))
    columns = (*_PRICES, "volume", *(("taker_buy_volume",) if taker else ()))
    found = {
        length: frame.rename(dict(zip(columns, fields, strict=True)))
        for length, frame in _Rows(lake, venue, symbol, window).by_length("bars", columns, step).items()
    }
    ts = pl.col("ts")
    bars = _joined(found, fields, step).filter(ts % step == 0, ts >= window.start, ts + step <= window.end)
    if len(bars) < 2:
        return None
    times = bars["ts"].to_numpy()
    index = (times - times[0]) // step
    valid = np.zeros(int(index[-1]) + 1, dtype=np.bool_)
    valid[index] = True
    values = {}
    for name in fields:
        values[name] = np.full(len(valid), np.nan)
        values[name][index] = bars[name].to_numpy()
    return RegularSeries(times[0] + step * np.arange(len(valid)), step, valid, values)


class _Rows:
    """Reads the rows of one instrument in one window."""

    def __init__(self, lake: Lake, venue: str, symbol: str, window: Window) -> None:
        self._lake = lake
        self._venue = venue
        self._symbol = symbol
        self._window = window

    def variants(self, table: str) -> list[str]:
        return [one.key.variant for one in self._lake.datasets(table, self._venue, self._symbol)]

    def read(
        self, table: str, variant: str, columns: tuple[str, ...], window: Window | None = None
    ) -> pl.DataFrame:
        key = DatasetKey(table, self._venue, self._symbol, variant)
        return self._lake.read(key, window or self._window, columns)

    def bars(self, table: str, columns: tuple[str, ...], step: int) -> pl.DataFrame:
        """Return bars of `step` or, if all there is are shorter ones of one length, those as they are."""
        found = self.by_length(table, columns, step)
        return next(iter(found.values())) if len(found) == 1 else _joined(found, columns, step)

    def mark(self, step: int) -> tuple[pl.DataFrame, str, tuple[str, ...]]:
        """Return bars of the mark as `bars` does, the tables that they come from, and notes.

        Where none are told they are made of recorded mark prices, if these cover all of the bar's time.
        """
        told = self.by_length("mark_bars", _PRICES, step)
        key = DatasetKey("mark_prices", self._venue, self._symbol)
        prices = self._lake.read(key, self._window, ("ts", "mark_price"))
        joined = _joined(told, _PRICES, step)
        ts = pl.col("ts")
        made = _bars_of_prices(prices, step).filter(
            ts >= self._window.start, ts + step <= self._window.end, ~ts.is_in(joined["ts"].implode())
        )
        whole = made.filter(_inside(made["ts"].to_numpy(), step, self._lake.covered(key)))
        notes = []
        if len(whole) < len(made):
            notes.append(
                f"of {len(made) - len(whole)} of {len(joined) + len(made)} bars of the mark only a part was "
                "recorded, as mark prices, and they count as missing"
            )
        mark = pl.concat([joined, whole]).sort("ts")
        if whole.is_empty() or (refused := _no_clock(mark["ts"].to_numpy())):
            if not whole.is_empty():
                notes.append(f"bars made of recorded mark prices are left out: {refused}")
            return self.bars("mark_bars", _PRICES, step), "mark_bars", tuple(notes)
        notes.insert(
            0,
            f"{len(whole)} of {len(mark)} bars of the mark are made of recorded mark prices, about "
            f"{duration_text(cadence_of(prices['ts'].to_numpy()))} apart, where none is told: extremes in "
            "between are not seen",
        )
        return mark, "mark_bars and mark_prices" if told else "mark_prices", tuple(notes)

    def by_length(self, table: str, columns: tuple[str, ...], step: int) -> dict[int, pl.DataFrame]:
        """Return the bars there are, by a length that divides `step`, the longest first."""
        lengths = sorted((duration(variant) for variant in self.variants(table)), reverse=True)
        found = {
            length: self.read(table, duration_text(length), ("ts", *columns))
            for length in lengths
            if step % length == 0
        }
        return {length: frame for length, frame in found.items() if not frame.is_empty()}

    def open_interest(self, known_at_the_end: bool) -> pl.DataFrame:
        """Return open interest as of the instants at which it was known, of all series together.

        What is known at the very end counts: the last bar ends there, and sees it in any longer window too.
        """
        until_end = Window(self._window.start, self._window.end + 1)
        lengths = {
            variant: 0 if variant == "all" else duration(variant)
            for variant in self.variants("open_interest")
        }
        joined = pl.DataFrame(schema={"ts": pl.Int64, "open_interest": pl.Float64})
        if not known_at_the_end:
            parts = [
                self.read("open_interest", variant, ("ts", "open_interest"), until_end) for variant in lengths
            ]
            return pl.concat([joined, *parts]).unique("ts", keep="first", maintain_order=True).sort("ts")
        for variant, length in sorted(lengths.items(), key=lambda item: item[1]):
            rows = self.read("open_interest", variant, ("ts", "open_interest"), until_end)
            known = rows.with_columns(pl.col("ts") + length).filter(pl.col("ts") <= self._window.end)
            joined = pl.concat([joined, _not_superseded(known, length, joined)]).sort("ts")
        return joined

    def liquidations(self) -> pl.DataFrame | None:
        """Return events if the lake has any, else totals of the venue, else None."""
        events = self.read("liquidations", "all", ("ts", "position_side", "notional"))
        if not events.is_empty():
            return events
        for variant in self.variants("liquidation_totals"):
            totals = self.read("liquidation_totals", variant, ("ts", "long_usd", "short_usd"))
            if not totals.is_empty():
                return totals
        return None


def _not_superseded(known: pl.DataFrame, length: int, better: pl.DataFrame) -> pl.DataFrame:
    """Return the rows, each as of the end of its `length`, inside of which nothing better became known.

    Live values would otherwise give way, at the end of each interval, to what may be that old.
    """
    newest = better.select("ts", pl.col("ts").alias("newest"))
    told = known.join_asof(newest, on="ts", strategy="backward")
    superseded = (pl.col("newest") > pl.col("ts") - length).fill_null(value=False)
    return told.filter(~superseded).select(known.columns)


def _joined(found: Mapping[int, pl.DataFrame], columns: tuple[str, ...], step: int) -> pl.DataFrame:
    """Return bars of `step` of frames by their length, of which the first that has a bar gives it."""
    none = pl.DataFrame(schema={"ts": pl.Int64, **dict.fromkeys(columns, pl.Float64)})
    parts = [_put_together(frame, length, step) for length, frame in found.items()]
    return pl.concat([none, *parts]).unique("ts", keep="first", maintain_order=True).sort("ts")


def _put_together(bars: pl.DataFrame, length: int, step: int) -> pl.DataFrame:
    """Return bars of `step` from shorter ones, only where all of them are there."""
    if length == step:
        return bars
    whole = bars.group_by(pl.col("ts") // step).len().filter(pl.col("len") == step // length)
    if whole.is_empty():  # which `coarser_series` refuses
        return bars.clear()
    clock = pl.DataFrame({"ts": pl.int_range(bars["ts"][0], bars["ts"][-1] + length, length, eager=True)})
    fine = clock.join(bars, on="ts", how="left", maintain_order="left")
    values = {name: fine[name].fill_null(np.nan).to_numpy() for name in bars.columns if name != "ts"}
    valid = fine["close"].is_not_null().to_numpy()
    longer = coarser_series(RegularSeries(fine["ts"].to_numpy(), length, valid, values), step, label="bars")
    return pl.DataFrame({"ts": longer.ts, **longer.values}).filter(longer.valid)


def _bars_of_prices(prices: pl.DataFrame, step: int) -> pl.DataFrame:
    """Return bars of `step` from prices at instants, wherever there is one; they may be of a part of it."""
    price = pl.col("mark_price")
    return prices.group_by(pl.col("ts") // step * step, maintain_order=True).agg(
        open=price.first(), high=price.max(), low=price.min(), close=price.last()
    )


def _inside(ts: IntArray, step: int, covered: tuple[Window, ...]) -> BoolArray:
    """Return True for each bar [ts, ts + step) that lies in one of the windows, which ascend."""
    bounds = np.array([(0, 0), *covered], np.int64)
    latest = bounds[np.searchsorted(bounds[:, 0], ts, side="right") - 1]
    return np.asarray(ts + step <= latest[:, 1])


def _no_clock(ts: IntArray) -> str | None:
    """Return why bars are too few or too far apart to align anything with them; None if they are not."""
    try:
        regular_series(ts, {}, ts, label="mark_prices")
    except InputError as error:
        return str(error)
    return None
