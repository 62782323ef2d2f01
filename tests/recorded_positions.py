"""The recorded snapshots of Hyperliquid accounts, and the range of prices between them."""

from __future__ import annotations

import itertools
from functools import lru_cache
from pathlib import Path

import numpy as np
import polars as pl

from powderkeg.core.position_changes import PositionChanges, position_changes
from powderkeg.maps.position_files import position_snapshots
from powderkeg.model.account_positions import PositionSnapshot
from powderkeg.model.times import MINUTE

COINS = ("BTC", "ETH", "SOL", "DOGE", "HYPE")
_BAR = 5 * MINUTE


def positions_file(shared: Path) -> Path:
    """Return the file; `shared` is the folder that POWDERKEG_SHARED names."""
    return shared / "data" / "hyperliquid-positions-2026-02" / "positions.parquet"


@lru_cache(maxsize=1)
def recorded_snapshots(shared: Path) -> tuple[PositionSnapshot, ...]:
    """Return the snapshots, ascending."""
    return tuple(position_snapshots(positions_file(shared)))


@lru_cache(maxsize=1)
def binance_bars(shared: Path) -> dict[str, pl.DataFrame]:
    """Return the five-minute bars of Binance by coin."""
    folder = shared / "data" / "binance-usdm-2025-2026"
    return {
        coin: pl.read_parquet(folder / f"{coin}USDT-5m-futures.parquet").with_columns(
            pl.col("ts").dt.epoch("ms")
        )
        for coin in COINS
    }


@lru_cache(maxsize=1)
def recorded_changes(shared: Path) -> tuple[PositionChanges, ...]:
    """Return what changed between all neighbouring snapshots.

    The range of the mark of five coins is that of Binance's last prices in whole bars in between, as long as
    those reach; of every coin the marks of both snapshots are part of it. Nothing is done about the basis.
    """
    bars = binance_bars(shared)
    out = []
    for before, after in itertools.pairwise(recorded_snapshots(shared)):
        low, high = (np.full(len(before.coins), np.nan) for _ in range(2))
        for coin, rows in bars.items():
            inside = rows.filter((pl.col("ts") >= before.as_of) & (pl.col("ts") + _BAR <= after.as_of))
            if coin in before.coins and inside.height and after.as_of <= int(rows["ts"][-1]) + _BAR:
                number = before.number_of(coin)
                low[number], high[number] = inside["low"].min(), inside["high"].max()
        out.append(position_changes(before, after, low=low, high=high))
    return tuple(out)


def recorded_basis(shared: Path, coin: str) -> list[float]:
    """Return the Hyperliquid mark over the last price of Binance, less 1, at each snapshot that both have."""
    rows = binance_bars(shared)[coin]
    out = []
    for snapshot in recorded_snapshots(shared):
        known = rows.filter(pl.col("ts") + _BAR <= snapshot.as_of)
        if snapshot.as_of <= int(rows["ts"][-1]) + 2 * _BAR and coin in snapshot.coins:
            mark = float(snapshot.mark_price[snapshot.number_of(coin)])
            out.append(mark / float(known["close"][-1]) - 1)
    return out
