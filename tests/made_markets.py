"""Markets made on the spot for tests: no file, no recorded data."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from powderkeg.core.calibration import SideCalibration
from powderkeg.core.laws import Law
from powderkeg.maps.calibrated_model import Calibration
from powderkeg.maps.map_run import map_run
from powderkeg.model.arrays import FloatArray
from powderkeg.model.market_frame import LiquidationTotals, MarketFrame
from powderkeg.model.times import DAY

START = 1_735_689_600_000  # 2025-01-01
STEP = 300_000


def random_market(
    bars: int,
    *,
    seed: int = 0,
    price: float = 100_000.0,
    volatility: float = 0.002,
    holes: float = 0.02,
    funding: float = 1e-4,
) -> MarketFrame:
    """Return five-minute bars with jumps and holes, moving open interest, and funding of both signs."""
    generator = np.random.default_rng(seed)
    close = np.log(price) + np.cumsum(generator.standard_t(3, bars) * volatility)
    opened = np.concatenate([[np.log(price)], close[:-1]])
    high = np.maximum(opened, close) + np.abs(generator.normal(size=bars)) * volatility / 2
    low = np.minimum(opened, close) - np.abs(generator.normal(size=bars)) * volatility / 2
    interest = 30_000 * np.exp(np.cumsum(generator.standard_t(3, bars) * 0.004))
    interest[: bars // 50] = np.nan
    volume = generator.gamma(0.5, 1_000.0, size=bars)
    valid = generator.random(bars) >= holes

    def prices(logs: FloatArray) -> FloatArray:
        return np.where(valid, np.exp(logs), np.nan)

    return MarketFrame(
        symbol="BTC",
        venue=None,
        step=STEP,
        ts=START + np.arange(bars, dtype=np.int64) * STEP,
        open=prices(opened),
        high=prices(high),
        low=prices(low),
        close=prices(close),
        volume=np.where(valid, volume, np.nan),
        mark_high=prices(high),
        mark_low=prices(low),
        mark_close=prices(close),
        open_interest=interest,
        open_interest_age=np.where(np.isfinite(interest), 0, -1),
        valid=valid,
        funding_rate=np.where(np.arange(bars) % 96 == 0, funding * generator.normal(1, 2, bars), 0.0),
    )


def market_with_liquidations(share: float = 0.1, days: int = 45) -> MarketFrame:
    """Return a market whose daily liquidations are a noisy share of what the prior predicts."""
    market = random_market(days * 288, seed=11, volatility=0.0008, holes=0.0)
    edges = market.start + DAY * np.arange(2, days + 1)
    predicted = map_run(market).predicted_liquidations(edges)
    noise = share * np.random.default_rng(5).gamma(6.0, 1 / 6.0, size=(2, len(predicted.start)))
    totals = LiquidationTotals(
        predicted.start,
        predicted.end,
        predicted.long_notional * noise[0],
        predicted.short_notional * noise[1],
    )
    return replace(market, liquidations=totals)


def made_calibration(instrument: str, pass_through: float = 0.2, members: int = 16) -> Calibration:
    """Return a calibration that nobody has fitted: members around the prior, and a share of it forced."""
    spread = np.linspace(0.7, 1.3, members)
    laws = tuple(Law(0.25 * factor, 0.9, diffuse_share=0.1) for factor in spread.tolist())
    side = SideCalibration(1, laws, pass_through * spread, np.ones((16, 4)), 300.0, 30, {0: 2.0, 1: 1.0})
    return Calibration(
        instrument, START, START + 30 * DAY, DAY, 0, (side, side), np.full(members, 0.5), ("made",), "0"
    )


def flat_market(
    bars: int, price: float = 100.0, interest: float = 1_000.0, volume: float = 100.0
) -> MarketFrame:
    """Return a market in which nothing happens."""
    full = np.full(bars, price)
    return MarketFrame(
        symbol="X",
        venue=None,
        step=60_000,
        ts=START + np.arange(bars, dtype=np.int64) * 60_000,
        open=full,
        high=full,
        low=full,
        close=full,
        volume=np.full(bars, volume),
        mark_high=full,
        mark_low=full,
        mark_close=full,
        open_interest=np.full(bars, interest),
        open_interest_age=np.zeros(bars, np.int64),
        valid=np.ones(bars, np.bool_),
    )
