"""A spot market from the user's tables, and what takers did on perpetuals as the lake knows it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from powderkeg.core.alignment import RegularSeries, coarser_series, regular_series, rows_on_clock
from powderkeg.core.spot_futures import TakerFlow, taker_flow
from powderkeg.errors import MissingColumnError
from powderkeg.lake.dataset_key import DatasetKey
from powderkeg.lake.market_lake import Lake
from powderkeg.lake.tables import Source, read_table
from powderkeg.maps.lake_market import lake_bars
from powderkeg.model.arrays import FloatArray
from powderkeg.model.times import HOUR, duration, duration_text
from powderkeg.model.window import Window
from powderkeg.venues.venue import Venue

_FEWEST = 0.9


@dataclass(frozen=True, slots=True)
class SpotMarket:
    """Hourly bars of a spot market.

    Attributes
    ----------
    name
        What it is called where its numbers are shown.
    bars
        Open, high, low, close in quote, volume in base and, where it is known, ``taker_buy`` in base.
    """

    name: str
    bars: RegularSeries

    def inside(self, window: Window) -> dict[str, FloatArray]:
        """Return each field at the hours of a window, whole multiples of an hour; NaN where there is none."""
        ts = np.arange(window.start, window.end, HOUR, dtype=np.int64)
        return rows_on_clock(self.bars, ts)

    def takers(self, window: Window) -> TakerFlow:
        """Return what takers did in a window."""
        rows = self.inside(window)
        return taker_flow(rows["close"], rows["volume"], rows["taker_buy"])


def spot_market(
    bars: Source, *, symbol: str, taker: Source | None = None, name: str | None = None
) -> SpotMarket:
    """Return a spot market from the user's tables.

    Parameters
    ----------
    bars
        Open, high, low, close and volume in base, as in `powderkeg.maps.market_frame.market_frame`, of an
        hour or shorter.
    symbol
        The coin, or the instrument's exact name.
    taker
        What takers bought, in base, of the bars' length or finer; by default the bars' own column, if they
        have one.
    name
        What it is called where its numbers are shown; the file's name by default.

    Raises
    ------
    InputError
        As `market_frame`; or bars are longer than an hour or do not divide it.
    """
    table = read_table(bars, "bars", symbol=symbol)
    fine = regular_series(table.times, table.values, table.rows, label=table.label)
    hourly = fine if fine.step == HOUR else coarser_series(fine, HOUR, label=table.label)
    values = dict(hourly.values)
    values["taker_buy"] = np.full(len(hourly), np.nan)
    try:
        bought = read_table(bars if taker is None else taker, "taker", symbol=symbol)
    except MissingColumnError:
        if taker is not None:
            raise
    else:
        series = regular_series(bought.times, bought.values, bought.rows, label=bought.label)
        by_hour = series if series.step == HOUR else coarser_series(series, HOUR, label=bought.label)
        values["taker_buy"] = rows_on_clock(by_hour, hourly.ts)["taker_buy"]
    return SpotMarket(name or table.source, RegularSeries(hourly.ts, HOUR, hourly.valid, values))


def futures_takers(lake: Lake, venue: Venue, coin: str, window: Window) -> TakerFlow | None:
    """Return what takers did on a venue's main perpetual: by its bars, else by its own statistics.

    None where the lake has neither. `window` is whole hours.

    Raises
    ------
    LakeError
        A file is missing or damaged.
    """
    symbol = venue.symbol(coin.upper())
    hours = np.arange(window.start, window.end, HOUR, dtype=np.int64)
    bars = lake_bars(lake, venue.name, symbol, window, HOUR, taker=True)
    if bars is None:
        return None
    rows = rows_on_clock(bars, hours)
    flow = taker_flow(rows["close"], rows["volume"], rows["taker_buy"])
    if flow.net_usd is not None:
        return flow
    variants = [one.key.variant for one in lake.datasets("taker_volume", venue.name, symbol)]
    for variant in sorted(variants, key=duration):
        told = _statistics(
            lake, DatasetKey("taker_volume", venue.name, symbol, variant), window, rows["close"]
        )
        if told is not None:
            return told
    return None


def _statistics(lake: Lake, key: DatasetKey, window: Window, close: FloatArray) -> TakerFlow | None:
    length = duration(key.variant)
    table = lake.read(key, window, ("ts", "interval_ms", "taker_buy", "taker_sell", "unit"))
    ts = table["ts"].to_numpy()
    whole = ts + length <= window.end
    known = float(whole.sum()) * length / window.length
    if known < _FEWEST or HOUR % length:
        return None
    price = np.where(
        (table["unit"] == "quote").to_numpy(),
        1.0,
        close[np.clip((ts - window.start) // HOUR, 0, len(close) - 1)],
    )
    bought, sold = table["taker_buy"].to_numpy() * price, table["taker_sell"].to_numpy() * price
    counted = whole & np.isfinite(price)
    total = float((bought + sold)[counted].sum())
    net = float((bought - sold)[counted].sum())
    return TakerFlow(net, total, min(known, 1.0))


def hours_before(at: int, length: int) -> Window:
    """Return the window of whole hours of this length that ended last at a time."""
    end = at // HOUR * HOUR
    return Window(end - length // HOUR * HOUR, end)


def missing_text(window: Window, known: float) -> str:
    """Return how much of a window is known, for notes."""
    return f"{known:.0%} of the {duration_text(window.length)} is known; expected nine in ten"
