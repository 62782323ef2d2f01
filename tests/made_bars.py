"""Hourly bars made on the spot, put into lakes that end where a test wants them to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from powderkeg.lake.dataset_key import DatasetKey
from powderkeg.lake.market_lake import Lake
from powderkeg.model.arrays import FloatArray, IntArray
from powderkeg.model.times import DAY, HOUR, duration_text

START = 1_704_067_200_000  # 2024-01-01


def hourly_bars(days: int, seed: int = 0, price: float = 60_000.0, volatility: float = 0.005) -> pl.DataFrame:
    """Return hourly bars of a random walk whose volatility itself moves, with taker volume."""
    generator = np.random.default_rng(seed)
    count = days * 24
    scale = volatility * np.exp(0.5 * np.sin(np.arange(count) / 900.0))
    close = price * np.exp(np.cumsum(scale * generator.standard_normal(count)))
    opened = np.r_[price, close[:-1]]
    spread = 0.2 * scale * generator.random((2, count))
    volume = generator.gamma(2.0, 500.0, count)
    return pl.DataFrame(
        {
            "ts": START + HOUR * np.arange(count, dtype=np.int64),
            "open": opened,
            "high": np.maximum(opened, close) * (1 + spread[0]),
            "low": np.minimum(opened, close) * (1 - spread[1]),
            "close": close,
            "volume": volume,
            "taker_buy_volume": volume * np.clip(0.5 + 0.1 * generator.standard_normal(count), 0, 1),
        }
    )


def put_bars(
    lake: Lake, bars: pl.DataFrame, *, venue: str = "binance", symbol: str = "BTCUSDT", step: int = HOUR
) -> None:
    """Append bars of a market as history that was just fetched."""
    rows = bars.select(
        "ts",
        pl.lit(step, pl.Int64).alias("interval_ms"),
        *("open", "high", "low", "close", "volume"),
        pl.lit(None, pl.Float64).alias("turnover"),
        "taker_buy_volume",
        pl.lit(None, pl.Int64).alias("trades"),
    )
    key = DatasetKey("bars", venue, symbol, duration_text(step))
    lake.append_frame(key, rows, received_ts=int(rows["ts"][-1]) + DAY, source="bulk")


def put_open_interest(
    lake: Lake, ts: IntArray, base: FloatArray, *, venue: str = "binance", symbol: str = "BTCUSDT"
) -> None:
    """Append hourly open interest, one-sided, in base."""
    rows = pl.DataFrame(
        {
            "ts": ts,
            "open_interest": base,
            "raw_value": base,
            "raw_unit": ["base"] * len(ts),
            "raw_sides": np.ones(len(ts), np.int64),
            "price": pl.Series([None] * len(ts), dtype=pl.Float64),
        }
    )
    lake.append_frame(
        DatasetKey("open_interest", venue, symbol, "all"), rows, received_ts=int(ts[-1]) + DAY, source="bulk"
    )


def put_funding(
    lake: Lake, ts: IntArray, rate: FloatArray, *, venue: str = "binance", symbol: str = "BTCUSDT"
) -> None:
    """Append funding settled every eight hours."""
    rows = pl.DataFrame({"ts": ts, "funding_rate": rate, "interval_ms": np.full(len(ts), 8 * HOUR, np.int64)})
    lake.append_frame(
        DatasetKey("funding", venue, symbol, "all"), rows, received_ts=int(ts[-1]) + DAY, source="bulk"
    )


def new_lake(folder: Path) -> Lake:
    """Return an empty lake."""
    return Lake(folder, create=True)
