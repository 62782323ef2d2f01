"""The recorded year as a lake: bars of Binance under the venue whose open interest was recorded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from powderkeg.lake.dataset_key import DatasetKey
from powderkeg.lake.market_lake import Lake
from powderkeg.model.times import HOUR, MINUTE
from powderkeg.model.window import Window

VENUE = "hyperliquid"


def recorded_lake(shared: Path, root: Path, coins: Sequence[str], window: Window, *, sides: int = 1) -> Lake:
    """Return a lake with bars, open interest and funding of a window.

    Prices are Binance's. An hour's open interest is taken to be a mean, and is known at the hour's end; it
    becomes base units at the mean close of its hour. `sides` is how many sides it is taken to count.
    """
    lake = Lake(root, create=True)
    for coin in coins:
        data = shared / "data"
        bars = _rows(data / "binance-usdm-2025-2026" / f"{coin}USDT-5m-futures.parquet", "ts", window)
        interest = _rows(
            data / "multivenue-2025-2026" / "open_interest_1h.parquet", "timestamp", window
        ).filter(pl.col("venue") == VENUE, pl.col("coin") == coin)
        means = bars.group_by((pl.col("ts") // HOUR * HOUR).alias("ts")).agg(price=pl.col("close").mean())
        base = interest.join(means, on="ts").with_columns(
            base=pl.col("oi_usd") / sides / pl.col("price"), known=pl.col("ts") + HOUR
        )
        funding = _rows(data / "multivenue-2025-2026" / "funding.parquet", "timestamp", window).filter(
            pl.col("venue") == VENUE, pl.col("coin") == coin
        )
        for table, variant, frame in (
            (
                "bars",
                "5m",
                bars.select(
                    "ts",
                    pl.lit(5 * MINUTE).cast(pl.Int64).alias("interval_ms"),
                    *("open", "high", "low", "close", "volume"),
                    (pl.col("volume") * pl.col("close")).alias("turnover"),
                    pl.lit(None, pl.Float64).alias("taker_buy_volume"),
                    pl.lit(None, pl.Int64).alias("trades"),
                ),
            ),
            (
                "open_interest",
                "all",
                base.filter(pl.col("known") < window.end).select(
                    pl.col("known").alias("ts"),
                    pl.col("base").alias("open_interest"),
                    pl.col("oi_usd").alias("raw_value"),
                    pl.lit("quote").alias("raw_unit"),
                    pl.lit(sides).cast(pl.Int64).alias("raw_sides"),
                    pl.col("price"),
                ),
            ),
            (
                "funding",
                "all",
                funding.select("ts", "funding_rate", pl.lit(HOUR).cast(pl.Int64).alias("interval_ms")).unique(
                    "ts", keep="last"
                ),
            ),
        ):
            lake.append_frame(
                DatasetKey(table, VENUE, coin, variant),
                frame.sort("ts"),
                received_ts=window.end,
                source="recorded",
                covered=(window,),
            )
    return lake


def _rows(path: Path, column: str, window: Window) -> pl.DataFrame:
    rows = pl.read_parquet(path).with_columns(pl.col(column).dt.epoch("ms").alias("ts"))
    return rows.filter(pl.col("ts") >= window.start, pl.col("ts") < window.end)
