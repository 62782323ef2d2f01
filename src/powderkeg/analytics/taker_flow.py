"""Which share of taker volume sold, hour by hour, as far as a lake knows it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from powderkeg.lake.dataset_key import DatasetKey
from powderkeg.lake.market_lake import Lake
from powderkeg.model.arrays import FloatArray, IntArray
from powderkeg.model.times import HOUR
from powderkeg.model.window import Window
from powderkeg.venues.registry import venue

_LENGTHS = ("1h", "5m", "1m")
_WHOLE = 0.9


def sold_shares(
    lake: Lake, venues: Sequence[str], coin: str, times: IntArray
) -> tuple[FloatArray, tuple[str, ...]]:
    """Return the share of taker volume that sold in the hour before each time, and whose volumes they are.

    From the taker volumes of bars or, where a venue's bars have none, from its table ``taker_volume``; of
    several venues each counts with its volume in base. An hour of which less than nine tenths of a venue's
    intervals are known is not known of that venue.

    Parameters
    ----------
    lake, coin
        Where, and what.
    venues
        Names.
    times
        Ends of hours, UTC milliseconds, ascending, one hour apart, shape (n,) with n >= 1.

    Returns
    -------
    tuple
        Shares in [0, 1], NaN where nothing is known, shape (n,); and the venues that have any.

    Raises
    ------
    LakeError
        A file is missing or damaged.
    """
    window = Window(int(times[0]) - HOUR, int(times[-1]))
    sold, traded = np.zeros(len(times)), np.zeros(len(times))
    known_of = []
    for name in venues:
        symbol = venue(name).symbol(coin)
        rows = _bars(lake, name, symbol, window)
        if rows.is_empty():
            rows = _volumes(lake, name, symbol, window)
        if rows.is_empty():
            continue
        length = int(rows["interval_ms"][0])
        hour = (rows["ts"].to_numpy() - window.start) // HOUR
        count = np.bincount(hour, minlength=len(times))
        whole = count >= _WHOLE * (HOUR // length)
        sums = [np.bincount(hour, rows[c].to_numpy(), minlength=len(times)) for c in ("sold", "traded")]
        sold += np.where(whole, sums[0], 0.0)
        traded += np.where(whole, sums[1], 0.0)
        if whole.any():
            known_of.append(name)
    share = np.divide(sold, traded, out=np.full(len(times), np.nan), where=traded > 0)
    return np.clip(share, 0.0, 1.0), tuple(known_of)


def _bars(lake: Lake, name: str, symbol: str, window: Window) -> pl.DataFrame:
    columns = ("ts", "interval_ms", "volume", "taker_buy_volume")
    for length in _LENGTHS:
        rows = lake.read(DatasetKey("bars", name, symbol, length), window, columns).drop_nulls()
        if rows.height:
            return rows.select(
                "ts",
                "interval_ms",
                (pl.col("volume") - pl.col("taker_buy_volume")).alias("sold"),
                pl.col("volume").alias("traded"),
            )
    return pl.DataFrame()


def _volumes(lake: Lake, name: str, symbol: str, window: Window) -> pl.DataFrame:
    columns = ("ts", "interval_ms", "taker_buy", "taker_sell", "unit")
    for length in _LENGTHS:
        rows = lake.read(DatasetKey("taker_volume", name, symbol, length), window, columns)
        # Quote units of one venue would outweigh the base units of another.
        rows = rows.filter(pl.col("unit") == "base")
        if rows.height:
            return rows.select(
                "ts",
                "interval_ms",
                pl.col("taker_sell").alias("sold"),
                (pl.col("taker_buy") + pl.col("taker_sell")).alias("traded"),
            )
    return pl.DataFrame()
