"""Lowest and highest mark of each coin between two snapshots, from what was recorded in between."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import polars as pl

from powderkeg.lake.market_lake import Lake
from powderkeg.model.account_positions import PositionSnapshot
from powderkeg.model.arrays import FloatArray
from powderkeg.model.window import Window


class MarkRanges(NamedTuple):
    """Lowest and highest marks by coin of a snapshot, shape (coins,), NaN where not known, and from what."""

    low: FloatArray
    high: FloatArray
    source: str


def ranges_of_snapshots(before: PositionSnapshot, seen: Sequence[PositionSnapshot]) -> MarkRanges:
    """Return the ranges of the marks of all snapshots in `seen`: the mark was further out in between them."""
    found = (
        (coin, float(mark), float(mark))
        for one in seen
        for coin, mark in zip(one.coins, one.mark_price, strict=True)
        if np.isfinite(mark)
    )
    return _ranges(before, found, f"marks of {len(seen)} snapshots; what happened between them is not in it")


def ranges_of_lake(lake: Lake, before: PositionSnapshot, until: int) -> MarkRanges:
    """Return the ranges of a venue's recorded marks from the oldest state of `before` until a time.

    Mark bars that lie whole in that time, and single mark prices.

    Raises
    ------
    LakeError
        A file is missing or damaged.
    """
    start = int(before.state_ts.min()) if len(before.state_ts) else before.as_of
    window = Window(start, max(until, start) + 1)
    found: list[tuple[str, float, float]] = []
    for table, low, high in (("mark_bars", "low", "high"), ("mark_prices", "mark_price", "mark_price")):
        for summary in lake.datasets(table, before.venue):
            rows = lake.read(summary.key, window)
            if table == "mark_bars":
                rows = rows.filter(pl.col("ts") + pl.col("interval_ms") <= window.end)
            if rows.height:
                column = rows.select(pl.col(low).min().alias("low"), pl.col(high).max().alias("high"))
                found.append((summary.key.symbol, float(column["low"][0]), float(column["high"][0])))
    return _ranges(before, found, "mark prices in the lake")


def _ranges(before: PositionSnapshot, found: Iterable[tuple[str, float, float]], source: str) -> MarkRanges:
    low, high = np.full(len(before.coins), np.nan), np.full(len(before.coins), np.nan)
    number = {coin: place for place, coin in enumerate(before.coins)}
    for coin, lowest, highest in found:
        if coin in number:
            low[number[coin]] = np.fmin(low[number[coin]], lowest)
            high[number[coin]] = np.fmax(high[number[coin]], highest)
    return MarkRanges(low, high, source)
