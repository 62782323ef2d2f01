"""A lake with a market whose events are planted at known times, for tests of alerts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from powderkeg.lake.dataset_key import DatasetKey
from powderkeg.lake.market_lake import Lake
from powderkeg.model.market_rows import Bar, FundingRate, Liquidation, MarketRow, OpenInterest
from powderkeg.model.times import DAY, HOUR, MINUTE
from powderkeg.model.window import Window
from small_market import small_market

START = 1_767_225_600_000
STEP = 5 * MINUTE
DAYS = 12
END = START + DAYS * DAY
SYMBOL = "BTCUSDT"
BURST = START + 6 * DAY
"""A liquidation of 60 million USD comes a minute before."""
FALL = START + 8 * DAY
"""Open interest is a tenth lower from here on."""
SILENCE = Window(START + 9 * DAY, START + 9 * DAY + 6 * HOUR)
"""No liquidations come, and their feed is not recorded."""


def market_rows() -> Mapping[tuple[str, str], Sequence[MarketRow]]:
    """Return rows by (table, variant): a small market, hourly liquidations, and what is planted."""
    market = small_market(np.random.default_rng(3), start=START, days=DAYS)
    prices = (market.open, market.high, market.low, market.close, market.volume)
    bars = [
        Bar(int(ts), STEP, row[0], row[1], row[2], row[3], row[4], None, None, None)
        for ts, row in zip(market.ts, np.column_stack(prices).tolist(), strict=True)
    ]
    interest = [
        OpenInterest(int(ts), value, value, "base", 1, None)
        for ts in market.ts
        for value in (30_000.0 * (0.9 if ts >= FALL else 1.0),)
    ]
    funding = [
        FundingRate(int(ts), float(rate), 8 * HOUR)
        for ts, rate in zip(market.funding_ts, market.funding_rate, strict=True)
    ]
    hourly = [
        liquidation(ts, 1e5) for ts in range(START + MINUTE, END, HOUR)
        if not SILENCE.start <= ts < SILENCE.end
    ]  # fmt: skip
    return {
        ("bars", "5m"): bars,
        ("open_interest", "all"): interest,
        ("funding", "all"): funding,
        ("liquidations", "all"): [*hourly, liquidation(BURST - MINUTE, 60e6)],
    }


def liquidation(ts: int, usd: float) -> Liquidation:
    """Return a long that was liquidated."""
    return Liquidation(ts, "long", 100_000.0, "fill", usd / 100_000.0, usd, None, "", 0)


def write_lake(root: Path, until: int = END) -> Lake:
    """Write what had happened by a time."""
    lake = Lake(root, create=True)
    heard = [Window(START, SILENCE.start), Window(SILENCE.end, END)]
    for (table, variant), rows in market_rows().items():
        known = [row for row in rows if row.ts + (STEP if table == "bars" else 0) <= until]
        covered = [Window(part.start, min(part.end, until)) for part in heard if part.start < until]
        lake.append(
            DatasetKey(table, "binance", SYMBOL, variant),
            known,
            received_ts=[row.ts for row in known],
            source="live",
            covered=covered if table == "liquidations" else (),
        )
    return lake
