"""Measured maps and heatmaps of the positions that a census has put into a lake."""

from __future__ import annotations

from powderkeg.lake.market_lake import Lake
from powderkeg.lake.tables import SeriesTable
from powderkeg.maps.lake_positions import OLDEST, lake_open_interest, lake_snapshots, lake_tiers
from powderkeg.maps.measured_heatmap import MeasuredHeatmap, column_times, measured_heatmap
from powderkeg.maps.measured_map import Levels, MeasuredMap, measured_map
from powderkeg.maps.snapshot_betas import betas_of_lake
from powderkeg.model.account_positions import PositionSnapshot

SOURCE = "the lake's census"


def lake_measured_map(
    lake: Lake,
    snapshot: PositionSnapshot,
    coin: str,
    *,
    levels: Levels = "published",
    scaled: bool = False,
) -> MeasuredMap:
    """Return the measured map of a coin, with the venue's open interest, margin tiers and bars of a lake.

    Parameters
    ----------
    lake
        Where they are; what was learned after the snapshot's time is not looked at, bars apart.
    snapshot
        The positions, as `powderkeg.maps.lake_positions.lake_snapshot` returns them.
    coin
        As the venue spells it, or the same but for case.
    levels, scaled
        As in `powderkeg.maps.measured_map.measured_map`.

    Raises
    ------
    InputError
        Nobody holds the coin, or as in `measured_map`.
    LakeError
        A file is missing or damaged.
    """
    number = snapshot.number_of(coin)
    symbol = snapshot.coins[number]
    mark = float(snapshot.mark_price[number])
    return measured_map(
        snapshot,
        symbol,
        levels=levels,
        open_interest=lake_open_interest(lake, snapshot.venue, symbol, snapshot.as_of, mark),
        scaled=scaled,
        betas=betas_of_lake(lake, snapshot, symbol) if levels == "joint" else None,
        tiers=lake_tiers(lake, snapshot),
        source=SOURCE,
    )


def lake_measured_heatmap(
    lake: Lake,
    venue: str,
    coin: str,
    start: int,
    end: int,
    step: int,
    *,
    oldest: int = OLDEST,
    bars: SeriesTable | None = None,
) -> MeasuredHeatmap:
    """Return the measured heatmap of a coin, one column at each whole multiple of `step` in [start, end].

    Parameters
    ----------
    lake, venue
        Where, and whose accounts.
    coin
        As the venue spells it.
    start, end, step
        Milliseconds; each column is what was known at its time.
    oldest
        As in `powderkeg.maps.lake_positions.lake_snapshots`.
    bars
        For candles, as in `powderkeg.maps.measured_heatmap.measured_heatmap`.

    Raises
    ------
    InputError, WindowError
        As in `powderkeg.maps.measured_heatmap.column_times` and `measured_heatmap`.
    LakeError
        A file is missing or damaged.
    """
    times = column_times(start, end, step)
    columns = lake_snapshots(lake, venue, times.tolist(), oldest=oldest, coin=coin)
    return measured_heatmap(columns, coin, bars=bars, source=SOURCE)
