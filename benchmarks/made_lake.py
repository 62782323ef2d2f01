"""A lake of three venues made on the spot, for benchmarks of the server and its page."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.minute_market import minute_market
from powderkeg.lake.dataset_key import DatasetKey
from powderkeg.lake.market_lake import Lake
from powderkeg.model.market_rows import FundingRate, Liquidation
from powderkeg.model.times import DAY, HOUR, MINUTE
from powderkeg.model.window import Window
from powderkeg.venues.registry import venue

BAR = 5 * MINUTE
COIN = "BTC"
# Price and open interest over those of the first.
VENUES = {"binance": (1.0, 1.0), "bybit": (1.0004, 0.6), "okx": (0.9997, 0.4)}


def made_lake(root: Path, end: int, days: int = 75, liquidations: int = 2_000) -> Lake:
    """Return a lake with `days` of five-minute bars up to `end`, UTC ms: one market, told by three venues."""
    lake = Lake(root, create=True)
    end = end // BAR * BAR
    window = Window(end - days * DAY, end)
    bars = days * DAY // BAR
    # Minutes labelled as five: four tenths of a real market's volatility are left, and the map is as wide.
    market = minute_market(bars)
    ts = window.start + np.arange(bars, dtype=np.int64) * BAR
    hours = ts % HOUR == 0
    for name, (price, size) in VENUES.items():
        symbol = venue(name).symbol(COIN)
        prices = {key: getattr(market, key) * price for key in ("open", "high", "low", "close")}
        frame = pl.DataFrame(
            {
                "ts": ts,
                "interval_ms": np.full(bars, BAR, np.int64),
                **prices,
                "volume": market.volume * 5 * size,
                "turnover": market.volume * 5 * size * prices["close"],
                "taker_buy_volume": market.volume * 2.5 * size,
                "trades": np.full(bars, 100, np.int64),
            }
        )
        lake.append_frame(
            DatasetKey("bars", name, symbol, "5m"), frame, received_ts=end, source="rest", covered=[window]
        )
        interest = market.open_interest[hours] * size
        held = pl.DataFrame(
            {
                "ts": ts[hours],
                "open_interest": interest,
                "raw_value": interest,
                "raw_unit": ["base"] * len(interest),
                "raw_sides": np.ones(len(interest), np.int64),
                "price": prices["open"][hours],
            }
        )
        lake.append_frame(
            DatasetKey("open_interest", name, symbol), held, received_ts=end, source="rest", covered=[window]
        )
        rates = [FundingRate(int(at), 1e-4, 8 * HOUR) for at in ts[ts % (8 * HOUR) == 0]]
        lake.append(
            DatasetKey("funding", name, symbol), rates, received_ts=end, source="rest", covered=[window]
        )
    symbol = venue("bybit").symbol(COIN)
    generator = np.random.default_rng(2)
    rows: list[Liquidation] = []
    for row in np.sort(generator.integers(0, bars, liquidations)):
        low, notional = float(market.low[row]), float(generator.pareto(1.2) * 20_000 + 1_000)
        rows.append(
            Liquidation(
                int(ts[row]), "long", low, "bankruptcy", notional / low, notional, None, "", len(rows)
            )
        )
    lake.append(
        DatasetKey("liquidations", "bybit", symbol),
        rows,
        received_ts=[row.ts for row in rows],
        source="live",
        covered=[window],
    )
    return lake
