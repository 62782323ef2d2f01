"""One market of the lake as a frame: history and live rows together, on one clock."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from powderkeg.errors import InputError
from powderkeg.lake.dataset_key import DatasetKey
from powderkeg.lake.market_lake import Lake
from powderkeg.maps.market_frame import market_frame
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

    Bars are those of that length and, where they lack, shorter ones put together whole; open interest is
    that of all series, each row as of the instant at which it was known. Everything else is as in
    `market_frame`.

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
    mark = rows.bars("mark_bars", _PRICES, step)
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
    named = {"mark_price": "mark_bars", "funding_rate": "funding"}
    series = tuple(
        replace(one, source=f"lake: {named.get(one.name, one.name)} of {venue.name} {symbol}")
        for one in frame.series
    )
    return replace(frame, venue=venue.name, series=series)


class _Rows:
    """Reads the rows of one instrument in one window."""

    def __init__(self, lake: Lake, venue: str, symbol: str, window: Window) -> None:
        self._lake = lake
        self._venue = venue
        self._symbol = symbol
        self._window = window

    def variants(self, table: str) -> list[str]:
        return [one.key.variant for one in self._lake.datasets(table, self._venue, self._symbol)]

    def read(self, table: str, variant: str, columns: tuple[str, ...]) -> pl.DataFrame:
        key = DatasetKey(table, self._venue, self._symbol, variant)
        return self._lake.read(key, self._window, columns)

    def bars(self, table: str, columns: tuple[str, ...], step: int) -> pl.DataFrame:
        """Return bars of `step` or, if all there is are shorter ones of one length, those as they are."""
        lengths = sorted((duration(variant) for variant in self.variants(table)), reverse=True)
        found = {
            length: self.read(table, duration_text(length), ("ts", *columns))
            for length in lengths
            if step % length == 0
        }
        found = {length: frame for length, frame in found.items() if not frame.is_empty()}
        if len(found) < 2:
            return next(
                iter(found.values()), pl.DataFrame(schema=dict.fromkeys(("ts", *columns), pl.Float64))
            )
        # The longest first: where the venue tells a bar itself, that is the bar.
        parts = [_put_together(frame, length, step) for length, frame in found.items()]
        return pl.concat(parts).unique("ts", keep="first", maintain_order=True).sort("ts")

    def open_interest(self, known_at_the_end: bool) -> pl.DataFrame:
        """Return open interest as of the instants at which it was known, of all series together."""
        lengths = {
            variant: 0 if variant == "all" else duration(variant)
            for variant in self.variants("open_interest")
        }
        joined = pl.DataFrame(schema={"ts": pl.Int64, "open_interest": pl.Float64})
        if not known_at_the_end:
            parts = [self.read("open_interest", variant, ("ts", "open_interest")) for variant in lengths]
            return pl.concat([joined, *parts]).unique("ts", keep="first", maintain_order=True).sort("ts")
        for variant, length in sorted(lengths.items(), key=lambda item: item[1]):
            rows = self.read("open_interest", variant, ("ts", "open_interest"))
            known = rows.with_columns(pl.col("ts") + length).filter(pl.col("ts") < self._window.end)
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


def _put_together(bars: pl.DataFrame, length: int, step: int) -> pl.DataFrame:
    """Return bars of `step` from shorter ones, only where all of them are there."""
    if length == step:
        return bars
    each = step // length
    whole = bars.with_columns(pl.col("ts") // step * step).filter(pl.len().over("ts") == each)
    longer = whole.group_by("ts", maintain_order=True).agg(
        pl.col("open").first(), pl.col("high").max(), pl.col("low").min(), pl.col("close").last()
    )
    if "volume" in bars.columns:
        # Added up in the order that `coarser_series` adds in, so that both ways give the same bits.
        volume = whole["volume"].to_numpy().reshape(-1, each).sum(axis=1)
        longer = longer.with_columns(pl.Series("volume", volume))
    return longer.select(bars.columns)
